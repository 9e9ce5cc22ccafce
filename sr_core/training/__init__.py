"""From a folder of videos to a checkpoint."""
