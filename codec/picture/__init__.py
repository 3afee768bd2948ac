"""Pictures as people hand them over: pixels, transparency, metadata, and how alike two are."""
