"""Whose an event is: adoption, merges, shared devices, and who may join whom."""

from __future__ import annotations

import pytest

from tests.lake.conftest import Clock, Rows, Sender
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader


def persons(home: Home) -> dict[str, int]:
    """Give the person of every event, by its message id."""
    rows = Lake(home).ask("shop", Rows("message_id, person")).answer
    return {str(row["message_id"]): int(str(row["person"])) for row in rows}


def test_a_visitor_is_a_person_of_its_own_and_the_same_on_every_event(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a"}, {"message_id": "b"}, {"message_id": "c", "visitor_id": "v2"})

    loader.step()

    found = persons(home)
    assert found["a"] == found["b"] == person_of_visitor("shop", "v1")
    assert found["c"] == person_of_visitor("shop", "v2")


def test_a_user_first_seen_on_a_visitor_adopts_the_visitors_person(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "before"})
    loader.step()

    send({"message_id": "login", "user_id": "ada"}, {"message_id": "after"})
    send({"message_id": "server", "visitor_id": None, "user_id": "ada"}, trusted=True)
    loader.step()

    assert set(persons(home).values()) == {person_of_visitor("shop", "v1")}
    assert loader._site("shop").tail.moves is None


@pytest.mark.parametrize("flushed", [False, True])
def test_a_known_user_on_a_second_visitor_merges_both_and_the_smaller_moves(
    home: Home, send: Sender, loader: Loader, *, flushed: bool
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "a2"}, {"message_id": "a3"})
    send({"message_id": "b1", "visitor_id": "v2"}, {"message_id": "b2", "visitor_id": "v2"})
    loader.flush() if flushed else loader.step()

    send({"message_id": "login", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    loader.step()

    assert set(persons(home).values()) == {person_of_visitor("shop", "v1")}


def test_the_user_moves_when_the_visitor_has_more_events(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "order", "visitor_id": None, "user_id": "ada"}, trusted=True)
    send(*({"message_id": f"page{n}"} for n in range(5)))
    loader.flush()
    send({"message_id": "login", "user_id": "ada"})
    loader.step()
    merged = set(persons(home).values())

    send({"message_id": "later", "visitor_id": None, "user_id": "ada"}, trusted=True)
    loader.flush()

    assert merged == {person_of_visitor("shop", "v1")}
    assert set(persons(home).values()) == merged


def test_merges_in_one_batch_are_those_of_many_batches(
    home: Home, send: Sender, loader: Loader
) -> None:
    send(
        {"message_id": "a", "visitor_id": None, "user_id": "ada"},
        {"message_id": "b"},
        {"message_id": "c", "user_id": "ada"},
        {"message_id": "d", "visitor_id": "v2"},
        {"message_id": "e", "visitor_id": "v2", "user_id": "ada"},
        trusted=True,
    )

    loader.step()

    assert len(set(persons(home).values())) == 1


@pytest.mark.parametrize("user", ["null", "undefined", "0", "guest", "anonymous", "NaN", " "])
def test_what_names_nobody_never_identifies(
    home: Home, send: Sender, loader: Loader, user: str
) -> None:
    send({"message_id": "a", "visitor_id": "v1", "user_id": user})
    send({"message_id": "b", "visitor_id": "v2", "user_id": user})

    loader.step()

    assert len(set(persons(home).values())) == 2


def test_a_shared_device_follows_the_current_user_and_merges_nobody(
    home: Home, send: Sender, loader: Loader
) -> None:
    send(
        {"message_id": "a", "user_id": "ada"},
        {"message_id": "b", "user_id": "ben"},
        {"message_id": "c"},
        {"message_id": "d", "user_id": "ada"},
        {"message_id": "e"},
    )

    loader.step()

    found = persons(home)
    assert found["a"] == found["d"] == found["e"] == person_of_visitor("shop", "v1")
    assert found["b"] == found["c"] == person_of_user("shop", "ben")


def test_a_public_key_cannot_attach_a_visitor_to_a_user_that_has_another(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "victim", "user_id": "ada"})
    send({"message_id": "mallory", "visitor_id": "evil", "user_id": "ada"})

    loader.step()

    found = persons(home)
    assert found["mallory"] == person_of_visitor("shop", "evil")
    assert found["victim"] == person_of_visitor("shop", "v1")


