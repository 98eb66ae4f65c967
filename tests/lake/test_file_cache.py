"""Copies of files are whole and the right ones, and no more than fit."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from truelift.lake.file_cache import (
    DamagedFile,
    FileCache,
    FileGone,
    Wanted,
    digest_of,
    named_by_content,
    planned_name,
)


@dataclass(slots=True)
class Shelf:
    """An origin that remembers what was fetched."""

    files: dict[str, bytes]
    fetched: list[str] = field(default_factory=list)
    meanwhile: Callable[[str], None] = lambda name: None  # noqa: ARG005

    def read_into(self, name: str, file: BinaryIO) -> None:
        self.fetched.append(name)
        if name not in self.files:
            raise FileNotFoundError(name)
        file.write(self.files[name])
        self.meanwhile(name)

    def exists(self, name: str) -> bool:
        return name in self.files


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({f"shop/{letter}": letter.encode() * 100 for letter in "abcd"})


def wanted(*letters: str) -> list[Wanted]:
    return [Wanted(f"shop/{letter}", 100) for letter in letters]


def there(cache: FileCache) -> list[str]:
    return sorted(path.name for path in cache.folder.rglob("*") if path.is_file())


def test_a_file_comes_once_and_is_read_from_its_copy(tmp_path: Path, shelf: Shelf) -> None:
    cache = FileCache(tmp_path, 1000, shelf)

    for _ in range(2):
        with cache.held(wanted("a", "b")) as paths:
            assert [path.read_bytes() for path in paths] == [b"a" * 100, b"b" * 100]

    assert sorted(shelf.fetched) == ["shop/a", "shop/b"]


def test_what_was_not_read_for_longest_goes_first(tmp_path: Path, shelf: Shelf) -> None:
    cache = FileCache(tmp_path, 250, shelf)
    for letter in "aba":
        with cache.held(wanted(letter)):
            pass

    with cache.held(wanted("c")):
        pass

    assert there(cache) == ["a", "c"]


def test_what_is_being_read_stays_though_it_is_too_much_and_goes_afterwards(
    tmp_path: Path, shelf: Shelf
) -> None:
    cache = FileCache(tmp_path, 150, shelf)

    with cache.held(wanted("a", "b", "c")), FileCache(tmp_path, 150, shelf).held(wanted("d")):
        during = there(cache)

    assert during == ["a", "b", "c", "d"]
    assert len(there(cache)) == 1


def test_a_smaller_limit_holds_from_the_first_reading_on(tmp_path: Path, shelf: Shelf) -> None:
    with FileCache(tmp_path, 1000, shelf).held(wanted("a", "b", "c")):
        pass
    smaller = FileCache(tmp_path, 100, shelf)

    with smaller.held(wanted("b")):
        pass

    assert there(smaller) == ["b"]


def test_what_a_killed_process_had_begun_to_fetch_is_removed(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / ".b.77-1.partial").write_bytes(b"half")
    cache = FileCache(tmp_path, 1000, shelf)

    with cache.held(wanted("a")):
        pass

    assert there(cache) == ["a"]


@pytest.mark.parametrize("content", [b"", b"x" * 99, b"x" * 100])
def test_a_file_whose_content_is_not_that_of_its_name_is_fetched_again(
    tmp_path: Path, content: bytes
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"y" * 100)
    name = named_by_content("shop/y.parquet", digest_of(source))
    shelf = Shelf({name: b"y" * 100})
    cache = FileCache(tmp_path / "cache", 1000, shelf)
    with cache.held([Wanted(name, 100)]) as (path,):
        pass
    path.write_bytes(content)

    with cache.held([Wanted(name, 100)]) as (path,):
        found = path.read_bytes()

    assert found == b"y" * 100
    assert planned_name(name) == "shop/y.parquet"


def test_a_file_that_is_not_what_was_written_is_never_given_out(tmp_path: Path) -> None:
    name = named_by_content("shop/y.parquet", "0123456789abcdef")
    cache = FileCache(tmp_path, 1000, Shelf({name: b"y" * 100}))

    with (
        pytest.raises(DamagedFile, match=r"y\.0123456789abcdef\.parquet"),
        cache.held([Wanted(name, 100)]),
    ):
        pass

    assert there(cache) == []


def test_a_file_that_was_removed_is_gone_and_leaves_nothing(tmp_path: Path, shelf: Shelf) -> None:
    cache = FileCache(tmp_path, 1000, shelf)

    with pytest.raises(FileGone), cache.held([Wanted("shop/z", 100)]):
        pass

    assert there(cache) == []


@pytest.mark.parametrize("cleaned", [False, True])
def test_what_is_erased_while_it_is_fetched_leaves_no_copy(
    tmp_path: Path, shelf: Shelf, *, cleaned: bool
) -> None:
    cache = FileCache(tmp_path, 1000, shelf)

    def erase(name: str) -> None:
        del shelf.files[name]
        if cleaned:
            cache.drop(name)

    shelf.meanwhile = erase

    with pytest.raises(FileGone), cache.held(wanted("a")):
        pass

    assert there(cache) == []
    assert cache.names("shop") == []


def test_threads_that_want_the_same_file_fetch_it_once(tmp_path: Path, shelf: Shelf) -> None:
    cache = FileCache(tmp_path, 1000, shelf)
    together = threading.Barrier(4)
    read: list[bytes] = []

    def ask() -> None:
        together.wait()
        with cache.held(wanted("a")) as (path,):
            read.append(path.read_bytes())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read == [b"a" * 100] * 4
    assert shelf.fetched == ["shop/a"]


def test_a_copy_keeps_its_time_of_change_however_often_it_is_read(
    tmp_path: Path, shelf: Shelf
) -> None:
    cache = FileCache(tmp_path, 1000, shelf)
    with cache.held(wanted("a")) as (path,):
        os.utime(path, (1_000, 1_000))

    with cache.held(wanted("a")):
        pass

    assert path.stat().st_mtime == 1_000
    assert path.stat().st_atime > 1_000
