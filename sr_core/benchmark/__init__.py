"""How long a frame takes, where the time goes, and how others fare in the same run."""
