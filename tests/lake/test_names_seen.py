"""Names that a site has never seen are said beside an answer; those it has seen never are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.lake.conftest import NOON, Rows, Sender
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake, NoSuchSite
from truelift.lake.loader import Loader
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.question import Question
from truelift.questions.trend import Interval, Trend


def track(name: str, who: str = "v", **properties: object) -> dict[str, object]:
    return {"event": name, "visitor_id": who, "properties": properties}


@pytest.fixture
def lake(home: Home, send: Sender, loader: Loader) -> Lake:
    """Two files of events, the first of which carry a plan."""
    for number in range(30):
        send(track("view", f"v{number}", plan="pro"), track("buy", f"v{number}"))
    loader.step()
    loader.flush()
    send(track("refund", "v1", Grund="late", seats=3))
    loader.step()
    loader.flush()
    return Lake(home)


def funnel(*names: str, by: str | None = None) -> Funnel:
    return Funnel(
        tuple(Step(Events((name,))) for name in names), 600, NOON + timedelta(days=1), by=by
    )


def said(lake: Lake, question: Question[Any, Any]) -> list[str]:
    return [f"{each.code}: {each.name}" for each in lake.ask("shop", question).remarks]


@pytest.mark.parametrize("indexed", [False, True])
def test_an_event_that_never_was_is_told_with_what_may_be_meant(
    lake: Lake, home: Home, indexed: bool
) -> None:
    if indexed:
        Indexing(home).step()

    asked = lake.ask("shop", funnel("view", "bui", "refund"))

    (remark,) = asked.remarks
    assert remark.code == "questions.unknown_event"
    assert remark.message.startswith("There has been no event named “bui” on this site yet.")
    assert asked.answer.groups[0].steps[0].units == 30  # the answer stays what it is


def test_an_event_is_known_as_soon_as_it_came_in(
    lake: Lake, home: Home, send: Sender, loader: Loader
) -> None:
    Indexing(home).step()
    before = said(lake, funnel("view", "signup"))
    send(track("signup"))
    loader.step()
    fresh = said(lake, funnel("view", "signup"))
    loader.flush()
    stored = said(lake, funnel("view", "signup"))

    assert before == ["questions.unknown_event: signup"]
    assert fresh == stored == []


def test_what_only_robots_did_is_not_known(lake: Lake, send: Sender, loader: Loader) -> None:
    robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    send({**track("crawl"), "user_agent": robot})
    loader.step()

    assert said(lake, funnel("view", "crawl")) == ["questions.unknown_event: crawl"]


@pytest.mark.parametrize(
    ("name", "remarks"),
    [
        ("plan", []),
        ("device", []),
        ("seats", []),
        ("Grund", []),
        ("gruend", ["questions.unknown_property: gruend"]),
        ('a "quoted" / name~', ['questions.unknown_property: a "quoted" / name~']),
    ],
)
def test_a_property_that_nothing_carried_is_told(lake: Lake, name: str, remarks: list[str]) -> None:
    assert said(lake, funnel("view", "buy", by=name)) == remarks


def test_a_rare_property_outside_the_newest_events_is_found(
    lake: Lake, send: Sender, loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truelift.lake.names_seen.SAMPLE_ROWS", 1)
    send(track("view", "v9", rare=True))
    loader.step()
    loader.flush()
    for number in range(5):
        send(track("view", f"w{number}"))
        loader.step()
        loader.flush()

    condition = Condition("rare", Comparison.IS, ("true",))
    question = Trend(Events(("view",), (condition,)), Interval.DAY)

    assert said(lake, question) == []
    assert said(lake, replace(question, events=Events(("view",)))) == []


def test_a_property_is_known_as_soon_as_it_came_in_after_it_was_unknown(
    lake: Lake, send: Sender, loader: Loader
) -> None:
    before = said(lake, funnel("view", "buy", by="coupon"))
    send(track("view", "v3", coupon="A"))
    loader.step()

    assert before == ["questions.unknown_property: coupon"]
    assert said(lake, funnel("view", "buy", by="coupon")) == []


def test_files_of_which_the_names_are_known_are_not_read_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(lake, funnel("view", "buy"))
    read: list[str] = []
    monkeypatch.setattr("truelift.lake.names_seen._names_in", read.append)

    assert said(lake, funnel("view", "nothing")) == ["questions.unknown_event: nothing"]
    assert read == []


def test_a_question_that_names_nothing_has_no_remarks(lake: Lake) -> None:
    assert lake.ask("shop", Rows()).remarks == ()


def test_a_site_that_is_not_there_may_be_another_one(lake: Lake) -> None:
    with pytest.raises(NoSuchSite, match="Did you mean 'shop'"):
        lake.ask("shp", Rows())
    with pytest.raises(NoSuchSite, match="sites create"):
        lake.ask("elsewhere", Rows())


def test_of_a_lake_with_a_file_that_cannot_be_read_nothing_is_called_unknown(
    lake: Lake, home: Home
) -> None:
    damaged = max(home.events_table("shop").glob("bucket=*/*.parquet"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    earlier = replace(funnel("view", "refund", by="seat"), until=NOON - timedelta(days=1))

    lacking = lake.ask("shop", funnel("view", "refund", by="seat"))
    unneeded = said(Lake(home), earlier)
    damaged.write_bytes(content)
    restored = said(lake, funnel("view", "refund", by="seat"))

    assert lacking.unread
    assert lacking.remarks == ()
    assert unneeded == ["questions.unchecked_property: seat"]
    assert restored == ["questions.unknown_property: seat"]