def test_only_a_secret_key_joins_two_known_users(home: Home, send: Sender, loader: Loader) -> None:
    send({"message_id": "a", "visitor_id": "v1", "user_id": "ada"})
    send({"message_id": "b", "visitor_id": "v2", "user_id": "ada2"})
    alias = {"type": "alias", "visitor_id": None, "user_id": "ada", "previous_id": "ada2"}
    send({**alias, "message_id": "public"}, trusted=False)
    loader.step()
    before = persons(home)

    send({**alias, "message_id": "secret"}, trusted=True)
    loader.step()
    after = persons(home)

    assert before["a"] != before["b"]
    assert after["a"] == after["b"]


def test_identities_outlive_the_loader(home: Home, clock: Clock, send: Sender) -> None:
    with Loader(home, now=clock) as loader:
        send({"message_id": "a", "user_id": "ada"})
        loader.step()
    with Loader(home, now=clock) as loader:
        send({"message_id": "b", "visitor_id": None, "user_id": "ada"}, trusted=True)
        loader.step()

    assert len(set(persons(home).values())) == 1


def test_a_user_on_more_than_fifty_visitors_is_remarked_upon(send: Sender, loader: Loader) -> None:
    items = [{"visitor_id": f"v{n}", "user_id": "everybody"} for n in range(51)]
    send(*items[:50], trusted=True)
    loader.step()
    fifty = loader._site("shop").identities.crowded()

    send(items[50], trusted=True)
    loader.step()

    assert fifty == 0
    assert loader._site("shop").identities.crowded() == 1


def test_moved_persons_stay_one_person_over_commits_and_buckets(
    home: Home, send: Sender, loader: Loader
) -> None:
    loader._compaction.rows_per_bucket = 40
    send(*({"message_id": f"x{n}", "visitor_id": f"x{n}"} for n in range(60)))
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "a2"})
    send({"message_id": "b1", "visitor_id": "v2"})
    loader.flush()
    buckets = loader._site("shop").lake

    send({"message_id": "login", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    loader.step()
    fresh = persons(home)
    loader.flush()
    committed = persons(home)
    loader._compaction.moves_to_settle = 1
    loader._untidy.add("shop")
    loader.flush()
    settled = persons(home)

    assert buckets is not None
    assert buckets.buckets >= 2
    assert fresh == committed == settled
    assert {fresh[name] for name in ("a1", "a2", "b1", "login")} == {fresh["a1"]}
    assert len(set(fresh.values())) == 61
    assert loader._site("shop").tail.moves is None


@pytest.mark.parametrize("settled", [False, True])
def test_identities_can_be_learned_again_from_the_rows(
    home: Home, clock: Clock, send: Sender, *, settled: bool
) -> None:
    with Loader(home, now=clock) as loader:
        send({"message_id": "a", "user_id": "ada"}, {"message_id": "b"})
        send({"message_id": "s1", "visitor_id": "v2"})
        loader.step()
        send({"message_id": "s2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
        send({"message_id": "m", "visitor_id": "evil", "user_id": "ada"})
        send({"message_id": "x", "visitor_id": "v1", "user_id": "ben"})
        loader.flush()
        if settled:
            loader._compaction.moves_to_settle = 1
            loader._untidy.add("shop")
            loader.flush()
        had_moves = loader._site("shop").tail.moves is not None
    for file in (home.loader / "identities").iterdir():
        file.unlink()

    with Loader(home, now=clock) as loader:
        send({"message_id": "n1", "visitor_id": None, "user_id": "ada"}, trusted=True)
        send({"message_id": "n2", "visitor_id": "v2"}, {"message_id": "n3", "visitor_id": "v1"})
        send({"message_id": "n4", "visitor_id": "evil"})
        loader.step()

    found = persons(home)
    assert had_moves is not settled
    assert {found[name] for name in ("a", "b", "s1", "s2", "n1", "n2")} == {found["a"]}
    assert found["x"] == found["n3"] == person_of_user("shop", "ben")
    assert found["m"] == found["n4"] == person_of_visitor("shop", "evil")
