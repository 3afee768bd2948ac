"""The coder in C: core.c is the coder, module.c its binding, compiled.py the class that calls it."""
