"""Building blocks that more than one wing uses."""
