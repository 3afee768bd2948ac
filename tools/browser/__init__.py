"""The decoder for browsers, in JavaScript and WebAssembly, and the form in which it gets models."""
