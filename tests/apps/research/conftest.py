"""An insight and a hypothesis, complete and not."""

from __future__ import annotations

from datetime import datetime

import pytest

from truelift.apps.accounts.models import User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import create_hypothesis, create_insight
from truelift.apps.sites.models import Site


@pytest.fixture
def insight(site: Site, ada: User, now: datetime) -> InsightRecord:
    """A complete draft."""
    return create_insight(
        site,
        InsightFields(
            problem="Visitors meet the delivery cost only at checkout",
            surface="Checkout",
            segment="Phones",
            size="41% of those who reach delivery leave",
            weekly_value_minor=2_760_000,
            evidence=(Piece("analytics", "Funnel of April", "/s/shop/funnels/"),),
        ),
        by=Actor(ada),
        now=now,
    )


@pytest.fixture
def hypothesis(site: Site, insight: InsightRecord, ada: User, now: datetime) -> HypothesisRecord:
    """A complete draft that rests on the insight."""
    return create_hypothesis(
        site,
        HypothesisFields(
            change="Show the delivery cost on the product page",
            audience="phone visitors",
            outcome="more of them will order",
            reason="41% of those who leave at delivery opened the cost and went back",
            metric="order_rate",
            direction="increase",
            expected_lift=0.05,
            insights=(insight.key,),
        ),
        by=Actor(ada),
        now=now,
    )
