"""Removes rows whose time is over, by the retention that a site has set for its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from truelift.lake.home import Home
from truelift.lake.indexing import remove_outdated
from truelift.lake.leaving_out import LeftOut, Rule, leave_out, rewriting_engine, text
from truelift.lake.tables import SiteTable


OTHERS: Final = "*"
"""Stands for every event that a retention does not name."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def expire(
    home: Home,
    site: str,
    retention: Mapping[str, int],
    *,
    now: datetime,
    reached: Callable[[str], None] = lambda point: None,  # noqa: ARG005
) -> LeftOut:
    """Remove from a site's lake what is older than it may be; say what that was.

    Args:
        home: The installation.
        site: The site.
        retention: Event → days; `*` for all others. What it does not name is kept.
        now: When.
        reached: Called with the name of every point between two writes.

    Raises:
        CommitLost: Another commit got in between; nothing was removed.
    """
    table = SiteTable(home.table(site))
    state = table.current()
    if state is None or not retention:
        return LeftOut()
    last = now - timedelta(days=min(retention.values()))
    files = [file for file in state.files if file.since < last]
    if not files:
        return LeftOut()
    # One name a version: what a crash left of an earlier attempt is written over.
    name = f"expire-{state.version:012d}-{int(now.timestamp())}"
    with rewriting_engine(home) as engine:
        done = leave_out(
            engine, table, state, _rule(retention, now), name=name, files=files, reached=reached
        )
    reached("expiry.written")
    if done.removed:
        table.rewrite(
            state,
            removed=done.removed,
            added=done.added,
            buckets=state.buckets,
            now=now,
            counts=done.counts(expired=done.rows),
        )
        reached("expiry.committed")
        remove_outdated(home, site)
    return done


def _rule(retention: Mapping[str, int], now: datetime) -> Rule:
    named = {event: days for event, days in retention.items() if event != OTHERS}
    tests = [
        f"(event = {text(event)} AND occurred_at < {_before(now, days)})"
        for event, days in named.items()
    ]
    if OTHERS in retention:
        others = f"occurred_at < {_before(now, retention[OTHERS])}"
        if named:
            listed = ", ".join(map(text, named))
            others += f" AND (event IS NULL OR event NOT IN ({listed}))"
        tests.append(f"({others})")
    return Rule(gone=f"({' OR '.join(tests)})")


def _before(now: datetime, days: int) -> str:
    micros = (now - timedelta(days=days) - _EPOCH) // timedelta(microseconds=1)
    return f"make_timestamptz({micros}::BIGINT)"
