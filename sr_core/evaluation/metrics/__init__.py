"""Metrics, one topic per file."""
