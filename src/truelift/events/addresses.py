"""What a page's address says: host, path, campaign parameters, click ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit


CLICK_IDS: Final = (
    "gclid", "gbraid", "wbraid", "gad_source", "dclid", "msclkid", "fbclid", "ttclid", "twclid",
    "li_fat_id", "yclid",
)  # fmt: skip
"""Parameters by which an advertiser or network marks a click, in order of what they tell."""

_MAX_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Address:
    """A page's address in parts; None where it has no such part.

    Attributes:
        host: Small letters, without port and without a leading `www.`.
        path: From the first slash, without query and fragment.
        utm_source: As written, like the four after it.
        utm_medium: See above.
        utm_campaign: See above.
        utm_term: See above.
        utm_content: See above.
        click_id: The name of the first click id present (`gclid`, ...), not its value.
    """

    host: str | None = None
    path: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id: str | None = None


_NOWHERE: Final = Address()


@lru_cache(maxsize=16_384)
def address_of(url: str) -> Address:
    """Take an address apart; one that is none gives an `Address` of None only."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        return _NOWHERE
    if parts.scheme not in {"http", "https", "android-app", "ios-app", ""}:
        return _NOWHERE
    if host is None and not url.startswith("/"):
        return _NOWHERE
    fields = _fields(parts.query)
    return Address(
        host=bare_host(host) if host else None,
        path=parts.path or "/",
        utm_source=fields.get("utm_source") or None,
        utm_medium=fields.get("utm_medium") or None,
        utm_campaign=fields.get("utm_campaign") or None,
        utm_term=fields.get("utm_term") or None,
        utm_content=fields.get("utm_content") or None,
        click_id=next((name for name in CLICK_IDS if fields.get(name)), None),
    )


def host_of(url: str) -> str | None:
    """Give the host of an address alone."""
    return address_of(url).host


def bare_host(host: str) -> str:
    """Write a host in the one form it is compared in: small letters, no `www.`, no last dot."""
    return host.lower().rstrip(".").removeprefix("www.")


def _fields(query: str) -> dict[str, str]:
    """Read a query's parameters; of one that is there twice the first counts."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, max_num_fields=_MAX_FIELDS, errors="replace")
    except ValueError:
        return {}
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name.lower(), value.strip())
    return fields
