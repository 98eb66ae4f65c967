"""Whose an event is: visitors, users and the persons behind them, per site."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.events.identity import identifies
from truelift.lake.merges import (
    Component,
    How,
    Pair,
    Said,
    Undone,
    component_of,
    keep_undone,
    undone_of,
)


Persons = np.ndarray[Any, np.dtype[np.int64]]
Sizes = Callable[[Sequence[int]], Mapping[int, int]]
"""How many rows each of some persons has in the lake and its tail."""

MANY_VISITORS: Final = 50
"""A user on more visitors than this is probably a shared login or a broken integration."""

MANY_USERS: Final = 50
"""A visitor with more users than this is a shared device, a kiosk say, or a broken integration."""

_REMEMBERED: Final = 1 << 17
"""Answers of the file that are kept in memory; beyond it the memory starts anew."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS visitor (visitor INTEGER PRIMARY KEY, user INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS link (
    user INTEGER NOT NULL, visitor INTEGER NOT NULL, PRIMARY KEY (user, visitor)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS user (user INTEGER PRIMARY KEY, person INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS user_person ON user (person);
CREATE TABLE IF NOT EXISTS move (
    person INTEGER PRIMARY KEY, target INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS move_target ON move (target);
CREATE TABLE IF NOT EXISTS warning (user INTEGER PRIMARY KEY, visitors INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shared (visitor INTEGER PRIMARY KEY, users INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS said (
    seq INTEGER PRIMARY KEY, how TEXT NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL,
    at_us INTEGER NOT NULL, position INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS said_switch ON said (a) WHERE how = 'switch';
"""


def person_of_visitor(site: str, visitor_id: str) -> int:
    """Give the person that a visitor is until it is known to be somebody's."""
    return _digest(site, "visitor", visitor_id)


def person_of_user(site: str, user_id: str) -> int:
    """Give the person that a user is who was never seen on a visitor."""
    return _digest(site, "user", user_id)


def claim_of(visitor: int, user: int) -> int:
    """Give the person of a visitor's events while it says, unproven, that it is a user.

    A shared device's events may then not go on to its former user, nor to the one that
    anybody could name with a public key.
    """
    return _digest("", "claim", f"{visitor} {user}")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was learned about who is who; doing it twice changes nothing.

    Attributes:
        kind: `visitor` (a is on user b now), `alias` (user a is user b), `user` (a is person
            b), `move` (person a is b), `rename` (the same of a person that has no rows yet).
        a: What the step is about.
        b: What became of it.
        how: What a visitor's step did: see `How`.
        at_us: Arrival of the row that said it, epoch microseconds.
        position: And its place in the journal.
    """

    kind: str
    a: int
    b: int
    how: str = ""
    at_us: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whose each row is.

    Attributes:
        persons: One per row.
        steps: What was learned on the way, in order.
    """

    persons: Persons
    steps: tuple[Step, ...]

    @property
    def changes_moves(self) -> bool:
        """Whether rows of the lake changed hands."""
        return any(step.kind in {"move", "rename"} for step in self.steps)


@dataclass(slots=True)
class Identities:
    """What is known of one site's visitors and users, as digests, in a file of its own.

    Merges that were undone stand in a file beside it, which nothing can make again.

    The file follows the fresh tail: a batch's steps travel with its tail file and
    are kept here once that is published, so a crash in between is made good by
    doing the last file's steps again. It can be made from the lake's rows at any time.
    """

    path: Path
    site: str
    _rows: sqlite3.Connection = field(init=False, repr=False)
    _linked: Persons = field(init=False, repr=False)
    _users: _Answers = field(init=False, repr=False)
    _persons: _Answers = field(init=False, repr=False)
    _undone: frozenset[Pair] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._rows = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = NORMAL")
        self._rows.executescript(_TABLES)
        known = self._rows.execute("SELECT visitor FROM visitor ORDER BY visitor").fetchall()
        self._linked = np.array([row[0] for row in known], dtype=np.int64)
        self._undone = frozenset(each.pair for each in undone_of(self.path))
        self._users = _Answers(
            self._rows,
            "SELECT visitor, user FROM visitor WHERE visitor IN (SELECT value FROM json_each(?))",
        )
        self._persons = _Answers(
            self._rows,
            "SELECT user, person FROM user WHERE user IN (SELECT value FROM json_each(?))",
        )

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()

    def resolve(
        self, rows: pa.Table, *, previous_ids: pa.ChunkedArray, unnamed: Persons, sizes: Sizes
    ) -> Resolution:
        """Say whose each row is, and what was learned from these rows.

        Args:
            rows: Columns `visitor_id`, `user_id`, `type`, `trusted`, `state`, `received_at`,
                `position`, by arrival.
            previous_ids: What an alias names as the former id.
            unnamed: The person of a row that names nobody, one per row.
            sizes: Asked once, for the persons that may have to move.
        """
        visitors = _Names.of(self.site, rows["visitor_id"], _visitor)
        users = _Names.of(self.site, rows["user_id"], _user)
        batch = _Batch(self._known(visitors, users), visitors, users, self._undone)
        good = pc.equal(rows["state"], "stored").to_numpy(zero_copy_only=False)
        aliases = good & pc.equal(rows["type"], "alias").fill_null(fill_value=False).to_numpy(
            zero_copy_only=False
        )
        named = good & (users.codes >= 0)
        if named.any():
            trusted = rows["trusted"].to_numpy(zero_copy_only=False)
            telling = self._telling(batch, named, aliases, trusted)
            if len(telling):
                arrived = rows["received_at"].cast(pa.int64()).to_numpy()
                positions = rows["position"].to_numpy()
                batch.known.links = self._links(users.persons[users.codes[telling]])
                former = [
                    previous if alias else None
                    for previous, alias in zip(
                        previous_ids.take(pa.array(telling)).to_pylist(),
                        aliases[telling].tolist(),
                        strict=True,
                    )
                ]
                compared = batch.may_move(telling, former, site=self.site)
                batch.sizes = dict(sizes(compared)) if compared else {}
                for row, previous in zip(telling.tolist(), former, strict=True):
                    batch.moment = (int(arrived[row]), int(positions[row]))
                    batch.learn(row, trusted=bool(trusted[row]), previous=previous, site=self.site)
        return Resolution(persons=batch.persons(unnamed), steps=tuple(batch.steps))

    def keep(self, steps: Iterable[Step]) -> None:
        """Write down what was learned; steps that are known already change nothing."""
        steps = list(steps)
        if not steps:
            return
        self._rows.execute("BEGIN IMMEDIATE")
        for kind, group in groupby(steps, key=attrgetter("kind")):
            self._keep(kind, [(step.a, step.b) for step in group])
        self._keep_said([step for step in steps if step.how])
        touched = sorted({step.b for step in steps if step.kind == "visitor"})
        self._rows.execute(
            "INSERT OR REPLACE INTO warning"
            " SELECT user, count(*) FROM link WHERE user IN (SELECT value FROM json_each(?))"
            " GROUP BY user HAVING count(*) > ?",
            (json.dumps(touched), MANY_VISITORS),
        )
        self._rows.execute(
            "INSERT OR REPLACE INTO shared SELECT a, count(DISTINCT b) FROM said"
            " WHERE how = 'switch' AND a IN (SELECT value FROM json_each(?))"
            " GROUP BY a HAVING count(DISTINCT b) > ?",
            (json.dumps(sorted({s.a for s in steps if s.how == How.SWITCH})), MANY_USERS),
        )
        self._rows.execute("COMMIT")
        self._users.forget(step.a for step in steps if step.kind == "visitor")
        self._persons.forget(step.a for step in steps if step.kind == "user")
        if any(step.kind in {"move", "rename"} for step in steps):
            self._persons.forget_all()
        new = np.array(sorted({s.a for s in steps if s.kind == "visitor"}), dtype=np.int64)
        new = new[~self._are_linked(new)]
        self._linked = np.insert(self._linked, np.searchsorted(self._linked, new), new)

    def undo(self, undone: Undone) -> Component:
        """Take a merge back, for good: everybody whom it touched is who they were without it.

        What was said about visitors and users is gone through again without this one.
        Doing it twice changes nothing.

        Returns:
            Who is who now among those whom the merge may have touched.
        """
        known = undone_of(self.path)
        if undone.pair not in {each.pair for each in known}:
            keep_undone(self.path, [*known, undone])
            self._undone |= {undone.pair}
        component = self._component(undone.pair)
        labels = json.dumps(sorted(component.labels))
        visitors, users = component.visitors, component.users
        execute, executemany = self._rows.execute, self._rows.executemany
        execute("BEGIN IMMEDIATE")
        executemany("UPDATE user SET person = ? WHERE user = ?", [(p, u) for u, p in users.items()])
        executemany("DELETE FROM visitor WHERE visitor = ?", [(each,) for each in visitors])
        executemany(
            "INSERT INTO visitor VALUES (?, ?)",
            [(each, turns[-1].user) for each, turns in visitors.items() if turns],
        )
        executemany("DELETE FROM link WHERE user = ?", [(user,) for user in users])
        executemany(
            "INSERT OR IGNORE INTO link (user, visitor) VALUES (?, ?)",
            [(turn.user, each) for each, turns in visitors.items() for turn in turns],
        )
        executemany("DELETE FROM warning WHERE user = ?", [(user,) for user in users])
        execute(
            "INSERT INTO warning SELECT user, count(*) FROM link"
            " WHERE user IN (SELECT value FROM json_each(?)) GROUP BY user HAVING count(*) > ?",
            (json.dumps(sorted(users)), MANY_VISITORS),
        )
        # A move of old must not be taken along by a later one: its rows were given back.
        execute(
            "DELETE FROM move WHERE person IN (SELECT value FROM json_each(?1))"
            " OR target IN (SELECT value FROM json_each(?1))",
            (labels,),
        )
        execute("COMMIT")
        self._users.forget_all()
        self._persons.forget_all()
        free = np.array([each for each, turns in visitors.items() if not turns], dtype=np.int64)
        self._linked = self._linked[~np.isin(self._linked, free)]
        return component

    def _component(self, pair: Pair) -> Component:
        """Go through what was said of everybody who is connected with two."""
        execute = self._rows.execute
        execute("CREATE INDEX IF NOT EXISTS said_a ON said (a)")
        execute("CREATE INDEX IF NOT EXISTS said_b ON said (b)")
        seen: set[int] = set()
        new, said = {pair.user, pair.other}, dict[int, Said]()
        while new:
            seen |= new
            found = execute(
                "SELECT seq, how, a, b, at_us, position FROM said WHERE a IN"
                " (SELECT value FROM json_each(?1)) OR b IN (SELECT value FROM json_each(?1))",
                (json.dumps(sorted(new)),),
            ).fetchall()
            said |= {seq: Said(How(how), *rest) for seq, how, *rest in found}
            new = {end for each in said.values() for end in (each.a, each.b)} - seen
        for index in ("said_a", "said_b"):
            execute(f"DROP INDEX {index}")
        before = dict(
            execute(
                "SELECT user, person FROM user WHERE user IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted(seen)),),
            )
        )
        ordered = [said[seq] for seq in sorted(said)]
        return component_of(ordered, undone=self._undone, persons=before)

    def learn_again(self, known: pa.Table, *, moves: pa.Table) -> None:
        """Fill an empty file from the rows of the lake.

        The first row of a user always is the user's own; a visitor was attached to a
        user when a row of both is that person's, and is on the user who came last.

        Args:
            known: One row per `user_id`, `visitor_id` and `person`, with `first` and
                `position` of the earliest and `last` and `last_position` of the latest event.
            moves: Columns `person` and `target`: who moved and is not rewritten yet.
        """
        if not known.num_rows:
            return
        rows = known.filter(_identify(known["user_id"])).sort_by(
            [("first", "ascending"), ("position", "ascending")]
        )
        people: dict[str, int] = {}
        for row in rows.select(["user_id", "person"]).to_pylist():
            people.setdefault(row["user_id"], row["person"])
        steps = [
            Step("user", person_of_user(self.site, user), person) for user, person in people.items()
        ]
        steps += self._attached_again(rows.to_pylist(), people)
        steps += [Step("move", row["person"], row["target"]) for row in moves.to_pylist()]
        self.keep(steps)

    def _attached_again(
        self, rows: Sequence[Mapping[str, Any]], people: Mapping[str, int]
    ) -> Iterator[Step]:
        """Say again on whom visitors were, as well as rows tell: the first time and the last."""
        times: list[tuple[datetime, int, int, int]] = []
        claims: set[int] = set()
        for row in rows:
            if row["visitor_id"] is None or not identifies(row["visitor_id"]):
                continue
            visitor = person_of_visitor(self.site, row["visitor_id"])
            user = person_of_user(self.site, row["user_id"])
            if row["person"] == claim_of(visitor, user):
                user = row["person"]
                claims.add(user)
            elif row["person"] != people[row["user_id"]]:
                continue
            times.append((row["first"], row["position"], visitor, user))
            times.append((row["last"], row["last_position"], visitor, user))
        yield from (Step("user", claim, claim) for claim in sorted(claims))
        on: dict[int, int] = {}
        seen: set[int] = set()
        for at, position, visitor, user in sorted(times):
            if on.get(visitor) == user:
                continue
            how = How.SWITCH if visitor in on else How.MERGE if user in seen else How.ADOPT
            on[visitor] = user
            seen.add(user)
            at_us = round(at.timestamp() * 1_000_000)
            yield Step("visitor", visitor, user, how, at_us, position)

    def moves(self, steps: Iterable[Step] = ()) -> pa.Table:
        """List the persons whose rows in the lake are not rewritten yet, and who they are now.

        Args:
            steps: What was learned and is not kept yet.
        """
        moves = dict(self._rows.execute("SELECT person, target FROM move WHERE NOT settled"))
        for step in steps:
            if step.kind in {"move", "rename"}:
                for person, target in moves.items():
                    if target == step.a:
                        moves[person] = step.b
                moves.pop(step.b, None)
                if step.kind == "move":
                    moves[step.a] = step.b
        ordered = sorted(moves.items())
        return pa.table(
            {
                "person": pa.array([person for person, _ in ordered], pa.int64()),
                "target": pa.array([target for _, target in ordered], pa.int64()),
            }
        )

    def settle(self, moved: Iterable[int]) -> None:
        """Remember that these persons' rows were rewritten."""
        self._rows.execute("BEGIN IMMEDIATE")
        self._rows.executemany(
            "UPDATE move SET settled = 1 WHERE person = ?", [(person,) for person in moved]
        )
        self._rows.execute("COMMIT")

    def is_new(self) -> bool:
        """Say whether nothing was ever kept here."""
        return not self._rows.execute("SELECT EXISTS (SELECT 1 FROM user)").fetchone()[0]

    def sync(self) -> None:
        """Return when what is kept would survive a power cut."""
        self._rows.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def shared(self) -> int:
        """Count the visitors that more users were seen on than one device has."""
        return int(self._rows.execute("SELECT count(*) FROM shared").fetchone()[0])

    def crowded(self) -> int:
        """Count the users that were seen on more visitors than one person has."""
        return int(self._rows.execute("SELECT count(*) FROM warning").fetchone()[0])

    def _are_linked(self, visitors: Persons) -> np.ndarray[Any, np.dtype[np.bool_]]:
        # The array is kept sorted: with millions of visitors, sorting it per batch would tell.
        if not len(self._linked):
            return np.zeros(len(visitors), dtype=bool)
        place = np.searchsorted(self._linked, visitors)
        found: np.ndarray[Any, np.dtype[np.bool_]] = (
            self._linked[np.minimum(place, len(self._linked) - 1)] == visitors
        )
        return found

    def _keep(self, kind: str, pairs: Sequence[tuple[int, int]]) -> None:
        execute = self._rows.executemany
        match kind:
            case "visitor":
                execute("INSERT OR REPLACE INTO visitor VALUES (?, ?)", pairs)
                execute("INSERT OR IGNORE INTO link (visitor, user) VALUES (?, ?)", pairs)
            case "user":
                execute("INSERT OR IGNORE INTO user VALUES (?, ?)", pairs)
            case "alias":
                pass
            case "move" | "rename":
                for person, target in pairs:
                    self._move(person, target, rows=kind == "move")
            case _:
                raise AssertionError(kind)

    def _keep_said(self, said: Sequence[Step]) -> None:
        if not said:
            return
        new = [(step.how, step.a, step.b, step.at_us, step.position) for step in said]
        last = self._rows.execute(
            "SELECT how, a, b, at_us, position FROM said ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        # Steps are kept together or not at all, and only the last ones are ever done again.
        if last != new[-1]:
            self._rows.executemany(
                "INSERT INTO said (how, a, b, at_us, position) VALUES (?, ?, ?, ?, ?)", new
            )

    def _move(self, person: int, target: int, *, rows: bool) -> None:
        execute = self._rows.execute
        execute("UPDATE user SET person = ? WHERE person = ?", (target, person))
        execute("UPDATE move SET target = ?, settled = 0 WHERE target = ?", (target, person))
        execute("DELETE FROM move WHERE person = ?", (target,))
        if rows:
            execute("INSERT OR REPLACE INTO move VALUES (?, ?, 0)", (person, target))

    def _known(self, visitors: _Names, users: _Names) -> _Known:
        linked = visitors.persons[self._are_linked(visitors.persons)].tolist()
        current = self._users.of(linked)
        known = self._persons.of(sorted({*users.persons.tolist(), *current.values()}))
        return _Known(current=current, person=known, links={}, ask=self._person_of)

    def _links(self, users: Persons) -> dict[int, set[int]]:
        links: dict[int, set[int]] = {}
        for user, visitor in self._rows.execute(
            "SELECT user, visitor FROM link WHERE user IN (SELECT value FROM json_each(?))",
            (json.dumps(np.unique(users).tolist()),),
        ):
            links.setdefault(user, set()).add(visitor)
        return links

    def _person_of(self, user: int) -> int | None:
        row = self._rows.execute("SELECT person FROM user WHERE user = ?", (user,)).fetchone()
        return None if row is None else int(row[0])

    def _telling(
        self,
        batch: _Batch,
        named: np.ndarray[Any, np.dtype[np.bool_]],
        aliases: np.ndarray[Any, np.dtype[np.bool_]],
        trusted: np.ndarray[Any, np.dtype[np.bool_]],
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Find the few rows that say something new about who is who.

        Of a pair of visitor and user only the first row of each kind of key can, unless the
        visitor has several users in these rows: then each of its named rows may be a change
        of hands.
        """
        rows = np.flatnonzero(named)
        visitor, user = batch.visitors.codes[rows], batch.users.codes[rows]
        pair = (visitor + 1).astype(np.int64) * (len(batch.users.persons) + 1) + user
        pairs = np.unique(pair)
        first = np.unique(2 * pair + trusted[rows].astype(bool), return_index=True)[1]
        of_pair = pairs // (len(batch.users.persons) + 1) - 1
        held, count = np.unique(of_pair[of_pair >= 0], return_counts=True)
        batch.changing = set(held[count > 1].tolist())
        firsts = rows[first]
        current = batch.known.current
        fresh = [row for row in firsts.tolist() if batch.is_news(row, current)]
        changing = rows[np.isin(visitor, np.array(sorted(batch.changing), dtype=np.int64))]
        return np.unique(
            np.concatenate([np.array(fresh, np.int64), changing, np.flatnonzero(aliases & named)])
        )


@dataclass(slots=True)
class _Answers:
    """What the file answered lately, so that people who come again are not looked up again.

    Attributes:
        rows: The file.
        statement: Asks for key and value of a JSON list of keys.
    """

    rows: sqlite3.Connection
    statement: str
    _known: dict[int, int] = field(default_factory=dict)

    def of(self, keys: Sequence[int]) -> dict[int, int]:
        """Look keys up; those that the file does not have are left out."""
        found: dict[int, int] = {}
        missing: list[int] = []
        for key, value in zip(keys, map(self._known.get, keys), strict=True):
            if value is None:
                missing.append(key)
            else:
                found[key] = value
        if missing:
            answers = dict(self.rows.execute(self.statement, (json.dumps(missing),)))
            found |= answers
            if len(self._known) + len(answers) > _REMEMBERED:
                self._known.clear()
            self._known |= answers
        return found

    def forget(self, keys: Iterable[int]) -> None:
        """Drop the answers that were changed."""
        for key in keys:
            self._known.pop(key, None)

    def forget_all(self) -> None:
        """Drop every answer."""
        self._known.clear()


@dataclass(frozen=True, slots=True)
class _Names:
    """A column of ids as codes into its distinct legal values; -1 names nobody."""

    codes: np.ndarray[Any, np.dtype[np.int64]]
    persons: Persons

    @classmethod
    def of(
        cls, site: str, column: pa.ChunkedArray, person: Callable[[str, str], int | None]
    ) -> _Names:
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        found = [person(site, name) for name in encoded.dictionary.to_pylist()]
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        if None in found:
            legal = np.array([one is not None for one in found], dtype=bool)
            remap = np.where(legal, np.cumsum(legal, dtype=np.int64) - 1, -1)
            codes = np.where(codes >= 0, remap[codes], -1)
        return cls(codes, np.array([one for one in found if one is not None], np.int64))


@dataclass(slots=True)
class _Known:
    """What the file knows of the visitors and users of a batch.

    Attributes:
        current: Visitor → the user it is on now.
        person: User → person.
        links: User of a telling row → every visitor it was ever seen on.
        ask: Looks up a user that is not among them.
    """

    current: dict[int, int]
    person: dict[int, int]
    links: dict[int, set[int]]
    ask: Callable[[int], int | None]


@dataclass(slots=True)
class _Batch:
    """Learns from the telling rows of one batch, in the order of arrival."""

    known: _Known
    visitors: _Names
    users: _Names
    undone: frozenset[Pair] = frozenset()
    moment: tuple[int, int] = (0, 0)
    changing: set[int] = field(default_factory=set)
    sizes: dict[int, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    _before: dict[int, list[tuple[int, int | None]]] = field(default_factory=dict)

    def is_news(self, row: int, current: Mapping[int, int]) -> bool:
        user = int(self.users.persons[self.users.codes[row]])
        code = self.visitors.codes[row]
        if code < 0:
            return user not in self.known.person
        return current.get(int(self.visitors.persons[code])) != user

    def may_move(
        self,
        telling: np.ndarray[Any, np.dtype[np.int64]],
        former: Sequence[str | None],
        *,
        site: str,
    ) -> list[int]:
        """List the persons whose sizes a merge would compare.

        A user who is new and comes with one visitor adopts it, and nothing moves.
        """
        users = self.users.persons[self.users.codes[telling]]
        names, count = np.unique(users, return_counts=True)
        several = set(names[count > 1].tolist())
        found: set[int] = set()
        for row, user, previous in zip(telling.tolist(), users.tolist(), former, strict=True):
            if previous is not None:
                other = person_of_user(site, previous)
                found.update({self._of_user(other), person_of_visitor(site, previous)})
            elif user not in self.known.person and user not in several:
                continue
            found.add(self.known.person.get(user, user))  # pyright: ignore[reportArgumentType]
            code = self.visitors.codes[row]
            if code >= 0:
                found.add(int(self.visitors.persons[code]))
        return sorted(found)

    def learn(self, row: int, *, trusted: bool, previous: str | None, site: str) -> None:
        """Take in what one row says."""
        user = int(self.users.persons[self.users.codes[row]])
        code = int(self.visitors.codes[row])
        if previous is not None:
            self._alias(previous, user, trusted=trusted, site=site)
        if code < 0:
            self._user(user, user)
            return
        self._identify(row, code, user, trusted=trusted)

    def persons(self, unnamed: Persons) -> Persons:
        """Lay out whose each row is."""
        visitors, known_person = self.visitors.persons.tolist(), self.known.person
        own = np.array(
            [
                visitor if user is None else known_person.get(user) or self._of_user(user)
                for visitor, user in zip(
                    visitors, map(self.known.current.get, visitors), strict=True
                )
            ],
            dtype=np.int64,
        )
        known = np.array(
            [self._of_user(user) for user in self.users.persons.tolist()], dtype=np.int64
        )
        result = unnamed.copy()
        by_user = (self.visitors.codes < 0) & (self.users.codes >= 0)
        result[by_user] = known[self.users.codes[by_user]]
        by_visitor = self.visitors.codes >= 0
        result[by_visitor] = own[self.visitors.codes[by_visitor]]
        for code, changes in self._before.items():
            rows = np.flatnonzero(self.visitors.codes == code)
            for upto, user in reversed(changes):
                person = int(self.visitors.persons[code]) if user is None else self._of_user(user)
                result[rows[rows < upto]] = person
        return result

    def _identify(self, row: int, code: int, user: int, *, trusted: bool) -> None:
        visitor = int(self.visitors.persons[code])
        current = self.known.current.get(visitor)
        if current == user:
            return
        others = self.known.links.get(user, set()) - {visitor}
        attached = visitor in self.known.links.get(user, set())
        # Anybody can read a public key from the page: it may not claim a user that
        # is somebody already.
        if others and not trusted and not attached:
            if current is None:
                return
            user = claim_of(visitor, user)
            if current == user:
                return
        if current is not None:
            # A shared device: what was before stays with the former user, nobody merges.
            self._before.setdefault(code, []).append((row, current))
            self._user(user, user)
            how = How.SWITCH
        elif Pair(user, visitor) in self.undone:
            return
        elif user not in self.known.person:
            self._user(user, visitor)
            how = How.ADOPT
        else:
            self._merge(self._of_user(user), visitor)
            how = How.MERGE
        self._attach(visitor, user, how)

    def _attach(self, visitor: int, user: int, how: How) -> None:
        self.known.current[visitor] = user
        self.known.links.setdefault(user, set()).add(visitor)
        self.steps.append(Step("visitor", visitor, user, how, *self.moment))

    def _alias(self, previous: str, user: int, *, trusted: bool, site: str) -> None:
        if not trusted or not identifies(previous):
            return
        former = person_of_user(site, previous)
        self._user(user, user)
        if former in self.known.person:
            if Pair(user, former) in self.undone or Pair(former, user) in self.undone:
                return
            if self._of_user(user) != self._of_user(former):
                self._merge(self._of_user(user), self._of_user(former))
                self.steps.append(Step("alias", former, user, How.ALIAS, *self.moment))
            return
        visitor = person_of_visitor(site, previous)
        if self.known.current.get(visitor) is None and Pair(user, visitor) not in self.undone:
            self._merge(self._of_user(user), visitor)
            self._attach(visitor, user, How.MERGE)

    def _user(self, user: int, person: int) -> None:
        if user not in self.known.person:
            self.known.person[user] = person
            self.steps.append(Step("user", user, person))

    def _merge(self, left: int, right: int) -> None:
        if left == right:
            return
        # The smaller moves; of two equally small ones the second, so that a replay agrees.
        if self.sizes.get(right, 0) > self.sizes.get(left, 0):
            left, right = right, left
        for user, person in self.known.person.items():
            if person == right:
                self.known.person[user] = left
        moving = self.sizes.pop(right, 0)
        self.sizes[left] = self.sizes.get(left, 0) + moving
        self.steps.append(Step("move" if moving else "rename", right, left))

    def _of_user(self, user: int) -> int:
        person = self.known.person.get(user)
        if person is None:
            person = self.known.ask(user)
            if person is None:
                return user
            self.known.person[user] = person
        return person


@lru_cache(maxsize=1 << 17)
def _visitor(site: str, name: str) -> int | None:
    return person_of_visitor(site, name) if identifies(name) else None


@lru_cache(maxsize=1 << 15)
def _user(site: str, name: str) -> int | None:
    return person_of_user(site, name) if identifies(name) else None


def _identify(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([identifies(name) for name in column.to_pylist()], pa.bool_())


def _digest(site: str, kind: str, name: str) -> int:
    text = f"{site}\x00{kind}\x00{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True)
