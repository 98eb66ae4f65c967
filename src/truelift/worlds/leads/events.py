"""The company's visits as events: pages, the fields of its form, and what sales made of it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from truelift.worlds.leads.parameters import FIELDS, HESITATED, HOST, Leads
from truelift.worlds.leads.visits import Visits, day_of
from truelift.worlds.rows import NOTHING, Rows, finished
from truelift.worlds.traffic import Floats, Ints


PAGES: Final = (
    ("/", "Palletline: know where every pallet is"),
    ("/product", "Product"),
    ("/pricing", "Pricing"),
    ("/stories/cold-store", "How a cold store stopped counting twice"),
    ("/guides/cycle-counting", "Cycle counting without closing"),
    ("/demo", "See it with your own stock"),
    ("/demo/thanks", "Thank you"),
)
_FORM, _THANKS = 5, 6
_LANDING: Final = (0.46, 0.16, 0.12, 0.12, 0.14)

PAGE_VIEW, FORM_VIEW, SEEN = "page_view", "form_view", "Experiment Viewed"
FOCUSED, COMPLETED, ABANDONED = "Form Field Focused", "Form Field Completed", "Form Field Abandoned"
LEAD, MQL, SQL, WON = "generate_lead", "mql", "sql", "deal_won"

OTHERS: Final = {
    "field": pa.string(),
    "focus_ms": pa.int64(),
    "refocus": pa.int64(),
    "corrections": pa.int64(),
    "lead_id": pa.string(),
}
"""Properties beside those that every world's events have."""


def events_of(leads: Leads, visits: Visits, generator: np.random.Generator) -> pa.Table:
    """Every event of these visits in the order in which it happened."""
    rows = Rows(leads, prefix=f"{leads.seed}-l")
    every = np.arange(len(visits), dtype=np.int64)
    at = visits.start_ms.copy()
    landing = generator.choice(len(_LANDING), every.size, p=_LANDING).astype(np.int64)
    rows.add(every, at, PAGE_VIEW, type="page", page=landing)
    for row, trial in enumerate(leads.trials):
        if trial.seen_at == PAGE_VIEW:
            who = every[visits.exposed[row]]
            rows.add(who, at[who] + 900, SEEN, page=landing[who], trial=row)
    for _ in range(3):
        going = every[generator.random(every.size) < 0.42]
        at[going] += _seconds(28.0, 0.8, going.size, generator)
        page = generator.integers(0, _FORM, going.size)
        rows.add(going, at[going], PAGE_VIEW, type="page", page=page)
    form = every[visits.at_form]
    at[form] += _seconds(24.0, 0.7, form.size, generator)
    rows.add(form, at[form], PAGE_VIEW, type="page", page=_FORM)
    rows.add(form, at[form] + 300, FORM_VIEW, page=_FORM)
    for row, trial in enumerate(leads.trials):
        if trial.seen_at == FORM_VIEW:
            who = every[visits.exposed[row]]
            rows.add(who, at[who] + 200, SEEN, page=_FORM, trial=row)
    _fill_in(rows, visits, at, generator)
    _send(rows, leads, visits, at, generator)
    return finished(
        rows.table(
            visits.person, visits.device, visits.channel, visits.variants,
            host=HOST, pages=PAGES, others=OTHERS, generator=generator,
        ),
        leads, host=HOST, pages=PAGES[:_FORM], generator=generator,
    )  # fmt: skip


def _fill_in(rows: Rows, visits: Visits, at: Ints, generator: np.random.Generator) -> None:
    """Enter the fields one after the other; who gives up at one has left the form."""
    done = np.zeros(len(visits), dtype=np.int64)
    going = visits.fields >= 0
    at += np.where(going, _seconds(5.0, 0.5, at.size, generator), 0)
    for field in FIELDS:
        here = np.flatnonzero(going & ~(visits.short & (field.name in HESITATED)))
        rows.add(here, at[here], FOCUSED, page=_FORM, field=field.name)
        completes = visits.fields[here] > done[here]
        stay = _seconds(field.seconds, 0.5, here.size, generator)
        # Who gives up was at it for longer.
        stay = np.where(completes, stay, (stay * 1.8).astype(np.int64))
        at[here] += stay
        wrong = generator.poisson(field.corrections, here.size)
        for name, chosen in ((COMPLETED, completes), (ABANDONED, ~completes)):
            who = here[chosen]
            rows.add(
                who, at[who], name, page=_FORM, field=field.name, focus_ms=stay[chosen],
                refocus=0, corrections=wrong[chosen],
            )  # fmt: skip
        done[here[completes]] += 1
        going[here[~completes]] = False
        back = here[completes & (generator.random(here.size) < field.returns)]
        at[back] += 700
        rows.add(back, at[back], FOCUSED, page=_FORM, field=field.name)
        again = _seconds(field.seconds * 0.4, 0.4, back.size, generator)
        at[back] += again
        rows.add(
            back, at[back], COMPLETED, page=_FORM, field=field.name, focus_ms=again,
            refocus=1, corrections=generator.poisson(0.5, back.size),
        )  # fmt: skip
        at[here] += generator.integers(300, 1200, here.size)


def _send(
    rows: Rows, leads: Leads, visits: Visits, at: Ints, generator: np.random.Generator
) -> None:
    """Send the form, and let the sales system tell what became of it."""
    lead = np.flatnonzero(visits.lead)
    at[lead] += 1500
    rows.add(lead, at[lead], "identify", type="identify", page=_FORM, user=True)
    rows.add(lead, at[lead] + 10, LEAD, page=_FORM, user=True, lead_id=lead)
    rows.add(lead, at[lead] + 400, PAGE_VIEW, type="page", page=_THANKS, user=True)
    worth = np.round(leads.deal * generator.lognormal(0.0, 0.55, len(visits)), -2)
    for name, days in ((MQL, visits.mql_days), (SQL, visits.sql_days), (WON, visits.won_days)):
        who = np.flatnonzero(days >= 0)
        # What is taken on is worth what such a lead brings on average; what is won, its price.
        value: Floats | None = None
        if name == SQL:
            value = np.round(worth[who] * leads.won, 2)
        elif name == WON:
            value = worth[who]
        rows.add(
            who, day_of(visits, days)[who], name, page=NOTHING, user=True, lead_id=who, value=value
        )


def _seconds(median: float, spread: float, size: int, generator: np.random.Generator) -> Ints:
    found: Ints = generator.lognormal(np.log(median * 1000), spread, size).astype(np.int64)
    return found
