"""The Django applications: accounts, sites, measurement, research, experiments."""

from __future__ import annotations
