"""Evaluation protocol: clips, baselines, bootstrap intervals and summaries."""
