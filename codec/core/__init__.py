"""The coder in C: core.c is the coder, module.c its binding, entropy/compiled.py the class that calls it."""
