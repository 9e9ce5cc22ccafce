"""Training runtime: the loop, distributed training, checkpointing, logging."""
