"""Freezes, and the check that pipelines ask before they deploy."""
