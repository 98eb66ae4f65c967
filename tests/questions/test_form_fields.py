"""The fields of a form: counted by hand, split over buckets, and against plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, at, event
from truelift.questions.form_fields import FormFields
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.parse import parse_question


FOCUSED, COMPLETED, ABANDONED = "Form Field Focused", "Form Field Completed", "Form Field Abandoned"


def act(person: int, seconds: float, name: str, field: str = "", **said: object) -> dict[str, Any]:
    named = {"field": field} if field else {}
    place = round(seconds * 1000)
    return event(person, seconds, name, position=place, properties={**said, **named})


TWO_PEOPLE = [
    act(1, 0, FOCUSED, "name"),
    act(1, 4, COMPLETED, "name", focus_ms=4000, refocus=0, corrections=0),
    act(1, 5, FOCUSED, "phone"),
    act(1, 17, COMPLETED, "phone", focus_ms=12_000, refocus=0, corrections=2),
    act(1, 18, FOCUSED, "phone"),
    act(1, 20, COMPLETED, "phone", focus_ms=2000, refocus=1, corrections=1),
    act(1, 21, "generate_lead"),
    act(2, 0, FOCUSED, "name"),
    act(2, 2, COMPLETED, "name", focus_ms=2000, refocus=0, corrections=0),
    act(2, 3, FOCUSED, "phone"),
    act(2, 33, ABANDONED, "phone", focus_ms=30_000, refocus=0, corrections=0),
]
"""The worked example of the method page."""


def test_the_worked_example_of_the_method_page() -> None:
    document: Any = ask(FormFields(as_of=at(40_000)), TWO_PEOPLE).document()

    name, phone = document["rows"]
    assert (name["field"], name["reached"], name["completed"], name["left_here"]) == (
        "name",
        2,
        2,
        0,
    )
    assert name["focus"] == {"n": 2, "p50_s": 3.0, "p75_s": 3.5, "p90_s": 3.8}
    assert (phone["field"], phone["reached"], phone["abandoned"], phone["place"]) == (
        "phone",
        2,
        1,
        2,
    )
    assert phone["focus"]["p50_s"] == 22.0
    assert (phone["refocused"], phone["corrected"], phone["corrections"]) == (0.5, 0.5, 1.5)
    assert (phone["left_here"], phone["of_those_who_left"]) == (1, 1.0)
    assert phone["abandonment"]["value"] == 0.5
    whole = document["whole"]
    assert (whole["fillings"], whole["submitted"], whole["left"], whole["immature"]) == (2, 1, 1, 0)


def test_a_filling_that_may_go_on_has_left_nothing_yet() -> None:
    document: Any = ask(FormFields(as_of=at(60)), TWO_PEOPLE).document()

    phone = document["rows"][1]
    assert (phone["completed"], phone["abandoned"], phone["immature"]) == (1, 0, 1)
    assert phone["left_here"] == 0
    assert document["whole"]["immature"] == 1
    nothing: Any = ask(FormFields(), []).document()
    assert (nothing["rows"], nothing["whole"]["completion"]) == ([], None)


def test_a_period_takes_the_fillings_that_begin_in_it() -> None:
    answer = ask(FormFields(since=at(0), until=at(10)), [*TWO_PEOPLE, act(3, 11, FOCUSED, "name")])

    assert (answer.filled.fillings, answer.filled.rows[0].reached) == (2, 2)


def seen(person: int, seconds: float, variant: str, experiment: str = "short") -> dict[str, Any]:
    """Somebody sees a variant."""
    return {
        **act(person, seconds, "Experiment Viewed"),
        "experiment": experiment,
        "variant": variant,
    }


@pytest.mark.parametrize("buckets", [1, 3])
def test_fillings_are_told_by_the_one_variant_that_was_seen_before_they_began(
    buckets: int,
) -> None:
    events = [
        *TWO_PEOPLE,
        seen(1, -1, "seven"),
        seen(2, -9000, "five"),
        # Another test; too late; both variants; and an exposure alone is no filling.
        *(seen(3, -1, "five", "price"), act(3, 0, FOCUSED, "name")),
        *(seen(4, 1, "five"), act(4, 0, FOCUSED, "name")),
        *(seen(5, -2, "five"), seen(5, -1, "seven"), act(5, 0, FOCUSED, "name")),
        seen(6, 0, "five"),
    ]

    document: Any = ask(
        FormFields(as_of=at(40_000), experiment="short"), events, buckets=buckets
    ).document()

    assert document["experiment"] == "short"
    five, seven = document["variants"]
    assert [five["variant"], seven["variant"]] == ["five", "seven"]
    assert (five["whole"]["fillings"], five["whole"]["submitted"]) == (1, 0)
    assert (seven["whole"]["fillings"], seven["whole"]["submitted"]) == (1, 1)
    assert {row["field"]: row["abandoned"] for row in five["rows"]} == {"name": 0, "phone": 1}
    assert {row["field"]: row["abandoned"] for row in seven["rows"]} == {"name": 0, "phone": 0}
    together: Any = ask(FormFields(as_of=at(40_000)), TWO_PEOPLE).document()
    assert (document["rows"], document["whole"]) == (together["rows"], together["whole"])


def test_what_makes_no_question_is_refused_and_its_document_means_the_same() -> None:
    context = Context(now=START)

    read = parse_question({"question": "form_fields", "submitted": "demo", "field": "q"}, context)

    assert read == FormFields(submitted=Events(("demo",)), field="q", as_of=START)
    for wrong in ({"field": ""}, {"focused": Events()}, {"max_rows": 0}, {"experiment": ""}):
        with pytest.raises(BadQuestion):
            FormFields(**wrong)


SENT = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 1, 2, 9, 10, 11, 1800, 1801, 1811, 3700]),
        st.sampled_from([FOCUSED, FOCUSED, COMPLETED, ABANDONED, "generate_lead", "other"]),
        st.sampled_from(["a", "b", "c", ""]),
        st.sampled_from([None, 700, 1300, 40_000]),
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([None, 0, 3]),
    ),
    max_size=30,
)


def by_hand(sent: Sequence[tuple[Any, ...]]) -> tuple[dict[str, dict[str, Any]], tuple[int, int]]:
    """Go through each person's events one by one; give the fields, and fillings and those sent."""
    people: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for nth, each in enumerate(sent):
        if each[2] != "other":
            people[each[0]].append((each[1], nth, *each[2:]))
    fillings: list[list[tuple[Any, ...]]] = []
    for events in people.values():
        before = -math.inf
        for each in sorted(events, key=lambda one: one[:2]):
            if each[0] - before > 1800:
                fillings.append([])
            before = each[0]
            fillings[-1].append(each)
    found: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"reached": 0, "completed": 0, "focus": [], "back": 0, "fixed": 0, "left": 0,
                 "place": []}
    )  # fmt: skip
    begun = submitted = 0
    for filling in fillings:
        is_sent = any(name == "generate_lead" for _, _, name, *_ in filling)
        touched = [each for each in filling if each[3] and each[2] != "generate_lead"]
        if not touched:
            continue
        begun += 1
        submitted += is_sent
        order = list(dict.fromkeys(each[3] for each in touched))
        for place, field in enumerate(order, 1):
            mine, entry = [each for each in touched if each[3] == field], found[field]
            words = [each[2] for each in mine if each[2] != FOCUSED]
            spent = [each[4] for each in mine if each[4] is not None]
            back = max(each[5] or 0 for each in mine)
            entry["reached"] += 1
            entry["completed"] += bool(words) and words[-1] == COMPLETED
            entry["focus"] += [round(sum(spent) / 100) / 10] if spent else []
            entry["back"] += max(back, sum(each[2] == FOCUSED for each in mine) - 1) > 0
            entry["fixed"] += sum(each[6] or 0 for each in mine) > 0
            entry["place"].append(place)
        if not is_sent:
            found[touched[-1][3]]["left"] += 1
    return found, (begun, submitted)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=SENT, buckets=st.integers(1, 3))
