"""What visitors of every simulated company have in common: their hours, browsers and clients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.worlds.history import History


Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

DAY_MS: Final = 86_400_000

BY_HOUR: Final = np.array(
    [1.2, .7, .4, .3, .3, .5, 1.2, 2.3, 3.4, 4.1, 4.6, 4.9,
     5.2, 4.9, 4.6, 4.6, 4.9, 5.4, 6.2, 7.2, 7.8, 7.0, 4.9, 2.6]
)  # fmt: skip
BY_WEEKDAY: Final = np.array([1.02, 0.98, 0.96, 0.98, 0.94, 1.02, 1.18])

_APPLE: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MOBILE: Final = "Version/18.5 Mobile/15E148 Safari/604.1"
_SAFARI: Final = "Version/18.5 Safari/605.1.15"
_BLINK: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"

AGENTS: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "desktop": (
        (0.55, f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36"),
        (0.25, f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} {_SAFARI}"),
        (0.20, "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"),
    ),
    "phone": (
        (0.48, f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_APPLE} {_MOBILE}"),
        (0.52, f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_BLINK} Mobile Safari/537.36"),
    ),
    "tablet": (
        (1.00, f"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) {_APPLE} {_MOBILE}"),
    ),
    "robot": (
        (0.60, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        (0.25, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
        (0.15, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    ),
}  # fmt: skip
"""What browsers call themselves, by device, with shares."""


def first_days(
    history: History, people: int, generator: np.random.Generator, by_weekday: Floats = BY_WEEKDAY
) -> Ints:
    """Days after the beginning; later weeks have more, weekends have more."""
    days = np.arange(history.weeks * 7 + 1)
    weekday = (history.begins_at_ms // DAY_MS + 3 + days) % 7  # 1970-01-01 was a Thursday
    weight = by_weekday[weekday] * (1 + history.growth) ** (days / 7)
    return generator.choice(days, people, p=weight / weight.sum()).astype(np.int64)


def moments(
    history: History, day: Ints, generator: np.random.Generator, by_hour: Floats = BY_HOUR
) -> Ints:
    """A moment of each day, by the company's own clock."""
    zone = ZoneInfo(history.time_zone)
    first_day_ms = history.begins_at_ms // DAY_MS * DAY_MS
    hour = generator.choice(24, day.size, p=by_hour / by_hour.sum())
    within = generator.integers(0, 3_600_000, day.size)
    local = first_day_ms + day * DAY_MS + hour * 3_600_000 + within
    start = local - _offset_ms(zone, history.ends_at_ms)
    return np.where(start < history.begins_at_ms, start + DAY_MS, start)


def _offset_ms(zone: ZoneInfo, at_ms: int) -> int:
    # One offset for the whole history: nobody in it notices a summer-time hour.
    offset = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds() * 1000) if offset is not None else 0


def mistreated(history: History, table: pa.Table, generator: np.random.Generator) -> pa.Table:
    """What broken clients do: send twice, and send without a name."""
    size = table.num_rows
    again = np.flatnonzero(generator.random(size) < history.doubled)
    nameless = generator.random(size) < history.broken
    kinds = np.asarray(pc.equal(table["type"], "track"))
    names = pc.if_else(pa.array(nameless & kinds), pa.scalar(None, pa.string()), table["name"])
    table = table.set_column(table.schema.get_field_index("name"), "name", names)
    order = np.sort(np.concatenate((np.arange(size), again)), kind="stable")
    return table.take(pa.array(order))


def elapsed(visit: Ints, order: Ints, generator: np.random.Generator) -> Ints:
    """Milliseconds since the visit began; what belongs to one page comes within a second."""
    seconds: Floats = generator.lognormal(np.log(22.0), 0.8, visit.size)
    same_page = np.zeros(visit.size, dtype=np.bool_)
    same_page[1:] = (visit[1:] == visit[:-1]) & (order[1:] - order[:-1] <= 1)
    gap = np.where(same_page, generator.integers(40, 400, visit.size), seconds * 1000)
    first = np.ones(visit.size, dtype=np.bool_)
    first[1:] = visit[1:] != visit[:-1]
    total = np.cumsum(gap.astype(np.int64))
    base = np.maximum.accumulate(np.where(first, total, 0))
    return total - base


def place_within(counts: Ints) -> Ints:
    """0, 1, 2 … within each group of the given sizes."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if ends.size else 0) - np.repeat(ends - counts, counts)


def agents_of(device: Ints, person: Ints, visit: Ints, generator: np.random.Generator) -> pa.Array:
    """A person's browser, the same on every visit with the same device.

    Args:
        device: Of each visit: 0 desktop, 1 phone, 2 tablet.
        person: Of each visit.
        visit: Of each event.
        generator: Draws.
    """
    people = int(person.max(initial=0)) + 1
    draw = generator.random(people)[person]
    texts: list[str] = []
    code = np.zeros(device.size, dtype=np.int64)
    for nth, name in enumerate(("desktop", "phone", "tablet")):
        shares = np.cumsum([share for share, _ in AGENTS[name]])
        place = np.minimum(np.searchsorted(shares, draw, side="right"), shares.size - 1)
        code = np.where(device == nth, len(texts) + place, code)
        texts += [text for _, text in AGENTS[name]]
    return chosen(texts, code[visit])


def drawn(
    shares: Sequence[tuple[str, float]], person: Ints, visit: Ints, generator: np.random.Generator
) -> Ints:
    """Draw something that a person keeps, by shares; gives its place for each event."""
    people = int(person.max(initial=0)) + 1
    found = generator.choice(len(shares), people, p=[share for _, share in shares])
    drawn: Ints = found.astype(np.int64)[person][visit]
    return drawn


def chosen(words: Sequence[str | None], codes: Ints) -> pa.Array:
    """Words by their place; −1 is the last one."""
    places = np.where(codes < 0, len(words) - 1, codes)
    return pa.array(words, pa.string()).take(pa.array(places))


def numbered(prefix: str, numbers: Ints) -> pa.Array:
    """Names of one kind: the prefix and a number."""
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def where(mask: Mask, values: pa.Array) -> pa.Array:
    """Values where a mask holds, and nothing elsewhere."""
    return pc.if_else(pa.array(mask), values, pa.scalar(None, values.type))


def iso(ms: int) -> str:
    """Write epoch milliseconds as a client does."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
