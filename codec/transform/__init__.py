"""Running the network, tile by tile."""
