"""Template tags of homes."""
