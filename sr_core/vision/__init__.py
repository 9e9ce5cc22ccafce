"""Frozen vision encoders: frames -> a grid of features per frame."""
