"""Model files: found, checked, loaded, and the model at a rate position."""
