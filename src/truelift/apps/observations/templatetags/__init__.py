"""Tags about changes that were no tests."""
