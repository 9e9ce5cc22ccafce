"""A clip and its sound: what both the nodes and the command line do with a pipeline."""
