"""What is minimised: a loss for each kind of training."""
