"""A site's events as a Delta table: what is in it at one version, and how rows get in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from truelift.errors import Outage
from truelift.lake.durable import sync_file, sync_folder
from truelift.lake.ledger import Counts
from truelift.lake.schema import EVENTS


_TRIES: Final = 5
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


class CommitLost(Outage):
    """Somebody else committed to a site's table at the same moment."""

    code = "lake.commit_lost"

    def __init__(self, *, site_table: Path) -> None:
        super().__init__(
            f"Another program wrote to {site_table} while the loader did; the loader tries again."
            " Only one loader may run per home.",
            table=str(site_table),
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
    """

    version: int
    files: tuple[LakeFile, ...]
    counts: Counts
    buckets: int
    mixed: bool
    delta: DeltaTable = field(repr=False)
    _reached: dict[str, int] = field(default_factory=dict, repr=False)

    def reached(self, writer: str) -> int:
        """The last journal position of a writer that is in the table; 0 for none."""
        found = self._reached.get(writer)
        if found is None:
            found = self._reached[writer] = self.delta.transaction_version(writer) or 0
        return found


@dataclass(slots=True)
class SiteTable:
    """The Delta table of one site's events.

    One thread at a time looks; a state that was given out stays as it is.
    """

    path: Path
    _state: LakeState | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def current(self) -> LakeState | None:
        """Give the newest version, or None while nothing was ever committed."""
        with self._lock:
            state = self._state
            # Versions have no gaps, so one look tells whether there is a newer one; when the
            # log of this version has gone, later ones may have gone with it.
            if (
                state is not None
                and not _log(self.path, state.version + 1).exists()
                and _log(self.path, state.version).exists()
            ):
                return state
            if state is None and not (self.path / "_delta_log").is_dir():
                return None
            for left in reversed(range(_TRIES)):
                try:
                    self._state = _state_of(self.path, previous=state)
                    break
                except (DeltaError, FileNotFoundError):
                    # An erasure or a sweep took an old log entry between its listing and
                    # its reading; what it leaves is listed by the next look.
                    if not left:
                        raise
                    time.sleep(_REST_S)
            return self._state

    def create(self) -> LakeState:
        """Make the empty table when it is not there, and add the columns that it lacks."""
        found = self.current()
        if found is not None:
            return self._grown(found)
        self.path.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(
            str(self.path),
            schema=EVENTS,
            mode="ignore",
            partition_by=["bucket"],
            configuration=_CONFIGURATION,
            commit_properties=CommitProperties(
                custom_metadata={_ABOUT: _about(Counts(), buckets=1)}
            ),
        )
        _sync_log(self.path, 0)
        created = self.current()
        if created is None:
            raise CommitLost(site_table=self.path)
        return created

    def _grown(self, state: LakeState) -> LakeState:
        """Add the columns that Truelift writes by now; rows from before have nulls there."""
        have = set(column_names(state.delta))
        lacking = [
            field for field in DeltaSchema.from_arrow(EVENTS).fields if field.name not in have
        ]
        if not lacking:
            return state
        try:
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
        except CommitFailedError as error:
            raise CommitLost(site_table=self.path) from error
        _sync_log(self.path, state.version + 1)
        grown = self.current()
        if grown is None:
            raise CommitLost(site_table=self.path)
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
            [_add(self.path, file, data_change=True) for file in files],
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
        actions += [_add(self.path, file, data_change=counts is not None) for file in added]
        return self._commit(
            state,
            actions,
            counts=state.counts + (counts or Counts()),
            buckets=buckets,
            transactions=[],
        )

    def checkpoint(self, state: LakeState) -> None:
        """Fold the log into one file and forget log entries past their day."""
        state.delta.create_checkpoint()
        state.delta.cleanup_metadata()

    def forget_history(self) -> None:
        """Leave nothing on disk but the newest version: no other file, no older log entry."""
        state = self.current()
        if state is None:
            return
        known = {file.path for file in state.files}
        for path in sorted(self.path.rglob("*")):
            relative = path.relative_to(self.path).as_posix()
            in_log = relative.startswith("_delta_log")
            if path.is_file() and not in_log and relative not in known:
                path.unlink(missing_ok=True)
        state.delta.create_checkpoint()
        newest = f"{state.version:020}"
        for path in sorted((self.path / "_delta_log").iterdir()):
            if path.name != "_last_checkpoint" and not path.name.startswith(newest):
                path.unlink(missing_ok=True)
        sync_folder(self.path / "_delta_log")

    def sweep(self) -> int:
        """Remove what no version of the last hour refers to, and log entries past their day.

        Returns:
            How many files of rows were removed.
        """
        state = self.current()
        if state is None:
            return 0
        last = self.path / "_delta_log" / "_last_checkpoint"
        try:
            checkpoint = int(json.loads(last.read_bytes())["version"])
        except (FileNotFoundError, ValueError, KeyError):
            checkpoint = -1
        if checkpoint < state.version:
            state.delta.create_checkpoint()
        state.delta.cleanup_metadata()
        unused = self.unused(state)
        for path in unused:
            path.unlink(missing_ok=True)
        return len(unused)

    def unused(self, state: LakeState) -> list[Path]:
        """Files that no version of the last hour refers to."""
        names: list[str] = state.delta.vacuum(dry_run=True, full=True)
        return [self.path / name for name in names]

    def _commit(
        self,
        state: LakeState,
        actions: Sequence[AddAction | RemoveAction],
        *,
        counts: Counts,
        buckets: int,
        transactions: list[Transaction],
    ) -> int:
        try:
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
        except CommitFailedError as error:
            raise CommitLost(site_table=self.path) from error
        # Without retries the commit is the very next version, or it was refused.
        version = state.version + 1
        _sync_log(self.path, version)
        if version % COMMITS_PER_CHECKPOINT == 0:
            DeltaTable(str(self.path), version=version).create_checkpoint()
        return version


def write_file(table_path: Path, rows: pa.Table, *, bucket: int, name: str) -> LakeFile:
    """Write rows of one bucket, sorted by person and time, durably; nobody knows of it yet."""
    import pyarrow.parquet as pq

    ordered = rows.drop_columns(["bucket"]).sort_by(
        [("person", "ascending"), ("occurred_at", "ascending"), ("position", "ascending")]
    )
    relative = f"bucket={bucket}/{name}"
    path = table_path / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        ordered.cast(_FILE_SCHEMA).replace_schema_metadata(None),
        path,
        compression="zstd",
        compression_level=1,
        row_group_size=128 << 10,
        use_dictionary=_REPETITIVE,  # pyright: ignore[reportArgumentType] - names do, too
        write_statistics=["person", "occurred_at", "received_at"],  # pyright: ignore[reportArgumentType]
    )
    sync_file(path)
    sync_folder(path.parent)
    bounds = pc.min_max(rows["occurred_at"]).as_py()
    return LakeFile(
        path=relative,
        bucket=bucket,
        rows=rows.num_rows,
        size_bytes=path.stat().st_size,
        since=bounds["min"],
        until=bounds["max"],
    )


def _state_of(path: Path, *, previous: LakeState | None) -> LakeState | None:
    try:
        delta = DeltaTable(str(path))
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
    about = _about_of(delta, path)
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
    )


def column_names(delta: DeltaTable) -> list[str]:
    """List a table's columns, in its order."""
    return [field.name for field in delta.schema().fields]


def _about(counts: Counts, *, buckets: int, mixed: bool = False) -> dict[str, object]:
    about: dict[str, object] = {"counts": counts.document(), "buckets": buckets}
    return {**about, "mixed": True} if mixed else about


def _about_of(delta: DeltaTable, path: Path) -> dict[str, object] | None:
    try:
        with _log(path, int(delta.version())).open(encoding="utf-8") as log:
            for line in log:
                action = json.loads(line)
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


def _add(table_path: Path, file: LakeFile, *, data_change: bool) -> AddAction:
    # No statistics on columns that hold ids: the log would keep them after an erasure.
    stats = {
        "numRecords": file.rows,
        "minValues": {"occurred_at": _instant(file.since)},
        "maxValues": {"occurred_at": _instant(file.until)},
        "nullCount": {"occurred_at": 0},
    }
    modified = int((table_path / file.path).stat().st_mtime * 1000)
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values={"bucket": str(file.bucket)},
        modification_time=modified,
        data_change=data_change,
        stats=json.dumps(stats),
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _log(path: Path, version: int) -> Path:
    return path / "_delta_log" / f"{version:020}.json"


def _sync_log(path: Path, version: int) -> None:
    # delta-rs renames the entry into place without a sync; the journal may only be
    # forgotten once the entry would survive a power cut.
    sync_file(_log(path, version))
    sync_folder(path / "_delta_log")
