"""What changed for visitors, and what that means for tests that were running."""
