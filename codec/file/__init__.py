"""The .lic container and what its header decides."""
