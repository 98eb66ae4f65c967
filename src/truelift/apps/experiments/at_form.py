"""What visitors of each variant did at a form, where a test is about sending one."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.measurement.reads import known_events
from truelift.apps.sites.reads import event_names_of
from truelift.lake.lake import NoSuchSite
from truelift.questions.form_fields import FOCUSED
from truelift.questions.metric_library import LEAD, SIGN_UP
from truelift.stats.roles import MetricRole


_SENDS: Final = (LEAD, SIGN_UP)
"""What happens when somebody sends a form."""


def form_by_variant(record: ExperimentRecord) -> str:
    """Give the address of the form's fields by the variants of a test that is over.

    Returns:
        Empty where its primary metric is not of sending a form, where nobody measures fields, and
        while it runs: what is hidden until the planned end would stand there.
    """
    if record.started_at is None or record.stopped_at is None:
        return ""
    called = event_names_of(record.site)
    sent = {name for event in _SENDS for name in called.get(event, (event,))}
    if not any(
        each.role == MetricRole.PRIMARY.value and each.metric.event in sent
        for each in record.metrics.all()
    ):
        return ""
    try:
        seen = {each.event for each in known_events(record.site.name)}
    except NoSuchSite:
        return ""
    if seen.isdisjoint(FOCUSED.names):
        return ""
    first, last = (day_at(record.site, each) for each in (record.started_at, record.stopped_at))
    days = {"experiment": record.key, "period": "days", "since": first, "until": last}
    return f"/s/{record.site.name}/sessions/forms/?{urlencode(days)}"
