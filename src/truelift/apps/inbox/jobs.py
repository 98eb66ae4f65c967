"""What the worker does for this app: e-mails, deliveries and, every hour, a round."""

from __future__ import annotations

from truelift.apps.inbox import mailing, rounds, sending


__all__ = ["mailing", "rounds", "sending"]
