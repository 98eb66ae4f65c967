"""What may be done about facts: make a feed, take rows in, correct them, add days up."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from django.db import connection, models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.reads import role_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.adding_up import add_up
from truelift.apps.facts.cells import (
    Place,
    Refused,
    Row,
    Style,
    Table,
    Values,
    read_csv,
    read_rows,
)
from truelift.apps.facts.columns import COLUMNS, FeedKind, FeedSource
from truelift.apps.facts.models import (
    ArrivalRecord,
    CellRecord,
    FeedRecord,
    OrderRecord,
    RefundRecord,
    RefusedRecord,
)
from truelift.apps.facts.shelves import DAILY, SHELVES, Shelf, place_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


MOST_FEEDS: Final = 60
MOST_REFUSED: Final = 10_000
"""More rows than these are never refused one by one: then the whole is another table."""

MOST_NAMED_DAYS: Final = 40
"""Days of a correction that the audit names; beyond these it counts them."""

Some = TypeVar("Some")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_BATCH: Final = 5_000


class BadFeed(Refusal):
    """A feed is not described so that it can be one.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "facts.bad_feed"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoSuchFeed(Refusal):
    """The site has no such feed."""

    code = "facts.no_such_feed"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"There is no feed “{storable(name)[:60]}” on this site. The page Feeds lists all.",
            feed=storable(name)[:60],
        )


class WrongDoor(Refusal):
    """A feed of own events takes nothing from elsewhere."""

    code = "facts.wrong_door"

    def __init__(self) -> None:
        super().__init__(
            "This feed is made of the site’s own events. Make another one for what comes from"
            " elsewhere."
        )


class TooManyRefused(Refusal):
    """So many rows are wrong that it is another table."""

    code = "facts.too_many_refused"

    def __init__(self, *, rows: int, first: str) -> None:
        super().__init__(
            f"{rows:,} rows cannot be read, so nothing was taken. The first: {first}",
            rows=rows,
        )


