"""Removes a person from everything that the lake keeps: no byte of ids or events stays."""

from __future__ import annotations

import fcntl
import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from truelift.lake.durable import write_durably
from truelift.lake.erasure_list import Digests, Receipt, Request, Target, Who, receipts
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.indexing import remove_outdated
from truelift.lake.leaving_out import LeftOut, Rule, leave_out, rewriting_engine, text
from truelift.lake.mentions import bad_item_pattern, pattern_of, words_of
from truelift.lake.merges import undo_requests
from truelift.lake.snapshot import SiteReader
from truelift.lake.tables import LakeState


_REJECT_FILE: Final = re.compile(r"^(?P<site>[a-z][a-z0-9-]{1,39})-[0-9a-f]{16}\.ndjson$")
_TEXTS: Final = (
    "message_id",
    "event",
    "url",
    "host",
    "path",
    "title",
    "referrer",
    "source",
    "medium",
    "campaign",
    "term",
    "content",
    "experiment",
    "variant",
    "properties",
    "context",
)
"""Columns in which other people's events may name somebody."""

_WHOSE: Final = "arg_min(person, (state <> 'stored', received_at, position))"
"""The person of a visitor's first event: whoever came later on a shared device is a guest."""


@dataclass(slots=True)
class Erasure:
    """Does what one request asks for; every step may be done again after a crash.

    Whoever calls holds the loader's lock, has brought the whole journal into the lake
    and closed the site's identities.

    Attributes:
        home: The installation.
        request: What was asked for.
        now: The clock.
        reached: Called with the name of every point between two writes.
    """

    home: Home
    request: Request
    now: Callable[[], datetime]
    reached: Callable[[str], None]
    _digests: Digests = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._digests = Digests.of(self.home)

    def find(self) -> tuple[str, ...]:
        """Find out whom the request is about, and write it down; say which sites that touches."""
        if self.request.targets is None:
            targets = (
                tuple(self._listed()) if self.request.again else (self._named(self.request.site),)
            )
            self.request = replace(self.request, targets=targets)
            self.request.write(self.home)
            self.reached("erasure.found")
        return tuple(sorted({target.site for target in self.request.targets or ()}))

    def remove(self) -> None:
        """Remove everything of everybody that the request is about."""
        for number, target in enumerate(self.request.targets or ()):
            self._remove_rows(number, target)
            remove_outdated(self.home, target.site)
            self.reached("erasure.index.removed")
            self._forget_identity(target)
            self.reached("erasure.identity.forgotten")

    def finish(self) -> Receipt:
        """Clean the reject files, write the receipt and leave the rest to the application."""
        rejected = sum(self._clean_rejects(target) for target in self.request.targets or ())
        self._remove_leftovers()
        self.reached("erasure.rejects.cleaned")
        receipt = self._digests.receipt(self.request, rejected=rejected, now=self.now())
        receipt.write(self.home)
        self.reached("erasure.receipt.written")
        self.request.hand_over(self.home)
        self.reached("erasure.handed.over")
        return receipt

    # Finding

    def _named(self, site: str) -> Target:
        kind, who = self.request.kind, self.request.who
        with self._rows(site) as rows, self._known(site) as known:
            seed = _seed(rows, known, site, kind, who)
            moved = _first(known, "SELECT target FROM move WHERE person = ?", seed)
            seed = seed if moved is None else moved
            former = known.execute("SELECT person FROM move WHERE target = ?", (seed,)).fetchall()
            persons = {seed, *(person for (person,) in former)}
            rows.register("persons", pa.table({"person": pa.array(sorted(persons), pa.int64())}))
            visitors = _column(
                rows,
                "SELECT visitor_id FROM all_events WHERE visitor_id IN (SELECT visitor_id FROM"
                " all_events WHERE person IN (SELECT person FROM persons)) GROUP BY visitor_id"
                f" HAVING {_WHOSE} IN (SELECT person FROM persons)",
            )
            candidates = _column(
                rows,
                "SELECT DISTINCT user_id FROM all_events"
                " WHERE user_id IS NOT NULL AND person IN (SELECT person FROM persons)",
            )
            users = {name for name in candidates if _person_of(known, site, name) in persons}
            addresses = _addresses(rows, persons, users)
        if kind is Who.VISITOR:
            visitors.add(who)
        if kind is Who.USER:
            users.add(who)
        persons |= {person_of_visitor(site, name) for name in visitors}
        persons |= {person_of_user(site, name) for name in users}
        return Target(
            site=site,
            visitors=tuple(sorted(visitors)),
            users=tuple(sorted(users)),
            persons=tuple(sorted(persons)),
            addresses=tuple(sorted(addresses)),
        )

    def _listed(self) -> Iterator[Target]:
        """Find those of the erasure list in what is there now, site by site."""
        entries = [entry for entry in receipts(self.home) if not entry.again]
        for site in sorted({entry.site for entry in entries}):
            mine = [entry for entry in entries if entry.site == site]
            last_ms = max(entry.erased_at_ms for entry in mine)
            there = self._there(site, last_ms)
            for entry in mine:
                visitors = [there[digest] for digest in entry.visitors if digest in there]
                users = [there[digest] for digest in entry.users if digest in there]
                persons = [int(there[digest]) for digest in entry.persons if digest in there]
                if visitors or users or persons:
                    with self._rows(site) as rows:
                        addresses = _addresses(rows, persons, users)
                    yield Target(
                        site=site,
                        visitors=tuple(sorted(visitors)),
                        users=tuple(sorted(users)),
                        persons=tuple(sorted(persons)),
                        until_ms=entry.erased_at_ms,
                        addresses=tuple(sorted(addresses)),
                    )

    def _there(self, site: str, until_ms: int) -> dict[str, str]:
        """Give every id that is there by its digest."""
        bound = f"received_at <= {_instant(until_ms)}"
        visitors: set[str] = set()
        users: set[str] = set()
        words: set[str] = set()
        with self._rows(site) as rows:
            for column, found in (("visitor_id", visitors), ("user_id", users)):
                found.update(
                    _column(
                        rows,
                        f"SELECT DISTINCT {column} FROM all_events"
                        f" WHERE {column} IS NOT NULL AND {bound}",
                    )
                )
            persons = _column(
                rows, f"SELECT DISTINCT person::VARCHAR FROM all_events WHERE {bound}"
            )
            for bad in _column(
                rows,
                f"SELECT properties FROM all_events WHERE state <> 'stored' AND {bound}"
                " AND properties IS NOT NULL",
            ):
                words.update(words_of(bad))
        for path in self._reject_files(site):
            for line in path.read_text(encoding="utf-8").splitlines():
                words.update(words_of(_reject_text(line)))
        # What the identities know besides are numbers that ids lead to.
        with self._known(site) as known:
            for statement in (
                "SELECT visitor FROM visitor",
                "SELECT visitor FROM link",
                "SELECT user FROM user",
                "SELECT person FROM user",
                "SELECT person FROM move",
                "SELECT target FROM move",
            ):
                persons |= {str(number) for (number,) in known.execute(statement)}
        digest = self._digests.digest
        return {
            **{digest(site, Who.VISITOR, name): name for name in visitors | words},
            **{digest(site, Who.USER, name): name for name in users | words},
            **{digest(site, Who.PERSON, number): number for number in persons},
        }

    # Removing

    def _remove_rows(self, number: int, target: Target) -> None:
        reader = SiteReader(self.home, target.site)
        table = reader.table
        state = table.current()
        if state is None:
            return
        with rewriting_engine(self.home) as engine:
            _register(engine, target)
            again = state.counts.erased
            name = f"erase-{self.request.key}-{number}-{state.version:012d}"
            done = leave_out(engine, table, state, _rule(target), name=name, reached=self.reached)
        # Rows that an interrupted attempt has removed are counted by what it had planned.
        committed = target.erased_before is not None and again > target.erased_before
        was = target if committed else replace(target, stored=0, quarantined=0, unnamed=0)
        planned = replace(
            was,
            erased_before=again,
            stored=was.stored + done.stored,
            quarantined=was.quarantined + done.quarantined,
            unnamed=was.unnamed + done.changed,
        )
        self._write(number, planned)
        self.reached("erasure.planned")
        if done.removed:
            self._commit(reader, state, done)
            self.reached("erasure.committed")
        table.forget_history()
        self.reached("erasure.history.forgotten")

    def _commit(self, reader: SiteReader, state: LakeState, done: LeftOut) -> None:
        reader.table.rewrite(
            state,
            removed=done.removed,
            added=done.added,
            buckets=state.buckets,
            now=self.now(),
            counts=done.counts(erased=done.rows),
        )

    def _write(self, number: int, target: Target) -> None:
        targets = list(self.request.targets or ())
        targets[number] = target
        self.request = replace(self.request, targets=tuple(targets))
        self.request.write(self.home)

    def _forget_identity(self, target: Target) -> None:
        path = self._identity_file(target.site)
        visitors, users, persons = self._gone(target)
        _forget_undo_requests(self.home, target.site, visitors | users)
        if not path.exists():
            return
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as known:
            known.execute("PRAGMA secure_delete = ON").fetchall()
            known.execute("BEGIN IMMEDIATE")
            known.execute("CREATE TEMP TABLE v (id INTEGER PRIMARY KEY)")
            known.execute("CREATE TEMP TABLE u (id INTEGER PRIMARY KEY)")
            known.execute("CREATE TEMP TABLE p (id INTEGER PRIMARY KEY)")
            for name, numbers in (("v", visitors), ("u", users), ("p", persons)):
                known.executemany(
                    f"INSERT INTO temp.{name} VALUES (?)", [(number,) for number in numbers]
                )
            tables = {name for (name,) in known.execute("SELECT name FROM sqlite_schema")}
            for statement in _FORGET:
                if tables.issuperset({"shared", "said"} & set(statement.split())):
                    known.execute(statement)
                if statement.startswith("DELETE FROM link"):
                    # A device that belongs to somebody else goes back to that one.
                    back = dict(known.execute(_GIVEN_BACK).fetchall())
                    known.executemany(
                        "UPDATE visitor SET user = ? WHERE visitor = ?",
                        [(user, visitor) for visitor, user in back.items()],
                    )
            known.execute("COMMIT")
            known.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            known.execute("VACUUM")
            known.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        _forget_undone(path, visitors | users)

    def _gone(self, target: Target) -> tuple[set[int], set[int], set[int]]:
        """Say which numbers nobody has any more; a list applied again spares who came later."""
        site = target.site
        visitors, users, persons = set(target.visitors), set(target.users), set(target.persons)
        if target.until_ms is not None:
            with self._rows(site) as rows:
                _register(rows, target)
                for column, found, relation in (
                    ("visitor_id", visitors, "erased_visitors"),
                    ("user_id", users, "erased_users"),
                ):
                    found.difference_update(
                        _column(
                            rows,
                            f"SELECT DISTINCT {column} FROM all_events"
                            f" WHERE {column} IN (SELECT id FROM {relation})",
                        )
                    )
                persons -= _column(
                    rows,
                    "SELECT DISTINCT person FROM all_events"
                    " WHERE person IN (SELECT person FROM erased_persons)",
                )
        return (
            {person_of_visitor(site, name) for name in visitors},
            {person_of_user(site, name) for name in users},
            persons,
        )

    def _clean_rejects(self, target: Target) -> int:
        pattern = bad_item_pattern(target.ids)
        if pattern is None:
            return 0
        names = re.compile(pattern)
        gone = 0
        for path in self._reject_files(target.site):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not names.search(_reject_text(line))]
            if len(kept) == len(lines):
                continue
            gone += len(lines) - len(kept)
            if kept:
                write_durably(path, "".join(kept).encode())
            else:
                path.unlink()
        return gone

    def _remove_leftovers(self) -> None:
        """Remove what imports left behind that were killed, of sites that none goes into now."""
        for lock in sorted(self.home.journal.glob("import-*/bulk.lock")):
            with _if_free(lock) as free:
                if free:
                    _remove(lock.parent.glob("bulk-*.partial"))
        for target in self.request.targets or ():
            with _if_free(self.home.loader / f"imports-{target.site}.lock") as free:
                if free:
                    _remove(self.home.rejects.glob(f"{target.site}-*.partial"))

    # Where things are

    def _reject_files(self, site: str) -> list[Path]:
        found = []
        for path in sorted(self.home.rejects.glob("*.ndjson")):
            name = _REJECT_FILE.match(path.name)
            if name and name["site"] == site:
                found.append(path)
        return found

    def _identity_file(self, site: str) -> Path:
        return self.home.loader / "identities" / f"{site}.sqlite3"

    @contextmanager
    def _known(self, site: str) -> Iterator[sqlite3.Connection]:
        path = self._identity_file(site)
        with closing(sqlite3.connect(path if path.exists() else ":memory:")) as known:
            if not path.exists():
                known.executescript(
                    "CREATE TABLE visitor (visitor, user); CREATE TABLE link (user, visitor);"
                    " CREATE TABLE user (user, person); CREATE TABLE move (person, target)"
                )
            yield known

    @contextmanager
    def _rows(self, site: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open an engine that sees every row of the lake as `all_events`."""
        table = SiteReader(self.home, site).table
        state = table.current()
        with (
            table.store.local(state.files if state else ()) as found,
            rewriting_engine(self.home) as engine,
        ):
            paths = ", ".join(text(str(path)) for path in found)
            if not paths:
                engine.register("all_events", _NO_ROWS)
            else:
                engine.execute(
                    f"CREATE VIEW all_events AS SELECT * FROM read_parquet([{paths}],"
                    " hive_partitioning = false, union_by_name = true)"
                )
            yield engine


_NO_ROWS: Final = pa.table(
    {
        "person": pa.array([], pa.int64()),
        "position": pa.array([], pa.int64()),
        "received_at": pa.array([], pa.timestamp("us", tz="UTC")),
        **{name: pa.array([], pa.string()) for name in ("visitor_id", "user_id", "state")},
        **{name: pa.array([], pa.string()) for name in ("event", "properties")},
    }
)

_GIVEN_BACK: Final = """
SELECT visitor.visitor, link.user FROM visitor
JOIN link ON link.visitor = visitor.visitor LEFT JOIN user ON user.user = link.user
WHERE visitor.user IN (SELECT id FROM u)
ORDER BY visitor.visitor, user.person = visitor.visitor, link.user
"""
"""Devices of others that the erased one used last, and whose they are; the owner comes last."""

_FORGET: Final = (
    "INSERT OR IGNORE INTO u SELECT user FROM user WHERE person IN (SELECT id FROM p)",
    "DELETE FROM warning WHERE user IN (SELECT id FROM u)",
    "DELETE FROM shared WHERE visitor IN (SELECT id FROM v)",
    "DELETE FROM said WHERE a IN (SELECT id FROM v) OR a IN (SELECT id FROM u)",
    "DELETE FROM said WHERE b IN (SELECT id FROM u)",
    "DELETE FROM link WHERE user IN (SELECT id FROM u) OR visitor IN (SELECT id FROM v)",
    "DELETE FROM visitor WHERE visitor IN (SELECT id FROM v) OR user IN (SELECT id FROM u)",
    "DELETE FROM user WHERE user IN (SELECT id FROM u)",
    "DELETE FROM move WHERE person IN (SELECT id FROM p) OR target IN (SELECT id FROM p)",
)


def _addresses(
    rows: duckdb.DuckDBPyConnection, persons: Collection[int], users: Collection[str]
) -> set[str]:
    """Give the addresses that the site has told of somebody when it said who they are."""
    rows.register("told_of", pa.table({"person": pa.array(sorted(persons), pa.int64())}))
    rows.register("told_as", pa.table({"id": pa.array(sorted(users), pa.string())}))
    told = _column(
        rows,
        "SELECT DISTINCT properties FROM all_events WHERE event = 'identify'"
        " AND properties IS NOT NULL AND person IN (SELECT person FROM told_of)"
        " AND (user_id IS NULL OR user_id IN (SELECT id FROM told_as))",
    )
    found = (json.loads(each).get("email") for each in told)
    return {each for each in found if isinstance(each, str) and _ADDRESS.fullmatch(each)}


_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


def _forget_undo_requests(home: Home, site: str, numbers: set[int]) -> None:
    """Forget merges that are to be undone of somebody who is gone: nothing is left to undo."""
    for request in undo_requests(home):
        if request.site == site and {request.pair.user, request.pair.other} & numbers:
            request.finish()


def _forget_undone(identities: Path, numbers: set[int]) -> None:
    """Forget merges that were undone of somebody who is gone."""
    path = identities.with_suffix(".undone.json")
    if not path.exists():
        return
    undone = json.loads(path.read_bytes())
    kept = [each for each in undone if not {each["user"], each["other"]} & numbers]
    if len(kept) < len(undone):
        write_durably(path, json.dumps(kept, indent=1).encode())


def _register(engine: duckdb.DuckDBPyConnection, target: Target) -> None:
    persons = pa.array(target.persons, pa.int64())
    engine.register("erased_persons", pa.table({"person": persons}))
    for name, ids in (("erased_visitors", target.visitors), ("erased_users", target.users)):
        engine.register(name, pa.table({"id": pa.array(ids, pa.string())}))


def _rule(target: Target) -> Rule:
    by_name = (
        "(visitor_id IN (SELECT id FROM erased_visitors)"
        " OR user_id IN (SELECT id FROM erased_users))"
    )
    everything = f"concat_ws(' ', {', '.join(_TEXTS)})"
    bad, telling = bad_item_pattern(target.ids), pattern_of(target.ids)
    unreadable = f"coalesce({by_name}, false)"
    if bad is not None:
        unreadable += f" OR regexp_matches({everything}, {text(bad)})"
    gone = (
        f"(person IN (SELECT person FROM erased_persons) OR (state <> 'stored' AND ({unreadable})))"
    )
    named = f"coalesce({by_name}, false)"
    replaced = {
        column: f"CASE WHEN {column} IN (SELECT id FROM {relation}) THEN NULL ELSE {column} END"
        for column, relation in (("visitor_id", "erased_visitors"), ("user_id", "erased_users"))
    }
    if telling is not None:
        named += f" OR regexp_matches({everything}, {text(telling)})"
        for column in _TEXTS:
            # Twice, because two that stand side by side share what is between them.
            masked = column
            for _ in range(2):
                masked = f"regexp_replace({masked}, {text(telling)}, '\\1erased\\2', 'g')"
            replaced[column] = masked
    if target.until_ms is not None:
        bound = f"received_at <= {_instant(target.until_ms)}"
        gone, named = f"({bound} AND {gone})", f"{bound} AND ({named})"
        replaced = {
            column: f"CASE WHEN {bound} THEN {changed} ELSE {column} END"
            for column, changed in replaced.items()
        }
    return Rule(gone=gone, named=f"({named})", replaced=replaced)


def _seed(
    rows: duckdb.DuckDBPyConnection,
    known: sqlite3.Connection,
    site: str,
    kind: Who | None,
    who: str,
) -> int:
    """Give the person that a request names."""
    if kind is Who.PERSON:
        return int(who)
    if kind is Who.USER:
        return _person_of(known, site, who)
    ((owner,),) = rows.execute(
        f"SELECT {_WHOSE} FROM all_events WHERE visitor_id = ?", [who]
    ).fetchall()
    if owner is not None:
        return int(owner)
    visitor = person_of_visitor(site, who)
    found = _first(
        known,
        "SELECT person FROM user JOIN visitor USING (user) WHERE visitor = ?",
        visitor,
    )
    return visitor if found is None else found


def _person_of(known: sqlite3.Connection, site: str, user_id: str) -> int:
    user = person_of_user(site, user_id)
    found = _first(known, "SELECT person FROM user WHERE user = ?", user)
    return user if found is None else found


def _first(known: sqlite3.Connection, statement: str, number: int) -> int | None:
    row = known.execute(statement, (number,)).fetchone()
    return None if row is None else int(row[0])


def _column(rows: duckdb.DuckDBPyConnection, statement: str) -> set[Any]:
    return {value for (value,) in rows.execute(statement).fetchall()}


def _instant(epoch_ms: int) -> str:
    return f"make_timestamptz({epoch_ms}::BIGINT * 1000)"


def _reject_text(line: str) -> str:
    try:
        return str(json.loads(line)["text"])
    except (ValueError, KeyError, TypeError):
        return line


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


@contextmanager
def _if_free(lock: Path) -> Iterator[bool]:
    """Hold a lock if nobody does; say whether."""
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
