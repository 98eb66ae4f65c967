"""A site's events as a Delta table: what is in it at one version, and how rows get in."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from truelift.errors import Outage
from truelift.lake.file_cache import planned_name
from truelift.lake.ledger import Counts
from truelift.lake.schema import EVENTS
from truelift.lake.storage import LOG, StorageUnreachable, TableStore


log: Final = logging.getLogger(__name__)

_TRIES: Final = 5
_AWAY_S: Final = 5.0
"""So long nobody tries a store again that did not answer, unless something must be known."""

_REST_S: Final = 0.05

COMMITS_PER_CHECKPOINT: Final = 20
"""A reader that opens a table parses at most this many commits after a checkpoint."""

_CONFIGURATION: Final = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
    "delta.dataSkippingStatsColumns": "occurred_at,received_at",
}
_ABOUT: Final = "truelift"
_NO_HOOKS: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_FILE_SCHEMA: Final = pa.schema([column for column in EVENTS if column.name != "bucket"])

_REPETITIVE: Final = [
    name
    for name in _FILE_SCHEMA.names
    if name not in {"position", "message_id", "occurred_at", "properties", "value_minor"}
]
"""Columns that a dictionary makes smaller; trying it on the others only takes time."""

_SUMMED_UP: Final = ["person", "occurred_at", "received_at", "state", "is_bot", "is_internal"]
"""Columns of which files say the least and the most: whoever reads may then skip some, or all."""


class CommitLost(Outage):
    """Somebody else committed to a site's table at the same moment."""

    code = "lake.commit_lost"

    def __init__(self, *, table: str) -> None:
        super().__init__(
            f"Another program wrote to {table} while the loader did; the loader tries again."
            " Only one loader may run per home.",
            table=table,
        )


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One immutable Parquet file of a table.

    Attributes:
        path: Relative to the table.
        bucket: Whose persons it holds.
        rows: How many.
        size_bytes: How large.
        since: The first `occurred_at` in it.
        until: The last, included.
    """

    path: str
    bucket: int
    rows: int
    size_bytes: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class LakeState:
    """A table at one version.

    Attributes:
        version: Of the Delta table.
        files: All of its files, by path.
        counts: What became of everything ever taken into it.
        buckets: How many buckets persons are spread over; a power of two.
        mixed: Some files may lack columns of `EVENTS`, or have others besides: an older
            Truelift wrote them, or something else did.
        delta: The snapshot object; commits are made from it and from nothing newer.
        store: Where the table is.
    """

    version: int
    files: tuple[LakeFile, ...]
    counts: Counts
    buckets: int
    mixed: bool
    delta: DeltaTable = field(repr=False)
    store: TableStore = field(repr=False)
    _reached: dict[str, int] = field(default_factory=dict, repr=False)

    def reached(self, writer: str) -> int:
        """The last journal position of a writer that is in the table; 0 for none."""
        found = self._reached.get(writer)
        if found is None:
            with self.store.reaching():
                found = self._reached[writer] = self.delta.transaction_version(writer) or 0
        return found

    def reached_by(self, version: int) -> dict[str, int]:
        """Give what is known of positions at a later version, by the log entries in between.

        Reading those few is quicker than asking for each writer again, and it is known
        then when the store is away.
        """
        if not 0 <= version - self.version <= COMMITS_PER_CHECKPOINT:
            return {}
        known = dict(self._reached)
        try:
            for each in range(self.version + 1, version + 1):
                for action in _entry(self.store, each):
                    if "txn" in action:
                        known[action["txn"]["appId"]] = int(action["txn"]["version"])
        except (OSError, ValueError, KeyError):
            return {}
        return known


@dataclass(slots=True)
class SiteTable:
    """The Delta table of one site's events.

    One thread at a time looks; a state that was given out stays as it is.
    """

    store: TableStore
    _state: LakeState | None = None
    _looked_at: float | None = None
    _away_at: float | None = None
    _in_doubt: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def current(self, *, at_least: int = 0, certain: bool = False) -> LakeState | None:
        """Give the newest version, or None while nothing was ever committed.

        Where a look costs a request, one holds for a while; where the store is away, the
        last known version does, which nothing that left the fresh tail is newer than.

        Args:
            at_least: There is this version, as the fresh tail says from which rows went into it.
            certain: Whether another version may have come about must be known.

        Raises:
            StorageUnreachable: The store does not say what there is.
        """
        with self._lock:
            state = self._state
            holds = (0 if state is None else state.version) >= at_least
            if holds and self._looked_lately(certain=certain):
                return state
            if state is None and not self.store.begun():
                return None
            try:
                if state is None or not holds or not self._is_newest(state):
                    with self.store.reaching():
                        self._state = self._look(state)
            except StorageUnreachable:
                if state is None or not holds or certain:
                    raise
                if self._away_at is None:
                    log.warning("%s is away; its last known version holds", self.store.address)
                self._away_at = time.monotonic()
                return state
            self._looked_at, self._in_doubt, self._away_at = time.monotonic(), False, None
            return self._state

    def doubt(self) -> None:
        """Look again next time, whatever was seen a moment ago."""
        with self._lock:
            self._in_doubt = True

    def _looked_lately(self, *, certain: bool) -> bool:
        now = time.monotonic()
        if not certain and self._away_at is not None and now - self._away_at < _AWAY_S:
            return True
        return (
            not self._in_doubt
            and self._looked_at is not None
            and now - self._looked_at < self.store.look_every_s
        )

    def _is_newest(self, state: LakeState) -> bool:
        # Versions have no gaps, so one look tells whether there is a newer one; when the
        # log of this version has gone, later ones may have gone with it.
        return not self.store.exists(_log(state.version + 1)) and self.store.exists(
            _log(state.version)
        )

    def _look(self, state: LakeState | None) -> LakeState | None:
        for left in reversed(range(_TRIES)):
            try:
                return _state_of(self.store, previous=state)
            except (DeltaError, FileNotFoundError):
                # An erasure or a sweep took an old log entry between its listing and
                # its reading; what it leaves is listed by the next look.
                if not left:
                    raise
                time.sleep(_REST_S)
        return None

    def create(self) -> LakeState:
        """Make the empty table when it is not there, and add the columns that it lacks."""
        found = self.current(certain=True)
        if found is not None:
            return self._grown(found)
        self.store.begin()
        with self._committing():
            DeltaTable.create(
                self.store.address,
                schema=EVENTS,
                mode="ignore",
                partition_by=["bucket"],
                configuration=_CONFIGURATION,
                storage_options=self.store.options,
                commit_properties=CommitProperties(
                    custom_metadata={_ABOUT: _about(Counts(), buckets=1)}
                ),
            )
        self.store.settle(_log(0))
        created = self.current(certain=True)
        if created is None:
            raise CommitLost(table=self.store.address)
        return created

    def _grown(self, state: LakeState) -> LakeState:
        """Add the columns that Truelift writes by now; rows from before have nulls there."""
        have = set(column_names(state.delta))
        lacking = [
            field for field in DeltaSchema.from_arrow(EVENTS).fields if field.name not in have
        ]
        if not lacking:
            return state
        with self._committing():
            state.delta.alter.add_columns(
                lacking,
                commit_properties=CommitProperties(
                    custom_metadata={
                        _ABOUT: _about(state.counts, buckets=state.buckets, mixed=True)
                    },
                    max_commit_retries=0,
                ),
                post_commithook_properties=_NO_HOOKS,
            )
        self.store.settle(_log(state.version + 1))
        grown = self.current(certain=True)
        if grown is None:
            raise CommitLost(table=self.store.address)
        return grown

    def append(
        self,
        state: LakeState,
        files: Sequence[LakeFile],
        *,
        reached: Mapping[str, int],
        counts: Counts,
    ) -> int:
        """Commit new files and the journal positions that they settle, as one.

        delta-rs records an application transaction but does not refuse a repeat. So
        the caller compares `state.reached` with what it is about to commit, and the
        commit is made from that same snapshot: when another one got in between, this
        one is refused.

        Returns:
            The new version.

        Raises:
            CommitLost: Another commit settled positions of the same writers.
        """
        return self._commit(
            state,
            [_add(self.store, file, data_change=True) for file in files],
            counts=state.counts + counts,
            buckets=state.buckets,
            transactions=[Transaction(writer, last) for writer, last in sorted(reached.items())],
        )

    def rewrite(
        self,
        state: LakeState,
        *,
        removed: Sequence[LakeFile],
        added: Sequence[LakeFile],
        buckets: int,
        now: datetime,
        counts: Counts | None = None,
    ) -> int:
        """Replace files by others with the same rows, as one commit.

        Args:
            state: The version that it is made from.
            removed: Files that go.
            added: Files that come.
            buckets: How many there are from now on.
            now: When.
            counts: How the ledger changes where rows were left out; None where none were.

        Returns:
            The new version.

        Raises:
            CommitLost: Another commit got in between.
        """
        deleted_at = int(now.timestamp() * 1000)
        actions: list[AddAction | RemoveAction] = [
            RemoveAction(
                file.path,
                counts is not None,
                deleted_at,
                file.size_bytes,
                {"bucket": str(file.bucket)},
            )
            for file in removed
        ]
        actions += [_add(self.store, file, data_change=counts is not None) for file in added]
        return self._commit(
            state,
            actions,
            counts=state.counts + (counts or Counts()),
            buckets=buckets,
            transactions=[],
        )

    def checkpoint(self, state: LakeState) -> None:
        """Fold the log into one file and forget log entries past their day."""
        with self.store.reaching():
            state.delta.create_checkpoint()
            state.delta.cleanup_metadata()

    def forget_history(self) -> None:
        """Leave nothing but the newest version: no other file or copy, no older log entry."""
        state = self.current(certain=True)
        if state is None:
            return
        known = {file.path for file in state.files}
        self.store.forget_drafts()
        names = self.store.names()
        self.store.remove(
            name for name in names if not name.startswith(f"{LOG}/") and name not in known
        )
        self.store.forget_copies(known)
        with self.store.reaching():
            state.delta.create_checkpoint()
        newest = f"{LOG}/{state.version:020}"
        last = f"{LOG}/_last_checkpoint"
        self.store.remove(
            name for name in self.store.names(LOG) if name != last and not name.startswith(newest)
        )
        self.store.settle(last)

    def sweep(self) -> int:
        """Remove what no version of the last hour refers to, and log entries past their day.

        Returns:
            How many files of rows were removed.
        """
        state = self.current()
        if state is None:
            return 0
        try:
            last = self.store.read(f"{LOG}/_last_checkpoint")
            checkpoint = int(json.loads(last)["version"])
        except (FileNotFoundError, ValueError, KeyError):
            checkpoint = -1
        with self.store.reaching():
            if checkpoint < state.version:
                state.delta.create_checkpoint()
            state.delta.cleanup_metadata()
        return self.remove_unused(state)

    def remove_unused(self, state: LakeState) -> int:
        """Remove files that no version of the last hour refers to; say how many."""
        with self.store.reaching():
            names: list[str] = state.delta.vacuum(dry_run=True, full=True)
        self.store.remove(names)
        return len(names)

    def remove_planned(self, planned: Iterable[str]) -> None:
        """Remove files that are not in the table, by what they were to be called."""
        gone = set(planned)
        if not gone:
            return
        state = self.current(certain=True)
        known = set() if state is None else {file.path for file in state.files}
        self.store.remove(
            name for name in self.store.names() if planned_name(name) in gone and name not in known
        )

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """Look again after a commit, also when nobody knows whether it came about.

        Raises:
            CommitLost: There is such a version already: another's, or this very commit when
                the store took it and its answer was lost.
        """
        self.doubt()
        try:
            with self.store.reaching():
                yield
        except CommitFailedError as error:
            raise CommitLost(table=self.store.address) from error

    def _commit(
        self,
        state: LakeState,
        actions: Sequence[AddAction | RemoveAction],
        *,
        counts: Counts,
        buckets: int,
        transactions: list[Transaction],
    ) -> int:
        with self._committing():
            state.delta.create_write_transaction(
                list(actions),
                "append",
                EVENTS,
                ["bucket"],
                commit_properties=CommitProperties(
                    custom_metadata={_ABOUT: _about(counts, buckets=buckets, mixed=state.mixed)},
                    max_commit_retries=0,
                    app_transactions=transactions,
                ),
                post_commithook_properties=_NO_HOOKS,
            )
        # Without retries the commit is the very next version, or it was refused.
        version = state.version + 1
        self.store.settle(_log(version))
        if version % COMMITS_PER_CHECKPOINT == 0:
            with self.store.reaching():
                _delta(self.store, version=version).create_checkpoint()
        return version


def _delta(store: TableStore, *, version: int | None = None) -> DeltaTable:
    return DeltaTable(store.address, version=version, storage_options=store.options)


def write_file(store: TableStore, rows: pa.Table, *, bucket: int, name: str) -> LakeFile:
    """Write rows of one bucket, sorted by person and time, durably; nobody knows of it yet."""
    import pyarrow.parquet as pq

    ordered = rows.drop_columns(["bucket"]).sort_by(
        [("person", "ascending"), ("occurred_at", "ascending"), ("position", "ascending")]
    )
    relative = f"bucket={bucket}/{name}"
    path = store.draft(relative)
    pq.write_table(
        ordered.cast(_FILE_SCHEMA).replace_schema_metadata(None),
        path,
        compression="zstd",
        compression_level=1,
        row_group_size=128 << 10,
        use_dictionary=_REPETITIVE,  # pyright: ignore[reportArgumentType] - names do, too
        write_statistics=_SUMMED_UP,  # pyright: ignore[reportArgumentType] - names do, too
    )
    bounds = pc.min_max(rows["occurred_at"]).as_py()
    size = path.stat().st_size
    return LakeFile(
        path=store.keep(relative),
        bucket=bucket,
        rows=rows.num_rows,
        size_bytes=size,
        since=bounds["min"],
        until=bounds["max"],
    )


def _state_of(store: TableStore, *, previous: LakeState | None) -> LakeState | None:
    try:
        delta = _delta(store)
    except TableNotFoundError:
        return None
    actions = pa.table(delta.get_add_actions(flatten=True))
    files = tuple(
        sorted(
            (
                LakeFile(
                    path=entry["path"],
                    bucket=int(entry["partition.bucket"]),
                    rows=entry["num_records"],
                    size_bytes=entry["size_bytes"],
                    since=entry["min.occurred_at"],
                    until=entry["max.occurred_at"],
                )
                for entry in actions.to_pylist()
            ),
            key=lambda file: file.path,
        )
    )
    about = _about_of(delta, store)
    if about is None and previous is not None:
        about = _about(previous.counts, buckets=previous.buckets, mixed=previous.mixed)
    about = about or {}
    buckets = about.get("buckets", 1)
    counts = about.get("counts", {})
    return LakeState(
        version=int(delta.version()),
        files=files,
        counts=Counts.parse(counts if isinstance(counts, dict) else {}),
        buckets=buckets if isinstance(buckets, int) else 1,
        mixed=bool(about.get("mixed")) or set(column_names(delta)) != set(EVENTS.names),
        delta=delta,
        store=store,
        _reached={} if previous is None else previous.reached_by(int(delta.version())),
    )


def column_names(delta: DeltaTable) -> list[str]:
    """List a table's columns, in its order."""
    return [field.name for field in delta.schema().fields]


