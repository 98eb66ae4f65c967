"""Web vitals: counted by hand, split over buckets, and against plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, at, event
from truelift.questions import readings
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.parse import parse_question
from truelift.questions.readings import TooManyReadings
from truelift.questions.web_vitals import Vital, WebVitals


def read(
    person: int,
    seconds: float,
    view: str | None = None,
    *,
    path: str | None = "/",
    **vitals: object,
) -> dict[str, Any]:
    named = {"page_view_id": view} if view else {}
    return event(
        person,
        seconds,
        "web_vitals",
        path=path,
        position=round(seconds * 1000),
        properties={**vitals, **named},
    )


def whole(events: Sequence[Mapping[str, Any]], **question: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(WebVitals(**question), events).whole.document()
    return found


def test_the_worked_example_of_the_method_page() -> None:
    events = [read(nth, nth, lcp=lcp) for nth, lcp in enumerate((1000, 2000, 3000, 4600))]

    document = whole(events)

    assert document["page_views"] == 4
    assert document["lcp"] == {
        "n": 4,
        "p75": 3400.0,
        "low": None,
        "high": None,
        "rating": "needs_improvement",
        "good": 0.5,
        "needs_improvement": 0.25,
        "poor": 0.25,
    }
    assert document["inp"] == {
        "n": 0,
        "p75": None,
        "low": None,
        "high": None,
        "rating": None,
        "good": None,
        "needs_improvement": None,
        "poor": None,
    }
    assert document["passes"] is None


@pytest.mark.parametrize(
    ("vital", "good", "poor"),
    [
        ("lcp", 2500, 4000),
        ("inp", 200, 500),
        ("cls", 0.1, 0.25),
        ("fcp", 1800, 3000),
        ("ttfb", 800, 1800),
    ],
)
def test_a_limit_belongs_to_the_better_side_and_a_hair_above_it_does_not(
    vital: str, good: float, poor: float
) -> None:
    ratings = [
        whole([event(1, 0, "web_vitals", properties={vital: reading})])[vital]["rating"]
        for reading in (good, good + 0.00004, poor, poor + 0.00004)
    ]

    assert ratings == ["good", "needs_improvement", "needs_improvement", "poor"]


def test_a_page_passes_when_lcp_inp_and_cls_are_all_good() -> None:
    good = read(1, 0, lcp=2500, inp=200, cls=0.1, ttfb=9000)
    shaky = read(1, 0, lcp=2500, inp=200, cls=0.11)

    assert whole([good])["passes"] is True
    assert whole([shaky])["passes"] is False


def test_the_last_reading_of_a_page_view_counts_and_views_of_two_people_are_two() -> None:
    events = [
        read(1, 0, "a", lcp=1000, cls=0.0),
        read(1, 30, "a", cls=0.3),
        read(1, 20, "a", cls=0.2, inp=90),
        read(2, 5, "a", cls=0.1),
    ]

    document = whole(events)

    assert document["page_views"] == 2
    assert document["lcp"]["p75"] == 1000
    assert document["inp"]["p75"] == 90
    assert document["cls"]["n"] == 2
    assert document["cls"]["p75"] == pytest.approx(0.25)


def test_an_event_without_a_page_views_id_is_one_by_itself() -> None:
    assert whole([read(1, 0, inp=10), read(1, 1, inp=20)])["page_views"] == 2


@pytest.mark.parametrize(
    "properties",
    [
        {"inp": 120},
        {"inp": "120"},
        {"$web_vitals_INP_value": 120},
        {"metric_name": "INP", "metric_value": 120, "metric_id": "v4-1"},
        {"name": "inp", "metric_value": 120},
    ],
)
def test_readings_are_found_in_every_shape_that_senders_have(properties: dict[str, object]) -> None:
    document = whole([event(1, 0, "$web_vitals", properties=properties)])

    assert document["inp"]["p75"] == 120
    assert [document[vital.value]["n"] for vital in Vital] == [0, 1, 0, 0, 0]


def test_an_event_may_be_called_after_the_vital_and_carry_it_as_its_value() -> None:
    assert whole([event(1, 0, "LCP", value=1800.0)])["lcp"]["p75"] == 1800


def test_what_is_no_measurement_is_left_out() -> None:
    events = [
        read(nth, nth, lcp=lcp)
        for nth, lcp in enumerate((-1, "fast", None, True, 600_001, float("1e300"), 600_000))
    ]

    document = whole(events)

    assert (document["page_views"], document["lcp"]["n"]) == (1, 1)
    assert document["lcp"]["p75"] == 600_000


def test_small_groups_stand_together_and_every_page_view_is_in_one_row() -> None:
    events = [read(nth, nth, path="/a", lcp=100) for nth in range(3)]
    events += [read(nth, 10 + nth, path="/b", lcp=200) for nth in range(2)]
    events += [read(9, 20, path="/c", lcp=300), read(9, 21, path=None, lcp=400)]

    document = ask(WebVitals(smallest=2, max_rows=1), events).document()

    rows: Any = document["rows"]
    assert [(row["by"], row.get("others"), row["page_views"]) for row in rows] == [
        ({"path": "/a"}, None, 3),
        ({"path": None}, 3, 4),
    ]


def test_two_keys_and_the_sites_days() -> None:
    night = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    events = [
        {**read(1, 0, lcp=100), "occurred_at": night, "device": "phone"},
        {**read(2, 1, lcp=200), "occurred_at": at(60), "device": "desktop"},
    ]
    question = WebVitals(by=("day", "device"), time_zone="Europe/Berlin", smallest=1)

    rows = ask(question, events).rows

    assert [row.values for row in rows] == [("2026-03-01", "desktop"), ("2026-03-02", "phone")]


def test_a_period_is_half_open() -> None:
    events = [read(nth, nth, lcp=100 * nth + 100) for nth in range(4)]

    assert whole(events, since=at(1), until=at(3))["page_views"] == 2


def test_the_interval_holds_the_readings_whose_ranks_conover_names() -> None:
    events = [read(nth, nth, lcp=nth + 1) for nth in range(100)]

    lcp = whole(events)["lcp"]

    # 75 -+ 1.96 * 4.33: ranks 66 and 85.
    assert (lcp["low"], lcp["p75"], lcp["high"]) == (66, 75.25, 85)


def test_more_readings_than_are_held_are_rounded_up_and_ratings_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readings, "MOST_READINGS", 6)
    events = [read(nth, nth, lcp=2500 + (nth - 2) / 10) for nth in range(8)]

    document = ask(WebVitals(), events, buckets=3).document()

    semantics: Any = document["semantics"]
    found: Any = document["whole"]
    assert semantics["resolution"] == "1 ms, CLS 0.001; rounded up"
    assert found["lcp"]["good"] == 3 / 8
    assert found["lcp"]["p75"] == 2501


def test_what_is_too_much_even_so_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "MOST_READINGS", 5)

    with pytest.raises(TooManyReadings, match="group by something with fewer values"):
        ask(WebVitals(), [read(nth, nth, lcp=10 * nth) for nth in range(6)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": ("a", "b", "c")},
        {"by": ("a", "a")},
        {"by": ("",)},
        {"page_view": ""},
        {"event": Events(("",))},
        {"time_zone": "Mars/Olympus"},
        {"smallest": 0},
        {"max_rows": 0},
        {"since": at(1), "until": at(1)},
    ],
)
def test_what_contradicts_itself_cannot_be_asked(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadQuestion):
        WebVitals(**wrong)


def test_a_document_leaves_the_rest_to_the_site() -> None:
    context = Context(now=START, time_zone="Europe/Berlin")

    bare = parse_question({"question": "web_vitals"}, context)
    full = parse_question(
        {"question": "web_vitals", "by": [], "event": "speed", "page_view": "id", "smallest": 3},
        context,
    )

    assert bare == WebVitals(time_zone="Europe/Berlin")
    assert full == WebVitals(
        by=(), event=Events(("speed",)), page_view="id", smallest=3, time_zone="Europe/Berlin"
    )


LISTS = st.lists(
    st.builds(
        lambda person, second, view, path, lcp, cls: {
            "person": person,
            "second": second,
            "view": view,
            "path": path,
            "lcp": lcp,
            "cls": cls,
        },
        person=st.integers(0, 5),
        second=st.integers(0, 50),
        view=st.sampled_from(["", "a", "b"]),
        path=st.sampled_from([None, "/a", "/b", "/c"]),
        lcp=st.sampled_from([None, -1.0, 10.0, 20.5, 2500.0, 2500.1, 7000.0]),
        cls=st.sampled_from([None, 0.0, 0.1, 0.10001, 0.3]),
    ),
    max_size=40,
)


Group = dict[str, list[Fraction]]


def rows_by_hand(sent: Sequence[Mapping[str, Any]]) -> dict[str | None, Group]:
    """Give each group's readings the slow way."""
    views: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for nth, each in enumerate(sent):
        views[each["person"], each["view"] or nth].append({**each, "nth": nth})
    groups: dict[str | None, Group] = {}
    for events in views.values():
        events.sort(key=lambda each: (each["second"], each["nth"]))
        found: dict[str, Fraction] = {}
        for name, step in (("lcp", Fraction(1, 10)), ("cls", Fraction(1, 10_000))):
            last = [each[name] for each in events if each[name] is not None]
            if last and last[-1] >= 0:
                found[name] = math.ceil(Fraction(str(last[-1])) / step) * step
        if not found:
            continue
        path = next((each["path"] for each in events if each["path"]), None)
        group = groups.setdefault(path, {"views": [], "lcp": [], "cls": []})
        group["views"].append(Fraction(1))
        for name, reading in found.items():
            group[name].append(reading)
    return groups


