"""A signal and an idea."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.cache import cache

from truelift.apps.accounts.models import User
from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.services import receive_idea, receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    cache.clear()


@pytest.fixture
def today() -> datetime:
    """The clock of pages, which is the real one."""
    return datetime.now(UTC)


@pytest.fixture
def signal(site: Site, ada: User, now: datetime) -> SignalRecord:
    """A new signal, overdue by the real clock."""
    return receive_signal(
        site,
        SignalFields(
            title="Many ask when their parcel comes",
            detail="Five calls on Monday alone.",
            surface="Checkout",
            segment="Phones",
            team="Customer service",
        ),
        Arrival(Way.MEMBER, by=Actor(ada)),
        now=now,
    )


@pytest.fixture
def idea(site: Site, ada: User, signal: SignalRecord, now: datetime) -> IdeaRecord:
    """A submitted idea that answers the signal."""
    return receive_idea(
        site,
        IdeaFields(change="Show the day of delivery", segment="everyone", signal=signal.key),
        Arrival(Way.MEMBER, by=Actor(ada)),
        now=now,
    )