def _about(counts: Counts, *, buckets: int, mixed: bool = False) -> dict[str, object]:
    about: dict[str, object] = {"counts": counts.document(), "buckets": buckets}
    return {**about, "mixed": True} if mixed else about


def _about_of(delta: DeltaTable, store: TableStore) -> dict[str, object] | None:
    try:
        for action in _entry(store, int(delta.version())):
            if "commitInfo" in action and _ABOUT in action["commitInfo"]:
                return dict(action["commitInfo"][_ABOUT])
    except (OSError, ValueError):
        pass
    # Another tool committed last (an OPTIMIZE, say): the last word of ours holds.
    history: list[dict[str, Any]] = delta.history()
    for commit in history:
        if _ABOUT in commit:
            return dict(commit[_ABOUT])
    return None


def _entry(store: TableStore, version: int) -> Iterator[dict[str, Any]]:
    for line in store.read(_log(version)).decode().splitlines():
        yield json.loads(line)


def _add(store: TableStore, file: LakeFile, *, data_change: bool) -> AddAction:
    # No statistics on columns that hold ids: the log would keep them after an erasure.
    stats = {
        "numRecords": file.rows,
        "minValues": {"occurred_at": _instant(file.since)},
        "maxValues": {"occurred_at": _instant(file.until)},
        "nullCount": {"occurred_at": 0},
    }
    copy = store.copy(file.path)
    modified = copy.stat().st_mtime if copy is not None else time.time()
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values={"bucket": str(file.bucket)},
        modification_time=int(modified * 1000),
        data_change=data_change,
        stats=json.dumps(stats),
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _log(version: int) -> str:
    return f"{LOG}/{version:020}.json"
