"""Pictures: pixels, transparency and metadata, read and written, and measures of their similarity."""
