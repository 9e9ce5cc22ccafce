"""Training data: clips, shards, statistics and the reader."""
