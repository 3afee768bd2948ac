"""What runs the network, tile by tile."""
