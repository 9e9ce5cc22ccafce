"""How it is run: the loop, distributed training, checkpointing, logging."""
