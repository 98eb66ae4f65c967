"""What Rotaline wrote about its tests, heard from its people, and plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from truelift.apps.intake.fields import SignalFields
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.surfaces.services import SurfaceFields
from truelift.lifecycle.experiment import Choice
from truelift.worlds.heard import Heard
from truelift.worlds.saas.parameters import ACTIVE_TO, HOST, STEPS
from truelift.worlds.told import Told
from truelift.worlds.work import Work


_FUNNEL: Final = f"/s/saas/funnels/?{'&'.join(f'step={step}' for step in STEPS)}"

_JOURNEY: Final = (
    "/s/saas/paths/journeys/?window=30d&period=90&surfaces=sign_up&surfaces=email_sent"
    "&surfaces=email_opened&surfaces=payroll_connected&surfaces=activated"
)
"""What is sent outside the product stands between the steps inside it."""

PAGES: Final = {
    "Home page": f"{HOST}/",
    "Setting up": f"{HOST}/app/rota",
    "Payroll": f"{HOST}/app/payroll",
}
"""Surface → where its variants are looked at."""

_WEB, _FIRST_DAYS, _PAY = "Web", "First days", "Payroll"

PLACES: Final = (
    SurfaceFields(
        name="Home page", path="/", patterns=("/",), team=_WEB, owner="paul@rotaline.example",
        cadence_days=14, incentive="Sign-ups", code=("site/home/",),
    ),
    SurfaceFields(
        name="Sign-up", path="/sign-up", patterns=("/sign-up",), funnel="setup", step=1, team=_WEB,
        owner="paul@rotaline.example", cadence_days=14, incentive="Sign-ups",
        code=("site/signup/",),
    ),
    SurfaceFields(
        name="Setting up", path="/app/rota", patterns=("/app/rota", "/app/staff"), funnel="setup",
        step=2, team=_FIRST_DAYS, owner="declan@rotaline.example", cadence_days=14,
        incentive="Rotas published", code=("app/setup/",),
    ),
    SurfaceFields(
        name="Payroll", path="/app/payroll", patterns=("/app/payroll",), funnel="setup", step=3,
        team=_PAY, owner="ingrid@rotaline.example", cadence_days=42,
        incentive="Errors of the integration", code=("app/payroll/",),
    ),
    SurfaceFields(name="Every page", path=""),
)  # fmt: skip

TOLD: Final[Mapping[str, Told]] = MappingProxyType(
    {
        "price-on-home": Told(
            name="The price on the home page",
            surface="Home page",
            insight=InsightFields(
                problem="Managers look for the price before anything else.",
                surface="Home page",
                segment="First visits",
                size="a sixth of the visits go to the price first",
                evidence=(
                    Piece("analytics", "A sixth of the visits begin there, most of the others go"
                          " there next."),
                    Piece("voice", "“Per home or per head?” – the first question in sales calls"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="say on the home page what a home costs a month",
                audience="everyone on the home page",
                outcome="more of them will sign up",
                reason="a price that is hidden is taken for a high one",
                metric="sign_up_rate",
                direction="increase",
                expected_lift=0.10,
            ),
            primary="sign_up_rate",
            guardrails=("activation_rate",),
            secondary=(),
            variants={"control": "No price", "treatment": "Price below the headline"},
            minimum_effect=0.10,
            goal="Who comes knows what it costs.",
            audience="Everyone on the home page",
            complete_after=14,
            slot=("One day after the decision", 1.0),
            reasons={
                Choice.SHIP: "More sign-ups, and they come as far as before.",
                Choice.STOP: "Nobody minds and nobody signs up for it.",
                Choice.ITERATE: "No gain that we can see; the question behind it is another one.",
            },
            learning=(
                "The price keeps nobody from trying; what comes after the sign-up does.",
                "Home page, every source.",
                "Look at which step of setting up loses those who tried.",
            ),
        ),
        "skip-payroll": Told(
            name="Publish without a payroll",
            surface="Payroll",
            insight=InsightFields(
                problem="Trials stop where a payroll has to be connected.",
                surface="Payroll",
                segment="Trials that began to connect one",
                size="more than half of them connect none",
                evidence=(
                    Piece("analytics", "The largest loss of the way to the first rota.", _FUNNEL),
                    Piece("voice", "“I have no password for that, our accountant has.” – service"
                          " desk, eleven times in a month"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="let people publish a rota without connecting a payroll",
                audience="everyone in their first days",
                outcome="more of them will publish a rota",
                reason="the payroll is what stops them",
                metric="publish_rate",
                direction="increase",
                expected_lift=0.40,
                surface="Payroll",
                element="Skip",
            ),
            primary="publish_rate",
            guardrails=("day_30", "activation_rate"),
            secondary=("payroll_rate", "revenue_per_trial"),
            variants={"control": "Connect first", "treatment": "Skip and publish"},
            minimum_effect=0.20,
            goal="Everybody who tries it sees a rota of theirs.",
            audience="Everyone in their first days",
            complete_after=ACTIVE_TO,
            harm=0.05,
            impatient="Twice as many published rotas. What are we waiting for?",
            slot=("Two days in the sprint after the decision", 2.0),
            reasons={
                Choice.SHIP: "More rotas, and people are still there after a month.",
                Choice.STOP: "More rotas that nobody works by: fewer were there after a month.",
                Choice.ITERATE: "More rotas that nobody works by: without a payroll fewer were"
                " there after a month. We make connecting one easier instead.",
            },
            learning=(
                "A published rota is no value without a payroll behind it; activation needs both.",
                "First days, every plan.",
                "Guide people through connecting a payroll, and write to those who stopped.",
            ),
        ),
        "guided-setup": Told(
            name="Guided setup, and a nudge by e-mail",
            surface="Setting up",
            insight=InsightFields(
                problem="People want to connect a payroll and cannot do it alone or on that day.",
                surface="Payroll",
                segment="Trials that began to connect one",
                size="half of those who connect one need two days for it",
                evidence=(
                    Piece("analytics", "Half of the waits from sign-up to value pass here."),
                    Piece("user_test", "Four of five look for a way to send it to the accountant."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="guide people through setting up, and write to those who stopped at the"
                " payroll after one, three and six days",
                audience="everyone who signs up",
                outcome="more of them will come to work by a rota, and sooner",
                reason="what stops them is a password that somebody else has",
                metric="activation_rate",
                direction="increase",
                expected_lift=0.25,
                surface="Setting up",
                element="Guide",
            ),
            primary="activation_rate",
            guardrails=("day_30",),
            secondary=("days_to_value", "payroll_rate", "revenue_per_trial"),
            variants={"control": "Empty rota", "treatment": "Guide and e-mails"},
            minimum_effect=0.20,
            goal="Nobody who wants to work by a rota is stopped by a password.",
            audience="Everyone who signs up",
            complete_after=ACTIVE_TO,
            harm=0.10,
            slot=("Three days in the sprint after the decision", 3.0),
            reasons={
                Choice.SHIP: "More people work by a rota, sooner, and are there after a month.",
                Choice.STOP: "Nobody followed the guide.",
                Choice.ITERATE: "It points up, and the interval is wide; we try it with the"
                " accountant in copy.",
            },
            learning=(
                "Help on the day on which people have the password beats another step in the app.",
                "First days; the e-mails more than the guide, as far as opens tell.",
                "Call those who opened two e-mails and connected nothing.",
            ),
        ),
        "first-week-call": Told(
            name="A call in the first week",
            surface="Setting up",
            insight=InsightFields(
                problem="Some open every e-mail and still connect no payroll.",
                surface="Payroll",
                segment="Trials that opened two e-mails",
                size="one of six trials",
                evidence=(
                    Piece("analytics", "Opens without a step after them.", _JOURNEY),
                    Piece("voice", "“I would have done it with somebody on the phone.” – two who"
                          " left"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="offer a call of ten minutes in the first week",
                audience="everyone who signs up",
                outcome="more of them will come to work by a rota",
                reason="some things are done when somebody is on the line",
                metric="activation_rate",
                direction="increase",
                expected_lift=0.08,
                surface="Setting up",
                element="Call",
            ),
            primary="activation_rate",
            guardrails=("day_30",),
            secondary=("days_to_value",),
            variants={"control": "Guide and e-mails", "treatment": "And a call"},
            minimum_effect=0.15,
            goal="Who wants to and cannot is helped by somebody.",
            audience="Everyone who signs up",
            complete_after=ACTIVE_TO,
            slot=("A week of two people of the service desk", 5.0),
        ),
    }
)  # fmt: skip

HEARD: Final = (
    Heard(
        SignalFields(
            title="“Our accountant has the password”",
            detail="Eleven calls this month from people who stand at the payroll.",
            surface="Payroll",
            team="Service desk",
        ),
        by="tomasz",
        days_ago=236,
        about="skip-payroll",
        looked_at=227,
    ),
    Heard(
        SignalFields(
            title="Nurses asked where their hours are",
            detail="A home published its rota, and the pay slips knew nothing of it.",
            surface="Payroll",
            team="Service desk",
        ),
        by="tomasz",
        days_ago=190,
        about="skip-payroll",
        looked_at=188,
    ),
    Heard(
        SignalFields(
            title="A group of nine homes wants one invoice",
            detail="They would begin next month.",
            team="Sales",
        ),
        by="siobhan",
        days_ago=40,
        dismissed="Billing has it on its list already.",
        looked_at=38,
    ),
    Heard(
        SignalFields(
            title="Night shifts across midnight look like two",
            detail="Three homes this week.",
            surface="Setting up",
            team="Service desk",
        ),
        by="tomasz",
        days_ago=4,
    ),
)

PRIORITIES: Final = (
    ("Trials that come to work by it", "One of five trials does; the others are paid for, too."),
    ("Groups of homes", "Nine homes cost as much service as two."),
)

WORKS: Final = (
    Work("nights", "release", "Night shifts across midnight", ("Setting up",), -150, 3, 170,
         "ingrid", "First days", "Three homes a week ask", "publish_rate", touches=("code",),
         effort=(("build", 6.0), ("qa", 2.0))),
    Work("conference", "campaign", "The care managers’ conference", ("Home page",), -50, 4, 110,
         "paul", "Web", "Half of the groups came from it", "sign_up_rate", priority=2,
         touches=("traffic",), traffic_change=0.2),
    Work("payroll", "release", "A second way to connect a payroll", ("Payroll",), 14, 2, 35,
         "ingrid", "Payroll", "Accountants can be invited instead of asked for a password",
         "payroll_rate", priority=1, touches=("code",), elements=("Connect",),
         effort=(("build", 8.0), ("qa", 3.0))),
    Work("groups", "release", "One account for a group", ("Setting up",), 45, 10, 15, "declan",
         "First days", "Sales loses one a quarter to it", "activation_rate", priority=2,
         firm=False),
)  # fmt: skip

TALK: Final = (
    (168, "zofia", "skip-payroll",
     "Published rotas doubled. Whether anybody works by them we know after five weeks."),
    (100, "ruth", "guided-setup",
     "@aoife, what do the e-mails cost us a trial?"),
    (99, "paul", "guided-setup",
     "Three cents. They are sent outside the product; opens come back as events."),
    (3, "eamon", "first-week-call",
     "Two people on the phone for a week: what would pay for that?"),
)  # fmt: skip
