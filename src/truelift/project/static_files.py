"""Static files straight from the installed package, under names that carry their content's hash."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from posixpath import splitext
from typing import Final

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from typing_extensions import override
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]


FOREVER: Final = 10 * 365 * 24 * 3600


class FingerprintedFiles(StaticFilesStorage):
    """Names files by their content without collecting them first.

    Django's manifest storage wants a `collectstatic` into a writable folder; a wheel
    on a read-only disk has none. The few files here are hashed where they lie.
    """

    @override
    def url(self, name: str | None, force: bool = False) -> str:
        """Give the address under which the file may be kept for ever."""
        del force
        path = finders.find(name) if name else None
        return super().url(fingerprinted(name, Path(path)) if name and path else name)


class ServeStaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, which also answers to the fingerprinted names."""

    @override
    def add_files_from_finders(self) -> None:
        """Register every file under its own and its fingerprinted name."""
        super().add_files_from_finders()
        for finder in finders.get_finders():
            for name, storage in finder.list(None):
                path = Path(storage.path(name))
                self.add_file_to_dictionary(
                    f"{self.static_prefix}{fingerprinted(name, path)}",
                    str(path),
                    stat_cache={str(path): path.stat()},
                )

    @override
    def immutable_file_test(self, path: str, url: str) -> bool:
        """A fingerprinted name never means anything else."""
        name = url.removeprefix(self.static_prefix)
        return Path(path).name != Path(name).name


def fingerprinted(name: str, path: Path) -> str:
    """Put the hash of a file's content into its name: `css/base.0a1b2c3d4e5f.css`."""
    about = path.stat()
    stem, extension = splitext(name)
    return f"{stem}.{_digest(str(path), about.st_mtime_ns, about.st_size)}{extension}"


@lru_cache(maxsize=1024)
def _digest(path: str, changed_ns: int, size: int) -> str:
    del changed_ns, size  # they make the cache forget a file that was rebuilt
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
