"""Decoder and encoder for browsers, in JavaScript and WebAssembly."""
