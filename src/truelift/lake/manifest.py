"""What a commit is about to do, written down first, so that a crash can be finished or undone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.lake.tail import Spans


@dataclass(frozen=True, slots=True)
class Manifest:
    """One commit of one site's tail.

    Attributes:
        site: The site.
        spans: The journal positions that it settles.
        tail_files: Names of the tail files whose rows it moves.
        lake_files: Paths of the files that it writes, relative to the table.
    """

    site: str
    spans: Spans
    tail_files: tuple[str, ...]
    lake_files: tuple[str, ...]

    def write(self, home: Home) -> None:
        """Put it on disk, durably."""
        document = {
            "site": self.site,
            "spans": {writer: list(span) for writer, span in self.spans.items()},
            "tail_files": list(self.tail_files),
            "lake_files": list(self.lake_files),
        }
        path = _path(home, self.site)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, json.dumps(document, indent=1).encode())

    def forget(self, home: Home) -> None:
        """Remove it: the commit is finished, or will never be.

        A power cut may bring it back, and finishing a commit twice changes nothing.
        """
        _path(home, self.site).unlink(missing_ok=True)


def pending(home: Home) -> list[Manifest]:
    """Commits that a crash interrupted."""
    return [_read(path) for path in sorted(_folder(home).glob("*.json"))]


def _read(path: Path) -> Manifest:
    document = json.loads(path.read_bytes())
    return Manifest(
        site=document["site"],
        spans={writer: (span[0], span[1]) for writer, span in document["spans"].items()},
        tail_files=tuple(document["tail_files"]),
        lake_files=tuple(document["lake_files"]),
    )


def _folder(home: Home) -> Path:
    return home.loader / "manifests"


def _path(home: Home, site: str) -> Path:
    return _folder(home) / f"{site}.json"
