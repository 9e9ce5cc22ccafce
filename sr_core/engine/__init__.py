"""The fast path of one stream: session, key-value ring, frame pass, CUDA graphs, packed weights."""
