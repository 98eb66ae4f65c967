"""The demo company's people and its loop, written through the services that the pages use."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import add_person, give_role
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.metrics import define_metric
from truelift.apps.experiments.models import AnalysisRecord
from truelift.apps.experiments.services import (
    move_experiment,
    plan_experiment,
    replan_experiment,
    write_learning,
)
from truelift.apps.experiments.spec import (
    ExperimentSpec,
    JudgingSpec,
    MetricSpec,
    PlanSpec,
    VariantSpec,
)
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.services import (
    accept_hypothesis,
    accept_insight,
    create_hypothesis,
    create_insight,
)
from truelift.apps.sites.models import Site, WriteKey
from truelift.apps.sites.services import change_settings, create_site
from truelift.lifecycle.experiment import Action, Advice, Choice
from truelift.lifecycle.judging import Inference
from truelift.lifecycle.obstacle import MoveRefused
from truelift.questions.leaks import Leak
from truelift.worlds.findings import findings_between, people_per_week
from truelift.worlds.shop.parameters import HOST, STEPS, Shop, Trial


DOMAIN: Final = "northpine.example"
LOGIN: Final = f"mara@{DOMAIN}"

_PEOPLE: Final = (
    ("mara", "Mara Lindqvist", Role.OWNER),
    ("jonas", "Jonas Weber", Role.EDITOR),
    ("priya", "Priya Nair", Role.ANALYST),
    ("tom", "Tom Okafor", Role.EDITOR),
    ("lena", "Lena Vogt", Role.VIEWER),
)

_METRICS: Final = (
    MetricSpec("order_rate", "proportion", "purchase", "Order rate", window_days=3),
    MetricSpec("cart_rate", "proportion", "add_to_cart", "Add-to-cart rate", window_days=3),
    MetricSpec("checkout_rate", "proportion", "begin_checkout", "Checkout rate", window_days=3),
    MetricSpec(
        "delivery_rate", "proportion", "add_shipping_info", "Delivery step passed", window_days=3
    ),
    MetricSpec(
        "order_value",
        "ratio",
        "purchase",
        "Order value",
        property="value",
        denominator_event="purchase",
        window_days=3,
    ),
    MetricSpec(
        "revenue_per_visitor",
        "sum",
        "purchase",
        "Revenue per visitor",
        property="value",
        window_days=3,
    ),
)


@dataclass(frozen=True, slots=True)
class Login:
    """How a person gets in; the password is known at this moment only."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The company before anything happened in its shop.

    Attributes:
        write_key: The site's public key.
        login: None when the people were there already.
    """

    write_key: str
    login: Login | None


@transaction.atomic
def open_company(site_name: str, shop: Shop) -> Opened:
    """Make the people, the site and its metrics, as of the day on which the history begins."""
    now = _at(shop.begins_at_ms)
    found = Site.objects.filter(name=site_name).first()
    if found is not None:
        key = WriteKey.objects.filter(site=found, kind="public", revoked_at=None).first()
        if key is not None:
            return Opened(write_key=key.plain, login=None)
    password = secrets.token_urlsafe(12)
    people = {
        name: add_person(
            email=f"{name}@{DOMAIN}",
            name=full,
            # Only one of them can sign in; the others are there to have done things.
            password=password if role is Role.OWNER else None,
            is_operator=role is Role.OWNER,
            by="operator",
            now=now,
        )
        for name, full, role in _PEOPLE
    }
    mara = people["mara"]
    made = create_site(
        site_name,
        by=mara,
        now=now,
        title="Northpine",
        time_zone=shop.time_zone,
        currency=shop.currency,
    )
    for name, _, role in _PEOPLE:
        give_role(made.site, people[name], role, by=mara, now=now)
    change_settings(
        made.site,
        {"own_hosts": [HOST.removeprefix("https://"), DOMAIN]},
        version=made.site.version,
        by=mara,
        now=now,
    )
    for metric in _METRICS:
        define_metric(made.site, metric, by=Actor(mara), now=now)
    return Opened(write_key=made.write_key, login=Login(LOGIN, password))


@dataclass(frozen=True, slots=True)
class _Told:
    """What the team wrote about a trial.

    Attributes:
        leak: Dimension, segment and step whose size the lake knows; None where the
            insight is sized in words.
        inference: How they agreed to judge it.
        judging: With which settings.
    """

    name: str
    surface: str
    insight: InsightFields
    hypothesis: HypothesisFields
    primary: str
    guardrails: tuple[str, ...]
    variants: Mapping[str, str]
    minimum_effect: float
    leak: tuple[str, str, str] | None = None
    reasons: Mapping[Choice, str] = field(default_factory=dict)
    learning: tuple[str, str, str] = ("", "", "")
    inference: Inference = Inference.FIXED
    judging: JudgingSpec = field(default_factory=JudgingSpec)


def live_through(site_name: str, shop: Shop) -> None:
    """Write what the company did in these weeks: found, proposed, tested, decided, learned.

    The events must be in the lake: analyses are computed from them, as they stood
    on the day on which somebody asked. All or nothing is written.
    """
    site = Site.objects.get(name=site_name)
    story = _Story(site, shop)
    with transaction.atomic():
        if site.insights.exists():
            return
        for trial in shop.trials:
            story.tell(trial, _TOLD[trial.key])
        story.fill_backlog()


class _Story:
    """The weeks of one company, told in order."""

    def __init__(self, site: Site, shop: Shop) -> None:
        self.site = site
        self.shop = shop
        self.zone = ZoneInfo(shop.time_zone)
        self.now = _at(shop.ends_at_ms)

        def person(name: str) -> Actor:
            return Actor(User.objects.get(email=f"{name}@{DOMAIN}"))

        self.mara, self.jonas = person("mara"), person("jonas")
        self.priya, self.tom = person("priya"), person("tom")

    def tell(self, trial: Trial, told: _Told) -> None:
        """One trial from the finding to where it stands."""
        first = self.shop.first_day_of(trial)
        seen_at = self.on(first, days=-3, hour=10)
        found = self.insight(self.sized(told, at=seen_at), at=seen_at)
        proposed = self.hypothesis(told.hypothesis, (found,), at=self.on(first, days=-2, hour=11))
        self.plan(trial, told, proposed, first=first)
        self.move(trial, Action.LAUNCH, by=self.tom, at=self.on(first, hour=7))
        if self.shop.runs(trial):
            analyse_experiment(self.site, trial.key, by=self.priya, now=self.now)
            return
        ends = first + timedelta(days=trial.planned_days)
        self.move(trial, Action.STOP, by=self.tom, at=self.on(ends, hour=9))
        # Whoever came on the last day still has three days to order.
        snapshot = analyse_experiment(
            self.site, trial.key, by=self.priya, now=self.on(ends, days=4, hour=9)
        )
        self.conclude(trial, told, snapshot, at=self.on(ends, days=4, hour=15))

    def sized(self, told: _Told, *, at: datetime) -> InsightFields:
        """The insight with what the leak cost in the four weeks before, where the lake knows."""
        if told.leak is None:
            return told.insight
        by, segment, before = told.leak
        leaks = findings_between(self.site.name, since=at - timedelta(days=28), until=at, now=at)
        leak = _of(leaks, by=by, segment=segment, before=before)
        worth = _worth(leak)
        if leak is None or worth is None:
            return told.insight
        return replace(told.insight, size=_size(leak, "checkouts"), weekly_value_minor=worth)

    def plan(self, trial: Trial, told: _Told, hypothesis: str, *, first: date) -> None:
        """Plan and submit; where the shop is too small for the effect, say so as a person would."""
        at = self.on(first, days=-1, hour=14)
        spec = ExperimentSpec(
            key=trial.key,
            name=told.name,
            surface=told.surface,
            hypothesis=hypothesis,
            decision_owner=LOGIN,
            deputy=f"jonas@{DOMAIN}",
            start=first,
            end=first + timedelta(days=trial.planned_days),
            primary=told.primary,
            guardrails=told.guardrails,
            margin=0.03,
            # What an order is worth varies by a factor of thirty: only great harm shows.
            margins=dict.fromkeys(told.guardrails, 0.2),
            variants=(
                VariantSpec(trial.control, told.variants["control"], control=True),
                VariantSpec(trial.treatment, told.variants["treatment"]),
            ),
            plan=self.sizes(trial, told, first=first),
            inference=told.inference,
            judging=told.judging,
        )
        plan_experiment(self.site, spec, by=self.jonas, now=at)
        try:
            with transaction.atomic():
                self.move(trial, Action.SUBMIT, by=self.jonas, at=at)
        except MoveRefused:
            waived = replace(
                spec, waiver="Our traffic cannot show this effect; we want the direction."
            )
            replan_experiment(self.site, trial.key, waived, by=self.jonas, now=at)
            self.move(trial, Action.SUBMIT, by=self.jonas, at=at)

    def sizes(self, trial: Trial, told: _Told, *, first: date) -> PlanSpec:
        """Plan with the rates of the two weeks before, as an analyst would."""
        before = self.on(first, hour=0)
        since = max(before - timedelta(days=14), _at(self.shop.begins_at_ms))
        metric = next(metric for metric in _METRICS if metric.key == told.primary)
        eligible = people_per_week(self.site.name, trial.seen_at, since=since, until=before)
        reached = people_per_week(self.site.name, metric.event, since=since, until=before)
        if not eligible or not reached:
            # The shop's very first days: the plan goes by what the shop before had.
            eligible, reached = 1000 * self.shop.scale + 50, 200 * self.shop.scale + 10
        return PlanSpec(
            baseline=round(min(reached / eligible, 0.95), 3),
            minimum_effect=told.minimum_effect,
            visitors_per_week=max(round(eligible), 1),
        )

    def conclude(
        self, trial: Trial, told: _Told, snapshot: AnalysisRecord, *, at: datetime
    ) -> None:
        """Decide as the analysis advises, and write what was learned."""
        text, scope, follow_up = told.learning
        if snapshot.advice in {Advice.INVALID.value, ""}:
            self.move(trial, Action.INVALIDATE, by=self.mara, at=at,
                      reason="An integrity check failed; the split cannot be trusted.")  # fmt: skip
        else:
            stays = snapshot.advice in {Choice.SHIP.value, Choice.STOP.value}
            choice = Choice(snapshot.advice) if stays else Choice.ITERATE
            self.move(
                trial, Action.DECIDE, by=self.mara, at=at, choice=choice,
                reason=told.reasons[choice],
            )  # fmt: skip
        write_learning(
            self.site,
            trial.key,
            text=text,
            scope=scope,
            follow_up=follow_up,
            by=self.priya,
            now=at + timedelta(days=1),
        )
        self.move(
            trial, Action.CLOSE, by=self.mara, at=at + timedelta(days=2),
            reason="What follows waits for a finding of its own.",
        )  # fmt: skip

    def fill_backlog(self) -> None:
        """What was found and proposed since, from what the lake shows today."""
        yesterday = self.now - timedelta(days=1)
        leaks = findings_between(
            self.site.name, since=self.now - timedelta(days=28), until=self.now, now=self.now
        )
        social = _of(leaks, by="channel", segment="Paid Social", before="add_to_cart")
        phones = _of(leaks, by="device", segment="phone", before="add_payment_info")
        landing = self.insight(
            InsightFields(
                problem="Visitors from paid social land on the home page and do not find the"
                " product that the advertisement showed them.",
                surface="Home page",
                segment="Channel: paid social",
                size=_size(social, "carts"),
                weekly_value_minor=_worth(social),
                evidence=(
                    Piece("analytics", "They put a product into the cart far less often than"
                          " visitors of any other channel.", _funnel("channel")),
                    Piece("user_test", "Four of five testers went back to the advertisement to"
                          " look for the stove's name."),
                ),
            ),
            at=yesterday,
        )  # fmt: skip
        wallet = self.insight(
            InsightFields(
                problem="On a phone, paying means typing sixteen digits with two thumbs.",
                surface="Checkout, payment step",
                segment="Device: phone",
                size=_size(phones, "payments"),
                weekly_value_minor=_worth(phones),
                evidence=(
                    Piece("voice", "“I gave up when it asked for my card. Can’t I just use my"
                          " phone?” – service desk, nine times this month"),
                    Piece("review", "None of the phone’s own wallets is offered."),
                ),
            ),
            at=yesterday,
        )  # fmt: skip
        self.hypothesis(
            HypothesisFields(
                change="send each advertisement to the product it shows",
                audience="visitors from paid social",
                outcome="more of them will put it into the cart",
                reason="they came for that product and now have to search for it",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.25,
            ),
            (landing,),
            at=yesterday,
        )
        self.hypothesis(
            HypothesisFields(
                change="offer the phone’s own wallet as the first way to pay",
                audience="people who check out on a phone",
                outcome="more of them will order",
                reason="nothing has to be typed",
                metric="order_rate",
                direction="increase",
                expected_lift=0.04,
            ),
            (wallet,),
            at=yesterday,
        )
        create_insight(
            self.site,
            InsightFields(
                problem="The tents page asks people to compare eleven numbers.",
                surface="Category: tents",
            ),
            by=self.priya,
            now=self.now,
        )

    def insight(self, fields: InsightFields, *, at: datetime) -> str:
        made = create_insight(self.site, fields, by=self.priya, now=at)
        accept_insight(self.site, made.key, by=self.mara, now=at + timedelta(hours=2))
        return made.key

    def hypothesis(
        self, fields: HypothesisFields, insights: tuple[str, ...], *, at: datetime
    ) -> str:
        made = create_hypothesis(
            self.site, replace(fields, insights=insights), by=self.jonas, now=at
        )
        accept_hypothesis(self.site, made.key, by=self.mara, now=at + timedelta(hours=3))
        return made.key

    def move(
        self,
        trial: Trial,
        action: Action,
        *,
        by: Actor,
        at: datetime,
        choice: Choice | None = None,
        reason: str = "",
    ) -> None:
        move_experiment(self.site, trial.key, action, by=by, now=at, choice=choice, reason=reason)

    def on(self, day: date, *, hour: int, days: int = 0) -> datetime:
        """An hour of a day by the company's clock."""
        that = day + timedelta(days=days)
        local = datetime(that.year, that.month, that.day, hour, tzinfo=self.zone)
        return local.astimezone(UTC)


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


