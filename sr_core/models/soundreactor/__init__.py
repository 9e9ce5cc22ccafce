"""The SoundReactor generator (arXiv 2510.02110): all trained modules."""
