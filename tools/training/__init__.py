"""The training loop, its objectives, and what they need."""