def _funnel(by: str) -> str:
    steps = "&".join(f"step={step}" for step in STEPS)
    return f"/s/shop/funnels/?{steps}&by={by}"


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


_TOLD: Final[Mapping[str, _Told]] = MappingProxyType(
    {
        "reviews-higher": _Told(
            name="Reviews above the description",
            surface="Product page",
            insight=InsightFields(
                problem="People look at a product, find nobody who vouches for it, and leave.",
                surface="Product page",
                segment="everyone",
                size="four of five people who look at a product put nothing into the cart",
                evidence=(
                    Piece(
                        "analytics",
                        "The largest drop of the whole funnel in people.",
                        _funnel("device"),
                    ),
                    Piece("behaviour", "Two thirds scroll past the description to the reviews."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the reviews above the description",
                audience="everyone on a product page",
                outcome="more of them will put it into the cart",
                reason="most already scroll past the description to find them",
                metric="cart_rate",
                direction="increase",
                expected_lift=0.08,
            ),
            primary="cart_rate",
            guardrails=("order_value",),
            variants={"control": "Description first", "treatment": "Reviews first"},
            minimum_effect=0.10,
            judging=JudgingSpec(covariate_days=14, segments=("device",)),
            reasons={
                Choice.SHIP: "More carts on every device, and the order value held.",
                Choice.STOP: "Not worth the layout it costs.",
                Choice.ITERATE: "The direction is right and the interval is wide; we try it with"
                " the rating in the headline.",
            },
            learning=(
                "Seeing that others like a product moves people more than reading what it is.",
                "Product pages, every device.",
                "Show the rating on category pages as well.",
            ),
        ),
        "urgency-timer": _Told(
            name="A timer on the cart",
            surface="Cart",
            insight=InsightFields(
                problem="People fill a cart and put the order off.",
                surface="Cart",
                segment="everyone",
                size="half of all carts never see the checkout",
                evidence=(
                    Piece("analytics", "Half of the carts end there.", _funnel("device")),
                    Piece("voice", "“I wanted to sleep on it.” – order survey"),
                ),
            ),
            hypothesis=HypothesisFields(
                change="hold the cart for thirty minutes and count down",
                audience="everyone with something in the cart",
                outcome="more of them will go to the checkout",
                reason="they put it off because nothing asks them to decide",
                metric="checkout_rate",
                direction="increase",
                expected_lift=0.10,
            ),
            primary="checkout_rate",
            guardrails=("order_value",),
            variants={"control": "No timer", "treatment": "Thirty-minute timer"},
            minimum_effect=0.12,
            inference=Inference.SEQUENTIAL,
            reasons={
                Choice.SHIP: "More checkouts without a cost that we can see.",
                Choice.STOP: "Three weeks show no gain, and the service desk was asked why we"
                " hurry people.",
                Choice.ITERATE: "It shows no gain so far; a reminder by e-mail is the kinder"
                " thing to try.",
            },
            learning=(
                "Hurrying people does not make them check out; they wait for pay day or a partner.",
                "Cart, every device.",
                "Try a saved cart by e-mail instead of pressure.",
            ),
        ),
        "delivery-cost-early": _Told(
            name="Delivery cost in the cart",
            surface="Checkout, delivery step",
            insight=InsightFields(
                problem="The delivery cost appears for the first time at the delivery step, and"
                " people on a phone leave there.",
                surface="Checkout, delivery step",
                segment="Device: phone",
                size="four of ten phone checkouts end there, one of ten on a desktop",
                evidence=(
                    Piece("analytics", "The checkout by device.", _funnel("device")),
                    Piece("voice", "“4.90 out of nowhere on the last page.” – service desk"),
                    Piece("user_test", "On a phone the total is below the fold until this step."),
                ),
            ),
            hypothesis=HypothesisFields(
                change="show the delivery cost in the cart already",
                audience="everyone who begins the checkout",
                outcome="more of them will order",
                reason="a cost that is known from the start is no reason to leave at the end",
                metric="order_rate",
                direction="increase",
                expected_lift=0.08,
            ),
            primary="order_rate",
            guardrails=("order_value",),
            variants={"control": "Cost at the delivery step", "treatment": "Cost in the cart"},
            minimum_effect=0.08,
            leak=("device", "phone", "add_shipping_info"),
        ),
    }
)
