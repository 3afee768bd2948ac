"""Integer latents to bytes: frequency tables, contexts, the range coder."""
