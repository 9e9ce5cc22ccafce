"""The SoundReactor generator (arXiv 2510.02110): what is trained, a page each."""
