"""Who comes to the company's site, who fills in its form, and whom sales takes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from truelift.worlds.leads.parameters import FIELDS, HESITATED, TRAP, Leads
from truelift.worlds.traffic import DAY_MS, Floats, Ints, Mask, first_days, moments


MOST_VISITS: Final = 5

WORKING_HOURS: Final = np.array(
    [.3, .2, .2, .2, .3, .6, 1.5, 3.6, 7.2, 9.4, 9.6, 8.8,
     6.6, 7.9, 9.1, 8.7, 7.3, 5.0, 3.0, 2.4, 2.2, 2.0, 1.3, .6]
)  # fmt: skip
WORKING_DAYS: Final = np.array([1.20, 1.28, 1.25, 1.18, 0.98, 0.34, 0.38])

NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class Visits:
    """Every visit of every person; all arrays have one length, but for the trials' rows.

    Attributes:
        person: Ordinal of the person.
        device: 0 desktop, 1 phone, 2 tablet.
        channel: Index into the channels.
        start_ms: Epoch milliseconds.
        at_form: Got to the form.
        fields: How many fields of the person's form were completed; -1 where none was entered.
        short: The form had no field at which people hesitate.
        lead: Sent the form.
        mql_days: After so many days marketing found it worth a call; -1 never.
        sql_days: After so many days sales took it on; -1 never.
        won_days: After so many days it bought; -1 never.
        variants: One row a trial: 1 treatment, 0 control.
        exposed: One row a trial: this visit saw it.
    """

    person: Ints
    device: Ints
    channel: Ints
    start_ms: Ints
    at_form: Mask
    fields: Ints
    short: Mask
    lead: Mask
    mql_days: Floats
    sql_days: Floats
    won_days: Floats
    variants: Ints
    exposed: Mask

    def __len__(self) -> int:
        return len(self.person)


def visits_of(leads: Leads, generator: np.random.Generator) -> Visits:
    """Draw the visits of the whole history and of the hours after it."""
    person, number, channel, device, start = _arrivals(leads, generator)
    size = person.size
    variant_of = generator.integers(0, 2, (len(leads.trials), leads.first_visits))
    variants = variant_of[:, person]
    spans = np.array([leads.span_of(each) for each in leads.trials])
    runs = (start >= spans[:, :1]) & (start < spans[:, 1:])
    treated = {
        each.key: (runs[row] | ((start >= spans[row, 1]) & each.shipped))
        & ((variants[row] == 1) | (each.shipped & (start >= spans[row, 1])))
        for row, each in enumerate(leads.trials)
    }
    at_form = generator.random(size) < _to_form(leads, channel, device, number, treated)
    short = treated[TRAP] & at_form
    fields, sent = _fillings(leads, at_form, short, generator)
    # Who has asked for a demonstration does not ask again.
    again = _seen_before(person, start, sent)
    lead, fields = sent & ~again, np.where(again, NEVER, fields)
    exposed = np.stack(
        [
            runs[row] & (at_form if each.seen_at == "form_view" else True)
            for row, each in enumerate(leads.trials)
        ]
    )
    mql, sql, won = _stages(leads, lead, channel, treated, generator)
    return Visits(
        person, device, channel, start, at_form, fields, short, lead, mql, sql, won, variants,
        exposed,
    )  # fmt: skip


def _arrivals(leads: Leads, generator: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Draw when who comes: person, which visit of theirs, channel, device, moment."""
    people = leads.first_visits
    shares = np.array([one.share for one in leads.channels])
    channel = generator.choice(len(leads.channels), people, p=shares).astype(np.int64)
    phone = np.array([one.phone for one in leads.channels])[channel]
    draw = generator.random(people)
    device = np.where(draw < phone, 1, np.where(draw < phone + 0.03, 2, 0)).astype(np.int64)
    day = first_days(leads, people, generator, WORKING_DAYS)
    person = np.arange(people, dtype=np.int64)
    direct = next(n for n, one in enumerate(leads.channels) if not one.source and not one.referrer)
    found: list[tuple[Ints, ...]] = []
    for number in range(MOST_VISITS):
        start = moments(leads, day, generator, WORKING_HOURS)
        here = start < leads.ends_at_ms
        person, channel, day, start = person[here], channel[here], day[here], start[here]
        if not person.size:
            break
        nth = np.full(person.size, number, dtype=np.int64)
        found.append((person, nth, channel, device[person], start))
        again = generator.random(person.size) < leads.returning
        gap = np.floor(generator.lognormal(np.log(4.0), 1.0, person.size)).astype(np.int64)
        by_itself = generator.random(person.size) < 0.5
        channel = np.where(by_itself, direct, channel)[again]
        person, day = person[again], (day + np.maximum(gap, 1))[again]
    person, number_of, channel, device, start = (
        np.concatenate(each) for each in zip(*found, strict=True)
    )
    return person, number_of, channel, device, start


