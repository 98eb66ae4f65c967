"""A site with a verified host."""

from __future__ import annotations

from tests.apps.experiments.conftest import hypothesis, insight, planned, spec
from tests.apps.qa.conftest import host


__all__ = ["host", "hypothesis", "insight", "planned", "spec"]
