"""What is done on a page is written a step a line."""

from __future__ import annotations

import pytest

from truelift.browsing.steps import BadSteps, Step, Verb, steps_from
from truelift.browsing.visit import synthetic_id


def test_steps_are_read_line_by_line() -> None:
    text = """
    # put it into the cart
    click #buy > button
    fill input[name=email] = a = b
    press Enter
    open /thank-you?x=1
    wait 2.5
    """

    assert steps_from(text) == (
        Step(Verb.CLICK, "#buy > button"),
        Step(Verb.FILL, "input[name=email]", "a = b"),
        Step(Verb.PRESS, "Enter"),
        Step(Verb.OPEN, "/thank-you?x=1"),
        Step(Verb.WAIT, "2.5"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "jump #buy",
        "click",
        "fill #email",
        "wait 60",
        "wait long",
        "open https://evil.example/",
        "open //evil.example/",
        "\n".join(["press Tab"] * 21),
    ],
)
def test_what_is_no_step_is_refused(line: str) -> None:
    with pytest.raises(BadSteps):
        steps_from(line)


def test_a_synthetic_visitor_says_when_it_was_made_as_the_tracker_wants_it() -> None:
    made = synthetic_id(at_ms=1_795_000_000_000, token="ab12")

    assert int(made.partition("-")[0], 36) == 1_795_000_000_000
    assert made.endswith("-synthetic-ab12")
