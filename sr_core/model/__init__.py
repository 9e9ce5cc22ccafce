"""What is trained: grid and past latents -> the distribution of the next latent."""
