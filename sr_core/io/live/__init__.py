"""While it runs: cameras, pipes and network streams in, growing files out."""