@transaction.atomic
def make_feed(
    site: Site,
    *,
    name: str,
    kind: str,
    source: str = FeedSource.CSV.value,
    owner: User | None = None,
    promise_hours: int = 36,
    lag_days: int = 0,
    maturity_days: int = 30,
    columns: Mapping[str, str] | None = None,
    by: Actor,
    now: datetime,
) -> FeedRecord:
    """Make a feed; of traffic the first is read, and the others wait until they are chosen.

    Raises:
        BadFeed: Something does not fit, with every field.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    wrong = _wrong(site, owner, promise_hours, lag_days, maturity_days)
    if kind not in set(FeedKind):
        raise BadFeed({"kind": f"It is one of {', '.join(FeedKind)}."})
    if source not in set(FeedSource):
        wrong["source"] = f"It is one of {', '.join(FeedSource)}."
    if source == FeedSource.LAKE and kind != FeedKind.TRAFFIC:
        wrong["source"] = "Own events make daily traffic alone."
    if not _NAME.fullmatch(name):
        wrong["name"] = "A name has small letters, digits and hyphens, at most 40: google-ads."
    live = FeedRecord.objects.filter(site=site, ended_at=None)
    if live.filter(name=name).exists():
        wrong["name"] = f"There is a feed {name} already."
    if live.count() >= MOST_FEEDS:
        wrong["name"] = f"A site has at most {MOST_FEEDS} feeds. End one first."
    strange = sorted(set(columns or {}) - {each.name for each in COLUMNS[FeedKind(kind)]})
    if strange:
        known = ", ".join(each.name for each in COLUMNS[FeedKind(kind)])
        wrong["columns"] = f"There is no column {strange[0][:40]}. There are {known}."
    if wrong:
        raise BadFeed(wrong)
    taken = kind == FeedKind.TRAFFIC and live.filter(kind=kind, counts=True).exists()
    feed = FeedRecord.objects.create(
        site=site,
        name=name,
        kind=kind,
        source=source,
        owner=owner,
        promise_hours=promise_hours,
        lag_days=lag_days,
        maturity_days=maturity_days,
        columns=dict(columns or {}),
        counts=not taken,
        made_by=by.user,
        made_at=now,
    )
    facts: dict[str, Json] = {"kind": kind, "source": source, "counts": not taken}
    _audit(feed, "feed.made", facts, by=by, now=now)
    return feed


@transaction.atomic
def change_feed(
    site: Site,
    name: str,
    *,
    owner: User | None,
    promise_hours: int,
    lag_days: int,
    by: Actor,
    now: datetime,
) -> FeedRecord:
    """Change who answers for a feed and what is promised of it.

    Raises:
        NoSuchFeed: The site has none such.
        BadFeed: Something does not fit.
    """
    feed = feed_for_update(site, name)
    wrong = _wrong(site, owner, promise_hours, lag_days, feed.maturity_days)
    if wrong:
        raise BadFeed(wrong)
    feed.owner, feed.promise_hours, feed.lag_days = owner, promise_hours, lag_days
    feed.save(update_fields=["owner", "promise_hours", "lag_days"])
    after: dict[str, Json] = {
        "owner": str(owner or ""),
        "promise_hours": promise_hours,
        "lag_days": lag_days,
    }
    _audit(feed, "feed.changed", after, by=by, now=now)
    return feed


@transaction.atomic
def read_this(site: Site, name: str, *, by: Actor, now: datetime) -> FeedRecord:
    """Let a feed of traffic be the one that is read, in place of another.

    Raises:
        NoSuchFeed: The site has no such feed of traffic.
    """
    feed = feed_for_update(site, name)
    if feed.kind != FeedKind.TRAFFIC:
        raise NoSuchFeed(name=name)
    live = FeedRecord.objects.filter(site=site, kind=feed.kind, ended_at=None)
    before = list(live.filter(counts=True).values_list("name", flat=True))
    live.update(counts=False)
    feed.counts = True
    feed.save(update_fields=["counts"])
    add_up(site)
    _audit(feed, "feed.chosen", {"instead_of": ", ".join(before)}, by=by, now=now)
    return feed


@transaction.atomic
def end_feed(site: Site, name: str, *, by: Actor, now: datetime) -> FeedRecord:
    """Take nothing more from a feed, and count what it brought no more.

    Raises:
        NoSuchFeed: The site has none such.
    """
    feed = feed_for_update(site, name)
    feed.ended_at = now
    feed.save(update_fields=["ended_at"])
    add_up(site)
    _audit(feed, "feed.ended", {"kind": feed.kind}, by=by, now=now)
    return feed


def take_in(
    site: Site,
    feed: str,
    given: bytes | Sequence[Mapping[str, object]],
    *,
    by: Actor,
    now: datetime,
    door: FeedSource | None = None,
    file: str = "",
    whole_days: bool = False,
    style: Style | None = None,
) -> ArrivalRecord:
    """Take rows in: what is new is kept, what is known is corrected, the rest is refused by line.

    Bringing the same again changes nothing.

    Args:
        site: Where.
        feed: The feed's name.
        given: A CSV file, or rows by the names of the columns with money in major units.
        by: Who.
        now: When.
        door: Through which door; by default files for bytes and the API for rows.
        file: How the file is called.
        whole_days: Rows of a day that are not given any more are gone; of traffic and spend.
        style: How a file writes numbers and days, where its own do not tell.

    Raises:
        NoSuchFeed: The site has none such.
        BadTable: It is no table of this kind.
        TooManyRefused: Nearly nothing of it can be read.
        WrongDoor: The feed is made of own events.
    """
    found = _live(site, feed)
    if (found.source == FeedSource.LAKE) != (door is FeedSource.LAKE):
        raise WrongDoor
    place = Place(site.currency, site.time_zone, day_at(site, now))
    kind = FeedKind(found.kind)
    # Read before anything is locked: a large file takes a while.
    if isinstance(given, bytes):
        table = read_csv(kind, given, place=place, columns=found.columns, style=style)
    else:
        table = read_rows(kind, given, place=place)
    with transaction.atomic():
        return _take(
            feed_for_update(site, feed),
            table,
            door=door or (FeedSource.CSV if isinstance(given, bytes) else FeedSource.API),
            file=storable(file)[:200],
            whole_days=whole_days and kind in DAILY,
            by=by,
            now=now,
        )


def feed_for_update(site: Site, name: str) -> FeedRecord:
    """Give a feed that lives, locked until the transaction ends.

    Raises:
        NoSuchFeed: The site has none such.
    """
    return _live(site, name, locked=True)


def _live(site: Site, name: str, *, locked: bool = False) -> FeedRecord:
    rows = FeedRecord.objects.select_related("site", "owner")
    if locked:
        rows = rows.select_for_update(of=("self",))
    found = None
    if _NAME.fullmatch(name):
        found = rows.filter(site=site, name=name, ended_at=None).first()
    if found is None:
        raise NoSuchFeed(name=name)
    return found


@dataclass(slots=True)
class _Difference:
    """What rows do to those that are there."""

    new: dict[tuple[Any, ...], tuple[Any, ...]]
    changed: dict[tuple[Any, ...], tuple[Any, ...]]
    gone: list[int]
    same: int
    days: set[date]


def _take(
    feed: FeedRecord,
    table: Table,
    *,
    door: FeedSource,
    file: str,
    whole_days: bool,
    by: Actor,
    now: datetime,
) -> ArrivalRecord:
    kind = FeedKind(feed.kind)
    shelf = SHELVES[kind]
    refused = list(table.refused)
    wanted = _wanted(feed.site, shelf, table.rows, refused)
    if len(refused) > MOST_REFUSED:
        first = refused[0]
        raise TooManyRefused(rows=len(refused), first=f"line {first.line}: {first.reason}")
    found = _difference(feed, shelf, wanted, whole_days=whole_days)
    before = _by_day(feed, shelf, found) if found.changed or found.gone else {}
    _store(feed, shelf, found)
    if kind is FeedKind.ORDERS:
        orders = {key[0] for key in (*found.new, *found.changed)}
        found.days |= _place_refunds(feed.site, orders=orders)
    if kind is FeedKind.REFUNDS:
        found.days |= _place_refunds(feed.site, refunds=feed)
    days = [day for row in table.rows for day in _days_of(kind, row.values)]
    arrival = ArrivalRecord.objects.create(
        feed=feed,
        door=door.value,
        file=file,
        new=len(found.new),
        changed=len(found.changed),
        same=found.same,
        gone=len(found.gone),
        refused=len(refused),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        ignored=[storable(each)[:100] for each in table.ignored][:100],
        by=by.user,
        at=now,
    )
    refused.sort(key=lambda each: each.line)
    RefusedRecord.objects.bulk_create(
        [
            RefusedRecord(arrival=arrival, line=each.line, reason=each.reason, row=each.row)
            for each in refused
        ],
        batch_size=_BATCH,
    )
    feed.arrived_at = max(now, feed.arrived_at or now)
    feed.through = max((each for each in (arrival.last_day, feed.through) if each), default=None)
    feed.save(update_fields=["arrived_at", "through"])
    if found.days:
        add_up(feed.site, days=found.days)
    if before:
        _tell_of_correction(feed, shelf, before, found, by=by, now=now)
    facts: dict[str, Json] = {
        name: getattr(arrival, name) for name in ("new", "changed", "same", "gone", "refused")
    }
    _audit(feed, "facts.taken_in", {"door": door.value, "file": file, **facts}, by=by, now=now)
    return arrival


def _wanted(
    site: Site, shelf: Shelf, rows: Iterable[Row], refused: list[Refused]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Give key → values of every row; a second row of a key that says another thing is refused."""
    rows = list(rows)
    cells = _cells(site, {place_of(each.values) for each in rows}) if shelf.cell else {}
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    lines: dict[tuple[Any, ...], int] = {}
    for row in rows:
        values = row.values
        if isinstance(period := values.get("period"), tuple):
            values = {**values, "day": period[0], "until": period[1]}
        key = tuple(values[name] for name in shelf.keys.values())
        says = tuple(values[name] for name in shelf.values.values())
        if shelf.cell == "key":
            key += (cells[place_of(values)],)
        elif shelf.cell:
            says += (cells[place_of(values)],)
        if key in found and found[key] != says:
            what = ", ".join([*shelf.keys, *(["source and place"] if shelf.cell == "key" else [])])
            reason = f"Line {lines[key]} says something else of the same {what}."
            refused.append(
                Refused(row.line, reason, ", ".join(map(str, row.values.values()))[:1000])
            )
            continue
        found.setdefault(key, says)
        lines.setdefault(key, row.line)
    return found


