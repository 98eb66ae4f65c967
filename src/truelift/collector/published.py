"""What the web application published, read again within a second of being replaced."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from truelift.errors import Outage
from truelift.lake.home import Home


_LOOK_EVERY_MS: Final = 1000
_REMEMBERED_KEYS: Final = 10_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NoKeysYet(Outage):
    """No keys were ever published, so nobody can be told that a key is wrong."""

    code = "collector.no_keys_yet"

    def __init__(self) -> None:
        super().__init__(
            "The collector has not been given any keys yet. Try again; the operator should start"
            " the web application once."
        )


class Key(msgspec.Struct, frozen=True):
    """One published write key, known by its digest only."""

    key_id: str
    site: str
    kind: str
    sha256: str

    @property
    def trusted(self) -> bool:
        """It is a secret key: the sender is a server of the site's owner."""
        return self.kind == "secret"


class _Keys(msgspec.Struct):
    keys: list[Key]


class _Internal(msgspec.Struct):
    addresses: list[str] = []


class _Site(msgspec.Struct):
    internal: _Internal | None = None
    rate_limit_per_minute: int = 6000
    daily_quota: int = 5_000_000


class _Sites(msgspec.Struct):
    sites: dict[str, _Site]


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """How much a site may send, and from where its own people look.

    Attributes:
        rate_limit_per_minute: Requests of one key from one address in a minute.
        daily_quota: Items in a day (UTC).
        internal: Networks of the site's own people.
    """

    rate_limit_per_minute: int = 6000
    daily_quota: int = 5_000_000
    internal: tuple[Network, ...] = ()


_DEFAULT: Final = SiteLimits()


class _Watched:
    """A file that is replaced whole; says whether it is another than the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None

    def replaced(self) -> bytes | None:
        """Give the content when the file was replaced, None otherwise."""
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return None
            content = self.path.read_bytes()
        except OSError:
            return None
        self._stamp = stamp
        return content


class Published:
    """Keys and limits as last published; the last good ones while a file is gone or broken.

    Attributes:
        broken: The file that could not be read when it was last replaced, or None.
    """

    def __init__(self, home: Home) -> None:
        self.broken: Path | None = None
        self._keys_file = _Watched(home.keys_file)
        self._sites_file = _Watched(home.sites_file)
        self._keys: Mapping[str, Key] | None = None
        self._sites: Mapping[str, SiteLimits] = MappingProxyType({})
        self._seen: dict[str, Key] = {}
        self._looked_at_ms = -_LOOK_EVERY_MS

    def look(self, now_ms: int) -> None:
        """Read what was replaced, at most once a second."""
        if 0 <= now_ms - self._looked_at_ms < _LOOK_EVERY_MS:
            return
        self._looked_at_ms = now_ms
        content = self._keys_file.replaced()
        if content is not None:
            try:
                found = msgspec.json.decode(content, type=_Keys)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                self.broken = self._keys_file.path
            else:
                self.broken = None
                self._keys = {key.sha256: key for key in found.keys}
                self._seen = {}
        content = self._sites_file.replaced()
        if content is not None:
            try:
                sites = msgspec.json.decode(content, type=_Sites).sites
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                self.broken = self._sites_file.path
            else:
                self._sites = {name: _limits(site) for name, site in sites.items()}

    def key(self, text: str) -> Key | None:
        """Find the key that a client shows, None when there is no such key.

        Raises:
            NoKeysYet: None were ever published.
        """
        found = self._seen.get(text)
        if found is not None:
            return found
        if self._keys is None:
            raise NoKeysYet
        found = self._keys.get(hashlib.sha256(text.encode()).hexdigest())
        if found is not None:
            if len(self._seen) >= _REMEMBERED_KEYS:
                self._seen.clear()
            self._seen[text] = found
        return found

    def limits(self, site: str) -> SiteLimits:
        """Give a site's limits, the defaults when it has none published."""
        return self._sites.get(site, _DEFAULT)


def _limits(site: _Site) -> SiteLimits:
    networks: list[Network] = []
    for text in site.internal.addresses if site.internal else ():
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            continue  # the settings page refuses it; a hand-made file must not stop the collector
    return SiteLimits(
        rate_limit_per_minute=site.rate_limit_per_minute,
        daily_quota=site.daily_quota,
        internal=tuple(networks),
    )
