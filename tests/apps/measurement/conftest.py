"""A site that the lake has heard of."""

from __future__ import annotations

import pytest

from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish


@pytest.fixture
def site(site: Site) -> Site:
    """Publish the site, as happens outside tests when its transaction ends."""
    publish()
    return site
