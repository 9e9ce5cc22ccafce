"""Layers shared by the vision, generator and audio packages."""
