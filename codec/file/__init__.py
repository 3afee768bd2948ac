"""The .lic container, and the geometry that its header determines."""
