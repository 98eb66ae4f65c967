"""Looks at pages that are tested, and says when they change without anybody having said so."""
