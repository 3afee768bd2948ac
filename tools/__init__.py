"""What people run: the `lic` command and the tools behind it."""
