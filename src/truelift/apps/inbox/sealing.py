"""Keeps secrets that must be read again: sealed with the server's key before they reach a row."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from truelift.errors import Refusal


_FOR: Final = b"truelift.sealed.1"


class SealBroken(Refusal):
    """A secret was sealed with another key than the server has now."""

    code = "inbox.seal_broken"

    def __init__(self) -> None:
        super().__init__(
            "A kept secret cannot be read with this server's key, which was changed or belongs"
            " to another installation. Enter the secret anew."
        )


def sealed(secret: str) -> str:
    """Seal a secret; whoever reads the row alone learns nothing of it."""
    return _box().encrypt(secret.encode()).decode("ascii")


def opened(text: str) -> str:
    """Give a sealed secret.

    Raises:
        SealBroken: It was sealed with another key.
    """
    try:
        return _box().decrypt(text.encode("ascii")).decode()
    except (InvalidToken, ValueError) as error:
        raise SealBroken from error


def derived(what: str) -> bytes:
    """Give 32 bytes for one purpose, made of the server's key, so that no row holds them."""
    return hmac.new(settings.SECRET_KEY.encode(), what.encode(), hashlib.sha256).digest()


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derived(_FOR.decode())))
