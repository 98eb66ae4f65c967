"""Migrations of warnings."""
