"""The form of a segment: what it says is what is asked, and comes back into the form."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from truelift.apps.measurement.segments_form import (
    COMPARISONS,
    MOST_ROWS,
    PERIODS,
    Row,
    Sentence,
    sentence_of,
)
from truelift.apps.measurement.segments_words import people_in_words
from truelift.questions.document import Json
from truelift.questions.forms import Context
from truelift.questions.segment import Segment
from truelift.questions.segment_form import parse_segment


CONTEXT = Context(now=datetime(2026, 6, 1, tzinfo=UTC), time_zone="UTC", currency="EUR")

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)
NAME = TEXT.map(str.strip).filter(bool)
PERIOD = st.sampled_from([value for value, _ in PERIODS]) | st.integers(1, 999).map(
    lambda days: f"{days}d"
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row that says something, whatever stands in the inputs that its kind does not show."""
    kind = draw(st.sampled_from(["did", "did_not", "first_seen", "ever", "then"]))
    comparison = draw(st.sampled_from([value for value, _ in COMPARISONS]))
    if comparison in {"at_least", "at_most"}:
        value = str(draw(st.integers(-99, 9999)))
    else:
        value = " | ".join(draw(st.lists(NAME.map(_escaped), min_size=1, max_size=3)))
    has_field = kind == "ever" or draw(st.booleans())
    period = draw(PERIOD.filter(bool) if kind == "first_seen" else PERIOD)
    return Row(
        kind=kind,
        event=draw(NAME),
        times=str(draw(st.integers(1, 1_000_000))),
        then=draw(NAME),
        days=str(draw(st.integers(1, 3_650))),
        field=draw(NAME) if has_field else "",
        comparison=comparison,
        value=value if has_field else "",
        period=period,
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("|", "\\|")


SENTENCES = st.builds(
    Sentence,
    rows=st.lists(rows(), min_size=1, max_size=MOST_ROWS).map(tuple),
    match=st.sampled_from(["all", "any"]),
)


def parsed(definition: object) -> Segment:
    return parse_segment(definition, CONTEXT)


@given(SENTENCES)
def test_what_the_form_says_is_kept_as_it_was_said_and_comes_back(sentence: Sentence) -> None:
    assert not sentence.problems()
    document = sentence.document()

    kept = parsed(document).condition.document()
    back = sentence_of(kept)

    assert kept == document
    assert back is not None
    assert back.document() == document
    assert Sentence.of(QueryDict(back.address)) == back
    assert people_in_words(parsed(kept).condition, ZoneInfo("UTC")).startswith("People who ")


@pytest.mark.parametrize(
    "definition",
    [
        {"did": "purchase", "at_most": 3},
        {"did": {"names": ["a", "b"]}},
        {"did": "a", "within": {"since": "2026-05-01"}},
        {"did": "a", "within": {"last": "90m"}},
        {"did": "a", "within": {"last": "30d", "ago": "30d"}},
        {"did": " a"},
        {"did": "a\nb"},
        {"did": "a" * 201},
        {"first_seen": {}},
        {"first": {"field": "device", "values": ["phone"]}},
        {"ever": {"field": "device", "values": ["phone"]}, "event": "purchase"},
        {"ever": {"field": "device", "values": [" phone"]}},
        {"sequence": ["a", "b", "c"], "window": "1d"},
        {
            "sequence": ["a", {"names": ["b"], "where": [{"field": "c", "values": ["d"]}]}],
            "window": "1d",
        },
        {"sequence": ["a", "b"], "window": "90m"},
        {"not": {"did": "a"}},
        {"all": [{"did": "a"}, {"any": [{"did": "b"}, {"did": "c"}]}]},
        {"any": [{"did": str(n)} for n in range(7)]},
        {
            "did": {
                "names": ["a"],
                "where": [{"field": "b", "values": ["c"]}, {"field": "d", "values": ["e"]}],
            }
        },
    ],
)
def test_what_the_form_cannot_say_whole_stays_json(definition: dict[str, Json]) -> None:
    segment = parsed(definition)

    words = people_in_words(segment.condition, ZoneInfo("Europe/Berlin"))

    assert sentence_of(segment.condition.document()) is None
    assert words.startswith("People who ")


@pytest.mark.parametrize("nothing", [None, "buyers", 3, [], {}, {"all": []}, {"did": None}])
def test_what_is_no_condition_is_not_in_the_form(nothing: object) -> None:
    assert sentence_of(nothing) is None


def test_everything_wrong_is_said_at_once_with_its_place() -> None:
    sentence = Sentence(
        (
            Row(event="purchase", times="0"),
            Row(),
            Row("then", event="a", days="soon"),
            Row("ever", period="1y"),
            Row("first_seen"),
            Row("did_not", event="a", field="value", comparison="at_least", value="much"),
        ),
        match="most",
    )

    said = " ".join(sentence.problems())

    for place in ("Condition 1: how often", "Condition 3: name both", "Condition 3: the days"):
        assert place in said
    for place in ("Condition 4: name the", "Condition 4: the period", "Condition 5: everybody"):
        assert place in said
    assert "Condition 6: “value” is compared with one number" in said
    assert "Choose whether all or any" in said
    assert "Condition 2" not in said


def test_a_form_in_which_nothing_stands_names_no_event() -> None:
    for sentence in (Sentence(), Sentence((Row(), Row()))):
        assert sentence.problems() == ("Condition 1: name an event, or a property that it has.",)


def test_rows_are_added_to_six_and_taken_away_to_one() -> None:
    one = Sentence((Row(event="a"),))
    six = Sentence(tuple(Row(event=str(n)) for n in range(6)))

    more = Sentence.of(QueryDict(f"{one.address}&add=1"))
    no_more = Sentence.of(QueryDict(f"{six.address}&add=1"))
    fewer = Sentence.of(QueryDict(f"{six.address}&remove=2"))
    none = Sentence.of(QueryDict(f"{one.address}&remove=1"))

    assert more.rows == (Row(event="a"), Row())
    assert no_more == six
    assert not six.has_room
    assert [row.event for row in fewer.rows] == ["0", "2", "3", "4", "5"]
    assert none.rows == (Row(),)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"did": "a", "at_least": 2}, "did “a” at least 2 times"),
        ({"did": "a", "at_least": 1, "at_most": 2}, "did “a” at least once and at most 2 times"),
        ({"did_not": "a", "within": {"last": "30d"}}, "did not do “a” in the last 30 days"),
        ({"first_seen": {"asked": True}}, "were first seen within the asked period"),
        (
            {"ever": {"field": "country", "values": ["DE", "AT"]}},
            "have ever had a country that is “DE” or “AT”",
        ),
        ({"sequence": ["a", "b"], "window": "7d"}, "did “a”, then “b” within 7 days"),
        (
            {"all": [{"did": "a"}, {"any": [{"did": "b"}, {"not": {"did": "c"}}]}]},
            "did “a”, and (did “b”, or are not those who did “c”)",
        ),
        (
            {
                "did": {"where": [{"field": "value", "comparison": "at_least", "values": ["9"]}]},
                "at_least": 2,
            },
            "did anything at least 2 times where value is at least 9",
        ),
        (
            {"did": "a", "within": {"since": "2026-05-01", "until": "2026-06-01T10:00:00Z"}},
            "did “a” from Fri 1 May 2026 and before Mon 1 Jun 2026 10:00",
        ),
        (
            {
                "last": {"field": "plan", "comparison": "is_set"},
                "within": {"last": "7d", "ago": "1d"},
            },
            "had a last plan that is set in the 7 days up to 1 day ago",
        ),
    ],
)
def test_a_condition_is_said_as_a_sentence(definition: dict[str, Json], words: str) -> None:
    assert people_in_words(parsed(definition).condition, ZoneInfo("UTC")) == f"People who {words}"
