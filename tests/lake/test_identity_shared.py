"""Shared devices: events follow the current user, nobody is merged, and somebody is told."""

from __future__ import annotations

import pytest

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_identity import persons
from truelift.lake.checkup import checkup
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.merges import merges_of


def remarks(home: Home) -> set[str]:
    return {remark.code for remark in checkup(home).remarks}


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("batches", [1, 8])
def test_on_a_kiosk_200_users_stay_200_and_events_follow_the_current_one(
    home: Home, send: Sender, loader: Loader, *, trusted: bool, batches: int
) -> None:
    for batch in range(batches):
        for n in range(batch * 200 // batches, (batch + 1) * 200 // batches):
            send(
                {"message_id": f"login{n:03}", "visitor_id": "kiosk", "user_id": f"u{n}"},
                {"message_id": f"buy{n:03}", "visitor_id": "kiosk"},
                trusted=trusted,
            )
        loader.step()

    found = persons(home)
    assert all(found[f"login{n:03}"] == found[f"buy{n:03}"] for n in range(200))
    assert len(set(found.values())) == 200
    assert merges_of(home, "shop") == []
    assert "shared_visitors" in remarks(home)
    loader.flush()
    assert persons(home) == found


def test_a_kiosk_does_not_join_people_who_have_devices_of_their_own(
    home: Home, send: Sender, loader: Loader
) -> None:
    for n in range(20):
        send({"message_id": f"home{n:02}", "visitor_id": f"v{n}", "user_id": f"u{n}"})
    loader.step()
    for n in range(20):
        send(
            {"message_id": f"login{n:02}", "visitor_id": "kiosk", "user_id": f"u{n}"},
            {"message_id": f"buy{n:02}", "visitor_id": "kiosk"},
            trusted=n > 0,
        )
    loader.step()

    found = persons(home)
    assert len({found[f"home{n:02}"] for n in range(20)}) == 20
    assert all(found[f"home{n:02}"] == found[f"buy{n:02}"] for n in range(1, 20))
    assert "shared_visitors" not in remarks(home)


def test_what_a_public_key_says_on_a_shared_device_is_nobody_elses(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "ben", "visitor_id": "phone", "user_id": "ben"})
    send({"message_id": "ada", "visitor_id": "kiosk", "user_id": "ada"})
    loader.step()

    send({"message_id": "unproven", "visitor_id": "kiosk", "user_id": "ben"})
    send({"message_id": "after", "visitor_id": "kiosk"})
    loader.step()
    send({"message_id": "proven", "visitor_id": "kiosk", "user_id": "ben"}, trusted=True)
    send({"message_id": "back", "visitor_id": "kiosk", "user_id": "ada"})
    loader.step()

    found = persons(home)
    assert found["unproven"] == found["after"]
    assert found["unproven"] not in {found["ben"], found["ada"]}
    assert found["proven"] == found["ben"] == person_of_visitor("shop", "phone")
    assert found["back"] == found["ada"]


def test_a_shared_device_is_known_again_after_the_identities_were_lost(
    home: Home, clock: Clock, send: Sender
) -> None:
    with Loader(home, now=clock) as loader:
        send({"message_id": "ben", "visitor_id": "phone", "user_id": "ben"})
        send({"message_id": "ada", "visitor_id": "kiosk", "user_id": "ada"})
        send({"message_id": "unproven", "visitor_id": "kiosk", "user_id": "ben"})
        loader.flush()
    for file in (home.loader / "identities").iterdir():
        file.unlink()

    with Loader(home, now=clock) as loader:
        send({"message_id": "after", "visitor_id": "kiosk"})
        loader.step()

    found = persons(home)
    assert found["after"] == found["unproven"]
    assert found["after"] not in {found["ada"], found["ben"]}


def test_a_proof_in_the_same_batch_as_a_claim_counts(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a", "user_id": "ada"})
    send({"message_id": "claimed", "visitor_id": "v2", "user_id": "ada"})
    send({"message_id": "proven", "visitor_id": "v2", "user_id": "ada"}, trusted=True)

    loader.step()

    assert len(set(persons(home).values())) == 1


def test_an_alias_of_two_users_is_refused_to_a_public_key_and_to_identify(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a", "visitor_id": "v1", "user_id": "ada"})
    send({"message_id": "b", "visitor_id": "v2", "user_id": "ben"})
    send(
        {"type": "identify", "message_id": "c", "visitor_id": "v1", "user_id": "ben"}, trusted=True
    )
    send({"type": "alias", "message_id": "d", "user_id": "ben", "previous_id": "ada"})
    loader.step()

    found = persons(home)
    assert found["a"] != found["b"] == found["c"]


def test_ids_that_name_nobody_keep_thousands_of_visitors_apart(
    home: Home, send: Sender, loader: Loader
) -> None:
    for user in ("undefined", "null", "[object Object]", "0"):
        send(
            *(
                {"message_id": f"{user}{n}", "visitor_id": f"{user}-v{n}", "user_id": user}
                for n in range(500)
            ),
            trusted=True,
        )
    loader.step()

    assert len(set(persons(home).values())) == 2000
    assert remarks(home).isdisjoint({"crowded_users", "shared_visitors"})
    assert merges_of(home, "shop") == []


def test_a_visitor_that_is_called_undefined_is_nobody_for_all_users(
    home: Home, send: Sender, loader: Loader
) -> None:
    for n in range(30):
        send({"message_id": f"m{n}", "visitor_id": "undefined", "user_id": f"u{n}"}, trusted=True)
    loader.step()

    assert persons(home) == {f"m{n}": person_of_user("shop", f"u{n}") for n in range(30)}


def test_an_adoption_moves_nothing_whatever_was_committed_before(
    home: Home, send: Sender, loader: Loader
) -> None:
    send(*({"message_id": f"m{n}"} for n in range(5)))
    loader.flush()
    before = loader._site("shop").lake

    send({"message_id": "login", "user_id": "ada"})
    loader.flush()

    after = loader._site("shop").lake
    assert before is not None
    assert after is not None
    assert {file.path for file in before.files} <= {file.path for file in after.files}
    assert loader._site("shop").tail.moves is None
    assert len({row["person"] for row in Lake(home).ask("shop", Rows()).answer}) == 1
