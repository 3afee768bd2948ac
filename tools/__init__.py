"""The `lic` command and the tools behind it."""
