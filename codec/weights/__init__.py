"""The trained models that ship with the package."""
