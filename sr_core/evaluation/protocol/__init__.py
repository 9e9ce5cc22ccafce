"""What is compared with what: clips, baselines, runs."""
