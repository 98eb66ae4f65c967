"""The weeks of the demo company: what came in, was found, proposed, tried, shipped and said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from truelift.apps.backlog.services import give_rank
from truelift.apps.briefs.services import BriefChange, approve, write_brief
from truelift.apps.experiments.services import move_experiment, plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, PlanSpec, VariantSpec
from truelift.apps.intake.services import (
    hypothesis_from_idea,
)
from truelift.apps.memory.services import (
    PrincipleFields,
    add_guideline,
    create_principle,
    describe_surface,
    link_test,
)
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.services import (
    accept_hypothesis,
    age_insights,
    create_hypothesis,
    create_insight,
    edit_hypothesis,
    submit_hypothesis,
)
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.gate import Gate
from truelift.questions.leaks import Leak
from truelift.worlds.answers import Answers
from truelift.worlds.cast import Part
from truelift.worlds.company import Company
from truelift.worlds.explained import Explained
from truelift.worlds.findings import findings_between
from truelift.worlds.history import Trial
from truelift.worlds.meetings import Meetings
from truelift.worlds.meetings import People as Attending
from truelift.worlds.outside import host_proved
from truelift.worlds.people import DOMAIN, PEOPLE, address_of
from truelift.worlds.planning import Planning
from truelift.worlds.shop.aligned import Aligned
from truelift.worlds.shop.build import SITE
from truelift.worlds.shop.expected import EXPECTED
from truelift.worlds.shop.facts import OWNERS, PAID, ShopFacts
from truelift.worlds.shop.heard import HEARD, PROPOSED
from truelift.worlds.shop.left_over import LeftOver
from truelift.worlds.shop.metrics import METRICS, WORTHS
from truelift.worlds.shop.parameters import HOST, Shop
from truelift.worlds.shop.told import TOLD, funnel
from truelift.worlds.shop.voiced import Voiced
from truelift.worlds.shop.works import PRIORITIES, WORKS
from truelift.worlds.tale import Shipped, Tale
from truelift.worlds.told import USUAL_TABLE, Told
from truelift.worlds.trials import TrialStory
from truelift.worlds.upkeep import Upkeep
from truelift.worlds.warned import Warned


GATES: Final = frozenset(
    {
        Gate.DECISION_TABLE,
        Gate.IMPLEMENTER,
        Gate.APPROVALS,
        Gate.SIGN_OFFS,
        Gate.SECOND_OPINION,
    }
)
"""What the programme asked for when it began."""

LOOKED_AT: Final = GATES | {
    Gate.VARIANTS_SHOWN,
    Gate.QA_MATRIX,
    Gate.INSTRUMENTATION,
    Gate.MEASUREMENT,
}
"""And since a variant was broken on tablets for a day."""

GUARDED: Final = LOOKED_AT | {
    Gate.GUARDRAIL_PAIR,
    Gate.PRIMARY_METRIC,
    Gate.EXPERIENCE,
    Gate.MATURED,
}
"""And since the timer was answered by letters that nobody had counted, and refunds came late."""

SAVED_CART: Final = "saved-cart"

PAGES: Final = {
    "Product page": f"{HOST}/p/ember-3",
    "Cart": f"{HOST}/cart",
    "Checkout, delivery step": f"{HOST}/checkout",
    "Checkout, payment step": f"{HOST}/checkout",
}
"""Surface → where its variants are looked at."""

COMPANY: Final = Company(
    site=SITE,
    title="Northpine",
    host=HOST,
    domain=DOMAIN,
    people=PEOPLE,
    metrics=METRICS,
    worths=WORTHS,
    gates=GATES,
)
"""Northpine, which has the shop."""

ATTENDING: Final = Attending(
    lead="mara",
    stand_up=("mara", "tom", "jonas", "priya"),
    review=("felix", "samir", "otto", "priya"),
    rebuild=("mara", "felix", "jonas", "ines"),
)
"""Who comes to which meeting; where somebody is missing from a stand-up, it is the analyst."""

SUMMER: Final = (
    ("Stock for the season", "What sold out last autumn is there in time."),
    ("Orders on phones", "Half of the visitors hold a phone, and they order least."),
)
"""What the business went for when they began to meet."""

RULE: Final = PrincipleFields(
    statement="Show what people look for before they buy right where they decide.",
    detail="People check two things before they act: what others say, and what it comes to. Those"
    " who have to look for it leave the step.",
    holds_for="Product pages and the payment step, every device",
    unknown="Category pages; the trade portal",
    would_change="Two valid tests of it on other pages whose effect is zero or below.",
    elements=("price",),
)
"""What the company takes for true after two tests."""

RULE_TRIED: Final = ("reviews-higher", "order-summary")

_FOLLOWS: Final = {"reviews-higher": "rating", "urgency-timer": "saved-cart"}
"""Trial → idea that follows from it."""


SHIPPED: Final = Shipped(
    release=2114,
    url=f"{HOST}/p/ember-3",
    found={
        "What others say": True,
        "css: .reviews + .description": True,
        "request: /experiments/reviews-higher": False,
    },
)
"""How the reviews came to stand above the description."""


class Story(Tale):
    """The weeks of the shop's company."""

    def __init__(self, site: Site, shop: Shop) -> None:
        """Put everything on the calendar.

        Args:
            site: The company's.
            shop: Its truth.
        """
        super().__init__(site, COMPANY, shop)
        self.shop = shop
        self._agrees()
        self._remembers()
        Upkeep(site, shop, calendar=self.days, who=self.who)
        running = next(each.key for each in shop.trials if shop.runs(each))
        Planning(
            site,
            calendar=self.days,
            cast=self.cast,
            works=WORKS,
            priorities=PRIORITIES,
            tests={running: 2, SAVED_CART: 3},
            team="Shop front",
        )
        for trial in shop.trials:
            self._tries(trial, TOLD[trial.key])
        for heard in HEARD:
            self._hears(heard)
        for proposed in PROPOSED:
            self._is_proposed(proposed)
        self._prepares()
        self._fills_backlog()
        self.days.at(self.days.ago(6, hour=11), self._generalises)
        self._talks()
        ShopFacts(site, calendar=self.days, who=self.who, owners=OWNERS, paid=PAID, seed=shop.seed)
        Explained(site, calendar=self.days, who=self.who, expected=EXPECTED)
        Answers(site, calendar=self.days, who=self.who, lead="mara")
        Aligned(site, calendar=self.days, who=self.who)
        LeftOver(site, calendar=self.days, who=self.who)
        Voiced(site, calendar=self.days, who=self.who, seed=shop.seed)
        Meetings(site, calendar=self.days, who=self.who, people=ATTENDING, goals=SUMMER)
        Warned(site, calendar=self.days, lead=self.who["mara"])

    def _agrees(self) -> None:
        """Agree on how to work, and on more of it as they learn."""
        for days_ago, gates, because in (
            (22, LOOKED_AT, "Reviews were cut off on tablets for a day, and nobody had looked."),
            (6, GUARDED, "The timer was answered by letters that no guardrail had counted."),
        ):
            self.days.at(
                self.days.ago(days_ago, hour=16),
                partial(self._policy, gates, because),
            )

    def _remembers(self) -> None:
        """Know what the winter's study found, which nobody has looked at since."""
        fields = InsightFields(
            problem="People do not find out which gas cartridge fits a stove.",
            surface="Product page",
            segment="People who look at a stove",
            size="five of eight testers gave up",
            tags=("clarity",),
            cause="observed",
            evidence=(
                Piece("user_test", "Five of eight looked for it and did not find it."),
                Piece("review", "It stands in the fourth tab."),
            ),
        )
        self.days.at(self.days.ago(192), lambda: self._insight("cartridge", fields))
        self.days.at(self.days.ago(9, hour=3), self._ages)

    def _ages(self) -> None:
        age_insights(self.days.moment(), site=self.site)

    def _tries(self, trial: Trial, told: Told) -> None:
        def follows(trial: Trial, learning: str) -> str:
            self.learnings[trial.key] = learning
            return self.ideas[_FOLLOWS[trial.key]]

        TrialStory(
            self.teller(PAGES),
            trial,
            told,
            find=lambda: self._insight(trial.key, self._sized(told)),
            propose=lambda insight: self._hypothesis(
                replace(told.hypothesis, surface=told.surface), (insight,)
            ),
            shipped=lambda rollout: self._ships(trial, rollout),
            followed=follows,
        )

    def _sized(self, told: Told) -> InsightFields:
        """The insight with what the leak cost in the four weeks before, where the lake knows."""
        if told.leak is None:
            return told.insight
        by, segment, before = told.leak
        leak = _of(self._leaks(self.days.moment()), by=by, segment=segment, before=before)
        worth = _worth(leak)
        if leak is None or worth is None:
            return told.insight
        return replace(told.insight, size=_size(leak, "checkouts"), weekly_value_minor=worth)

    def _leaks(self, until: datetime) -> tuple[Leak, ...]:
        return findings_between(
            self.site.name, since=until - timedelta(days=28), until=until, now=until
        )

    def _ships(self, trial: Trial, rollout: str) -> None:
        """Bring a winner live: one was quick, the other still waits for its day."""
        days, today = self.days, self.days.today

        def at(days_later: int, hour: int) -> datetime:
            return days.on(today, days=days_later, hour=hour)

        if trial.shipped:
            begins = partial(self._begins, rollout, within=14, ticket="SHOP")
            days.at(at(1, 10), lambda: begins(by=Part.ENGINEER))
            days.at(at(3, 10), lambda: self._goes_live(rollout, SHIPPED))
            days.at(at(4, 10), lambda: self._is_verified(rollout, SHIPPED))
        else:
            begins = partial(self._begins, rollout, within=15, ticket="SHOP")
            days.at(at(2, 10), lambda: begins(by=Part.SECOND_ENGINEER))

    def _prepares(self) -> None:
        """Make of the saved cart an experiment whose brief is not finished yet."""
        days = self.days
        self.days.at(days.ago(60, hour=9), self._opens_to_visits)
        self.days.at(days.ago(16), self._promotes)
        self.days.at(days.ago(14), self._accepts_promoted)
        self.days.at(days.ago(8), self._plans_saved_cart)
        self.days.at(days.ago(7), self._builds_saved_cart)

    def _opens_to_visits(self) -> None:
        host_proved(
            self.site, HOST.removeprefix("https://"), by=self.who["tom"], now=self.days.moment()
        )

    def _promotes(self) -> None:
        made = hypothesis_from_idea(
            self.site, self.ideas["saved-cart"], by=self.who["jonas"], now=self.days.moment()
        )
        learning = self.learnings.get("urgency-timer", "")
        edit_hypothesis(
            self.site,
            made.key,
            HypothesisFields(
                change="send a link to the cart by e-mail",
                audience="people who leave with something in the cart",
                outcome="more of them will come back and order",
                reason="they wait for pay day or a partner, and the cart is gone by then",
                metric="order_rate",
                direction="increase",
                expected_lift=0.06,
                insights=(self.insights["urgency-timer"],),
                surface="Cart",
                element="Saved cart",
                learnings=(learning,) if learning else (),
            ),
            by=self.who["jonas"],
            now=self.days.moment(),
        )
        self.saved_cart = made.key

    def _accepts_promoted(self) -> None:
        accept_hypothesis(self.site, self.saved_cart, by=self.who["felix"], now=self.days.moment())

    def _plans_saved_cart(self) -> None:
        start = self.days.today + timedelta(days=12)
        plan_experiment(
            self.site,
            ExperimentSpec(
                key=SAVED_CART,
                name="The cart by e-mail",
                surface="Cart",
                hypothesis=self.saved_cart,
                decision_owner=address_of("mara"),
                deputy=address_of("jonas"),
                start=start,
                end=start + timedelta(days=28),
                primary="order_rate",
                guardrails=("order_value",),
                secondary=("revenue_per_visitor",),
                margin=0.03,
                margins={"order_value": 0.2},
                variants=(
                    VariantSpec("control", "No e-mail", control=True),
                    VariantSpec("link", "Link to the cart after a day"),
                ),
                plan=PlanSpec(baseline=0.3, minimum_effect=0.08, visitors_per_week=900),
                waiver="Our traffic cannot show this effect; we want the direction.",
            ),
            by=self.who["jonas"],
            now=self.days.moment(),
        )
        write_brief(
            self.site,
            SAVED_CART,
            BriefChange(
                goal="Carts that are filled today are ordered next week.",
                audience="People who leave with something in the cart and an account",
                builder=address_of("tom"),
                implementer=address_of("ines"),
                effort_days=4,
                slot="The sprint after the decision",
                decisions=dict(USUAL_TABLE),
                risks={
                    "brand": False,
                    "revenue": False,
                    "partner": False,
                    "privacy": True,
                    "accessibility": False,
                },
            ),
            by=self.who["jonas"],
            now=self.days.moment(),
        )
        self._moves_saved_cart(Action.DESIGN, by="priya")

    def _builds_saved_cart(self) -> None:
        self._moves_saved_cart(Action.BUILD, by="tom")
        approve(self.site, SAVED_CART, "goals", by=self.who["lena"], now=self.days.moment())

    def _moves_saved_cart(self, action: Action, *, by: str) -> None:
        move_experiment(self.site, SAVED_CART, action, by=self.who[by], now=self.days.moment())

    def _generalises(self) -> None:
        """Make of what two tests taught a rule for every page, and have it built into one."""
        by, now = self.who["priya"], self.days.moment
        made = create_principle(self.site, RULE, by=by, now=now())
        for experiment in RULE_TRIED:
            link_test(self.site, made.key, experiment, by=by, now=now(later=2))
        for surface, kind in (("Product page", "product"), ("Category page", "listing")):
            describe_surface(
                self.site, surface, type_=kind, elements=RULE.elements, by=by, now=now(later=4)
            )
        add_guideline(
            self.site,
            made.key,
            text="Put the rating beside the price into the template of product and category pages.",
            owner=address_of("ines"),
            due=(self.days.ends + timedelta(days=12)).date(),
            by=by,
            now=now(later=6),
        )

    def _fills_backlog(self) -> None:
        """Find and propose from what the lake shows these days."""
        self.days.at(self.days.ago(1, hour=10), self._finds_leaks)
        self.days.at(self.days.ago(1, hour=15), self._drafts)

    def _finds_leaks(self) -> None:
        leaks = self._leaks(self.days.ends)
        social = _of(leaks, by="channel", segment="Paid Social", before="add_to_cart")
        phones = _of(leaks, by="device", segment="phone", before="add_payment_info")
        button = _of(leaks, by="device", segment="phone", before="add_to_cart")
        hidden = self._insight(
            "button",
            InsightFields(
                problem="On a phone the button that puts a product into the cart lies below the"
                " pictures, and people do not get there.",
                surface="Product page",
                segment="Device: phone",
                size=_size(button, "carts"),
                weekly_value_minor=_worth(button),
                tags=("friction",),
                cause="observed",
                evidence=(
                    Piece(
                        "analytics",
                        "Fewer of them put a product into the cart than of those on a desktop.",
                        funnel("device"),
                    ),
                    Piece("user_test", "Two of five testers asked where to order."),
                ),
            ),
        )
        landing = self._insight(
            "landing",
            InsightFields(
                problem="Visitors from paid social land on the home page and do not find the"
                " product that the advertisement showed them.",
                surface="Home page",
                segment="Channel: paid social",
                size=_size(social, "carts"),
                weekly_value_minor=_worth(social),
                tags=("clarity",),
                cause="observed",
                evidence=(
                    Piece("analytics", "They put a product into the cart far less often than"
                          " visitors of any other channel.", funnel("channel")),
                    Piece("user_test", "Four of five testers went back to the advertisement to"
                          " look for the stove's name."),
                ),
            ),
        )  # fmt: skip
        wallet = self._insight(
            "wallet",
            InsightFields(
                problem="On a phone, paying means typing sixteen digits with two thumbs.",
                surface="Checkout, payment step",
                segment="Device: phone",
                size=_size(phones, "payments"),
                weekly_value_minor=_worth(phones),
                tags=("friction",),
                cause="inferred",
                evidence=(
                    Piece("voice", "“I gave up when it asked for my card. Can’t I just use my"
                          " phone?” – service desk, nine times this month"),
                    Piece("review", "None of the phone’s own wallets is offered."),
                ),
            ),
        )  # fmt: skip
        advertised = self._hypothesis(
            HypothesisFields(
                change="send each advertisement to the product it shows",
                audience="visitors from paid social",
                outcome="more of them will put it into the cart",
                reason="they came for that product and now have to search for it",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.25,
                surface="Home page",
            ),
            (landing,),
        )
        paid = self._hypothesis(
            HypothesisFields(
                change="offer the phone’s own wallet as the first way to pay",
                audience="people who check out on a phone",
                outcome="more of them will order",
                reason="nothing has to be typed",
                metric="order_rate",
                direction="increase",
                expected_lift=0.04,
                surface="Checkout, payment step",
                element="Ways to pay",
            ),
            (wallet,),
        )
        kept = self._hypothesis(
            HypothesisFields(
                change="keep the cart button at the foot of the screen",
                audience="people who look at a product on a phone",
                outcome="more of them will put it into the cart",
                reason="it is there when they have made up their minds",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.08,
                surface="Product page",
                element="Cart button",
            ),
            (hidden,),
        )
        for item, scores in (
            (kept, (("priya", (7, 7, 8)), ("tom", (6, 6, 7)), ("jonas", (7, 8, 8)))),
            (advertised, (("priya", (8, 7, 6)), ("tom", (7, 6, 3)), ("jonas", (9, 8, 8)))),
            (paid, (("priya", (6, 7, 5)), ("ines", (5, 6, 2)), ("jonas", (7, 7, 6)))),
        ):
            for name, values in scores:
                self._scores(item, name, values)
        give_rank(
            self.site,
            paid,
            1,
            reason="The provider waives its fee if we begin this quarter.",
            rank_then=2,
            by=self.who["mara"],
            now=self.days.moment(later=20),
        )

    def _drafts(self) -> None:
        """Leave something unfinished, as there always is."""
        create_insight(
            self.site,
            InsightFields(
                problem="The tents page asks people to compare eleven numbers.",
                surface="Category page",
            ),
            by=self.who["priya"],
            now=self.days.moment(),
        )
        made = create_hypothesis(
            self.site,
            HypothesisFields(
                change="show the washing instructions on the product page",
                audience="people who look at a sleeping bag",
                outcome="fewer of them will call",
                reason="two callers a day cannot find them",
                metric="order_rate",
                direction="increase",
                expected_lift=0.02,
                insights=(self.insights["cartridge"],),
                surface="Product page",
                element="Care",
            ),
            by=self.who["jonas"],
            now=self.days.moment(),
        )
        submit_hypothesis(self.site, made.key, by=self.who["jonas"], now=self.days.moment(later=5))

    def _talks(self) -> None:
        """Talk about what runs and what waits."""
        running = next(each.key for each in self.shop.trials if self.shop.runs(each))
        for days_ago, hour, kind, key, name, text in (
            (12, 10, "experiment", running, "nora",
             "Since last week fewer people ask us what delivery costs. Is that this test, @priya?"),
            (12, 14, "experiment", running, "priya",
             ("Half of them see the cost in the cart now, so it may well be. We look when it is"
             " over; what callers ask is no metric of it, so please keep counting.")),
            (2, 16, "experiment", running, "lena",
             ("@mara, the partner who delivers for us wants to change the price on the first of the"
             " month. Does that break the test?")),
            (3, 9, "experiment", SAVED_CART, "ines",
             ("@jonas, who may be written to is not decided: the privacy question is a yes, and"
             " nobody has signed it.")),
        ):  # fmt: skip
            self.days.at(
                self.days.ago(days_ago, hour=hour),
                partial(self._says, kind, key, name, text),
            )
        self.days.at(self.days.ago(2, hour=9), self._asks_for_rollout)

    def _asks_for_rollout(self) -> None:
        waiting = RolloutRecord.objects.filter(site=self.site, stage="in_progress").first()
        if waiting is not None:
            self._says(
                "rollout", waiting.key, "otto",
                "@ines, every week of this costs us what stands above. What keeps it?",
            )  # fmt: skip


def _of(leaks: tuple[Leak, ...], *, by: str, segment: str, before: str) -> Leak | None:
    return next(
        (leak for leak in leaks if (leak.by, leak.segment, leak.before) == (by, segment, before)),
        None,
    )


def _size(leak: Leak | None, what: str) -> str:
    if leak is None:
        return "not yet beyond chance; worth watching"
    lost, standard = leak.lost_per_week, (leak.standard or "others").lower()
    others = f"a {standard}" if leak.by == "device" else f"visitors from {standard}"
    return (
        f"{lost.value:,.0f} {what} a week fewer than with the rate of {others}"
        f" ({lost.low:,.0f} to {lost.high:,.0f})"
    )


def _worth(leak: Leak | None) -> int | None:
    value = leak.value_per_week_minor if leak is not None else None
    return round(value.value) if value is not None else None
