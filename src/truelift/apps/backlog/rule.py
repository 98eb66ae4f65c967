"""The active framework of a site's programme, and what else its policy says about scoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q
from django.db.models.functions import Now, TruncDate

from truelift.apps.programme.models import PolicyRecord
from truelift.apps.programme.reads import policy_of
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of
from truelift.lifecycle.policy import Framework, Policy, Scoring
from truelift.lifecycle.rollout import RolloutStage
from truelift.lifecycle.scoring import Input, Origin, Rule, rule_for


USUAL: Final[Mapping[str, float]] = {
    "weeks": 4.0,
    "day_cost": 400.0,
    "implemented": 0.7,
    "decay": 1.0,
}
"""Settings of expected value that a programme has not agreed on: weeks of a test, what a day of
work costs in the site's currency, the share of winners that go live, what is left of a lift."""

FEWEST_WINNERS: Final = 5
"""Winners from which the programme's own record says more than what it agreed on."""

_LIVE: Final = (
    RolloutStage.LIVE.value,
    RolloutStage.VERIFIED.value,
    RolloutStage.CLEANED_UP.value,
)

CALLED: Final[Mapping[Framework, str]] = {
    Framework.ICE: "ICE",
    Framework.PIE: "PIE",
    Framework.RICE: "RICE",
    Framework.PXL: "PXL",
    Framework.EV: "expected value",
    Framework.RISK_REWARD: "risk and reward",
}
"""Framework → what people call it."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """How a site scores now.

    Attributes:
        rule: The active framework.
        policy: The policy that says so.
        weeks: Of a test, for expected value.
        day_minor: What a day of work costs, in minor units.
        implemented: Chance that a winner goes live.
        decay: What is left of a lift over a year.
    """

    rule: Rule
    policy: Policy
    weeks: float
    day_minor: float
    implemented: Input
    decay: float

    @property
    def called(self) -> str:
        """The framework with its version, for a sentence."""
        name = CALLED[self.rule.framework]
        # Version 0 is what holds until somebody agrees on another.
        return f"{name}, version {self.rule.version}" if self.rule.version else name


def agreed_of(site: Site) -> Agreed:
    """Give how a site scores now: the one place that knows where the framework is kept."""
    policy = policy_of(site)
    weigh = policy.scoring.weight
    return Agreed(
        rule=rule_for(policy.scoring, version=_since(site, policy.scoring)),
        policy=policy,
        weeks=max(1.0, weigh("weeks", USUAL["weeks"])),
        day_minor=weigh("day_cost", USUAL["day_cost"]) * 10 ** exponent_of(site.currency),
        implemented=implementation_of(site, policy.scoring),
        decay=min(1.0, weigh("decay", USUAL["decay"])),
    )


def implementation_of(site: Site, scoring: Scoring) -> Input:
    """Give the chance that a winner goes live: the programme's own record from five winners on.

    What is late and not live yet counts against it; what still has time does not count.
    """
    agreed = min(1.0, scoring.weight("implemented", USUAL["implemented"]))
    late = Q(due__lt=TruncDate(Now()))
    counted = RolloutRecord.objects.filter(site=site).aggregate(
        live=Count("pk", filter=Q(stage__in=_LIVE)),
        settled=Count("pk", filter=Q(stage__in=[*_LIVE, RolloutStage.ABANDONED.value]) | late),
    )
    live, settled = counted["live"], counted["settled"]
    if settled < FEWEST_WINNERS:
        return Input(agreed, Origin.SETTING, "Agreed by the programme; too few winners to count")
    return Input(
        live / settled, Origin.DATA, f"Our own record: {live} of {settled} winners are live"
    )


def _since(site: Site, scoring: Scoring) -> int:
    """Give the policy's version with which the scoring became what it is.

    Other settings of the policy change without a new order of the backlog.
    """
    version = 0
    rows = PolicyRecord.objects.filter(site=site).order_by("-version")
    for row in rows.only("version", "framework", "variant", "weights")[:200]:
        if row.framework != scoring.framework or row.variant != scoring.variant:
            return version
        if tuple(sorted(row.weights.items())) != scoring.weights:
            return version
        version = row.version
    return 0 if scoring == Scoring() and version == 1 else version