def _to_form(
    leads: Leads, channel: Ints, device: Ints, number: Ints, treated: dict[str, Mask]
) -> Floats:
    intent = np.array([one.intent for one in leads.channels])[channel]
    odds = leads.to_form / (1 - leads.to_form) * intent * np.where(device == 1, 0.75, 1.0)
    odds = odds * np.where(number > 0, 1.25, 1.0)
    chance = odds / (1 + odds)
    for each in leads.trials:
        chance = chance * np.where(treated[each.key], each.lift.get("form", 1.0), 1.0)
    return np.minimum(chance, 0.95)


def _fillings(
    leads: Leads, at_form: Mask, short: Mask, generator: np.random.Generator
) -> tuple[Ints, Mask]:
    """Say how many fields of their form people complete, and who sends it."""
    size = at_form.size
    going = at_form & (generator.random(size) < leads.begins)
    fields = np.where(going, 0, NEVER).astype(np.int64)
    for each in FIELDS:
        skipped = short & (each.name in HESITATED)
        completes = generator.random(size) < each.completes
        fields += going & ~skipped & completes
        going = going & (skipped | completes)
    return fields, going & (generator.random(size) < leads.sends)


def _seen_before(person: Ints, start: Ints, sent: Mask) -> Mask:
    """Say which visits come after a form that was sent."""
    order = np.lexsort((start, person))
    so_far: Ints = np.cumsum(sent[order]) - sent[order]
    first = np.ones(order.size, dtype=np.bool_)
    first[1:] = person[order][1:] != person[order][:-1]
    base = np.maximum.accumulate(np.where(first, so_far, 0))
    found = np.zeros(order.size, dtype=np.bool_)
    found[order] = so_far > base
    return found


def _stages(
    leads: Leads,
    lead: Mask,
    channel: Ints,
    treated: dict[str, Mask],
    generator: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """Say after how many days each lead came how far; -1 where it did not."""
    size = lead.size
    intent = np.array([one.intent for one in leads.channels])[channel]
    keen = np.clip(0.85 + 0.15 * intent, 0.5, 1.2)
    sql_rate = np.full(size, leads.sql)
    for each in leads.trials:
        sql_rate = sql_rate * np.where(treated[each.key], each.lift.get("sql", 1.0), 1.0)

    def later(rate: float | Floats, base: Floats, days: float, spread: float) -> Floats:
        passes = (base >= 0) & (generator.random(size) < rate)
        return np.where(passes, base + generator.lognormal(np.log(days), spread, size), NEVER)

    mql = later(leads.mql * keen, np.where(lead, 0.0, NEVER), leads.mql_days, 0.5)
    sql = later(sql_rate, mql, leads.sql_days, 0.45)
    won = later(leads.won, sql, leads.won_days, 0.4)
    return mql, sql, won


def day_of(visits: Visits, days: Floats) -> Ints:
    """Give the instants that lie so many days after each visit, in epoch milliseconds."""
    return visits.start_ms + (days * DAY_MS).astype(np.int64) + 600_000
