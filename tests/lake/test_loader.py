"""The loader takes everything once, keeps it fresh, and accounts for it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.lake.conftest import Clock, Rows, Sender, bulk
from truelift.lake.bulk import bulk_pieces
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter, segments
from truelift.lake.lake import Lake, NoSuchSite
from truelift.lake.loader import JournalBehind, Loader, LoaderRunning
from truelift.lake.tables import SiteTable


def test_a_step_makes_events_visible_before_anything_is_committed(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a"}, {"message_id": "b"})

    took = loader.step()
    asked = Lake(home).ask("shop", Rows("message_id"))

    assert took
    assert asked.answer == [{"message_id": "a"}, {"message_id": "b"}]
    assert (asked.lake_version, asked.journal_position) == (0, 2)
    assert SiteTable(home.table("shop")).current() is None


def test_a_committed_tail_gives_the_same_answers_as_the_tail_did(
    home: Home, send: Sender, loader: Loader
) -> None:
    send(*({"message_id": f"a{n}", "visitor_id": f"v{n % 3}"} for n in range(20)))
    lake = Lake(home)
    loader.step()
    fresh = lake.ask("shop", Rows("*"))

    loader.flush()
    committed = lake.ask("shop", Rows("*"))

    assert committed.answer == fresh.answer
    assert committed.journal_position == fresh.journal_position
    assert committed.lake_version == 1


def test_a_tail_is_committed_when_its_first_row_waited_long_enough(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    table = SiteTable(home.table("shop"))
    send({})
    loader.step()
    clock.forward(timedelta(minutes=14))
    loader.step()
    before = table.current()

    clock.forward(timedelta(minutes=1))
    loader.step()
    after = table.current()

    assert before is None
    assert after is not None
    assert after.counts.stored == 1


def test_a_tail_is_committed_when_it_is_large_enough(
    home: Home, clock: Clock, send: Sender
) -> None:
    with Loader(home, now=clock, commit_bytes=1) as loader:
        send({})
        loader.step()

    state = SiteTable(home.table("shop")).current()
    assert state is not None
    assert state.counts.stored == 1


def test_an_id_seen_within_48_hours_is_a_duplicate_and_later_it_is_not(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a"}, {"message_id": "a"})
    loader.step()
    clock.forward(timedelta(hours=48))
    send({"message_id": "a"})
    loader.flush()
    within = Lake(home).ledger("shop")

    clock.forward(timedelta(seconds=1))
    send({"message_id": "a"})
    loader.step()
    beyond = Lake(home).ledger("shop")

    assert (within.received, within.stored, within.duplicates) == (3, 1, 2)
    assert (beyond.received, beyond.stored, beyond.duplicates) == (4, 2, 2)


def test_duplicates_are_known_to_a_loader_that_was_started_anew(
    home: Home, clock: Clock, send: Sender
) -> None:
    with Loader(home, now=clock) as first:
        send({"message_id": "committed"})
        first.flush()
        send({"message_id": "in-the-tail"})
        first.step()
    with Loader(home, now=clock) as second:
        send({"message_id": "committed"}, {"message_id": "in-the-tail"}, {"message_id": "new"})
        second.step()

    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.duplicates) == (5, 3, 2)


def test_events_without_an_id_are_never_duplicates(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": None}, {"message_id": None})

    loader.step()

    assert Lake(home).ledger("shop").stored == 2


def test_the_same_id_on_two_sites_is_two_events(home: Home, send: Sender, loader: Loader) -> None:
    send({"message_id": "a"})
    send({"message_id": "a"}, site="other")

    loader.step()

    assert Lake(home).ledger("shop").stored == 1
    assert Lake(home).ledger("other").stored == 1


def test_an_import_is_idempotent_for_ever(home: Home, clock: Clock, loader: Loader) -> None:
    bulk(home, 50)
    loader.flush()
    clock.forward(timedelta(days=400))

    bulk(home, 60)
    loader.flush()

    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.duplicates) == (110, 60, 50)
    assert bulk_pieces(home) == []


def test_a_quarantined_item_is_a_row_with_its_reason_and_no_question_sees_it(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "good"})
    send({"type": None, "event": None, "reason": "bad_json", "properties": {"raw": "{oops"}})

    loader.step()
    lake = Lake(home)
    ledger = lake.ledger("shop")
    kept = lake.ask("shop", Rows("reason, properties", "state = 'quarantined'", "all_events"))

    assert lake.ask("shop", Rows("message_id")).answer == [{"message_id": "good"}]
    assert (ledger.stored, ledger.quarantined, dict(ledger.reasons)) == (1, 1, {"bad_json": 1})
    assert [(row["reason"], json.loads(str(row["properties"]))) for row in kept.answer] == [
        ("bad_json", {"raw": "{oops"})
    ]


def test_a_line_that_the_engine_refuses_is_quarantined_and_the_rest_is_loaded(
    home: Home, clock: Clock, loader: Loader
) -> None:
    good = json.dumps(
        {"type": "track", "event": "view", "visitor_id": "v", "occurred_at": clock.ms}
    )
    writer = JournalWriter.open(home.journal, "edge")
    lines = [good.encode()] * 20
    lines[13] = b"{broken"
    writer.append_and_wait(
        site="shop", key_id="k", trusted=False, received_at_ms=clock.ms, lines=lines
    )
    writer.close()

    loader.step()
    ledger = Lake(home).ledger("shop")

    assert (ledger.received, ledger.stored, dict(ledger.reasons)) == (20, 19, {"unreadable": 1})


def test_what_the_loader_has_not_taken_yet_is_waiting(home: Home, send: Sender) -> None:
    send({}, {}, {})
    home.events_table("shop").parent.mkdir()

    ledger = Lake(home).ledger("shop")

    assert (ledger.received, ledger.waiting, ledger.stored) == (3, 3, 0)
    assert ledger.balanced


def test_segments_go_only_when_the_lake_has_all_of_their_items(home: Home, clock: Clock) -> None:
    writer = JournalWriter.open(home.journal, "edge", segment_bytes=1)
    line = json.dumps({"type": "track", "event": "v", "visitor_id": "v", "occurred_at": clock.ms})
    for _ in range(3):
        writer.append_and_wait(
            site="shop", key_id="k", trusted=False, received_at_ms=clock.ms, lines=[line.encode()]
        )
    with Loader(home, now=clock) as loader:
        while loader.step():
            pass
        in_tail = len(segments(home.journal))
        loader.flush()
        loader.flush()
    committed = len(segments(home.journal))
    writer.close()

    assert in_tail >= 3
    assert committed == 1
    assert Lake(home).ledger("shop").stored == 3


def test_a_second_loader_of_the_same_home_is_refused(home: Home, clock: Clock) -> None:
    with Loader(home, now=clock), pytest.raises(LoaderRunning, match="Another loader"):
        Loader(home, now=clock)


def test_a_site_that_nobody_knows_is_refused(home: Home) -> None:
    with pytest.raises(NoSuchSite, match="no site 'nowhere'"):
        Lake(home).ask("nowhere", Rows())


def test_many_small_steps_leave_few_tail_files(home: Home, send: Sender, loader: Loader) -> None:
    for _ in range(40):
        send({}, {})
        loader.step()

    files = loader._site("shop").tail.files
    assert len(files) <= 8
    assert Lake(home).ledger("shop").stored == 80


def test_events_of_the_first_and_the_last_year_are_committed(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"occurred_at": -62_135_596_800_000}, {"occurred_at": 253_402_300_799_999})

    loader.flush()

    assert len(Lake(home).ask("shop", Rows("message_id")).answer) == 2


def test_a_flush_takes_a_backlog_to_its_end_whatever_the_size_of_its_pieces(
    home: Home, clock: Clock, send: Sender
) -> None:
    for _ in range(40):
        send({}, {}, {})

    with Loader(home, now=clock, piece_bytes=1500) as loader:
        loader.flush()

    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.waiting) == (120, 120, 0)


def test_a_new_home_over_a_lake_in_use_is_refused_and_loses_nothing(
    home: Home, clock: Clock, send: Sender, tmp_path: Path
) -> None:
    send({}, {}, {})
    with Loader(home, now=clock) as loader:
        loader.flush()
    clock.forward(timedelta(minutes=1))
    newer = Home(root=tmp_path / "newer", lake=home.lake)
    newer.make()
    sender = Sender(newer, clock)
    sender({"message_id": "late"})
    sender.close()

    with Loader(newer, now=clock) as loader, pytest.raises(JournalBehind, match="older"):
        loader.flush()

    assert len(Lake(home).ask("shop", Rows("message_id")).answer) == 3
    own = Home(root=newer.root, lake=tmp_path / "own")
    own.make()
    with Loader(own, now=clock) as loader:
        loader.flush()
    assert Lake(own).ask("shop", Rows("message_id")).answer == [{"message_id": "late"}]
