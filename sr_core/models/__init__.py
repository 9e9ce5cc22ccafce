"""Generators, a folder each: features and past latents -> the next latents."""
