"""What visitors of each variant did at a form stands side by side on the page of forms."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tests.questions.asking import START, ask, at
from tests.questions.test_form_fields import TWO_PEOPLE, seen
from truelift.apps.explorers.form_fields_page import form_fields_page
from truelift.apps.explorers.page import Asked
from truelift.questions.form_fields import FormFields


def test_fields_stand_by_variant_with_what_a_shorter_form_does_not_ask() -> None:
    events = [
        each for each in TWO_PEOPLE if (each["person"], "phone" in each["properties"]) != (1, True)
    ]
    events += [seen(1, -1, "short"), seen(2, -1, "long")]
    question = FormFields(as_of=at(40_000), experiment="short")

    page = form_fields_page(
        Asked(
            question={"question": "form_fields", "experiment": "short"},
            answer=ask(question, events).document(),
            before=None,
            ask=lambda _asked: {},
            currency="EUR",
            zone=ZoneInfo("UTC"),
            now=START,
            period="on Sunday",
        )
    )

    sent, fields, everybody = page.tables
    assert sent.title == "Sent, by variant: long 0%, short 100%"
    assert [row.label for row in sent.rows] == ["long", "short"]
    cells = {row.label: row.cells for row in fields.rows}
    assert [each.label for each in fields.columns][:2] == ["long: entered", "short: entered"]
    assert cells["phone"][:4] == ("1", "not asked", "100%", "not asked")
    assert cells["name"][:2] == ("1", "1")
    assert len(everybody.rows) == 2
