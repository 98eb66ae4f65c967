"""An erased person is in no byte of the home, and nobody else is missing."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from tests.lake.conftest import Clock, Rows, Sender, bulk
from truelift.lake.erasure_list import (
    OtherKey,
    Receipt,
    Request,
    Who,
    ask_again,
    ask_to_erase,
    handed_over,
    receipt_of,
    receipts,
    requests,
    take_list,
)
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.merges import merges_of, request_undo, undo_requests


ANNA = ("anna-phone-0001", "anna-laptop-02", "anna.müller@example.com")
"""Two visitors and a user: one person, who moved."""

EVERYTHING = Rows(
    "event, message_id, visitor_id, user_id, person, properties", relation="all_events"
)


def places_of(home: Home, *names: str) -> set[str]:
    """Search every byte of a home, and every value of its columnar files, for some ids."""
    needles = {name: _forms(name) for name in names}
    numbers = {
        number
        for name in names
        for number in (person_of_visitor("shop", name), person_of_user("shop", name))
    }
    found: set[str] = set()
    for path in sorted(path for path in home.root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        texts = [content]
        if path.suffix == ".parquet":
            texts.append(json.dumps(pq.read_table(path).to_pylist(), default=str).encode())
        if path.suffix == ".arrow":
            table = pa.ipc.open_file(path).read_all()
            texts.append(json.dumps(table.to_pylist(), default=str).encode())
        written = [*(form for forms in needles.values() for form in forms)]
        for number in numbers:
            written += [number.to_bytes(8, order, signed=True) for order in ("big", "little")]
            written.append(str(number).encode())
        if any(form in text for text in texts for form in written):
            found.add(path.relative_to(home.root).parts[0])
            if path.relative_to(home.root).parts[0] == "loader":
                found.add(path.relative_to(home.root).parts[1])
    return found


def _forms(name: str) -> list[bytes]:
    return [
        name.encode(),
        json.dumps(name)[1:-1].encode(),
        quote(name, safe="").encode(),
    ]


def send_world(home: Home, send: Sender, loader: Loader, clock: Clock) -> None:
    """Anna on two devices with a login, others, a shared device, bad items, an import, rejects."""
    bulk(home, 40)
    send(*({"visitor_id": f"other-{n % 5}", "message_id": f"o{n}"} for n in range(30)))
    for number, device in enumerate(ANNA[:2]):
        send(
            *(
                {
                    "visitor_id": device,
                    "message_id": f"{device}-{n}",
                    "properties": {"page": f"/of/{device}"},
                    "url": f"https://shop.example/me/{quote(device)}",
                }
                for n in range(4 + number)
            )
        )
    loader.flush()
    for device in ANNA[:2]:
        send({"visitor_id": device, "user_id": ANNA[2], "type": "identify"}, trusted=True)
    loader.step()
    # Anna's phone is Bert's for a while; what he does is his.
    send({"visitor_id": ANNA[0], "user_id": "bert-7788", "message_id": "b1"}, trusted=True)
    send({"visitor_id": ANNA[0], "message_id": "b2", "event": "lent"})
    send({"visitor_id": "other-1", "message_id": "o-about", "properties": {"friend": ANNA[1]}})
    send({"visitor_id": ANNA[1], "reason": "bad_timestamp", "message_id": "bad1"})
    raw = {"raw": json.dumps({"anonymousId": "other-2", "note": ANNA[2]}) + ",,"}
    send({"visitor_id": None, "reason": "bad_json", "message_id": "bad2", "properties": raw})
    raw = {"raw": '{"anonymousId": "other-2",,'}
    send({"visitor_id": None, "reason": "bad_json", "message_id": "bad3", "properties": raw})
    loader.step()
    reject = home.rejects / f"shop-{'a' * 16}.ndjson"
    lines = [
        {"line": n, "reason": "bad_time", "text": text}
        for n, text in enumerate((f"{ANNA[0]},yesterday", "other-3,yesterday"))
    ]
    reject.write_text("".join(json.dumps(line) + "\n" for line in lines))
    clock.forward(timedelta(minutes=1))


@pytest.fixture
def world(home: Home, send: Sender, loader: Loader, clock: Clock) -> Home:
    loader._compaction.rows_per_bucket = 25
    send_world(home, send, loader, clock)
    loader.flush()
    loader.flush()
    while Indexing(home).step():
        pass
    send({"visitor_id": ANNA[1], "message_id": "late", "event": "late"})
    loader.step()
    send({"visitor_id": ANNA[1], "message_id": "later", "event": "later"})
    return home


def erase(loader: Loader, request: Request) -> Receipt:
    for _ in range(40):
        loader.step()
        receipt = receipt_of(loader.home, request.key)
        if receipt is not None:
            for done in handed_over(loader.home):
                done.forget(loader.home)
            return receipt
        threading.Event().wait(0.1)
    raise AssertionError("the loader never finished the erasure")


def rows_of_others(home: Home) -> list[dict[str, object]]:
    mine = {f"{device}-{n}" for device in ANNA[:2] for n in range(9)} | {
        "late",
        "later",
        "late2",
        "newcomer",
        "bad1",
    }
    return [
        {"message_id": row["message_id"], "person": row["person"], "event": row["event"]}
        for row in Lake(home).ask("shop", EVERYTHING).answer
        if row["message_id"] not in mine | {"bad2"} and row["event"] != "identify"
    ]


@pytest.mark.parametrize(
    ("kind", "who"), [(Who.VISITOR, ANNA[0]), (Who.VISITOR, ANNA[1]), (Who.USER, ANNA[2])]
)
def test_no_byte_of_an_erased_person_stays_whichever_id_names_them(
    world: Home, loader: Loader, kind: Who, who: str
) -> None:
    before = places_of(world, *ANNA)
    others = rows_of_others(world)

    receipt = erase(loader, ask_to_erase(world, "shop", kind, who))

    assert before >= {"journal", "lake", "tail", "index", "rejects", "identities"}
    assert places_of(world, *ANNA) == set()
    assert rows_of_others(world) == others
    assert receipt.stored >= 13
    assert (len(receipt.visitors), len(receipt.users)) == (2, 1)
    assert receipt.quarantined == 2
    assert receipt.rejected == 1
    ledger = Lake(world).ledger("shop")
    assert ledger.balanced
    assert ledger.erased == receipt.stored + receipt.quarantined
    assert Lake(world).rows("shop") == ledger.stored + ledger.quarantined


def test_others_keep_what_names_an_erased_person_without_the_name(
    world: Home, loader: Loader
) -> None:
    lent = person_of_user("shop", "bert-7788")

    receipt = erase(loader, ask_to_erase(world, "shop", Who.USER, ANNA[2]))
    rows = {row["message_id"]: row for row in Lake(world).ask("shop", EVERYTHING).answer}

    assert receipt.unnamed == 3
    assert (rows["b1"]["visitor_id"], rows["b1"]["user_id"]) == (None, "bert-7788")
    assert (rows["b2"]["visitor_id"], rows["b2"]["person"]) == (None, lent)
    assert json.loads(str(rows["o-about"]["properties"])) == {"friend": "erased"}
    assert "bad3" in rows


def test_erasing_who_used_a_lent_device_leaves_its_owner_whole(
    world: Home, send: Sender, loader: Loader
) -> None:
    def of_anna() -> list[str]:
        rows = Lake(world).ask("shop", EVERYTHING).answer
        return sorted(
            str(row)
            for row in rows
            if row["visitor_id"] in ANNA and row["message_id"] not in {"b1", "b2"}
        )

    loader.flush()
    before = of_anna()

    receipt = erase(loader, ask_to_erase(world, "shop", Who.USER, "bert-7788"))
    after = of_anna()
    send({"visitor_id": ANNA[0], "message_id": "back", "event": "back"})
    loader.step()
    rows = {row["message_id"]: row for row in Lake(world).ask("shop", EVERYTHING).answer}

    assert (len(receipt.visitors), len(receipt.users), receipt.stored) == (0, 1, 2)
    assert before == after
    assert places_of(world, "bert-7788") == set()
    assert rows["back"]["person"] == rows[f"{ANNA[0]}-0"]["person"]


def test_what_arrives_later_begins_a_new_person(
    world: Home, send: Sender, loader: Loader, clock: Clock
) -> None:
    erase(loader, ask_to_erase(world, "shop", Who.USER, ANNA[2]))
    clock.forward(timedelta(hours=1))
    send({"visitor_id": ANNA[1], "message_id": "new1", "event": "new"})
    send({"visitor_id": "anna-tablet-3", "user_id": ANNA[2], "message_id": "new2"}, trusted=True)

    loader.step()
    rows = {row["message_id"]: row for row in Lake(world).ask("shop", EVERYTHING).answer}

    assert rows["new1"]["person"] == person_of_visitor("shop", ANNA[1])
    assert rows["new2"]["person"] == person_of_visitor("shop", "anna-tablet-3")
    assert Lake(world).ledger("shop").balanced


def test_an_older_copy_of_the_home_is_erased_again_and_newcomers_stay(
    world: Home, send: Sender, loader: Loader, clock: Clock, tmp_path: Path
) -> None:
    loader.flush()
    send({"visitor_id": ANNA[0], "message_id": "late2", "event": "late"})
    loader.step()
    send.close()
    loader.close()
    backup = tmp_path / "backup"
    shutil.copytree(world.root, backup)
    with Loader(world, now=clock) as first:
        receipt = erase(first, ask_to_erase(world, "shop", Who.VISITOR, ANNA[1]))
    saved = tmp_path / "list.ndjson"
    saved.write_text("".join(json.dumps(one.document()) + "\n" for one in receipts(world)))

    shutil.rmtree(world.root)
    shutil.copytree(backup, world.root)
    clock.forward(timedelta(hours=1))
    send({"visitor_id": ANNA[1], "message_id": "newcomer", "event": "new"})
    restored = places_of(world, *ANNA)
    with Loader(world, now=clock) as second:
        second.step()
        others = rows_of_others(world)
        taken = take_list(world, saved)
        again = erase(second, ask_again(world))
        repeated = erase(second, ask_again(world))
    found = Lake(world).ask("shop", EVERYTHING).answer
    mine = [row["message_id"] for row in found if row["visitor_id"] in ANNA]

    assert restored >= {"journal", "lake", "identities", "rejects"}
    assert (taken, again.applied) == (1, 1)
    assert again.stored == receipt.stored
    assert again.quarantined == receipt.quarantined
    assert mine == ["newcomer"]
    assert rows_of_others(world) == others
    assert repeated.stored == 0
    assert Lake(world).ledger("shop").balanced
    text = b"".join(path.read_bytes() for path in world.root.rglob("*") if path.is_file())
    assert ANNA[0].encode() not in text


def test_an_older_copy_without_newcomers_has_no_byte_left(
    world: Home, send: Sender, loader: Loader, clock: Clock, tmp_path: Path
) -> None:
    send.close()
    loader.close()
    backup = tmp_path / "backup"
    shutil.copytree(world.root, backup)
    with Loader(world, now=clock) as first:
        erase(first, ask_to_erase(world, "shop", Who.USER, ANNA[2]))
    # Copied over the home, not in its place: the list is still there.
    shutil.copytree(backup, world.root, dirs_exist_ok=True)

    with Loader(world, now=clock) as second:
        again = erase(second, ask_again(world))

    assert again.applied == 1
    assert places_of(world, *ANNA) == set()


def test_a_list_of_another_installation_is_refused(home: Home, tmp_path: Path) -> None:
    entry = Receipt(key="a1", site="shop", erased_at_ms=0, secret="another")
    path = tmp_path / "list.ndjson"
    path.write_text(json.dumps(entry.document()))

    with pytest.raises(OtherKey):
        take_list(home, path)


def test_an_erasure_asks_the_running_collector_to_end_its_segment(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"visitor_id": ANNA[0], "message_id": "a"}, {"visitor_id": "other-1", "message_id": "b"})

    receipt = erase(loader, ask_to_erase(home, "shop", Who.VISITOR, ANNA[0]))
    position = send({"visitor_id": "other-1", "message_id": "c"})
    loader.step()

    assert (receipt.stored, position) == (1, 3)
    assert places_of(home, ANNA[0]) == set()
    assert {row["message_id"] for row in Lake(home).ask("shop", Rows()).answer} == {"b", "c"}


def test_a_request_and_a_receipt_survive_and_name_nobody_afterwards(
    world: Home, send: Sender, loader: Loader, clock: Clock
) -> None:
    request = ask_to_erase(world, "shop", Who.USER, ANNA[2])
    send.close()
    loader.close()

    with Loader(world, now=clock) as anew:
        receipt = erase(anew, request)

    assert requests(world) == []
    assert receipt_of(world, request.key) == receipt
    assert places_of(world, *ANNA) == set()


def test_questions_see_the_site_before_or_after_an_erasure_and_nothing_between(
    world: Home, loader: Loader
) -> None:
    loader.flush()
    lake = Lake(world)
    full = len(lake.ask("shop", Rows()).answer)
    seen: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.append(len(lake.ask("shop", Rows()).answer))

    asker = threading.Thread(target=ask)
    asker.start()
    receipt = erase(loader, ask_to_erase(world, "shop", Who.USER, ANNA[2]))
    done.set()
    asker.join()
    seen.append(len(lake.ask("shop", Rows()).answer))

    assert set(seen) <= {full, full - receipt.stored}
    assert seen[-1] == full - receipt.stored


def test_a_merge_that_waits_to_be_undone_is_forgotten_with_whom_it_made_one(
    home: Home, clock: Clock, send: Sender
) -> None:
    def reached(point: str) -> None:
        if point == "erasure.journal.settled":
            for merge in merges_of(home, "shop"):
                request_undo(home, "shop", merge.name, by="mara", now=clock.at)

    with Loader(home, now=clock, reached=reached) as loader:
        for user in ("anna", "bert"):
            send(
                {"visitor_id": f"{user}-1", "user_id": user},
                {"visitor_id": f"{user}-2", "message_id": f"{user}-own"},
            )
        loader.flush()
        for user in ("anna", "bert"):
            send({"visitor_id": f"{user}-2", "user_id": user}, trusted=True)
        loader.step()
        clock.forward(timedelta(minutes=1))

        erase(loader, ask_to_erase(home, "shop", Who.USER, "anna"))
        waiting = {request.pair.user for request in undo_requests(home)}
        loader.step()

    assert waiting == {person_of_user("shop", "bert")}
    assert [merge.undone is None for merge in merges_of(home, "shop")] == [False]
    assert places_of(home, "anna-2", "anna") == set()