def _cells(site: Site, places: set[tuple[str, str, str, str]]) -> dict[tuple[str, ...], int]:
    """Give the number of every cell; those that are not known yet are made."""
    digests = {_digest(each): each for each in places}
    known: dict[str, int] = {}
    for some in _batches(digests, _BATCH):
        rows = CellRecord.objects.filter(site=site, digest__in=some)
        known |= dict(rows.values_list("digest", "pk"))
    # In one order for everybody: two feeds that make the same cells never wait in a circle.
    missing = sorted(digest for digest in digests if digest not in known)
    if missing:
        CellRecord.objects.bulk_create(
            [
                CellRecord(
                    site=site,
                    digest=digest,
                    source=digests[digest][0],
                    campaign=digests[digest][1],
                    landing=digests[digest][2],
                    device=digests[digest][3],
                )
                for digest in missing
            ],
            batch_size=_BATCH,
            ignore_conflicts=True,
        )
        for some in _batches(missing, _BATCH):
            rows = CellRecord.objects.filter(site=site, digest__in=some)
            known |= dict(rows.values_list("digest", "pk"))
    return {place: known[digest] for digest, place in digests.items()}


def _digest(place: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(place).encode()).hexdigest()


def _difference(
    feed: FeedRecord,
    shelf: Shelf,
    wanted: Mapping[tuple[Any, ...], tuple[Any, ...]],
    *,
    whole_days: bool,
) -> _Difference:
    keys, values = shelf.key_fields, shelf.value_fields
    rows = shelf.model._default_manager.filter(feed=feed)  # noqa: SLF001 - Django's public name
    by_day = keys[0] == "day"
    if by_day and wanted:
        rows = rows.filter(
            day__gte=min(each[0] for each in wanted), day__lte=max(each[0] for each in wanted)
        )
    brought = {each[0] for each in wanted} if by_day else set()
    found = _Difference(new=dict(wanted), changed={}, gone=[], same=0, days=set())
    stored = _rows_of(
        rows, ("pk", *keys, *values), keys[0], () if by_day else [k[0] for k in wanted]
    )
    day_in_values = values.index("day") if "day" in values else None
    for pk, *rest in stored:
        key, says = tuple(rest[: len(keys)]), tuple(rest[len(keys) :])
        says_now = found.new.pop(key, None)
        day = key[0] if by_day else says[day_in_values] if day_in_values is not None else None
        if says_now is None:
            if whole_days and day in brought:
                found.gone.append(pk)
                found.days.add(key[0])
            continue
        if says_now == says:
            found.same += 1
            continue
        found.changed[key] = says_now
        if isinstance(day, date):
            found.days.add(day)
    for key, says in (*found.new.items(), *found.changed.items()):
        day = key[0] if by_day else says[day_in_values] if day_in_values is not None else None
        if isinstance(day, date):
            found.days.add(day)
    return found


