"""What a sender's message says, once it is read: the shape that all senders share."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from truelift.apps.research.fields import storable
from truelift.errors import Refusal
from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.obstacle import Obstacle


class BadSignature(Refusal):
    """A message whose sender did not prove who it is, as that sender has to."""

    code = "changes.bad_signature"

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"The message is not taken: {why} Compare address and secret with the sender’s page.",
            why=why,
        )


class BadMessage(Refusal):
    """A message that cannot be read."""

    code = "changes.bad_message"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The message cannot be read: {why}", why=why)


class BadChange(Refusal):
    """A change that cannot be written down; every reason at once.

    Attributes:
        obstacles: What is wrong with it.
    """

    code = "changes.bad_change"

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        self.obstacles = tuple(obstacles)
        said = " ".join(f"{each.sentence} {each.remedy}".strip() for each in self.obstacles)
        super().__init__(
            f"The change is not written down. {said}",
            reasons=tuple(each.code for each in self.obstacles),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says.

    Attributes:
        message_id: The sender's own name of this message; empty where it gives none.
        trust: How the sender proved who it is.
        change: None for a message about something else.
        ignored: Why it is no change; empty for one.
        sent_at: When the sender says that it sent it; None where it does not.
    """

    message_id: str
    trust: Trust
    change: Change | None = None
    ignored: str = ""
    sent_at: datetime | None = None


def at(value: object, path: str) -> object:
    """Follow a dotted path through JSON, `data.items.0.id`; None where it is not there."""
    for name in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def text_at(value: object, path: str, *, most: int = 300) -> str:
    """Follow a path to a text or a number, written as a text; empty where it is not there."""
    found = at(value, path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return " ".join(storable(str(found)).split())[:most]


def list_at(value: object, path: str) -> tuple[str, ...]:
    """Follow a path to a list of texts, or to one text with commas or lines between them."""
    found = at(value, path)
    if isinstance(found, str):
        found = re.split(r"[,\n]", found)
    if not isinstance(found, list):
        return ()
    texts = (storable(str(each)).strip()[:500] for each in found if isinstance(each, str | int))
    return tuple(dict.fromkeys(filter(None, texts)))


_SPACED: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?) ?(UTC|[+-]\d\d:?\d\d)"
)
_MILLISECONDS: Final = 10**11


def moment_at(value: object, path: str) -> datetime | None:
    """Follow a path to an instant, however senders write it; None where there is none."""
    return moment_of(at(value, path))


def moment_of(found: object) -> datetime | None:
    """Read an instant: ISO 8601 with its zone, GitLab's way, or seconds or milliseconds."""
    if isinstance(found, str):
        text = found.strip()
        if text.isascii() and text.isdigit() and len(text) <= 14:
            found = int(text)
        else:
            spaced = _SPACED.fullmatch(text)
            if spaced:
                zone = "+00:00" if spaced[3] == "UTC" else spaced[3]
                text = f"{spaced[1]}T{spaced[2]}{zone}"
            try:
                read = datetime.fromisoformat(text)
            except ValueError:
                return None
            return read if read.tzinfo else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    seconds = found / 1000 if abs(found) >= _MILLISECONDS else float(found)
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def kind_of(text: str, usual: ChangeKind) -> ChangeKind:
    """Read a kind; what is none is the usual one."""
    word = text.strip().casefold()
    return ChangeKind(word) if word in set(ChangeKind) else usual


def same(given: str, wanted: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def check_hex(given: str, body: bytes, secret: str, *, name: str, prefix: str = "") -> None:
    """Believe a body whose HMAC-SHA-256 stands in a header, in hexadecimal.

    Raises:
        BadSignature: It does not fit.
    """
    wanted = prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not same(given, wanted):
        raise BadSignature(why=f"{name} does not fit.")


def standard_signature(secret: str, *, message_id: str, stamp: str, body: bytes) -> str:
    """Sign a message as Standard Webhooks do: over its id, its time and its raw bytes."""
    mac = hmac.new(secret.encode(), f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"
