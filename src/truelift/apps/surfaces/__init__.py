"""Surfaces: which addresses and files each is, who owns it, and what nobody has claimed."""
