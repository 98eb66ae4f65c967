"""What `truelift doctor` looks at: sums, locks, torn segments, keys, files nobody knows of."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from truelift.lake.erasure_list import handed_over, requests
from truelift.lake.home import Home
from truelift.lake.identity import MANY_USERS, MANY_VISITORS
from truelift.lake.journal import lines_of, segments
from truelift.lake.lake import Lake
from truelift.lake.ledger import Ledger
from truelift.lake.manifest import pending
from truelift.lake.merges import identities_file
from truelift.lake.sites import UnreadableSites
from truelift.lake.storage import StorageUnreachable
from truelift.lake.tables import SiteTable
from truelift.lake.tail import TailFolder
from truelift.lake.waiting import is_behind, read_cursors, segment_key


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that the operator should know.

    Attributes:
        code: Stable; programs may hold on to it.
        text: What it is and what to do.
        wrong: Something has to be done about it.
    """

    code: str
    text: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class SiteReport:
    """The two sides of one site's ledger.

    Attributes:
        site: The site.
        ledger: What the counts that travel with the rows say.
        rows: The rows that are really there, stored and quarantined.
        unread: Files of the lake that cannot be read; their rows are not among `rows`.
    """

    site: str
    ledger: Ledger
    rows: int
    unread: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether the counts add up and the rows are there."""
        return self.ledger.balanced and self.rows == self.ledger.stored + self.ledger.quarantined


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at.

    Attributes:
        sites: By name.
        remarks: By what they are about.
    """

    sites: tuple[SiteReport, ...]
    remarks: tuple[Remark, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing has to be done."""
        return all(site.balanced for site in self.sites) and not any(
            remark.wrong for remark in self.remarks
        )

    def document(self) -> dict[str, object]:
        """Write the report for programs."""
        return {
            "healthy": self.healthy,
            "sites": [
                {
                    "site": site.site,
                    "received": site.ledger.received,
                    "stored": site.ledger.stored,
                    "duplicates": site.ledger.duplicates,
                    "quarantined": site.ledger.quarantined,
                    "waiting": site.ledger.waiting,
                    "erased": site.ledger.erased,
                    "expired": site.ledger.expired,
                    "reasons": dict(site.ledger.reasons),
                    "bots": site.ledger.bots,
                    "internal": site.ledger.internal,
                    "last_received_at_ms": site.ledger.last_received_at,
                    "rows": site.rows,
                    "unread": list(site.unread),
                    "balanced": site.balanced,
                }
                for site in self.sites
            ],
            "remarks": [
                {"code": remark.code, "text": remark.text, "wrong": remark.wrong}
                for remark in self.remarks
            ],
        }


def checkup(home: Home) -> Report:
    """Look at everything; change nothing. What tries an object store is gone afterwards."""
    if not home.root.is_dir():
        missing = Remark(
            "no_home", f"There is no data directory at {home.root}: `truelift init`.", wrong=True
        )
        return Report(sites=(), remarks=(missing,))
    remarks = [
        *_of_loader(home),
        *_of_erasures(home),
        *_of_journal(home),
        *_of_published(home),
    ]
    reports = []
    try:
        home.storage.check()
        lake = Lake(home)
        for site in lake.sites():
            report = _of_site(lake, site)
            reports.append(report)
            if report.unread:
                remarks.append(
                    Remark(
                        "files_unread",
                        f"{site}: {len(report.unread)} files of the lake cannot be read, and"
                        " answers lack what is in them. Restore them from a backup:"
                        f" {', '.join(report.unread)}",
                        wrong=True,
                    )
                )
            elif not report.balanced:
                remarks.append(
                    Remark(
                        "sum_is_off",
                        f"{site}: {report.ledger.received} received, but"
                        f" {report.ledger.stored} + {report.ledger.duplicates} +"
                        f" {report.ledger.quarantined} + {report.ledger.waiting} +"
                        f" {report.ledger.erased} + {report.ledger.expired} accounted for"
                        f" and {report.rows} rows found. Keep the home as it is and report this.",
                        wrong=True,
                    )
                )
            remarks += _of_tail(home, site)
            remarks += _of_positions(home, site)
    except StorageUnreachable as error:
        remarks.append(Remark("storage_unreachable", str(error), wrong=True))
    except UnreadableSites as error:
        remarks.append(Remark("sites_file", str(error), wrong=True))
    return Report(sites=tuple(reports), remarks=tuple(remarks))


def _of_site(lake: Lake, site: str) -> SiteReport:
    # The loader may commit between the two looks: what counts is one at rest.
    report = SiteReport(site, lake.ledger(site), *lake.readable_rows(site))
    for _ in range(3):
        if report.balanced or report.unread:
            break
        report = SiteReport(site, lake.ledger(site), *lake.readable_rows(site))
    return report


def _of_loader(home: Home) -> Iterator[Remark]:
    running = _held(home.loader / "lock")
    if running:
        yield Remark("loader_running", "A loader is running.")
    else:
        yield Remark(
            "loader_idle", "No loader is running: events wait until `truelift serve` or `work` is."
        )
    for manifest in pending(home):
        if not running:
            yield Remark(
                "commit_pending",
                f"A commit of {manifest.site} was interrupted; the next loader finishes it.",
            )


def _of_erasures(home: Home) -> Iterator[Remark]:
    waiting = requests(home)
    if waiting:
        does = (
            "the running loader does that within minutes; if this stays, look at its log"
            if _held(home.loader / "lock")
            else "`truelift serve` or `truelift work` does that"
        )
        sites = sorted({request.site or "every site" for request in waiting})
        yield Remark(
            "erasures_waiting",
            f"{_erasures(len(waiting))} asked for and not done yet ({', '.join(sites)}): {does}.",
        )
    left = len(handed_over(home))
    if left:
        yield Remark(
            "erasures_half_done",
            f"{_erasures(left)} done in the lake and not yet in the web application's rows:"
            " `truelift serve` or `truelift work` finishes that.",
        )


def _erasures(number: int) -> str:
    return "1 erasure is" if number == 1 else f"{number} erasures are"


def _of_positions(home: Home, site: str) -> Iterator[Remark]:
    # The lake first: what is committed meanwhile must not look like a journal behind it.
    state = SiteTable(home.table(site)).current()
    last_ms = 0 if state is None else state.counts.last_received_at
    if state is not None and last_ms and is_behind(home, site, state.reached, last_ms=last_ms):
        yield Remark(
            "journal_behind",
            f"{site}: the journal of this home is older than the lake at {home.lake}, so the loader"
            " takes nothing from it; nothing is lost. Put the home back that wrote the lake, or"
            " give this one a lake of its own with TRUELIFT_LAKE.",
            wrong=True,
        )


def _of_journal(home: Home) -> Iterator[Remark]:
    writers = {segment.writer for segment in segments(home.journal)}
    held = {writer for writer in writers if _held(home.journal / writer / "lock")}
    for writer in sorted(held):
        yield Remark("writer_running", f"{writer} is writing to the journal.")
    cursors = read_cursors(home)
    for segment in segments(home.journal):
        offset = cursors.get(segment_key(segment.path), 0)
        damaged = 0
        try:
            while True:
                piece = lines_of(segment.path, offset=offset)
                damaged += piece.damaged_bytes
                if piece.next_offset <= offset:
                    break
                offset = piece.next_offset
            torn = segment.path.stat().st_size - offset
        except FileNotFoundError:
            continue
        if damaged:
            yield Remark(
                "segment_damaged",
                f"{segment.path} has {damaged} bytes that are no frames: check the disk.",
                wrong=True,
            )
        if torn and segment.writer not in held:
            yield Remark(
                "segment_torn",
                f"{segment.path} ends in {torn} bytes of a frame that was never acknowledged;"
                " the writer cuts them off when it starts.",
            )


def _of_published(home: Home) -> Iterator[Remark]:
    try:
        keys = json.loads(home.keys_file.read_bytes())["keys"]
    except FileNotFoundError:
        yield Remark(
            "no_keys",
            "No keys were published yet, so the collector answers 503: create a site with"
            " `truelift sites create`.",
        )
    except (ValueError, KeyError, TypeError):
        yield Remark(
            "keys_file", f"{home.keys_file} cannot be read: save a site's keys again.", wrong=True
        )
    else:
        yield Remark("keys", f"{len(keys)} keys are published.")


def _of_tail(home: Home, site: str) -> Iterator[Remark]:
    strays = TailFolder(home, site).strays()
    if strays and not _held(home.loader / "lock"):
        yield Remark(
            "orphan_tail_files",
            f"{site}: {len(strays)} files of the fresh tail belong to nothing; the next loader"
            " removes them.",
        )
    crowded = _remarked(home, site, "warning")
    if crowded:
        yield Remark(
            "crowded_users",
            f"{site}: {crowded} users were seen on more than {MANY_VISITORS} visitors each;"
            " shared logins, or an integration that sends one user id for everybody.",
        )
    shared = _remarked(home, site, "shared")
    if shared:
        yield Remark(
            "shared_visitors",
            f"{site}: {shared} visitors were each signed in by more than {MANY_USERS} users;"
            " kiosks or call centres, or an integration that sends one visitor id for everybody."
            " Their events follow the current user, and nobody is merged.",
        )


def _remarked(home: Home, site: str, table: str) -> int:
    path = identities_file(home, site)
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as rows:
        known = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
        if not rows.execute(known, (table,)).fetchone()[0]:
            return 0  # kept by an older Truelift, and not opened since
        return int(rows.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _held(path: Path) -> bool:
    """Tell whether some process holds a lock."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