def quantile_by_hand(found: list[Fraction]) -> float | None:
    if not found:
        return None
    place = Fraction(3, 4) * (len(found) - 1)
    below, above = sorted(found)[math.floor(place)], sorted(found)[math.ceil(place)]
    return float(below + (above - below) * (place % 1))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=LISTS, buckets=st.integers(1, 3), smallest=st.integers(1, 3))
def test_any_split_of_the_persons_gives_what_plain_python_gives(
    sent: list[dict[str, Any]], buckets: int, smallest: int
) -> None:
    events = [
        {
            **read(each["person"], each["second"], each["view"], path=each["path"]),
            "position": nth,
            "properties": event(0, 0, "x", properties=_said(each))["properties"],
        }
        for nth, each in enumerate(sent)
    ]
    by_hand = rows_by_hand(sent)

    answer = ask(WebVitals(smallest=smallest), events, buckets=buckets)

    alone = {row.values[0]: row for row in answer.rows if not row.others}
    large = {path: group for path, group in by_hand.items() if len(group["views"]) >= smallest}
    assert alone.keys() == large.keys()
    for path, group in large.items():
        assert alone[path].page_views == len(group["views"])
        for vital in (Vital.LCP, Vital.CLS):
            document: Any = alone[path].document()
            assert document[vital.value]["n"] == len(group[vital.value])
            assert document[vital.value]["p75"] == quantile_by_hand(group[vital.value])
    assert sum(row.page_views for row in answer.rows) == answer.whole.page_views
    assert answer.whole.page_views == sum(len(group["views"]) for group in by_hand.values())


def _said(each: Mapping[str, Any]) -> dict[str, Any]:
    named = {"page_view_id": each["view"]} if each["view"] else {}
    return named | {name: each[name] for name in ("lcp", "cls") if each[name] is not None}
