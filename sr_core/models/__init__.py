"""Generators, one package per family: features and past latents -> the next latents."""
