"""Audio VAE (waveform <-> latents) and signal utilities."""
