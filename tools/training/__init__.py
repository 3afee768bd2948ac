"""The training loop, its objectives, pictures, optimiser and checkpoints."""
