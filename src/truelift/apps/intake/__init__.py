"""Intake: what anybody noticed and proposes, until it is a finding or a hypothesis."""

from __future__ import annotations
