"""Which visitors and users were made one person, and who they are when one of that is undone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final

import pyarrow as pa

from truelift.errors import Refusal
from truelift.lake.durable import sync_folder, write_durably
from truelift.lake.home import Home, checked_site
from truelift.questions.question import Scan


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NoSuchMerge(Refusal):
    """Nobody was merged under this name."""

    code = "identity.no_such_merge"

    def __init__(self, *, site: str, merge: str) -> None:
        super().__init__(
            f"{site} has no merge {merge[:40]!r}. `truelift identities show --site {site}`"
            " lists them.",
            site=site,
            merge=merge[:40],
        )


class UndoneAlready(Refusal):
    """This merge was undone before."""

    code = "identity.undone_already"

    def __init__(self, *, merge: str, by: str, at: datetime) -> None:
        super().__init__(
            f"{by} undid {merge} on {at:%Y-%m-%d %H:%M} UTC; there is nothing left to do.",
            merge=merge,
            by=by,
        )


class How(StrEnum):
    """What it did to a visitor and a user that one was seen on the other.

    `ADOPT`: a user who was new became the visitor's person. `MERGE`: a known user's person and
    the visitor's became one. `SWITCH`: the visitor had another user, whom it left. `ALIAS`: a
    server said that two users are one.
    """

    ADOPT = "adopt"
    MERGE = "merge"
    SWITCH = "switch"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class Pair:
    """Who was merged with whom, as digests: a user, and a visitor or another user."""

    user: int
    other: int

    @property
    def name(self) -> str:
        """What the merge is called; the same wherever it is worked out."""
        return blake2b(f"{self.user} {self.other}".encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Undone:
    """A merge that somebody took back.

    Attributes:
        pair: Of whom.
        by: Who did.
        at: When.
    """

    pair: Pair
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """That a visitor was seen with a user, or that two users are one, as digests.

    Attributes:
        how: What it did.
        a: The visitor, or the former user.
        b: The user.
        at_us: Arrival of the row that said it, epoch microseconds.
        position: And its place in the journal.
    """

    how: How
    a: int
    b: int
    at_us: int
    position: int


@dataclass(frozen=True, slots=True)
class Turn:
    """From when on a visitor was on a user."""

    user: int
    at_us: int
    position: int


@dataclass(frozen=True, slots=True)
class Component:
    """Who is who among all who have anything to do with each other.

    Attributes:
        visitors: Each with the users it was on, in order; none while it is only itself.
        users: Each with its person.
        own: Each visitor with the person that its events were of before its first user.
        labels: Every person that any of their rows could stand under.
    """

    visitors: Mapping[int, Sequence[Turn]]
    users: Mapping[int, int]
    own: Mapping[int, int]
    labels: frozenset[int]


def component_of(
    said: Iterable[Said], *, undone: Collection[Pair], persons: Mapping[int, int]
) -> Component:
    """Go through what was said, leaving out what was undone.

    Args:
        said: In the order in which it was learned.
        undone: Merges that count as if nobody had ever said them.
        persons: User → the person that it was until now; kept where that can be.
    """
    sets: dict[int, int] = {}

    def first(label: int) -> int:
        sets.setdefault(label, label)
        while sets[label] != label:
            sets[label] = sets[sets[label]]
            label = sets[label]
        return label

    turns: dict[int, list[Turn]] = {}
    users: set[int] = set()
    for each in said:
        pair = Pair(each.b, each.a)
        users.add(each.b)
        if each.how is How.ALIAS:
            users.add(each.a)
            if pair not in undone and Pair(each.a, each.b) not in undone:
                sets[first(each.a)] = first(each.b)
            continue
        on = turns.setdefault(each.a, [])
        if not on and pair in undone:
            continue
        if not on:
            sets[first(each.a)] = first(each.b)
        elif on[-1].user == each.b:
            continue
        on.append(Turn(each.b, each.at_us, each.position))
    # Whoever can keep the person they were does: then the fewest rows are rewritten.
    named = {first(label): label for label in persons.values() if label in sets}
    return Component(
        visitors=turns,
        users={user: named.get(first(user), first(user)) for user in users},
        own={visitor: named.get(first(visitor), first(visitor)) for visitor in turns},
        labels=frozenset({*turns, *users, *persons.values()}),
    )


@dataclass(frozen=True, slots=True)
class Merge:
    """Two who were made one.

    Attributes:
        name: What it is called.
        kind: `merge` (a known user on a second visitor) or `alias`.
        at: Arrival of the row that said it.
        position: Its place in the journal.
        pair: Of whom.
        undone: Who took it back, and when; None while it holds.
    """

    name: str
    kind: How
    at: datetime
    position: int
    pair: Pair
    undone: Undone | None


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """That a merge is to be undone, written down for the one loader of the home.

    Attributes:
        path: Its file; gone when it is done.
        site: The site.
        pair: Of whom.
        by: Who asks.
        at: When.
    """

    path: Path
    site: str
    pair: Pair
    by: str
    at: datetime

    def finish(self) -> None:
        """Forget it: it is done."""
        self.path.unlink(missing_ok=True)


def identities_file(home: Home, site: str) -> Path:
    """Give the file of what is known of a site's visitors and users."""
    return home.loader / "identities" / f"{checked_site(site)}.sqlite3"


