"""The subcommands of `lic`: options in, one call, text out."""
