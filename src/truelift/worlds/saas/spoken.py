"""What Rotaline's customers say, who meets when, and what was found last."""

from __future__ import annotations

from typing import Final

from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.voice.codes import Code
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import Answer, Question
from truelift.worlds.explained import Expected
from truelift.worlds.listening import Said, Voices
from truelift.worlds.meetings import People, Promise


VOICES: Final = Voices(
    owners=((Function.SALES, "siobhan"), (Function.SERVICE, "tomasz")),
    codes=(
        Code("password", "Payroll password", "objection", "Somebody else has the password."),
        Code("nights", "Night shifts", "disappointment", "Shifts across midnight look wrong."),
        Code("group", "More than one home", "objection", "Wants one account for many homes."),
    ),
    because="The service desk hears every day why trials stop.",
    said=(
        Said(
            "password", 4.5, "tomasz", "service",
            ("Our accountant has the password, and she comes on Thursdays.",
             "I cannot connect it. The login belongs to head office.",
             "It asks for the payroll and I only wanted to see next week."),
            "Payroll",
        ),
        Said(
            "nights", 1.9, "tomasz", "service",
            ("My night shifts show as two short ones.",
             "A nurse was on the rota twice on Tuesday."),
            "Setting up",
        ),
        Said(
            "group", 1.3, "siobhan", "sales",
            ("We have nine homes. Nine logins is what we have today.",
             "Head office wants one bill."),
            "", 1_400_000,
        ),
    ),
    call=(
        Answer(Question.OBJECTIONS, "One login for all homes, or they stay with paper", 3),
        Answer(Question.BEFORE, "Who connects the payroll, you or we?", 6, "", "Payroll"),
        Answer(Question.DECLINED, "Their payroll is not on the list", 2),
    ),
)  # fmt: skip

ATTENDING: Final = People(
    lead="aoife",
    stand_up=("aoife", "kwame", "declan", "zofia"),
    review=("paul", "siobhan", "ruth", "zofia"),
    rebuild=("aoife", "paul", "declan", "ingrid"),
)

PROMISES: Final = (
    Promise(48, "zofia", "Say what an e-mail costs and brings", 7, 5, "Three cents; ask in March."),
    Promise(20, "kwame", "Show opened e-mails beside the steps of setting up", 7, 8,
            "It stands among the journeys."),
    Promise(6, "tomasz", "Count who asks for the accountant", 10),
)  # fmt: skip

EXPECTED: Final = Expected(
    surface="Home page",
    terms="care home rota software\nstaff rota payroll",
    read_before="The advertisement shows a rota on a phone and says that pay comes out right.",
    expectation="To see a rota of their own today, and to learn what happens with the payroll.",
    by="declan",
    signed_by=("paul", "aoife"),
)

PROPOSALS: Final = (
    (
        InsightFields(
            problem="Who has to connect the payroll does not have its password.",
            surface="Payroll",
            segment="Trials that began to connect one",
            size="half of them connect none",
            tags=("friction",),
            cause="observed",
            evidence=(
                Piece("voice", "“Our accountant has the password.” – service desk, every week"),
                Piece("user_test", "Four of five look for a way to send it to somebody."),
            ),
        ),
        HypothesisFields(
            change="let people send the payroll step to their accountant",
            audience="everyone who stands at the payroll",
            outcome="more of them will come to work by a rota",
            reason="the person who has the password can do it without a call",
            metric="activation_rate",
            direction="increase",
            expected_lift=0.15,
            surface="Payroll",
            element="Invite",
        ),
    ),
)
"""What should be tested next."""