def merges_of(home: Home, site: str) -> list[Merge]:
    """List every merge of a site, the newest first; an adoption or a shared device is none."""
    path = identities_file(home, site)
    if not path.exists():
        return []
    undone = {each.pair: each for each in undone_of(path)}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as rows:
        found = rows.execute(
            "SELECT how, a, b, at_us, position FROM said WHERE how IN ('merge', 'alias')"
            " ORDER BY seq DESC"
        ).fetchall()
    return [
        Merge(
            name=pair.name,
            kind=How(how),
            at=_EPOCH + timedelta(microseconds=at_us),
            position=position,
            pair=pair,
            undone=undone.get(pair),
        )
        for how, a, b, at_us, position in found
        for pair in (Pair(b, a),)
    ]


def request_undo(home: Home, site: str, name: str, *, by: str, now: datetime) -> UndoRequest:
    """Ask the home's loader to undo a merge; it does before it takes anything else.

    Raises:
        NoSuchMerge: There is none of that name.
        UndoneAlready: It was undone before.
    """
    for merge in merges_of(home, site):
        if merge.name == name:
            break
    else:
        raise NoSuchMerge(site=site, merge=name)
    if merge.undone is not None:
        raise UndoneAlready(merge=name, by=merge.undone.by, at=merge.undone.at)
    folder = home.loader / "undo"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{site}.{name}.json"
    document = {"site": site, **_document(Undone(merge.pair, by, now))}
    write_durably(path, json.dumps(document).encode())
    sync_folder(home.loader)
    return UndoRequest(path, site, merge.pair, by, now)


def undo_requests(home: Home) -> list[UndoRequest]:
    """List what is to be undone, the oldest first."""
    folder = home.loader / "undo"
    if not folder.is_dir():
        return []
    found = []
    for path in folder.glob("[a-z]*.json"):
        document = json.loads(path.read_bytes())
        undone = _parsed(document)
        found.append(UndoRequest(path, document["site"], undone.pair, undone.by, undone.at))
    return sorted(found, key=lambda request: (request.at, request.path))


def undone_of(identities: Path) -> list[Undone]:
    """Read what was ever undone, from beside the file of identities."""
    try:
        content = _undone_file(identities).read_bytes()
    except FileNotFoundError:
        return []
    return [_parsed(each) for each in json.loads(content)]


def keep_undone(identities: Path, undone: Iterable[Undone]) -> None:
    """Write down what was ever undone, so that a power cut does not bring a merge back."""
    content = json.dumps([_document(each) for each in undone], indent=1)
    write_durably(_undone_file(identities), content.encode())


def _undone_file(identities: Path) -> Path:
    return identities.with_suffix(".undone.json")


def _document(undone: Undone) -> dict[str, object]:
    return {
        "user": undone.pair.user,
        "other": undone.pair.other,
        "by": undone.by,
        "at": undone.at.isoformat(),
    }


def _parsed(document: Mapping[str, object]) -> Undone:
    return Undone(
        Pair(int(str(document["user"])), int(str(document["other"]))),
        str(document["by"]),
        datetime.fromisoformat(str(document["at"])),
    )


@dataclass(frozen=True, slots=True)
class Mention:
    """How many events came with a visitor and a user.

    Attributes:
        visitor_id: None for none.
        user_id: None for none.
        events: So many.
    """

    visitor_id: str | None
    user_id: str | None
    events: int


@dataclass(frozen=True, slots=True)
class Mentions:
    """Which visitors and users the events of some persons name: digests do not tell.

    Attributes:
        persons: Whose events.
    """

    persons: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return "identities"

    def scan(self) -> Scan:
        """Read one row for each visitor and user."""
        # Written out, so that sorted files are read only where these persons can be.
        persons = ", ".join(map(str, sorted(self.persons))) or "NULL"
        return Scan(
            "SELECT visitor_id, user_id, count(*) AS events FROM all_events"
            f" WHERE person IN ({persons}) AND state = 'stored'"
            " GROUP BY visitor_id, user_id ORDER BY visitor_id, user_id",
            {},
        )

    def partial(self, rows: pa.Table) -> list[Mention]:
        """Take them as they are."""
        return [Mention(**row) for row in rows.to_pylist()]

    def merge(self, left: list[Mention], right: list[Mention]) -> list[Mention]:
        """Put two buckets' together."""
        return left + right

    def answer(self, partial: list[Mention]) -> list[Mention]:
        """Give them as they are."""
        return partial


def mentions_of(home: Home, site: str, merges: Iterable[Merge]) -> Mentions:
    """Ask who is meant by merges: the events of those who were merged, whoever they are now."""
    ends = {end for merge in merges for end in (merge.pair.user, merge.pair.other)}
    with closing(sqlite3.connect(f"file:{identities_file(home, site)}?mode=ro", uri=True)) as rows:
        found = rows.execute(
            "SELECT person FROM user WHERE user IN (SELECT value FROM json_each(?1))"
            " UNION SELECT user.person FROM visitor JOIN user USING (user)"
            " WHERE visitor IN (SELECT value FROM json_each(?1))",
            (json.dumps(sorted(ends)),),
        ).fetchall()
    return Mentions(tuple(ends | {person for (person,) in found}))
