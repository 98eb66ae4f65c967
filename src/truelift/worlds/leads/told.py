"""What Palletline wrote about its tests, heard from its people, and plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from truelift.apps.intake.fields import SignalFields
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.surfaces.services import SurfaceFields
from truelift.lifecycle.experiment import Choice
from truelift.worlds.heard import Heard
from truelift.worlds.leads.parameters import HOST, MATURES_DAYS
from truelift.worlds.told import Told
from truelift.worlds.work import Work


_FORMS: Final = "/s/leads/sessions/forms/"

PAGES: Final = {
    "Home page": f"{HOST}/",
    "Pricing page": f"{HOST}/pricing",
    "Demo form": f"{HOST}/demo",
}
"""Surface → where its variants are looked at."""

_WEB, _GROWTH = "Web", "Growth"

PLACES: Final = (
    SurfaceFields(
        name="Home page", path="/", patterns=("/",), team=_WEB, owner="milo@palletline.example",
        cadence_days=14, incentive="Visits", code=("site/home/",),
    ),
    SurfaceFields(
        name="Product page", path="/product", patterns=("/product",), team=_WEB,
        owner="milo@palletline.example", cadence_days=28, incentive="Visits",
        code=("site/product/",),
    ),
    SurfaceFields(
        name="Pricing page", path="/pricing", patterns=("/pricing",), team=_GROWTH,
        owner="ruben@palletline.example", cadence_days=28, incentive="Leads",
        code=("site/pricing/",),
    ),
    SurfaceFields(
        name="Demo form", path="/demo", patterns=("/demo",), funnel="demo", step=1, team=_GROWTH,
        owner="sanne@palletline.example", cadence_days=14, incentive="Leads",
        code=("site/demo/",),
    ),
    SurfaceFields(
        name="Guides", path="/guides/", patterns=("/guides/**", "/stories/**"), team=_WEB,
        owner="milo@palletline.example", cadence_days=7, incentive="Readers",
        code=("site/guides/",),
    ),
    SurfaceFields(name="Every page", path=""),
)  # fmt: skip

TOLD: Final[Mapping[str, Told]] = MappingProxyType(
    {
        "proof-on-home": Told(
            name="Customers’ logos above the fold",
            surface="Home page",
            insight=InsightFields(
                problem="First visitors cannot tell whether companies like theirs use it.",
                surface="Home page",
                segment="First visits",
                size="six of ten leave from the home page",
                evidence=(
                    Piece("analytics", "Most first visits end on the home page."),
                    Piece("user_test", "“Who else has this?” – four of six operations managers"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the logos of eight customers above the fold",
                audience="everyone on the home page",
                outcome="more of them will get to the form",
                reason="they look for somebody like themselves first",
                metric="form_rate",
                direction="increase",
                expected_lift=0.08,
            ),
            primary="form_rate",
            guardrails=("qualified_lead_rate",),
            secondary=("lead_rate",),
            variants={"control": "Headline alone", "treatment": "Logos below the headline"},
            minimum_effect=0.08,
            goal="More of those who come for the first time look further.",
            audience="Everyone on the home page",
            complete_after=MATURES_DAYS,
            slot=("One day after the decision", 1.0),
            reasons={
                Choice.SHIP: "More people get to the form, and sales takes on as many of them.",
                Choice.STOP: "Logos change nothing we can see; they take the headline’s place.",
                Choice.ITERATE: "No gain that we can see; stories of customers are tried next.",
            },
            learning=(
                "Logos alone move no operations manager; they ask what it did, not who has it.",
                "Home page, first visits.",
                "Show what one customer saved, with their numbers.",
            ),
        ),
        "saving-calculator": Told(
            name="A calculator of what it saves",
            surface="Pricing page",
            insight=InsightFields(
                problem="People see a price and do not know what it is to be compared with.",
                surface="Pricing page",
                segment="everyone",
                size="half of the visits to the price end there",
                evidence=(
                    Piece("voice", "“What would it save us?” is the first question – sales"),
                    Piece("analytics", "Half of those who see the price see nothing after it."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="let people work out what they would save",
                audience="everyone who looks at the price",
                outcome="more of them will get to the form",
                reason="a price is high or low against something",
                metric="form_rate",
                direction="increase",
                expected_lift=0.12,
            ),
            primary="form_rate",
            guardrails=("qualified_lead_rate",),
            secondary=("lead_rate", "pipeline_per_visitor"),
            variants={"control": "Prices alone", "treatment": "Prices and calculator"},
            minimum_effect=0.10,
            goal="The price is seen beside what it saves.",
            audience="Everyone who looks at the price",
            complete_after=MATURES_DAYS,
            slot=("Three days in the sprint after the decision", 3.0),
            reasons={
                Choice.SHIP: "More people get to the form; sales takes on as many of them.",
                Choice.STOP: "Nobody uses it.",
                Choice.ITERATE: "It helps, and the form still loses them; that comes next.",
            },
            learning=(
                "People go on when they have worked out for themselves what it is worth.",
                "Pricing page, every device.",
                "Look at where the form loses those who come with a number in mind.",
            ),
        ),
        "shorter-form": Told(
            name="Five fields instead of seven",
            surface="Demo form",
            insight=InsightFields(
                problem="The form holds people at company size and phone number, and they leave.",
                surface="Demo form",
                segment="everyone at the form",
                size="seven of ten who leave the form leave it at one of these two fields",
                evidence=(
                    Piece(
                        "analytics",
                        "Half of them are at the phone number for a quarter of a"
                        " minute, at the name for three seconds.",
                        _FORMS,
                    ),
                    Piece(
                        "voice",
                        "“I do not want to be called before I know what it is.” – the"
                        " call with sales, twice in May",
                    ),
                    Piece(
                        "user_test",
                        "Five of six stop at the number of employees: “of which"
                        " company, the group or the site?”",
                    ),
                ),
            ),
            hypothesis=HypothesisFields(
                change="ask for neither company size nor phone number, and say what we do with"
                " an address",
                audience="everyone at the form",
                outcome="more of them will send it",
                reason="these two hold them, and neither is needed before the first talk",
                metric="lead_rate",
                direction="increase",
                expected_lift=0.15,
                surface="Demo form",
                element="Fields",
            ),
            primary="lead_rate",
            guardrails=("mql_to_sql", "qualified_lead_rate"),
            secondary=("pipeline_per_visitor",),
            variants={"control": "Seven fields", "treatment": "Five fields and a privacy line"},
            minimum_effect=0.10,
            goal="Nobody who wants to see it is lost to two questions.",
            audience="Everyone at the form",
            complete_after=MATURES_DAYS,
            harm=0.05,
            impatient="A fifth more leads in eight weeks, and I may not ship it yet.",
            slot=("One day after the decision", 1.0),
            reasons={
                Choice.SHIP: "More leads, and sales takes on the same share of them.",
                Choice.STOP: "A fifth more leads, of whom sales takes on fewer: more calls for as"
                " many customers.",
                Choice.ITERATE: "A fifth more leads, of whom sales takes on fewer: qualified leads"
                " did not grow. We keep the size as a choice of three, without the phone.",
            },
            learning=(
                "Two fields cost a sixth of the leads, most of them not ready to talk.",
                "Demo form, every source.",
                "Ask for the size as a choice of three, and for a slot instead of a number.",
            ),
        ),
        "pick-a-slot": Told(
            name="Pick a slot at the end of the form",
            surface="Demo form",
            insight=InsightFields(
                problem="Marketing’s leads wait two days for a call, and some have cooled by then.",
                surface="Demo form",
                segment="Leads worth a call",
                size="six of ten of them are never taken on",
                evidence=(
                    Piece("voice", "“By the time we called they had forgotten why.” – sales"),
                    Piece("analytics", "Those called on the same day are taken on more often."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="let people pick a slot for the talk when they send the form",
                audience="everyone at the form",
                outcome="sales will take on more of them",
                reason="the talk happens while they still know why they asked",
                metric="mql_to_sql",
                direction="increase",
                expected_lift=0.10,
                surface="Demo form",
                element="Slot",
            ),
            primary="qualified_lead_rate",
            guardrails=("mql_to_sql",),
            secondary=("lead_rate",),
            variants={"control": "We call you", "treatment": "Pick a slot"},
            minimum_effect=0.15,
            goal="Nobody who asked for a talk waits for one.",
            audience="Everyone at the form",
            complete_after=MATURES_DAYS,
            slot=("Two days in the sprint after the decision", 2.0),
        ),
    }
)

HEARD: Final = (
    Heard(
        SignalFields(
            title="“Why do you need my phone number?”",
            detail="Asked in four first talks this month, before anything about warehouses.",
            surface="Demo form",
            team="Sales",
        ),
        by="bram",
        days_ago=124,
        about="shorter-form",
        looked_at=115,
    ),
    Heard(
        SignalFields(
            title="More leads, fewer that know how many pallets they have",
            detail="Three of the last ten could not say whether they run one site or nine. The"
            " form used to tell us.",
            surface="Demo form",
            team="Sales",
        ),
        by="bram",
        days_ago=72,
        about="shorter-form",
        looked_at=70,
    ),
    Heard(
        SignalFields(
            title="The Dutch page says ‘pallet’ where everybody says ‘drager’",
            detail="Two service calls, both from cold stores.",
            surface="Product page",
            team="Service desk",
        ),
        by="elif",
        days_ago=33,
        dismissed="The words are being translated again this quarter.",
        looked_at=31,
    ),
    Heard(
        SignalFields(
            title="A customer’s auditor asks where stock counts are stored",
            detail="It is nowhere on the site; they wrote to us.",
            team="Service desk",
        ),
        by="elif",
        days_ago=5,
    ),
)

PRIORITIES: Final = (
    ("Leads that sales wants", "Half of what marketing sends is never called twice."),
    ("A price that explains itself", "What it saves is known before it is asked."),
    ("Nine sites instead of one", "Groups buy once for all of their warehouses."),
)

WORKS: Final = (
    Work("guide", "content", "A guide to cycle counting", ("Guides",), -130, 20, 150, "milo",
         "Web", "Operations managers search for it", "Readers", priority=2),
    Work("fair", "campaign", "The logistics fair in Stuttgart", ("Home page", "Demo form"), -60,
         6, 120, "hanna", "Marketing", "A third of last year’s large customers came from it",
         "qualified_lead_rate", priority=3, touches=("traffic",), traffic_change=0.3),
    Work("crm", "release", "The form writes into the new sales system", ("Demo form",), 12, 2, 40,
         "sanne", "Growth", "The old one is switched off", "mql_to_sql", priority=1,
         touches=("code",), elements=("Fields",), effort=(("build", 5.0), ("qa", 2.0))),
    Work("groups", "content", "A page for groups with many sites", ("Pricing page",), 30, 14, 20,
         "ruben", "Growth", "Sales is asked for it twice a week", "qualified_lead_rate",
         priority=3, firm=False),
)  # fmt: skip

TALK: Final = (
    (74, "bram", "shorter-form",
     "@hanna, more of them, and fewer who know what they want. Who looks at what they become?"),
    (73, "yara", "shorter-form",
     "It is a guardrail: MQL to SQL. We know six weeks after the last form, and not before."),
    (6, "willem", "pick-a-slot",
     "Can we have a first number for the board on Friday?"),
    (6, "yara", "pick-a-slot",
     "Not of this: it is read once, when six weeks have passed for everybody."),
)  # fmt: skip
