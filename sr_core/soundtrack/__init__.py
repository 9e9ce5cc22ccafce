"""Generation of a clip's sound, shared by the nodes and the command line."""
