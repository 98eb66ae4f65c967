"""Where everything lies in a data directory."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from truelift.errors import Refusal
from truelift.lake.storage import Storage, TableStore, storage_of
from truelift.settings import S3Lake, Settings


SITE_NAME = re.compile(r"^[a-z][a-z0-9-]{1,39}$")
"""What a site may be called, everywhere."""


class BadSiteName(Refusal):
    """A site's name has characters or a length that paths and addresses cannot carry."""

    code = "lake.bad_site_name"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            "A site's name has 2 to 40 small letters, digits and hyphens and begins with"
            f" a letter; {site[:60]!r} does not.",
            site=site[:60],
        )


class NoFolder(Refusal):
    """Somebody wants a folder of a lake that is in an object store."""

    code = "lake.no_folder"

    def __init__(self, *, lake: str) -> None:
        super().__init__(
            f"The lake is at {lake} and in no folder. Open its tables there.", lake=lake
        )


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one installation; nothing else builds a path by hand.

    Attributes:
        root: `TRUELIFT_HOME`.
        lake: Folder of the Delta tables, or where they are in an object store.
    """

    root: Path
    lake: Path | S3Lake

    @classmethod
    def of(cls, settings: Settings) -> Home:
        """Take the paths that the settings say."""
        return cls(root=settings.home, lake=settings.lake)

    @property
    def journal(self) -> Path:
        """One directory per writing process, each with its own lock."""
        return self.root / "journal"

    @property
    def loader(self) -> Path:
        """The loader's lock and manifests."""
        return self.root / "loader"

    @property
    def tail(self) -> Path:
        """Arrow files of rows that are in the journal and not yet in the lake, per site."""
        return self.root / "tail"

    @property
    def index(self) -> Path:
        """Sequence indexes, per site and bucket; derived from the lake, may be deleted."""
        return self.root / "index"

    @property
    def cache(self) -> Path:
        """Copies of what lies in an object store; may be deleted while nothing runs."""
        return self.root / "cache"

    @property
    def storage(self) -> Storage:
        """Where the Delta tables are."""
        return storage_of(self.lake, self.cache)

    @property
    def erasures(self) -> Path:
        """One file an erasure: its receipt and keyed digests, for a restore to apply again."""
        return self.root / "erasures"

    @property
    def rejects(self) -> Path:
        """Rows that an import could not read, with line number and reason."""
        return self.root / "rejects"

    @property
    def pictures(self) -> Path:
        """Screenshots of checks, per site, each named by its content."""
        return self.root / "pictures"

    @property
    def published(self) -> Path:
        """What Django tells the other processes, replaced by atomic rename."""
        return self.root / "published"

    @property
    def keys_file(self) -> Path:
        """Write and secret keys, for the collector."""
        return self.published / "keys.json"

    @property
    def sites_file(self) -> Path:
        """Settings of every site, for the loader and for questions."""
        return self.published / "sites.json"

    @property
    def segments_file(self) -> Path:
        """Saved segments of every site, for questions."""
        return self.published / "segments.json"

    @property
    def metrics_file(self) -> Path:
        """Metrics that sites defined themselves, for questions."""
        return self.published / "metrics.json"

    @property
    def run(self) -> Path:
        """Sockets and pid files of running processes."""
        return self.root / "run"

    @property
    def secret_key_file(self) -> Path:
        """The installation's own secret."""
        return self.root / "secret.key"

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.root / "truelift.sqlite3"

    def table(self, site: str) -> TableStore:
        """Where the Delta table of one site's events is.

        Raises:
            BadSiteName: The name could leave the lake's folder.
        """
        return self.storage.table(checked_site(site))

    def events_table(self, site: str) -> Path:
        """The folder of one site's Delta table, where the lake is in a folder.

        Raises:
            BadSiteName: The name could leave the lake's folder.
            NoFolder: The lake is in an object store.
        """
        if not isinstance(self.lake, Path):
            raise NoFolder(lake=str(self.lake))
        return self.lake / checked_site(site) / "events"

    def make(self) -> None:
        """Create the directories that are missing and the secret key; twice changes nothing."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (
            self.journal,
            self.loader,
            self.tail,
            self.rejects,
            self.published,
            self.run,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        self.storage.make()
        if not self.secret_key_file.exists():
            partial = self.secret_key_file.with_suffix(f".{os.getpid()}")
            partial.touch(mode=0o600)
            partial.write_text(secrets.token_urlsafe(50), encoding="ascii")
            partial.replace(self.secret_key_file)


def checked_site(site: str) -> str:
    """Give the name back when it is a site's name.

    Raises:
        BadSiteName: It is not.
    """
    if not SITE_NAME.fullmatch(site):  # `match` would let a line end through
        raise BadSiteName(site=site)
    return site
