"""Data that several benches measure on, made the same way every time."""
