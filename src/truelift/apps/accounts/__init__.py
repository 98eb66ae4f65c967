"""People: accounts, memberships, invitations, and the audit of what they did."""

from __future__ import annotations
