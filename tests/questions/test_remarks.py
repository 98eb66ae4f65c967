"""Names that a question uses, and what is said of those that a site does not know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from truelift.questions.forms import Context
from truelift.questions.parse import parse_question
from truelift.questions.remarks import SYNONYMS, Code, Names, Remark, close_to, names_in
from truelift.questions.session_question import PAGES


CONTEXT = Context(now=datetime(2026, 4, 1, tzinfo=UTC))


def used(**document: object) -> Names:
    return names_in(parse_question(document, CONTEXT))


def test_the_steps_of_a_funnel_their_conditions_and_its_breakdown_are_names() -> None:
    step = {"names": ["pay"], "where": [{"field": "plan", "values": ["pro"]}]}

    found = used(
        question="funnel",
        steps=["view", step],
        window="1h",
        by="coupon",
        exclude="refund",
    )

    assert found.events == ("view", "pay", "refund")
    assert set(found.properties) == {"coupon", "plan"}


@pytest.mark.parametrize("by", ["device", "country", "day", "entry_page"])
def test_dimensions_and_parts_of_sessions_are_not_properties(by: str) -> None:
    assert used(question="sessions", by=by).properties == ()


def test_a_property_that_is_added_up_and_one_with_a_columns_name_are_properties() -> None:
    amount = {"kind": "property", "name": "seats"}
    where = [{"field": "properties.device", "values": ["a"]}]

    found = used(question="trend", event={"names": ["a"], "where": where}, amount=amount)

    assert set(found.properties) == {"device", "seats"}


def test_the_names_of_a_segments_conditions_are_names_too() -> None:
    segment = {"all": [{"did": "buy"}, {"not": {"first": {"field": "tier", "values": ["gold"]}}}]}

    found = used(question="trend", event="view", segment=segment)

    assert set(found.events) == {"view", "buy"}
    assert found.properties == ("tier",)


def test_of_the_names_for_pages_a_site_needs_only_one() -> None:
    found = used(question="paths", start="/")

    assert PAGES.names in SYNONYMS
    assert found.unknown_events({"screen_view"}.__contains__) == ()
    assert found.unknown_events({"purchase"}.__contains__) == ("page_view",)


def test_every_unknown_name_of_a_set_is_told_once() -> None:
    names = Names(events=("buy", "order", "buy"))

    assert names.unknown_events({"order"}.__contains__) == ("buy",)


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("purchas", ("purchase",)),
        ("Purchase", ("purchase",)),
        ("addToCart", ("add_to_cart",)),
        ("Order Completd", ("Order Completed",)),
        ("zzz", ()),
        ("", ()),
    ],
)
def test_names_are_close_whatever_their_capitals_and_signs(
    name: str, close: tuple[str, ...]
) -> None:
    assert close_to(name, {"purchase", "add_to_cart", "Order Completed", "view"}) == close


@pytest.mark.parametrize(
    ("remark", "said"),
    [
        (
            Remark(Code.UNKNOWN_EVENT, "buy"),
            "There has been no event named “buy” on this site yet.",
        ),
        (
            Remark(Code.UNKNOWN_EVENT, "purchas", ("purchase",)),
            "There has been no event named “purchas” on this site yet. Did you mean “purchase”?",
        ),
        (
            Remark(Code.UNKNOWN_PROPERTY, "plam", ("plan", "plant", "palm")),
            (
                "No event on this site has carried a property named “plam” yet."
                " Did you mean “plan”, “plant” or “palm”?"
            ),
        ),
    ],
)
def test_a_remark_is_a_sentence(remark: Remark, said: str) -> None:
    assert remark.message == said
    assert remark.document()["message"] == said
    assert remark.document()["code"] == remark.code.value


def test_a_very_long_name_is_cut_in_the_sentence() -> None:
    assert len(Remark(Code.UNKNOWN_EVENT, "a" * 2_000).message) < 130
