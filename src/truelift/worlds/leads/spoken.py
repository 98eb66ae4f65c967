"""What Palletline's customers say, who meets when, and what was found last."""

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
    owners=((Function.SALES, "bram"), (Function.SERVICE, "elif")),
    codes=(
        Code("phone", "Why my phone", "objection", "Does not want to be called before a look."),
        Code("size", "Which size", "objection", "Does not know which number is meant."),
        Code("price", "Price unclear", "objection", "Cannot tell what it comes to for them."),
        Code("scanner", "Our scanners", "objection", "Whether it works with what they have."),
    ),
    because="What sales hears before the first talk is about anything.",
    said=(
        Said(
            "phone", 3.2, "bram", "sales",
            ("Why do you need my phone number before I have seen it?",
             "I left a wrong number. I did not want to be called.",
             "Your form asks for a phone. I only wanted to look."),
            "Demo form", 1_100_000,
        ),
        Said(
            "size", 2.1, "bram", "sales",
            ("Employees of which company, the group or this site?",
             "The number of people says nothing about our pallets."),
            "Demo form",
        ),
        Said(
            "price", 2.6, "bram", "sales",
            ("What does it come to for three sites?",
             "We could not find out what it costs and asked somebody else."),
            "Pricing page", 1_800_000,
        ),
        Said(
            "scanner", 1.4, "elif", "service",
            ("Does it read the labels of our old scanners?",
             "We bought new scanners and did not need to, says your colleague."),
            "Product page",
        ),
    ),
    call=(
        Answer(Question.OBJECTIONS, "They will not leave a phone number before they saw it", 7),
        Answer(Question.BEFORE, "What does it come to for three sites?", 4, "", "Pricing page"),
        Answer(Question.DECLINED, "Their group has a contract until next year", 2),
    ),
)  # fmt: skip

ATTENDING: Final = People(
    lead="hanna",
    stand_up=("hanna", "pieter", "ruben", "yara"),
    review=("milo", "bram", "greta", "yara"),
    rebuild=("hanna", "milo", "ruben", "sanne"),
)

PROMISES: Final = (
    Promise(48, "yara", "Say by when the leads of the shorter form are known to sales", 7, 4,
            "Six weeks after the last form, and not before."),
    Promise(20, "bram", "Bring the reasons of the last ten that were not taken on", 7, 6,
            "Six did not know how many pallets they have."),
    Promise(6, "sanne", "Say what the new sales system does to the form", 10),
)  # fmt: skip

EXPECTED: Final = Expected(
    surface="Demo form",
    terms="warehouse management software demo\ncycle counting software",
    read_before="The advertisement promises to show it with their own stock in twenty minutes.",
    expectation="A date, how long it takes, and what they have to have ready; not a call about"
    " their budget.",
    by="ruben",
    signed_by=("milo", "hanna"),
)

PROPOSALS: Final = (
    (
        InsightFields(
            problem="People do not know which number the company size means, and guess or leave.",
            surface="Demo form",
            segment="everyone at the form",
            size="one of ten who enter the field leaves there",
            tags=("clarity",),
            cause="observed",
            evidence=(
                Piece(
                    "analytics",
                    "It is entered and not completed more often than any other.",
                    "/s/leads/sessions/forms/",
                ),
                Piece("voice", "“Employees of which company, the group or this site?” – sales"),
            ),
        ),
        HypothesisFields(
            change="ask for the number of pallets as a choice of three instead of employees",
            audience="everyone at the form",
            outcome="more of them will become leads that sales takes on",
            reason="they know that number, and it is what sales needs",
            metric="qualified_lead_rate",
            direction="increase",
            expected_lift=0.08,
            surface="Demo form",
            element="Fields",
        ),
    ),
)
"""What should be tested next."""
