"""The form and the question's JSON say the same: whatever is typed can be read back."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from truelift.apps.explorers.catalogue import EXPLORERS
from truelift.apps.explorers.events_text import events_of, text_of
from truelift.apps.explorers.inputs import InputKind, document_of, inputs_of
from truelift.questions.document import Json


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("purchase", "purchase"),
        ("Order Completed", "Order Completed"),
        ("purchase | refund", {"names": ["purchase", "refund"]}),
        (
            "purchase where device = phone",
            {
                "names": ["purchase"],
                "where": [{"field": "device", "comparison": "is", "values": ["phone"]}],
            },
        ),
        (
            "where value >= 10, coupon is set, plan is not set",
            {
                "where": [
                    {"field": "value", "comparison": "at_least", "values": ["10"]},
                    {"field": "coupon", "comparison": "is_set"},
                    {"field": "plan", "comparison": "is_not_set"},
                ]
            },
        ),
        (
            "a where path ~ /c/ | /p/, os != iOS",
            {
                "names": ["a"],
                "where": [
                    {"field": "path", "comparison": "contains", "values": ["/c/", "/p/"]},
                    {"field": "os", "comparison": "is_not", "values": ["iOS"]},
                ],
            },
        ),
        (r"a\|b", "a|b"),
    ],
)
def test_events_are_typed_in_one_line(text: str, events: Json) -> None:
    assert events_of(text) == events


word = st.text(min_size=1, max_size=12).filter(lambda text: text == text.strip() and text.strip())
conditions = st.one_of(
    st.builds(
        lambda field, comparison, values: {
            "field": field,
            "comparison": comparison,
            "values": values,
        },
        word,
        st.sampled_from(["is", "is_not", "contains", "at_least", "at_most"]),
        st.lists(word, min_size=1, max_size=3),
    ),
    st.builds(
        lambda field, comparison: {"field": field, "comparison": comparison},
        word,
        st.sampled_from(["is_set", "is_not_set"]),
    ),
)


@given(names=st.lists(word, min_size=1, max_size=3), where=st.lists(conditions, max_size=3))
def test_whatever_events_a_question_names_are_read_back_as_they_were(
    names: list[str], where: list[dict[str, Json]]
) -> None:
    events: Json = {"names": names, **({"where": where} if where else {})}
    if len(names) == 1 and not where:
        events = names[0]

    assert events_of(text_of(events)) == events


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_a_first_look_is_an_address_that_brings_the_same_question_back(name: str) -> None:
    explorer = EXPLORERS[name]
    seen = ["page_view", "add_to_cart", "begin_checkout", "Order, phone", "order"]
    document = explorer.first(seen, {"purchase": ("Order, phone", "order")})
    form = explorer.empty().filled(document)

    again = explorer.empty().typed(QueryDict(form.address))

    assert document_of(again.inputs) == document
    assert again.address == form.address


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_every_member_of_a_question_can_be_typed(name: str) -> None:
    form = EXPLORERS[name].empty()
    members = {each.name.partition(".")[0] for each in form.inputs}

    common = {"since", "until", "time_zone", "as_of", "by", "against", "segment"}
    assert members | common >= set(EXPLORERS[name].members)


def test_a_member_that_no_form_knows_is_typed_as_json() -> None:
    schema: dict[str, Json] = {
        "properties": {"odd": {"type": "array", "items": {"type": "object"}}}
    }
    (odd,) = inputs_of(schema, labels={}, words={})

    typed = odd.typed(QueryDict('odd=[{"a": 1}]'))

    assert odd.kind is InputKind.JSON
    assert document_of([typed]) == {"odd": [{"a": 1}]}
    assert odd.filled({"odd": [{"a": 1}]}).value == '[{"a": 1}]'


def test_what_is_no_number_stays_text_so_that_the_question_says_so() -> None:
    (number,) = inputs_of({"properties": {"n": {"type": "integer"}}}, labels={}, words={})

    assert number.typed(QueryDict("n=²")).json == "²"
    assert number.typed(QueryDict("n=12")).json == 12
