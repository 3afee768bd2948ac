"""The decoder for browsers, in JavaScript and WebAssembly, and models as it gets them."""
