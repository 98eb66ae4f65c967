"""Template tags of the memory."""
