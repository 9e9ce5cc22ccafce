"""Waveform <-> latents: the frozen audio VAE, and plain facts about signals."""
