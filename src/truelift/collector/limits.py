"""How much may come in: requests a minute, items a day, and a disk that keeps some room."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from truelift.errors import Outage, Refusal
from truelift.lake.durable import write_whole


MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_MOST_SENDERS: Final = 100_000
_LOOK_EVERY_MS: Final = 1000


class TooManyRequests(Refusal):
    """A key was used too often from one address within a minute."""

    code = "collector.rate_limit"

    def __init__(self, *, per_minute: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"This key may send {per_minute} requests a minute from one address. Go on in"
            f" {retry_after_s} s, with more events in each request.",
            per_minute=per_minute,
        )


class QuotaUsed(Refusal):
    """A site received as many items today as it may in a day."""

    code = "collector.daily_quota"

    def __init__(self, *, daily_quota: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"This site may receive {daily_quota} events a day and has. Raise the quota in the"
            " site's settings, or wait for midnight UTC.",
            daily_quota=daily_quota,
        )


class TooSlow(Refusal):
    """A request's body trickles in."""

    code = "collector.too_slow"

    def __init__(self, *, within_s: float) -> None:
        super().__init__(
            f"A request's body has to arrive within {within_s:.0f} s. Send it again, with fewer"
            " events at once."
        )


class DiskNearlyFull(Outage):
    """So little room is left that nothing more is taken in."""

    code = "collector.disk_nearly_full"

    def __init__(self, *, free_bytes: int, needs_bytes: int) -> None:
        super().__init__(
            f"Only {free_bytes // 1_000_000} MB are free where the journal lies;"
            f" {needs_bytes // 1_000_000} MB have to stay free. Free some space.",
            free_bytes=free_bytes,
            needs_bytes=needs_bytes,
        )


class Rate:
    """Counts requests of a key from an address in the running minute."""

    def __init__(self) -> None:
        self._minute = -1
        self._counts: dict[tuple[str, str], int] = {}

    def take(self, key_id: str, address: str, *, per_minute: int, now_ms: int) -> None:
        """Count one more request.

        Raises:
            TooManyRequests: It is one too many.
        """
        minute = now_ms // MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._counts = {}
        counts = self._counts
        sender = (key_id, _sender(address))
        if sender not in counts and len(counts) >= _MOST_SENDERS:
            sender = (key_id, "")  # so many at once are counted together, not remembered one by one
        count = counts.get(sender, 0) + 1
        if count > per_minute:
            wait = (MINUTE_MS - now_ms % MINUTE_MS) // 1000 + 1
            raise TooManyRequests(per_minute=per_minute, retry_after_s=wait)
        counts[sender] = count


class Quota:
    """Counts a site's items of the day from the journal's own sequence.

    Where the sequence stood when the day began is kept in a file, so that a
    restart does not give a site its quota again.
    """

    def __init__(self, path: Path, position: Callable[[str], int]) -> None:
        self._path = path
        self._position = position
        self._day, self._began = _read(path)

    def take(self, site: str, items: int, *, daily_quota: int, now_ms: int) -> None:
        """Make sure that some more items are within the day's quota.

        Raises:
            QuotaUsed: They are not.
        """
        day = now_ms // DAY_MS
        if day != self._day:
            self._day, self._began = day, {}
        began = self._began.get(site)
        if began is None:
            began = self._began[site] = self._position(site)
            write_whole(self._path, json.dumps({"day": day, "began": self._began}).encode())
        if self._position(site) - began + items > daily_quota:
            wait = min(300, (DAY_MS - now_ms % DAY_MS) // 1000 + 1)
            raise QuotaUsed(daily_quota=daily_quota, retry_after_s=wait)


class Watermark:
    """Looks at the free room of the journal's disk once a second."""

    def __init__(self, folder: Path, *, free_bytes: int) -> None:
        self._folder = folder
        self._needs = free_bytes
        self._free = free_bytes
        self._looked_at_ms = -_LOOK_EVERY_MS

    def check(self, now_ms: int) -> None:
        """Make sure that enough room is free.

        Raises:
            DiskNearlyFull: It is not.
        """
        if not 0 <= now_ms - self._looked_at_ms < _LOOK_EVERY_MS:
            self._looked_at_ms = now_ms
            found = os.statvfs(self._folder)
            self._free = found.f_bavail * found.f_frsize
        if self._free < self._needs:
            raise DiskNearlyFull(free_bytes=self._free, needs_bytes=self._needs)


def _sender(address: str) -> str:
    """Take the /64 of an IPv6 address, of which one visitor has all."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or int(found) >> 64)


def _read(path: Path) -> tuple[int, dict[str, int]]:
    try:
        found = json.loads(path.read_bytes())
        return int(found["day"]), {str(site): int(at) for site, at in found["began"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return -1, {}
