"""Warnings that come before results do: detectors, owners, history, back-tests."""
