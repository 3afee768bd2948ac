"""Self-contained HTML pages and picture sheets."""
