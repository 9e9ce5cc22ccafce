"""Evaluation of generated sound: timing, timbre, loudness and stereo position, with baselines."""
