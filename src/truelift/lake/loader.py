"""From the journal to the lake: takes what arrived, keeps a fresh tail, commits it exactly once."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.errors import Outage, TrueliftError
from truelift.lake.bulk import IMPORT_PREFIX, bulk_pieces
from truelift.lake.compaction import Compaction
from truelift.lake.erasure import Erasure
from truelift.lake.erasure_list import Request, requests
from truelift.lake.expiry import expire
from truelift.lake.file_cache import DamagedFile
from truelift.lake.home import SITE_NAME, Home
from truelift.lake.identity import Identities, Resolution, Step
from truelift.lake.journal import Segment, remove_segment, segments
from truelift.lake.ledger import Counts
from truelift.lake.looking_back import LookingBack
from truelift.lake.manifest import Manifest, pending
from truelift.lake.merges import Undone, UndoRequest, identities_file, undo_requests
from truelift.lake.new_rows import columned, counts_of, settled
from truelift.lake.normalise import Normalised
from truelift.lake.reading_ahead import ReadingAhead
from truelift.lake.seen import WINDOW_S, Seen
from truelift.lake.sites import PublishedSites
from truelift.lake.snapshot import SiteReader
from truelift.lake.storage import StorageUnreachable
from truelift.lake.tables import CommitLost, LakeFile, LakeState, write_file
from truelift.lake.tail import SMALL_BYTES, Tail, TailFile, TailGone
from truelift.lake.turning import Turning
from truelift.lake.waiting import keep_cursors, segment_key


COMMIT_BYTES: Final = 64 << 20
COMMIT_AGE: Final = timedelta(minutes=15)
SWEEP_EVERY: Final = timedelta(hours=1)
EXPIRE_EVERY: Final = timedelta(days=1)
PIECE_BYTES: Final = 32 << 20
"""How much of a segment is taken at once; bounds memory whatever the backlog."""

_IDLE_S: Final = 0.25
_REST_S: Final = 5.0
_ERASE_AGAIN: Final = timedelta(minutes=1)
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_TINY_BYTES: Final = 64 << 10

log: Final = logging.getLogger(__name__)


class LoaderRunning(Outage):
    """Another process loads this home already."""

    code = "lake.loader_running"

    def __init__(self, *, lock: Path) -> None:
        super().__init__(
            f"Another loader holds {lock}. It takes the journal within seconds; wait for it"
            " instead of starting another.",
            lock=str(lock),
        )


class JournalWaits(Outage):
    """Something of the journal could not be brought into the lake."""

    code = "erasure.journal_waits"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} could not be brought into the lake, so what it holds cannot be erased yet."
            " Look at the log of the loader; the erasure is tried again.",
            path=str(path),
        )


class JournalBehind(Outage):
    """The journal counts from a lower position than the lake has: they are not of one home."""

    code = "lake.journal_behind"

    def __init__(self, *, site: str, lake: str) -> None:
        super().__init__(
            f"The journal of this home is older than what {lake} has of {site}: its new events"
            " stand at positions that are taken. Put the home back that wrote the lake, or give"
            " this one a lake of its own with TRUELIFT_LAKE. Until then nothing is loaded, and"
            " nothing is lost: the events are in the journal.",
            site=site,
            lake=lake,
        )


@dataclass(slots=True)
class _Progress:
    """How far one segment was read.

    Attributes:
        offset: Where to read on.
        finished: Nothing more will come.
        last: Site → the last position in what was read.
    """

    offset: int = 0
    finished: bool = False
    last: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Site:
    """What the loader keeps of one site between two steps."""

    reader: SiteReader
    identities: Identities
    tail: Tail
    recent: Seen | None = None
    ever: Seen | None = None
    retired: list[str] = field(default_factory=list)
    pending: Manifest | None = None

    @property
    def lake(self) -> LakeState | None:
        return self.reader.table.current()

    def reached(self, writer: str) -> int:
        lake = self.lake
        committed = lake.reached(writer) if lake is not None else 0
        return max(committed, self.tail.reached(writer))


class Loader:
    """The one loader of a home.

    A step takes some journal into the fresh tail, where questions see it, and
    commits tails that are large or old enough. Everything that it knows besides the
    journal, the tables and the tail can be lost: a new loader finds out again.

    Args:
        home: The installation.
        now: The clock.
        reached: Called with the name of every point between two writes; the fault
            tests end the process there.
        commit_bytes: A tail of this size is committed.
        commit_age: So is one whose first row waits this long.
        piece_bytes: How much of a segment is taken at once.

    Raises:
        LoaderRunning: Another process holds the home's loader lock.
    """

    def __init__(
        self,
        home: Home,
        *,
        now: Callable[[], datetime],
        reached: Callable[[str], None] = lambda point: None,  # noqa: ARG005
        commit_bytes: int = COMMIT_BYTES,
        commit_age: timedelta = COMMIT_AGE,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self.home = home
        self._now = now
        self._at = reached
        self._commit_bytes = commit_bytes
        self._commit_age = commit_age
        self._piece_bytes = piece_bytes
        self._lock = _take_lock(home)
        self._gate = threading.RLock()
        self._settings = PublishedSites(home)
        self._back = LookingBack(home)
        self._sites: dict[str, _Site] = {}
        self._segments: dict[str, _Progress] = {}
        self._untidy: set[str] = set()
        self._more = False
        self._reading = ReadingAhead(home, self._settings, piece_bytes=piece_bytes)
        self._compaction = Compaction(home=home, reached=reached)
        self._turning: Turning | None = None
        self._swept: dict[str, datetime] = {}
        self._expired: dict[str, datetime] = {}
        self._erase_after: datetime | None = None
        # What was on its way to disk or to a store when it was killed are rows, too.
        shutil.rmtree(home.loader / "scratch", ignore_errors=True)
        home.storage.forget_drafts()
        try:
            self._recover()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the lock and of everything held open; what was taken is on disk."""
        self._reading.stop()
        with self._gate:
            for site in self._sites.values():
                site.identities.close()
            self._sites.clear()
            self._reading.close()
            self._lock.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def step(self) -> bool:
        """Do the next piece of work; say whether there was any."""
        with self._gate:
            self._undo_requested()
            erased = self._erase_due()
            took = self._take()
            committed = self._commit_due()
            self._forget_segments()
            tidied = False if took else self._tidy()
            return erased or took or committed or tidied

    def flush(self, site: str | None = None) -> None:
        """Take everything that is in the journal and commit it, of one site or of all."""
        with self._gate:
            self._undo_requested()
            # What arrives meanwhile waits for the next step, else a busy site would never end.
            while self._take() and self._more:
                self._commit_due()
            for name in sorted(self._sites) if site is None else [site]:
                if name in self._sites and self._sites[name].tail.files:
                    self._commit(name)
            self._forget_segments()
            self._tidy()

    def run(self, stop: threading.Event) -> None:
        """Take steps until told to stop; rest a moment when there is nothing to do."""
        while not stop.is_set():
            try:
                busy = self.step()
            except (Outage, OSError):
                log.exception("the loader rests after a failure")
                stop.wait(_REST_S)
                continue
            # A trickle is gathered for a moment, which saves most of the work; a backlog is not.
            if not (busy and self._more):
                stop.wait(_IDLE_S)

    # Taking

    def _take(self) -> bool:
        """Take a piece of every writer's journal; `_more` then says whether a backlog is left."""
        took = self._more = False
        for segment in self._unfinished():
            took |= self._take_segment(segment)
        for piece in bulk_pieces(self.home):
            if self._site(piece.site).reached(piece.writer) < piece.last:
                for name, made in self._reading.normalised(
                    piece.writer, {piece.site: piece.rows()}
                ):
                    self._put(name, piece.writer, made)
                took = self._more = True
                break
        if took:
            keep_cursors(
                self.home, {key: progress.offset for key, progress in self._segments.items()}
            )
        return took

    def _unfinished(self) -> Iterator[Segment]:
        """Give the oldest unfinished segment of every writer."""
        seen: set[str] = set()
        for segment in segments(self.home.journal):
            progress = self._segments.get(segment_key(segment.path))
            if segment.writer not in seen and (progress is None or not progress.finished):
                seen.add(segment.writer)
                yield segment

    def _take_segment(self, segment: Segment) -> bool:
        key = segment_key(segment.path)
        progress = self._segments.setdefault(key, _Progress())
        if not segment.sealed and segment.path.stat().st_size <= progress.offset:
            return False
        read = self._reading.take(segment, progress.offset)
        if read.piece.damaged_bytes:
            log.error("%s: %d bytes hold no item", segment.path, read.piece.damaged_bytes)
        for name, made in read.made:
            positions = made.rows["position"]
            last, reached = pc.max(positions).as_py(), self._site(name).reached(segment.writer)
            progress.last[name] = max(progress.last.get(name, 0), last)
            if pc.min(positions).as_py() <= reached:
                self._check_known(name, segment.writer, made.rows)
                made = made.filter(positions.to_numpy() > reached)  # noqa: PLW2901
            if made.rows.num_rows:
                self._put(name, segment.writer, made)
        moved = read.piece.next_offset - progress.offset
        progress.offset = read.piece.next_offset
        progress.finished = read.piece.finished
        # Less than was asked for means that this was the end of what there was.
        self._more |= progress.finished or moved >= self._piece_bytes // 2
        return moved > 0 or progress.finished

    def _check_known(self, name: str, writer: str, rows: pa.Table) -> None:
        """Look that items which the lake has by their positions are those that it has.

        Raises:
            JournalBehind: Some came in after everything that the lake has.
        """
        lake = self._site(name).lake
        last_ms = None if lake is None else lake.counts.last_received_at
        if lake is None or not last_ms:
            return
        known = rows.filter(pc.less_equal(rows["position"], lake.reached(writer)))
        if known.num_rows:
            arrived_us = pc.max(known["received_at"]).cast(pa.int64()).as_py()
            if arrived_us // 1000 > last_ms:
                raise JournalBehind(site=name, lake=str(self.home.lake))

    def _put(self, name: str, writer: str, made: Normalised) -> None:
        """Add one site's rows to its tail: without duplicates, with the persons they are of."""
        site = self._site(name)
        rows = made.rows
        first, last = site.reached(writer) + 1, pc.max(rows["position"]).as_py()
        kept, remember = self._first_times(site, writer, made)
        came = rows.num_rows
        last_received_at = pc.max(rows["received_at"]).cast(pa.int64()).as_py() // 1000
        if not kept.all():
            made = made.filter(kept)
            rows = made.rows
        resolution = site.identities.resolve(
            rows,
            previous_ids=made.previous_ids,
            unnamed=made.hashes.to_numpy().view(np.int64),
            sizes=lambda persons: self._back.sizes(site.reader, persons),
        )
        lake = site.lake
        mask = (lake.buckets if lake is not None else 1) - 1
        persons = resolution.persons
        whole = columned(rows, persons=persons, buckets=(persons & mask).astype(np.int32))
        missing = (last - first + 1) - came
        counts = counts_of(rows, received=last - first + 1, missing=missing)
        counts = replace(
            counts,
            duplicates=came - rows.num_rows,
            last_received_at=last_received_at,
        )
        self._publish(site, writer, (first, last), whole, counts, resolution)
        remember()

    def _publish(
        self,
        site: _Site,
        writer: str,
        span: tuple[int, int],
        rows: pa.Table,
        counts: Counts,
        resolution: Resolution,
    ) -> None:
        folder = site.reader.tail
        committing = site.pending.tail_files if site.pending is not None else ()
        merged, left = _to_merge(site.tail, rows.nbytes, but=committing)
        spans: dict[str, tuple[int, int]] = {}
        for file in merged:
            for other, (low, high) in file.spans.items():
                spans[other] = (min(low, spans.get(other, (low, high))[0]), high)
        spans[writer] = (spans.get(writer, span)[0], span[1])
        tables = [*(folder.rows(file) for file in merged), rows]
        written = folder.write(
            tables,
            name=f"{site.tail.serial + 1:012d}.arrow",
            spans=spans,
            counts=sum((file.counts for file in merged), Counts()) + counts,
            oldest_ms=min(
                [*(file.oldest_ms for file in merged), int(self._now().timestamp() * 1000)]
            ),
            steps=[astuple(step) for step in resolution.steps],
        )
        self._at("tail.written")
        moves = site.tail.moves
        if resolution.changes_moves:
            moves = self._write_moves(site, resolution.steps)
            self._at("moves.written")
        self._retire(site, [file.name for file in merged])
        if moves != site.tail.moves and site.tail.moves is not None:
            site.retired.append(site.tail.moves)
        site.tail = folder.publish(replace(site.tail, files=(*left, written), moves=moves))
        self._at("tail.published")
        site.identities.keep(resolution.steps)
        self._at("identities.kept")

    @staticmethod
    def _publish_tail(site: _Site, *, files: tuple[TailFile, ...], moves: str | None) -> None:
        """Let readers see a tail without something, and a lake that has it."""
        lake = site.lake
        tail = replace(
            site.tail, files=files, moves=moves, lake=lake.version if lake is not None else 0
        )
        site.tail = site.reader.tail.publish(tail)

    def _write_moves(self, site: _Site, steps: Iterable[Step]) -> str | None:
        table = site.identities.moves(steps)
        if not table.num_rows:
            return None
        name = f"moves-{site.tail.serial + 1:012d}.arrow"
        site.reader.tail.write_table(table, name=name)
        return name

    def _first_times(
        self, site: _Site, writer: str, made: Normalised
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Callable[[], None]]:
        """Say which rows are not duplicates, and how to remember them once they are published."""
        rows = made.rows
        looked_at = pc.and_(
            pc.equal(rows["state"], "stored"), pc.is_valid(rows["message_id"])
        ).to_numpy()
        arrived_us = rows["received_at"].cast(pa.int64()).to_numpy()
        arrived_s = (arrived_us // 1_000_000).astype(np.uint32)[looked_at]
        wanted = made.hashes.to_numpy()[looked_at]
        kept = np.ones(rows.num_rows, dtype=bool)
        if not len(wanted):
            return kept, lambda: None
        if writer.startswith(IMPORT_PREFIX):
            if site.ever is None:
                site.ever = Seen(window_s=None)
                self._back.recall(site.reader, site.ever)
            seen = site.ever
        else:
            if site.recent is None:
                site.recent = Seen(window_s=WINDOW_S)
                oldest = min(int(arrived_s.min()), int(self._now().timestamp()))
                self._back.recall(site.reader, site.recent, since_s=oldest - WINDOW_S)
            seen = site.recent
        first = seen.first_times(wanted, arrived_s)
        kept[looked_at] = first
        return kept, lambda: seen.remember(wanted[first], arrived_s[first])

    # Committing

    def _commit_due(self) -> bool:
        now_ms = int(self._now().timestamp() * 1000)
        age_ms = int(self._commit_age.total_seconds() * 1000)
        due = [
            name
            for name, site in self._sites.items()
            if site.pending is not None
            or (
                site.tail.files
                and (
                    site.tail.size_bytes >= self._commit_bytes
                    or now_ms - (site.tail.oldest_ms or now_ms) >= age_ms
                )
            )
        ]
        for name in due:
            self._commit(name)
        return bool(due)

    def _commit(self, name: str) -> None:
        """Move a site's whole tail into its table: manifest, files, commit, tail, in that order.

        A commit that was interrupted comes first: nobody may know whether it came about.
        """
        site = self._sites[name]
        if site.pending is not None:
            self._finish(name, site, site.pending)
            if not site.tail.files:
                return
        state = site.reader.table.create()
        spans: dict[str, tuple[int, int]] = {}
        for file in site.tail.files:
            for writer, (low, high) in file.spans.items():
                spans[writer] = (spans.get(writer, (low, high))[0], high)
        manifest = Manifest(
            site=name,
            spans=spans,
            tail_files=tuple(file.name for file in site.tail.files),
            lake_files=tuple(
                f"bucket={bucket}/{site.tail.serial:012d}-{state.version + 1}.parquet"
                for bucket in range(state.buckets)
            ),
        )
        manifest.write(self.home)
        site.pending = manifest
        self._at("manifest.written")
        site.identities.sync()
        self._finish(name, site, manifest)

    def _finish(self, name: str, site: _Site, manifest: Manifest) -> None:
        """Do what a manifest says, from the start or from wherever a crash left it."""
        table = site.reader.table
        state = table.create()
        files = [file for file in site.tail.files if file.name in manifest.tail_files]
        reached = {writer: last for writer, (_, last) in manifest.spans.items()}
        if any(state.reached(writer) < last for writer, last in reached.items()):
            added = self._write_lake_files(site, state, files, manifest)
            self._at("files.written")
            try:
                table.append(
                    state,
                    added,
                    reached=reached,
                    counts=sum((file.counts for file in files), Counts()),
                )
            except CommitLost:
                if not _is_in(table.current(certain=True), reached):
                    # Nothing of it is in the table: the next step plans the commit anew.
                    table.remove_planned(manifest.lake_files)
                    manifest.forget(self.home)
                    site.pending = None
                    raise
            self._at("committed")
        self._retire(site, manifest.tail_files)
        left = tuple(file for file in site.tail.files if file.name not in manifest.tail_files)
        self._publish_tail(site, files=left, moves=site.tail.moves)
        self._at("tail.emptied")
        manifest.forget(self.home)
        site.pending = None
        self._at("manifest.forgotten")
        self._untidy.add(name)
        log.info("committed %d rows of %s", sum(file.rows for file in files), name)

    def _write_lake_files(
        self, site: _Site, state: LakeState, files: Iterable[TailFile], manifest: Manifest
    ) -> list[LakeFile]:
        tables = [site.reader.tail.rows(file) for file in files if file.rows]
        if not tables:
            return []
        rows = pa.concat_tables(tables)
        persons = settled(rows["person"], site.identities.moves())
        buckets = persons & (state.buckets - 1)
        rows = columned(rows, persons=persons, buckets=buckets.astype(np.int32))
        added = []
        for bucket, path in enumerate(manifest.lake_files):
            part = rows if state.buckets == 1 else rows.filter(pa.array(buckets == bucket))
            if part.num_rows:
                added.append(
                    write_file(
                        site.reader.table.store, part, bucket=bucket, name=path.partition("/")[2]
                    )
                )
                self._at("file.written")
        return added

    def _forget_segments(self) -> None:
        """Remove segments and bulk pieces whose every item is in the lake."""
        for segment in segments(self.home.journal):
            key = segment_key(segment.path)
            progress = self._segments.get(key)
            if progress is None or not progress.finished:
                continue
            if all(
                self._committed(name, segment.writer) >= last
                for name, last in progress.last.items()
            ):
                self._at("segment.settled")
                if remove_segment(segment):
                    self._segments.pop(key, None)
        for piece in bulk_pieces(self.home):
            if self._committed(piece.site, piece.writer) >= piece.last:
                self._at("piece.settled")
                piece.drop()

    def _committed(self, name: str, writer: str) -> int:
        lake = self._site(name).lake
        return lake.reached(writer) if lake is not None else 0

    def _drop_memories(self) -> None:
        """Forget what only imports need, once no import waits."""
        importing = {piece.site for piece in bulk_pieces(self.home)}
        for name, site in self._sites.items():
            if name not in importing:
                site.ever = None

    def _tidy(self) -> bool:
        """Compact one site that needs it; remove what nobody reads any more."""
        for site in self._sites.values():
            self._remove_retired(site)
        self._drop_memories()
        self._keep_house()
        while self._untidy:
            name = self._untidy.pop()
            site = self._site(name)
            if self._compaction.needed(site.reader, site.tail):
                try:
                    self._compact(name, site)
                except DamagedFile as damage:
                    # What cannot be trusted is not written again; questions name it meanwhile.
                    log.error(  # noqa: TRY400 - a broken disk, no bug of ours
                        "%s is not compacted: %s; restore it from a backup", name, damage
                    )
                    continue
                return True
        return False

    def _keep_house(self) -> None:
        """Remove what is past its time: rows once a day, files and old log entries every hour."""
        now = self._now()
        for name, site in self._sites.items():
            if now - self._swept.get(name, _NEVER) >= SWEEP_EVERY:
                self._swept[name] = now
                unused = site.reader.table.sweep()
                if unused:
                    log.info("removed %d files of %s that nobody refers to", unused, name)
            if now - self._expired.get(name, _NEVER) >= EXPIRE_EVERY:
                self._expired[name] = now
                retention = dict(self._settings.of(name).retention)
                gone = expire(self.home, name, retention, now=now, reached=self._at)
                site.reader.table.doubt()
                if gone.rows:
                    log.info("removed %d rows of %s whose time was over", gone.rows, name)

    def _compact(self, name: str, site: _Site) -> None:
        if site.tail.files and site.tail.moves is not None:
            # Rows of the tail may be of persons who moved since; committing gives them their name.
            self._commit(name)
        moved = self._compaction.run(site.reader, site.identities.moves(), now=self._now())
        if moved and not site.tail.files:
            site.identities.settle(moved)
            moves = self._write_moves(site, ())
            if site.tail.moves is not None:
                site.retired.append(site.tail.moves)
            self._publish_tail(site, files=site.tail.files, moves=moves)
        log.info("compacted %s", name)

    def _retire(self, site: _Site, names: Iterable[str]) -> None:
        """Remove files one step later, so that a reader that listed them still finds them."""
        self._remove_retired(site)
        site.retired = list(names)

    def _remove_retired(self, site: _Site) -> None:
        for name in site.retired:
            (site.reader.tail.folder / name).unlink(missing_ok=True)
        site.retired = []

    def _undo_requested(self) -> None:
        for request in undo_requests(self.home):
            self._undo(request)

    def _undo(self, request: UndoRequest) -> None:
        """Take a merge back; the request stays until all of it is done."""
        site = self._site(request.site)
        if site.tail.files:
            self._commit(request.site)
        if site.tail.moves is not None:
            self._compact(request.site, site)
        component = site.identities.undo(Undone(request.pair, request.by, request.at))
        site.identities.sync()
        self._at("undo.known")
        self._compaction.give_back(site.reader, component, now=self._now())
        self._untidy.add(request.site)
        request.finish()
        log.info("undid merge %s of %s", request.pair.name, request.site)

    # Erasing

    def _erase_due(self) -> bool:
        """Do the erasures that were asked for, once the journal holds nothing from before."""
        asked = requests(self.home)
        now = self._now()
        if not asked or (self._erase_after is not None and now < self._erase_after):
            return False
        try:
            if self._turning is None:
                self._turning = Turning.of(self.home, asked)
            turning = self._turning
            if not turning.is_over(self.home):
                return False
            self._settle_journal(turning)
            self._turning = None
            for request in asked:
                if request.key in turning.requests:
                    self._erase(request)
        except (TrueliftError, OSError, duckdb.Error, sqlite3.Error):
            # What arrives must be loaded all the same.
            log.exception("an erasure did not succeed; it is tried again")
            self._turning, self._erase_after = None, now + _ERASE_AGAIN
            return False
        return True

    def _settle_journal(self, turning: Turning) -> None:
        """Bring every segment that has ended, and every piece, into the lake; forget them."""
        pieces = {piece.path for piece in bulk_pieces(self.home)}
        while self._take() and self._more:
            self._commit_due()
        for name in sorted(self._sites):
            if self._sites[name].tail.files:
                self._commit(name)
            self._remove_retired(self._sites[name])
        self._forget_segments()
        left = {piece.path for piece in bulk_pieces(self.home)} & pieces
        for path in (*sorted(left), *turning.left(self.home)):
            raise JournalWaits(path=path)
        self._at("erasure.journal.settled")

    def _erase(self, request: Request) -> None:
        erasure = Erasure(self.home, request, self._now, self._at)
        names = erasure.find()
        for name in names:
            site = self._sites.pop(name, None)
            if site is not None:
                site.identities.close()
        erasure.remove()
        for name in names:
            self._clean_tail(self._site(name))
        self._at("erasure.tail.cleaned")
        receipt = erasure.finish()
        log.info("erased %d rows; receipt %s", receipt.stored + receipt.quarantined, receipt.digest)

    def _clean_tail(self, site: _Site) -> None:
        """Write anew who moved, and leave no other file in the tail's folder."""
        self._publish_tail(site, files=site.tail.files, moves=self._write_moves(site, ()))
        for path in site.reader.tail.strays():
            path.unlink(missing_ok=True)

    # Recovering

    def _site(self, name: str) -> _Site:
        site = self._sites.get(name)
        if site is None:
            reader = SiteReader(self.home, name)
            site = _Site(
                reader=reader,
                identities=Identities(identities_file(self.home, name), name),
                tail=reader.tail.current(),
            )
            if site.identities.is_new() and reader.table.current() is not None:
                self._learn_again(site)
            self._sites[name] = site
        return site

    def _learn_again(self, site: _Site) -> None:
        """Work out from the rows themselves who is who, when the file that says so was lost."""
        known, moves = self._back.who_is_who(site.reader)
        site.identities.learn_again(known, moves=moves)

    def _recover(self) -> None:
        """Finish or undo what a crash interrupted."""
        for folder in sorted(self.home.tail.iterdir()):
            if folder.is_dir() and SITE_NAME.match(folder.name):
                self._recover_tail(self._site(folder.name))
        for manifest in pending(self.home):
            site = self._site(manifest.site)
            have = {file.name for file in site.tail.files}
            lake = site.lake
            done = lake is not None and all(
                lake.reached(writer) >= last for writer, (_, last) in manifest.spans.items()
            )
            if done or have.issuperset(manifest.tail_files):
                self._finish(manifest.site, site, manifest)
            else:
                # A power cut took the tail; the journal still has its rows.
                site.reader.table.remove_planned(manifest.lake_files)
                manifest.forget(self.home)
        # Before anything is taken: who is who may be known already and the rows not yet.
        self._undo_requested()

    def _recover_tail(self, site: _Site) -> None:
        folder = site.reader.tail
        whole: list[TailFile] = []
        steps: list[Step] = []
        for file in site.tail.files:
            try:
                table = folder.rows(file)
                if table.num_rows != file.rows:
                    break
            except (TailGone, pa.ArrowInvalid, OSError):
                break
            whole.append(file)
            about = json.loads((table.schema.metadata or {}).get(b"truelift", b"{}"))
            steps = [Step(*step) for step in about.get("steps", [])]
        if len(whole) < len(site.tail.files):
            # What follows a broken file goes too: positions must have no holes.
            site.tail = folder.publish(replace(site.tail, files=tuple(whole)))
        site.identities.keep(steps)
        for path in folder.strays():
            path.unlink(missing_ok=True)


@dataclass(slots=True)
class Loading:
    """The loader of a home, as soon as the store of its lake answers.

    Attributes:
        home: The installation.
        now: The clock.
        rest_s: How long it rests before the store is tried again.
    """

    home: Home
    now: Callable[[], datetime]
    rest_s: float = _REST_S
    _loader: Loader | None = None

    def open(self) -> bool:
        """Begin, and say whether the store answered.

        Raises:
            LoaderRunning: Another process holds the home's loader lock.
        """
        try:
            self._loader = Loader(self.home, now=self.now)
        except StorageUnreachable as error:
            log.error("no events are loaded: %s", error)  # noqa: TRY400 - it says all there is
            return False
        return True

    def run(self, stop: threading.Event) -> None:
        """Load until told to stop."""
        while self._loader is None and not self.open():
            if stop.wait(self.rest_s):
                return
        if self._loader is not None:
            self._loader.run(stop)


def _take_lock(home: Home) -> IO[bytes]:
    home.loader.mkdir(parents=True, exist_ok=True)
    path = home.loader / "lock"
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise LoaderRunning(lock=path) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n".encode())
    lock.flush()
    return lock


def _is_in(state: LakeState | None, reached: Mapping[str, int]) -> bool:
    """Say whether a commit of which nobody knew came about."""
    return state is not None and all(
        state.reached(writer) >= last for writer, last in reached.items()
    )


def _to_merge(
    tail: Tail, new_bytes: int, *, but: Collection[str]
) -> tuple[list[TailFile], tuple[TailFile, ...]]:
    """Choose the last tail files that are written again together with new rows.

    Files at least halve in size along the tail, so there are few and each row is
    written again a few times only. Those that a commit is about stay as they are.
    """
    files = list(tail.files)
    size = new_bytes
    merged: list[TailFile] = []
    while (
        files
        and files[-1].name not in but
        and files[-1].size_bytes < max(2 * size, _TINY_BYTES)
        and files[-1].size_bytes + size < SMALL_BYTES
    ):
        merged.insert(0, files.pop())
        size += merged[0].size_bytes
    return merged, tuple(files)
