"""What is trained on: clips, shards, statistics, and their reader."""
