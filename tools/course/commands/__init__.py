"""The topics of `lic learn`."""
