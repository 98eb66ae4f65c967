"""A merge that was wrong is taken back as if it had never been."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_sequence_index import _index_everything, answers
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.merges import (
    How,
    NoSuchMerge,
    Pair,
    UndoneAlready,
    identities_file,
    merges_of,
    request_undo,
)


def together(home: Home) -> set[frozenset[str]]:
    """Give the events of each person, by their message ids."""
    people: dict[object, set[str]] = {}
    for row in Lake(home).ask("shop", Rows("message_id, person")).answer:
        people.setdefault(row["person"], set()).add(str(row["message_id"]))
    return {frozenset(names) for names in people.values()}


def groups(*words: str) -> set[frozenset[str]]:
    return {frozenset(word.split()) for word in words}


def undo_newest(home: Home, clock: Clock) -> None:
    newest = next(merge for merge in merges_of(home, "shop") if merge.undone is None)
    request_undo(home, "shop", newest.name, by="ada", now=clock.at)


def settle(loader: Loader) -> None:
    """Commit everything, and write moved persons' rows again."""
    loader._compaction.moves_to_settle = 1
    loader.flush()
    loader._untidy.add("shop")
    loader.flush()


@pytest.fixture(params=["tail", "lake", "compacted", "both"])
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bring_to(stage: str, loader: Loader) -> None:
    loader.step()
    if stage in {"lake", "both"}:
        loader.flush()
    if stage == "compacted":
        settle(loader)


