"""A lake in an object store answers as one in a folder does, and loses nothing when it is away."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from moto.backends import get_backend
from moto.server import ThreadedMotoServer
from pyarrow.fs import FileSelector, S3FileSystem
from typing_extensions import override

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_erasure import ANNA, erase, places_of, rows_of_others, send_world
from tests.lake.test_sequence_index import _index_everything, answers, some_traffic
from truelift.errors import Outage
from truelift.lake.checkup import checkup
from truelift.lake.erasure_list import Who, ask_to_erase
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake
from truelift.lake.ledger import Counts
from truelift.lake.loader import Loader, Loading
from truelift.lake.storage import StorageUnreachable
from truelift.lake.tables import CommitLost, LakeFile, LakeState, SiteTable
from truelift.settings import S3Lake


BUCKET = "lake"
EVERYTHING = Rows("message_id, person, event, visitor_id, occurred_at", relation="all_events")


@dataclass(slots=True)
class Store:
    """An S3 server that can be taken away and given back with everything in it."""

    server: ThreadedMotoServer
    port: int

    @classmethod
    def started(cls, port: int = 0) -> Store:
        server = ThreadedMotoServer("127.0.0.1", port=port, verbose=False)
        server.start()
        return cls(server, server.get_host_and_port()[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> S3FileSystem:
        return S3FileSystem(
            access_key="key",
            secret_key="secret",
            region="us-east-1",
            endpoint_override=self.endpoint,
            allow_bucket_creation=True,
        )

    def away(self) -> None:
        self.server.stop()

    def back(self) -> None:
        self.server = Store.started(self.port).server

    def listed(self) -> list[str]:
        found = self.files.get_file_info(FileSelector(BUCKET, recursive=True))
        return sorted(info.path for info in found if info.is_file)

    def rows(self) -> list[str]:
        """List the objects that hold rows."""
        return [key for key in self.listed() if "/bucket=" in key]

    def read(self, key: str) -> bytes:
        with self.files.open_input_stream(key) as stream:
            return bytes(stream.read())

    def write(self, key: str, content: bytes) -> None:
        with self.files.open_output_stream(key) as stream:
            stream.write(content)

    def age(self, key: str, span: timedelta) -> None:
        """Have an object look as if it had been written before."""
        (backend,) = get_backend("s3")["123456789012"].values()
        backend.buckets[BUCKET].keys[key.partition("/")[2]].last_modified -= span


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = Store.started()
    yield store
    store.away()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    server.files.create_dir(BUCKET)
    server.files.delete_dir_contents(BUCKET)
    return server


def environment_of(store: Store) -> dict[str, str]:
    return {
        "TRUELIFT_LAKE": f"s3://{BUCKET}/truelift",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_ALLOW_HTTP": "true",
    }


@pytest.fixture
def home(tmp_path: Path, store: Store) -> Home:
    lake = S3Lake(BUCKET, "truelift", store.endpoint, "us-east-1", plain_http=True)
    made = Home(root=tmp_path / "home", lake=lake)
    made.make()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "folder", lake=tmp_path / "folder" / "lake")
    made.make()
    return made


def copies(home: Home) -> list[Path]:
    return sorted((home.cache / "lake").rglob("*.parquet"))


def everything(home: Home) -> object:
    lake = Lake(home)
    return lake.ask("shop", EVERYTHING).answer, lake.ledger("shop"), lake.rows("shop")


def message_ids(home: Home, lake: Lake | None = None) -> list[str]:
    rows = (lake or Lake(home)).ask("shop", Rows("message_id", relation="all_events")).answer
    return sorted(str(row["message_id"]) for row in rows)


def with_traffic(home: Home, clock: Clock, *, rounds: int = 3, tail: bool = False) -> None:
    """Give a home the same events as every other that is asked so, in as many files as rounds."""
    sender = Sender(home, clock)
    with Loader(home, now=clock) as loader:
        for number in range(rounds):
            some_traffic(sender, np.random.default_rng(number), items=40)
            loader.flush()
        if tail:
            some_traffic(sender, np.random.default_rng(rounds), items=40)
            loader.step()
    sender.close()


def test_answers_are_those_of_the_same_events_in_a_folder(
    home: Home, folder: Home, clock: Clock
) -> None:
    for each in (home, folder):
        with_traffic(each, clock, tail=True)

    unindexed = answers(home)
    for each in (home, folder):
        _index_everything(each)

    assert everything(home) == everything(folder)
    assert unindexed == answers(home) == answers(folder)


def test_no_answer_changes_while_files_are_put_together_and_buckets_split(
    home: Home, folder: Home, store: Store, clock: Clock
) -> None:
    for each in (home, folder):
        with_traffic(each, clock, tail=True)
    expected = everything(folder)
    during: list[tuple[str, object]] = []
    lake = Lake(home)

    def ask_at(point: str) -> None:
        during.append((point, message_ids(home, lake)))

    with Loader(home, now=clock, reached=ask_at) as loader:
        loader._compaction.rows_per_bucket = 100
        loader._untidy.add("shop")

        loader.flush()
    state = SiteTable(home.table("shop")).current()

    assert state is not None
    assert state.buckets == 2
    assert {point for point, _ in during} >= {"compaction.file.written", "compaction.committed"}
    assert {str(seen) for _, seen in during} == {str(message_ids(folder))}
    assert everything(home) == expected
    # By its clock the loader wrote the old files long ago: they are swept.
    assert len(store.rows()) == len(state.files)


def test_a_sweep_removes_what_no_version_refers_to_and_nothing_that_is_young(
    home: Home, store: Store, clock: Clock
) -> None:
    clock.at = datetime.now(UTC)
    with_traffic(home, clock)
    stray, young = (f"{BUCKET}/truelift/shop/events/bucket=0/{n}.parquet" for n in ("old", "new"))
    for key in (stray, young):
        store.write(key, b"left by a crash")
    store.age(stray, timedelta(hours=2))

    removed = SiteTable(home.table("shop")).sweep()

    assert removed == 1
    assert stray not in store.listed()
    assert young in store.listed()


def test_all_that_is_needed_comes_from_the_store_when_the_copies_are_gone(
    home: Home, clock: Clock, store: Store
) -> None:
    with_traffic(home, clock)
    before = everything(home)
    shutil.rmtree(home.cache)

    after = everything(home)

    assert after == before
    assert {path.name for path in copies(home)} == {key.rpartition("/")[2] for key in store.rows()}


def test_copies_keep_to_their_size_once_nobody_reads_them(
    home: Home, folder: Home, clock: Clock, store: Store
) -> None:
    for each in (home, folder):
        with_traffic(each, clock, rounds=4)
    sizes = [len(store.read(key)) for key in store.rows()]
    assert isinstance(home.lake, S3Lake)
    small = replace(home, lake=replace(home.lake, cache_bytes=2 * max(sizes)))
    found = everything(small)

    kept = sum(path.stat().st_size for path in copies(home))

    assert found == everything(folder)
    assert 0 < kept <= 2 * max(sizes) < sum(sizes)


def test_a_damaged_copy_is_never_read_but_brought_again(
    home: Home, clock: Clock, store: Store
) -> None:
    with_traffic(home, clock)
    before = everything(home)
    damaged, cut, *_ = copies(home)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:500] + bytes(20) + content[520:])
    cut.write_bytes(cut.read_bytes()[:100])

    after = everything(home)

    assert after == before
    assert damaged.read_bytes() == content


def test_an_object_that_is_not_what_was_written_is_named_and_left_out(
    home: Home, clock: Clock, store: Store
) -> None:
    with_traffic(home, clock)
    key, *others = store.rows()
    content = store.read(key)
    store.write(key, content[:500] + bytes(20) + content[520:])
    shutil.rmtree(home.cache)
    whole = sum(file.rows for file in lake_files(home) if not key.endswith(file.path))

    asked = Lake(home).ask("shop", EVERYTHING)

    assert asked.unread == (key.partition("/events/")[2],)
    assert len(asked.answer) == whole
    assert len(copies(home)) == len(others)


def lake_files(home: Home) -> tuple[LakeFile, ...]:
    state = SiteTable(home.table("shop")).current()
    assert state is not None
    return state.files


def test_a_loader_whose_store_is_away_keeps_everything_and_commits_it_once_when_it_is_back(
    home: Home, clock: Clock, store: Store
) -> None:
    sender = Sender(home, clock)
    with Loader(home, now=clock) as loader:
        sender(*({"message_id": f"a{n}"} for n in range(5)))
        loader.flush()
        lake = Lake(home)
        assert len(message_ids(home, lake)) == 5
        store.away()
        sender(*({"message_id": f"b{n}"} for n in range(5)))
        with pytest.raises(StorageUnreachable, match="stays in the journal") as refused:
            loader.flush()
        sender(*({"message_id": f"c{n}"} for n in range(5)))
        clock.forward(timedelta(hours=1))
        with pytest.raises(Outage):
            loader.step()
        seen_meanwhile = message_ids(home, lake)
        remarks = {remark.code for remark in checkup(home).remarks if remark.wrong}
        store.back()

        loader.step()
        loader.flush()
    sender.close()

    assert refused.value.code == "lake.storage_unreachable"
    assert remarks == {"storage_unreachable"}
    everybody = [f"{letter}{n}" for letter in "abc" for n in range(5)]
    assert seen_meanwhile == message_ids(home) == everybody
    assert Lake(home).ledger("shop").stored == 15
    assert sum(file.rows for file in lake_files(home)) == 15
    assert checkup(home).healthy


def test_a_loader_that_is_started_while_the_store_is_away_begins_when_it_is_back(
    home: Home, clock: Clock, store: Store
) -> None:
    def die(point: str) -> None:
        if point == "files.written":
            raise KeyboardInterrupt

    sender = Sender(home, clock)
    sender({"message_id": "waits"})
    with Loader(home, now=clock, reached=die) as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.flush()
    store.away()
    loading, stop = Loading(home, now=clock, rest_s=0.05), threading.Event()

    began = loading.open()
    store.back()
    thread = threading.Thread(target=loading.run, args=(stop,))
    thread.start()
    lake, until = Lake(home), time.monotonic() + 20
    while not lake_files(home):
        assert time.monotonic() < until
        time.sleep(0.05)
    stop.set()
    thread.join()
    sender.close()

    assert began is False
    assert message_ids(home, lake) == ["waits"]
    assert [file.rows for file in lake_files(home)] == [1]


@dataclass(slots=True)
class AnswerLost(SiteTable):
    """A table whose first commit is made and reported as something else."""

    said: Callable[[], Outage] | None = None

    @override
    def append(
        self,
        state: LakeState,
        files: Sequence[LakeFile],
        *,
        reached: Mapping[str, int],
        counts: Counts,
    ) -> int:
        version = SiteTable.append(self, state, files, reached=reached, counts=counts)
        said, self.said = self.said, None
        if said is not None:
            raise said()
        return version


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(lambda: CommitLost(table="shop"), id="a repeat found the entry there"),
        pytest.param(
            lambda: StorageUnreachable(lake="s3://lake", reason="timed out"), id="no answer came"
        ),
    ],
)
def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    home: Home, clock: Clock, said: Callable[[], Outage]
) -> None:
    sender = Sender(home, clock)
    with Loader(home, now=clock) as loader:
        sender({"message_id": "first"})
        loader.step()
        loader._sites["shop"].reader.table = AnswerLost(home.table("shop"), said=said)
        failed: list[str] = []
        for number in range(3):
            sender({"message_id": f"m{number}"})
            try:
                loader.flush()
            except StorageUnreachable as error:
                failed.append(error.code)
    sender.close()

    assert message_ids(home) == ["first", "m0", "m1", "m2"]
    assert sum(file.rows for file in lake_files(home)) == 4
    assert Lake(home).ledger("shop").stored == 4
    assert len(failed) <= 1


def test_of_two_commits_to_one_version_the_store_takes_one(home: Home, clock: Clock) -> None:
    with_traffic(home, clock, rounds=1)
    one, other = (SiteTable(home.table("shop")) for _ in range(2))
    states = [table.current() for table in (one, other)]
    assert states[0] is not None
    assert states[1] is not None
    one.append(states[0], [], reached={"edge": 900}, counts=Counts())

    with pytest.raises(CommitLost):
        other.append(states[1], [], reached={"edge": 900}, counts=Counts())


def test_an_erased_person_is_in_no_object_and_no_byte_of_the_home(
    home: Home, clock: Clock, store: Store, tmp_path: Path
) -> None:
    sender = Sender(home, clock)
    with Loader(home, now=clock) as loader:
        loader._compaction.rows_per_bucket = 25
        send_world(home, sender, loader, clock)
        loader.flush()
        loader.flush()
        while Indexing(home).step():
            pass
        sender({"visitor_id": ANNA[1], "message_id": "late", "event": "late"})
        loader.step()
        shutil.rmtree(home.cache)  # so that questions have brought copies again
        others = rows_of_others(home)
        leftover = home.cache / "lake" / "shop" / "bucket=0" / ".left.parquet.1-1.partial"
        leftover.write_bytes(ANNA[0].encode())
        in_bucket, in_home = in_objects(store, tmp_path / "before"), places_of(home, *ANNA)

        erase(loader, ask_to_erase(home, "shop", Who.USER, ANNA[2]))
    sender.close()

    assert in_bucket == {"lake"}
    assert in_home >= {"cache", "index", "journal"}
    assert in_objects(store, tmp_path / "after") == set()
    assert places_of(home, *ANNA) == set()
    assert rows_of_others(home) == others


def in_objects(store: Store, folder: Path) -> set[str]:
    """Search every byte of the bucket, and every value of its columnar objects, for Anna."""
    for key in store.listed():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(key))
    return places_of(Home(root=folder, lake=folder), *ANNA)


def test_a_bucket_that_is_not_there_or_not_ours_is_said_by_doctor(home: Home) -> None:
    assert isinstance(home.lake, S3Lake)
    missing = replace(home, lake=replace(home.lake, bucket="nobody-made-this"))

    fine, wrong = checkup(home), checkup(missing)

    assert fine.healthy
    (remark,) = (remark for remark in wrong.remarks if remark.wrong)
    assert remark.code == "storage_unreachable"
    assert "s3://nobody-made-this/truelift" in remark.text
    assert "AWS_ENDPOINT_URL" in remark.text


def test_commands_load_into_a_bucket_and_ask_it(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "events.ndjson"
    rows = [
        {"name": name, "visitor_id": f"v{n}", "occurred_at": f"2026-05-0{1 + n}T10:00:00Z"}
        for n in range(5)
        for name in ("view", "buy")[: 1 + n % 2]
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    environment = {
        **os.environ,
        **environment_of(store),
        "TRUELIFT_HOME": str(tmp_path / "h"),
    }

    def said(*words: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "truelift.cli", *words, "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        found: dict[str, object] = json.loads(done.stdout)
        return found

    loaded = said("load", str(file), "--site", "shop")
    shutil.rmtree(tmp_path / "h" / "cache")
    asked = said("ask", "events", "--site", "shop")

    assert loaded["stored"] == len(rows) == 7
    assert isinstance(asked["rows"], list)
    assert {row["event"]: row["count"] for row in asked["rows"]} == {"view": 5, "buy": 2}
    assert len(store.rows()) == 1
    assert not (tmp_path / "h" / "lake").exists()