def _rows_of(
    rows: models.QuerySet[Any], fields: tuple[str, ...], key: str, wanted: Sequence[Any]
) -> Iterable[tuple[Any, ...]]:
    """Give rows that may be meant: all that are asked for, or those of some keys."""
    if not wanted:
        yield from rows.values_list(*fields).iterator(chunk_size=20_000)
        return
    for some in _batches(dict.fromkeys(wanted), _BATCH):
        yield from rows.filter(**{f"{key}__in": some}).values_list(*fields)


def _store(feed: FeedRecord, shelf: Shelf, found: _Difference) -> None:
    manager = shelf.model._default_manager  # noqa: SLF001 - Django's public name
    for some in _batches(found.gone, 500):
        manager.filter(pk__in=some).delete()
    names = (*shelf.key_fields, *shelf.value_fields)
    _insert(shelf.model, ("feed_id", *names), [(feed.pk, *k, *v) for k, v in found.new.items()])
    for rows in _batches(found.changed.items(), _BATCH):
        manager.bulk_create(
            [
                shelf.model(feed_id=feed.pk, **dict(zip(names, (*key, *says), strict=True)))
                for key, says in rows
            ],
            update_conflicts=True,
            unique_fields=["feed", *(each.removesuffix("_id") for each in shelf.key_fields)],
            update_fields=[each.removesuffix("_id") for each in shelf.value_fields],
        )


