"""An experiment whose variants can be seen on a verified host."""

from __future__ import annotations

import pytest

from tests.apps.experiments.conftest import hypothesis, insight, planned, spec
from tests.conftest import NOON
from truelift.apps.qa.models import HostRecord
from truelift.apps.sites.models import Site


__all__ = ["hypothesis", "insight", "planned", "spec"]


@pytest.fixture
def host(site: Site) -> HostRecord:
    """`shop.example`, verified."""
    return HostRecord.objects.create(
        site=site, host="shop.example", token="t", made_at=NOON, verified_at=NOON, how="file"
    )