def test_an_undone_merge_gives_every_row_back_to_whom_it_came_from(
    home: Home, clock: Clock, send: Sender, loader: Loader, stage: str
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "a2"}, trusted=True)
    send({"message_id": "b1", "visitor_id": "v2"})
    bring_to(stage, loader)
    send({"message_id": "b2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    send({"message_id": "s1", "visitor_id": None, "user_id": "ada"}, trusted=True)
    bring_to(stage, loader)
    send({"message_id": "b3", "visitor_id": "v2"}, {"message_id": "a3"})
    loader.step()
    merged = together(home)

    undo_newest(home, clock)
    loader.step()

    assert merged == groups("a1 a2 a3 s1 b1 b2 b3")
    assert together(home) == groups("a1 a2 a3 s1", "b1 b2 b3")
    loader.flush()
    settle(loader)
    assert together(home) == groups("a1 a2 a3 s1", "b1 b2 b3")


def test_rows_go_back_also_when_it_was_the_user_who_moved(
    home: Home, clock: Clock, send: Sender, loader: Loader, stage: str
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, trusted=True)
    send(*({"message_id": f"b{n}", "visitor_id": "v2"} for n in range(5)))
    bring_to(stage, loader)
    send({"message_id": "b5", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    bring_to(stage, loader)

    undo_newest(home, clock)
    loader.step()
    send({"message_id": "a2"}, {"message_id": "b6", "visitor_id": "v2"})
    send({"message_id": "s1", "visitor_id": None, "user_id": "ada"}, trusted=True)
    loader.step()

    assert together(home) == groups("a1 a2 s1", "b0 b1 b2 b3 b4 b5 b6")


def test_an_undone_merge_does_not_come_back_with_the_next_event_of_that_visitor(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, trusted=True)
    send({"message_id": "b1", "visitor_id": "v2"})
    again = {"visitor_id": "v2", "user_id": "ada"}
    send({"message_id": "b2", **again}, trusted=True)
    loader.step()
    undo_newest(home, clock)
    loader.step()

    send({"message_id": "b3", **again}, {"message_id": "b4", "visitor_id": "v2"}, trusted=True)
    loader.step()

    assert together(home) == groups("a1", "b1 b2 b3 b4")
    assert [merge.undone is None for merge in merges_of(home, "shop")] == [False]


def test_it_does_not_come_back_after_the_identities_were_lost_either(
    home: Home, clock: Clock, send: Sender
) -> None:
    again = {"visitor_id": "v2", "user_id": "ada"}
    with Loader(home, now=clock) as loader:
        send({"message_id": "a1", "user_id": "ada"}, trusted=True)
        send({"message_id": "b1", "visitor_id": "v2"}, {"message_id": "b2", **again}, trusted=True)
        loader.step()
        undo_newest(home, clock)
        loader.flush()
    for file in (home.loader / "identities").glob("*.sqlite3*"):
        file.unlink()

    with Loader(home, now=clock) as loader:
        send({"message_id": "b3", **again}, {"message_id": "a2"}, trusted=True)
        loader.step()

    assert together(home) == groups("a1 a2", "b1 b2 b3")


def test_who_came_later_is_who_they_had_been_without_the_merge(
    home: Home, clock: Clock, send: Sender, loader: Loader, stage: str
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "b1", "visitor_id": "v2"})
    send({"message_id": "b2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    bring_to(stage, loader)
    send({"message_id": "b3", "visitor_id": "v2", "user_id": "ben"}, trusted=True)
    send({"message_id": "b4", "visitor_id": "v2"})
    send({"message_id": "s1", "visitor_id": None, "user_id": "ben"}, trusted=True)
    bring_to(stage, loader)
    merged = together(home)

    undo_newest(home, clock)
    loader.step()

    assert merged == groups("a1 b1 b2", "b3 b4 s1")
    assert together(home) == groups("a1", "b1 b2 b3 b4 s1")


def test_an_alias_can_be_undone(
    home: Home, clock: Clock, send: Sender, loader: Loader, stage: str
) -> None:
    send({"message_id": "a", "user_id": "ada"})
    send({"message_id": "b", "visitor_id": "v2", "user_id": "ada2"})
    bring_to(stage, loader)
    alias = {"type": "alias", "visitor_id": None, "user_id": "ada", "previous_id": "ada2"}
    send({"message_id": "alias", **alias}, trusted=True)
    bring_to(stage, loader)
    send({"message_id": "b2", "visitor_id": "v2"}, {"message_id": "a2"})
    loader.step()
    merged = together(home)

    undo_newest(home, clock)
    loader.step()

    assert merged == groups("a b alias a2 b2")
    assert together(home) == groups("a alias a2", "b b2")


def test_a_move_after_an_undo_takes_nobody_along_who_was_given_back(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "a2"}, {"message_id": "a3"})
    send({"message_id": "b1", "visitor_id": "v2"})
    loader.flush()
    send({"message_id": "b2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    settle(loader)
    undo_newest(home, clock)
    loader.flush()

    send(*({"message_id": f"c{n}", "visitor_id": "v3"} for n in range(9)))
    send({"message_id": "c9", "visitor_id": "v3", "user_id": "ada"}, trusted=True)
    settle(loader)

    everything = " ".join(f"c{n}" for n in range(10))
    assert together(home) == groups(f"a1 a2 a3 {everything}", "b1 b2")


def test_buckets_hold_whom_they_should_after_an_undo(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    loader._compaction.rows_per_bucket = 40
    send(*({"message_id": f"x{n}", "visitor_id": f"x{n}"} for n in range(60)))
    send({"message_id": "a1", "user_id": "ada"}, {"message_id": "b1", "visitor_id": "v2"})
    loader.flush()
    send({"message_id": "b2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    settle(loader)

    undo_newest(home, clock)
    loader.flush()

    state = loader._site("shop").lake
    rows = Lake(home).ask("shop", Rows("bucket, person, message_id")).answer
    assert state is not None
    assert state.buckets > 1
    assert all(int(str(r["person"])) & (state.buckets - 1) == r["bucket"] for r in rows)
    assert len(rows) == Lake(home).rows("shop") == 63
    assert frozenset({"b1", "b2"}) in together(home)


def test_merges_are_listed_with_what_became_of_them(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"user_id": "ada"}, {"visitor_id": "v2"})
    send({"visitor_id": "v2", "user_id": "ada"}, {"visitor_id": "v2", "user_id": "ben"})
    send({"visitor_id": "v3", "user_id": "ada"}, trusted=True)
    loader.step()
    third, *others = merges_of(home, "shop")

    request_undo(home, "shop", third.name, by="ada@example.com", now=clock.at)
    loader.step()

    (undone,) = merges_of(home, "shop")
    assert others == []
    assert (undone.kind, undone.at) == (How.MERGE, clock.at)
    assert undone.undone is not None
    assert (undone.undone.by, undone.undone.at) == ("ada@example.com", clock.at)
    with pytest.raises(UndoneAlready, match=r"ada@example\.com"):
        request_undo(home, "shop", third.name, by="ben", now=clock.at)
    with pytest.raises(NoSuchMerge, match="identities show"):
        request_undo(home, "shop", "nothing", by="ben", now=clock.at)


class Stop(Exception):
    """The process ended here."""


@pytest.mark.parametrize(
    "where", ["undo.known", "undo.written", "undo.committed", "compaction.committed"]
)
def test_an_undo_that_a_crash_interrupted_is_finished_before_anything_is_taken(
    home: Home, clock: Clock, send: Sender, where: str
) -> None:
    armed = False

    def reached(point: str) -> None:
        if armed and point == where:
            raise Stop

    with Loader(home, now=clock, reached=reached) as loader:
        send({"message_id": "a1", "user_id": "ada"}, {"message_id": "b1", "visitor_id": "v2"})
        loader.flush()
        send({"message_id": "b2", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
        loader.step()
        undo_newest(home, clock)
        armed = True
        with pytest.raises(Stop):
            loader.step()
    send({"message_id": "b3", "visitor_id": "v2"}, {"message_id": "a2"})

    with Loader(home, now=clock) as loader:
        loader.step()

    assert together(home) == groups("a1 a2", "b1 b2 b3")
    assert not list((home.loader / "undo").iterdir())


VISITORS = ["v1", "v2", "v3", "v4"]
USERS = ["ada", "ben", "cleo"]
SAID = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(VISITORS), st.none()),
    st.tuples(st.just("login"), st.sampled_from(VISITORS), st.sampled_from(USERS)),
    st.tuples(st.just("login"), st.sampled_from(VISITORS), st.sampled_from(USERS)),
    st.tuples(st.just("server"), st.none(), st.sampled_from(USERS)),
    st.tuples(st.just("alias"), st.sampled_from(USERS), st.sampled_from(USERS)),
    st.tuples(st.just("step"), st.none(), st.none()),
    st.tuples(st.just("flush"), st.none(), st.none()),
    st.tuples(st.just("settle"), st.none(), st.none()),
    st.tuples(st.just("undo"), st.integers(0, 5), st.none()),
)


class Reference:
    """Who is who, said as plainly as it can be said, over the whole history at once."""

    def __init__(self, undone: set[frozenset[str]]) -> None:
        self.undone = undone
        self.person: dict[str, str] = {}
        self.current: dict[str, str] = {}
        self.known: set[str] = set()
        self.merges: list[frozenset[str]] = []
        self.rows: list[tuple[str, str]] = []

    def of(self, name: str) -> str:
        while name in self.person:
            name = self.person[name]
        return name

    def join(self, left: str, right: str) -> None:
        if self.of(left) != self.of(right):
            self.person[self.of(left)] = self.of(right)

    def take(self, message: str, kind: str, first: str | None, user: str | None) -> None:
        if kind == "alias" and first is not None and user is not None and first != user:
            pair = frozenset({first, user})
            known = {first, user} <= self.known | {user}
            if known and pair not in self.undone and self.of(first) != self.of(user):
                self.merges.append(pair)
                self.join(first, user)
            # A former id that is no known user names a visitor, and none is called so here.
            self.known.add(user)
        if kind in {"server", "alias"}:
            assert user is not None
            self.known.add(user)
            self.rows.append((message, user))
            return
        assert first is not None
        if kind == "login" and user is not None and self.current.get(first) != user:
            pair = frozenset({first, user})
            if first in self.current:
                self.current[first] = user
                self.known.add(user)
            elif pair not in self.undone:
                if user in self.known:
                    self.merges.append(pair)
                self.join(first, user)
                self.current[first] = user
                self.known.add(user)
        self.rows.append((message, self.current.get(first, first)))

    def people(self) -> set[frozenset[str]]:
        found: dict[str, set[str]] = {}
        for message, owner in self.rows:
            found.setdefault(self.of(owner), set()).add(message)
        return {frozenset(names) for names in found.values()}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.lists(SAID, min_size=3, max_size=25))
def test_any_history_with_undos_is_one_in_which_the_undone_was_never_said(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str | int | None, str | None]]
) -> None:
    root: Path = tmp_path_factory.mktemp("home")
    home, clock = Home(root=root, lake=root / "lake"), Clock()
    home.make()
    sender = Sender(home, clock)
    history: list[tuple[str, str, str | None, str | None]] = []
    undone: set[frozenset[str]] = set()

    def reference() -> Reference:
        made = Reference(undone)
        for message, kind, first, user in history:
            made.take(message, kind, first, user)
        return made

    with Loader(home, now=clock) as loader:
        loader._compaction.rows_per_bucket = 12
        for number, (kind, first, user) in enumerate(said):
            match kind:
                case "step":
                    loader.step()
                case "flush":
                    loader.flush()
                case "settle":
                    settle(loader)
                case "undo":
                    loader.step()
                    names = {
                        Pair(each.pair.user, each.pair.other).name: each
                        for each in merges_of(home, "shop")
                        if each.undone is None
                    }
                    open_merges = reference().merges
                    digests = _digests()
                    possible = sorted(
                        (sorted(pair), name)
                        for name, each in names.items()
                        for pair in open_merges
                        if {digests[word] for word in pair} == {each.pair.user, each.pair.other}
                    )
                    if possible:
                        pair, name = possible[int(str(first)) % len(possible)]
                        request_undo(home, "shop", name, by="tests", now=clock.at)
                        loader.step()
                        undone.add(frozenset(pair))
                case _:
                    message = f"m{number}"
                    history.append((message, kind, None if first is None else str(first), user))
                    item: dict[str, object] = {
                        "message_id": message,
                        "visitor_id": None if kind in {"server", "alias"} else first,
                        "user_id": user,
                    }
                    if kind == "alias":
                        item |= {"type": "alias", "previous_id": first}
                    sender(item, trusted=True)
        loader.step()
        fresh = together(home) if history else set()
        settle(loader)
        settled = together(home) if history else set()
    sender.close()

    assert fresh == reference().people()
    assert settled == fresh


def _digests() -> dict[str, int]:
    from truelift.lake.identity import person_of_user, person_of_visitor

    return {
        **{name: person_of_visitor("shop", name) for name in VISITORS},
        **{name: person_of_user("shop", name) for name in USERS},
    }


def test_the_file_of_what_was_undone_stands_beside_the_identities(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"user_id": "ada"}, {"visitor_id": "v2", "user_id": "ada"}, trusted=True)
    loader.step()
    undo_newest(home, clock)

    loader.step()

    file = identities_file(home, "shop").with_suffix(".undone.json")
    assert '"by": "ada"' in file.read_text()
    assert "v2" not in file.read_text()


def test_an_index_of_before_an_undo_answers_nothing_after_it(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send(*({"event": "view", "visitor_id": f"v{n}"} for n in range(5)))
    send({"event": "view", "user_id": "ada"})
    send({"event": "cart", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
    settle(loader)
    _index_everything(home)
    merged = answers(home)

    undo_newest(home, clock)
    loader.flush()
    undone = answers(home)
    _index_everything(home)

    assert undone != merged
    assert answers(home) == undone
