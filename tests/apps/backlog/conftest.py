"""A site with a finding, two hypotheses, ideas, and a surface whose traffic is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pytest

from truelift.apps.accounts.models import User
from truelift.apps.intake.fields import Arrival, IdeaFields
from truelift.apps.intake.models import IdeaRecord, Way
from truelift.apps.intake.services import receive_idea
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import create_hypothesis, create_insight
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


@pytest.fixture
def insight(site: Site, ada: User, now: datetime) -> InsightRecord:
    """A finding of the checkout that costs €27,600 a week, with two kinds of evidence."""
    return create_insight(
        site,
        InsightFields(
            problem="The delivery cost comes late",
            surface="Checkout",
            segment="Phones",
            size="41%",
            weekly_value_minor=2_760_000,
            evidence=(
                Piece("analytics", "Funnel of April", ""),
                Piece("voice", "Five calls", ""),
            ),
        ),
        by=Actor(ada),
        now=now,
    )


@pytest.fixture
def pickup(site: Site, insight: InsightRecord, ada: User, now: datetime) -> HypothesisRecord:
    """H-1, which rests on the finding."""
    return create_hypothesis(
        site,
        HypothesisFields(change="Offer parcel-shop pickup", insights=(insight.key,)),
        by=Actor(ada),
        now=now,
    )


@pytest.fixture
def reviews(site: Site, pickup: HypothesisRecord, ada: User, now: datetime) -> HypothesisRecord:
    """H-2, which rests on the finding too."""
    return create_hypothesis(
        site,
        HypothesisFields(change="Show reviews first", insights=("I-1",)),
        by=Actor(ada),
        now=now,
    )


@pytest.fixture
def logo(site: Site, ada: User, now: datetime) -> IdeaRecord:
    """ID-1, which answers no problem."""
    return receive_idea(
        site,
        IdeaFields(change="Larger logo", surface="Checkout"),
        Arrival(Way.MEMBER, by=Actor(ada)),
        now=now,
    )


@pytest.fixture
def checkout(site: Site, now: datetime) -> SurfaceRecord:
    """The checkout with 48,200 people a week, 3% of whom order, for €1.92 each."""
    return SurfaceRecord.objects.create(
        site=site,
        name="Checkout",
        path="/checkout",
        weekly_units=48_200.0,
        rate=0.03,
        revenue_minor=192.0,
        measured_at=now,
    )


@pytest.fixture
def agree(site: Site, ada: User, now: datetime) -> Callable[..., None]:
    """Let the programme agree on another framework."""

    def to(
        framework: str, *, variant: str = "", weights: Mapping[str, float] | None = None
    ) -> None:
        change = PolicyChange(framework=framework, variant=variant, weights=weights)
        change_policy(site, change, by=Actor(ada), now=now, because="A test")

    return to
