"""Which refunds still change the day of their order, said to either database."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import DateField, ExpressionWrapper, F, Q, Value
from django.db.models.fields import DurationField


def within(maturity_days: int) -> Q:
    """Give the condition under which a refund lies in the window of its order."""
    latest = ExpressionWrapper(
        F("order_day") + Value(timedelta(days=maturity_days), output_field=DurationField()),
        output_field=DateField(),
    )
    return Q(day__lte=latest)
