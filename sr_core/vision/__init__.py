"""Frozen: frames -> a grid of features for each frame."""
