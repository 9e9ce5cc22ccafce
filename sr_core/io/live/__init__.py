"""Live input (cameras, pipes, network streams) and output files that grow."""
