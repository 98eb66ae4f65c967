"""Secrets that are given out once and kept only as their hash."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Make an unguessable token of 128 bits that can stand in an address."""
    return secrets.token_urlsafe(16)


def digest(token: str) -> str:
    """Give the form in which a token is kept; the tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