def _insert(
    model: type[models.Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write rows that are known to be new, ten times as fast as through their model.

    The feed is locked, so nobody else writes the same rows meanwhile.
    """
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, names))
    sql = (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns})"  # noqa: S608, SLF001 - own names
        f" VALUES ({', '.join(['%s'] * len(names))})"
    )
    day = connection.ops.adapt_datefield_value
    with connection.cursor() as cursor:
        for some in _batches(rows, _BATCH):
            cursor.executemany(
                sql,
                [[day(each) if isinstance(each, date) else each for each in row] for row in some],
            )


def _place_refunds(
    site: Site, *, orders: Iterable[str] = (), refunds: FeedRecord | None = None
) -> set[date]:
    """Put refunds on the day of their order; gives the days that are others for it."""
    rows = RefundRecord.objects.filter(feed__site=site, feed__ended_at=None)
    touched: set[date] = set()
    some_refunds: list[RefundRecord] = []
    if refunds is not None:
        some_refunds = list(rows.filter(feed=refunds))
    else:
        for some in _batches(orders, _BATCH):
            some_refunds += rows.filter(order__in=some)
    known: dict[str, tuple[date, int]] = {}
    of_site = OrderRecord.objects.filter(feed__site=site, feed__ended_at=None)
    for part in _batches({each.order for each in some_refunds}, _BATCH):
        found = of_site.filter(order__in=part).values_list("order", "day", "cell_id")
        known |= {order: (day, cell) for order, day, cell in found}
    moved = []
    for each in some_refunds:
        day, cell = known.get(each.order, (each.said_day, each.said_cell_id))
        if (each.order_day, each.cell_id) == (day, cell):
            continue
        touched |= {at for at in (each.order_day, day, each.day) if at}
        each.order_day, each.cell_id = day, cell
        moved.append(each)
    RefundRecord.objects.bulk_update(moved, ["order_day", "cell"], batch_size=500)
    # An amount that was corrected is of the day of its order, too.
    touched |= {each.order_day for each in some_refunds if each.order_day}
    return touched


def _days_of(kind: FeedKind, values: Values) -> Iterable[date]:
    """Say which days a row tells of."""
    if kind is FeedKind.LEDGER and isinstance(period := values["period"], tuple):
        return (period[1] - timedelta(days=1),)
    day = values.get("day")
    return (day,) if isinstance(day, date) else ()


def _by_day(feed: FeedRecord, shelf: Shelf, found: _Difference) -> dict[str, int]:
    """Add up what the days said that are corrected, in the number that matters."""
    number = _NUMBER.get(FeedKind(feed.kind), "")
    if not number or not found.days:
        return {}
    rows = shelf.model._default_manager.filter(  # noqa: SLF001 - Django's public name
        feed=feed, day__gte=min(found.days), day__lte=max(found.days)
    )
    sums: dict[str, int] = defaultdict(int)
    for day, value in rows.values_list("day").annotate(sum=models.Sum(number)):
        if day in found.days:
            sums[day.isoformat()] = int(value or 0)
    return sums


_NUMBER: Final[Mapping[FeedKind, str]] = {
    FeedKind.TRAFFIC: "sessions",
    FeedKind.SPEND: "spend_minor",
    FeedKind.ORDERS: "revenue_minor",
    FeedKind.REFUNDS: "amount_minor",
    FeedKind.LEADS: "value_minor",
    FeedKind.LEDGER: "revenue_minor",
    FeedKind.CALLS: "seconds",
}


def _tell_of_correction(
    feed: FeedRecord,
    shelf: Shelf,
    before: Mapping[str, int],
    found: _Difference,
    *,
    by: Actor,
    now: datetime,
) -> None:
    after = _by_day(feed, shelf, found)
    days = sorted(day for day in {*before, *after} if before.get(day) != after.get(day))
    named = days[:MOST_NAMED_DAYS]
    facts: dict[str, Json] = {"of": _NUMBER[FeedKind(feed.kind)], "rows": len(found.changed)}
    if len(days) > len(named):
        facts["more_days"] = len(days) - len(named)
    audit(
        action="facts.corrected",
        target=f"feed:{feed.name}",
        before={day: before.get(day) for day in named},
        after={**facts, **{day: after.get(day) for day in named}},
        now=now,
        site=feed.site.name,
        **by.audited,
    )


def _batches(given: Iterable[Some], most: int) -> Iterable[list[Some]]:
    rest = iter(given)
    while some := list(islice(rest, most)):
        yield some


def _wrong(
    site: Site, owner: User | None, promise_hours: int, lag_days: int, maturity_days: int
) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if owner is not None and role_of(owner, site) is None:
        wrong["owner"] = f"{owner} does not belong to the site."
    if not 1 <= promise_hours <= 24 * 366:
        wrong["promise_hours"] = "A promise is 1 hour to a year long."
    if not 0 <= lag_days <= 120:
        wrong["lag_days"] = "A lag is 0 to 120 days long."
    if not 0 <= maturity_days <= 365:
        wrong["maturity_days"] = "Rows mature within 0 to 365 days."
    return wrong


def _audit(
    feed: FeedRecord, action: str, after: Mapping[str, Json], *, by: Actor, now: datetime
) -> None:
    audit(
        action=action,
        target=f"feed:{feed.name}",
        after=dict(after),
        now=now,
        site=feed.site.name,
        **by.audited,
    )