def test_any_split_of_the_persons_gives_what_plain_python_gives(
    sent: list[tuple[Any, ...]], buckets: int
) -> None:
    events = []
    for nth, (person, second, name, field, spent, back, fixed) in enumerate(sent):
        all_said = {"focus_ms": spent, "refocus": back, "corrections": fixed}
        said = {key: value for key, value in all_said.items() if value is not None}
        events.append({**act(person, second, name, field, **said), "position": nth})
    fields, (begun, submitted) = by_hand(sent)

    answer = ask(FormFields(), events, buckets=buckets)

    document: Any = answer.document()
    assert (answer.filled.fillings, answer.filled.submitted) == (begun, submitted)
    assert {row["field"] for row in document["rows"]} == fields.keys()
    for row in document["rows"]:
        wanted = fields[row["field"]]
        assert (row["reached"], row["completed"]) == (wanted["reached"], wanted["completed"])
        assert row["left_here"] == wanted["left"]
        assert row["place"] == pytest.approx(sum(wanted["place"]) / len(wanted["place"]))
        assert row["refocused"] == pytest.approx(wanted["back"] / wanted["reached"])
        assert row["corrected"] == pytest.approx(wanted["fixed"] / wanted["reached"])
        half = median(wanted["focus"]) if wanted["focus"] else None
        assert row["focus"]["p50_s"] == (None if half is None else pytest.approx(half))
