"""Benchmark: time per frame, time of each part, and comparison with other implementations."""
