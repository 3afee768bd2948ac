"""The `lic` command, and the code that only it uses."""
