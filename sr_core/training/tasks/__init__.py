"""Training tasks: networks with their losses, one task per stage."""
