"""The company's people as events: visits, steps to value, e-mails outside the product, use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from truelift.worlds.rows import NOTHING, Rows, finished
from truelift.worlds.saas.parameters import GUIDED, HOST, LEAK, NUDGES, WAY, Saas
from truelift.worlds.traffic import DAY_MS, Floats, Ints, Mask, first_days, moments


PAGES: Final = (
    ("/", "Rotaline: rotas that pay right"),
    ("/pricing", "Pricing"),
    ("/guides/night-shifts", "Fair night shifts"),
    ("/sign-up", "Try it for two weeks"),
    ("/app/rota", "Rota"),
    ("/app/staff", "Staff"),
    ("/app/payroll", "Payroll"),
)
_SIGN_UP, _ROTA, _STAFF, _PAYROLL = 3, 4, 5, 6
_PAGE_OF: Final = {
    "rota_created": _ROTA,
    "staff_invited": _STAFF,
    "payroll_started": _PAYROLL,
    "payroll_connected": _PAYROLL,
    "rota_published": _ROTA,
}

PAGE_VIEW, SIGN_UP, SEEN, ACTIVATED = "page_view", "sign_up", "Experiment Viewed", "activated"

OTHERS: Final = {"provider": pa.string(), "step": pa.int64()}
"""Properties beside those that every world's events have."""

_PROVIDERS: Final = ("datev", "sage", "xero")
_WEEKS_WATCHED: Final = 26
_HOURS: Final = np.array(
    [1.6, .9, .5, .4, .5, 1.2, 3.2, 5.2, 6.6, 7.0, 7.0, 6.5,
     5.8, 6.2, 6.4, 6.0, 5.2, 4.6, 4.4, 4.8, 5.0, 4.6, 3.8, 2.6]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who came once, and how far they got; all arrays have one length.

    Attributes:
        device: 0 desktop, 1 phone, 2 tablet.
        channel: Index into the channels.
        start_ms: When they came.
        sign_up_ms: When they signed up; a large number where they never did.
        joined: Who did.
        treated: Trial → who has its change.
        variants: One row a trial: 1 treatment, 0 control.
        exposed: One row a trial: who saw it.
    """

    device: Ints
    channel: Ints
    start_ms: Ints
    sign_up_ms: Ints
    joined: Mask
    treated: dict[str, Mask]
    variants: Ints
    exposed: Mask


def people_of(saas: Saas, generator: np.random.Generator) -> People:
    """Draw who comes, who signs up, and who sees which trial."""
    count = saas.first_visits
    channel = generator.choice(
        len(saas.channels), count, p=np.array([one.share for one in saas.channels])
    ).astype(np.int64)
    phone = np.array([one.phone for one in saas.channels])[channel]
    draw = generator.random(count)
    device = np.where(draw < phone, 1, np.where(draw < phone + 0.04, 2, 0)).astype(np.int64)
    day = first_days(saas, count, generator)
    start = moments(saas, day, generator, _HOURS)
    intent = np.array([one.intent for one in saas.channels])[channel]
    odds = saas.signs_up / (1 - saas.signs_up) * intent
    now = generator.random(count) < odds / (1 + odds)
    later = ~now & (generator.random(count) < saas.returning * 0.35)
    wait = np.where(later, generator.lognormal(np.log(3.0), 0.9, count) * DAY_MS, 150_000)
    sign_up = start + wait.astype(np.int64)
    joined = now | later
    variants = generator.integers(0, 2, (len(saas.trials), count))
    treated, exposed = {}, []
    for row, trial in enumerate(saas.trials):
        since, until = saas.span_of(trial)
        seen_ms = start if trial.seen_at == PAGE_VIEW else sign_up
        runs = (seen_ms >= since) & (seen_ms < until)
        exposed.append(runs if trial.seen_at == PAGE_VIEW else runs & joined)
        treated[trial.key] = (runs & (variants[row] == 1)) | (trial.shipped & (seen_ms >= until))
    return People(device, channel, start, sign_up, joined, treated, variants, np.stack(exposed))


def events_of(saas: Saas, people: People, generator: np.random.Generator) -> pa.Table:
    """Every event of these people in the order in which it happened."""
    rows = Rows(saas, prefix=f"{saas.seed}-s")
    every = np.arange(people.start_ms.size, dtype=np.int64)
    _visit(rows, saas, people, every, generator)
    joined = every[people.joined]
    at = people.sign_up_ms.copy()
    rows.add(joined, at[joined] - 20_000, PAGE_VIEW, type="page", page=_SIGN_UP)
    rows.add(joined, at[joined] - 20, "identify", type="identify", page=_SIGN_UP, user=True)
    rows.add(joined, at[joined], SIGN_UP, page=_SIGN_UP, user=True)
    for row, trial in enumerate(saas.trials):
        who = every[people.exposed[row]]
        when = people.start_ms[who] + 700 if trial.seen_at == PAGE_VIEW else at[who] + 400
        page = 0 if trial.seen_at == PAGE_VIEW else _ROTA
        rows.add(who, when, SEEN, page=page, user=trial.seen_at == SIGN_UP, trial=row)
    connected_ms, activated_ms = _set_up(rows, saas, people, joined, generator)
    _mail(rows, saas, people, joined, connected_ms, generator)
    _use(rows, saas, people, joined, activated_ms, generator)
    return finished(
        rows.table(
            every, people.device, people.channel, people.variants,
            host=HOST, pages=PAGES, others=OTHERS, generator=generator,
        ),
        saas, host=HOST, pages=PAGES[:_SIGN_UP], generator=generator,
    )  # fmt: skip


def _visit(
    rows: Rows, saas: Saas, people: People, every: Ints, generator: np.random.Generator
) -> None:
    landing = generator.choice(3, every.size, p=[0.6, 0.16, 0.24]).astype(np.int64)
    rows.add(every, people.start_ms, PAGE_VIEW, type="page", page=landing)
    more = every[generator.random(every.size) < 0.55]
    later = people.start_ms[more] + generator.integers(8_000, 90_000, more.size)
    rows.add(more, later, PAGE_VIEW, type="page", page=generator.integers(0, 3, more.size))
    back = every[~people.joined & (generator.random(every.size) < saas.returning)]
    days = generator.lognormal(np.log(5.0), 0.9, back.size) * DAY_MS
    rows.add(back, people.start_ms[back] + days.astype(np.int64), PAGE_VIEW, type="page", page=0)


def _set_up(
    rows: Rows, saas: Saas, people: People, joined: Ints, generator: np.random.Generator
) -> tuple[Ints, Ints]:
    """Take people through the steps; give when a payroll was connected and value was there."""
    never = np.iinfo(np.int64).max
    connects, slower, skips = _changes(saas, people, joined)
    going = np.ones(joined.size, dtype=np.bool_)
    at = people.sign_up_ms[joined].astype(np.float64)
    connected = np.full(joined.size, never)
    for step in WAY:
        rate = np.full(joined.size, step.rate)
        if step.name == LEAK:
            rate = np.minimum(rate * connects, 0.97)
        takes = generator.random(joined.size) < rate
        days = generator.lognormal(np.log(step.days), step.spread, joined.size)
        if step.name in {LEAK, "payroll_started"}:
            days = days * slower
        done = going & takes
        after = at + days * DAY_MS
        provider = _PROVIDERS[0]
        who = joined[done]
        when = after[done].astype(np.int64)
        if step.name == LEAK:
            connected[done] = when
            rows.add(who, when, step.name, page=_PAYROLL, user=True, provider=provider)
        else:
            rows.add(who, when, step.name, page=_PAGE_OF[step.name], user=True)
        # Who may skip the payroll goes on without it.
        passes = done | (going & skips & (step.name == LEAK))
        at = np.where(done, after, at)
        going = passes
    active = going & (connected < never)
    activated = np.where(active, at, float(never / 2)).astype(np.int64)
    rows.add(joined[active], activated[active] + 900, ACTIVATED, page=NOTHING, user=True)
    pays = active & (generator.random(joined.size) < saas.subscribes)
    pays |= ~active & (generator.random(joined.size) < 0.03)
    start = people.sign_up_ms[joined] + 14 * DAY_MS
    homes = 1 + generator.poisson(0.6, joined.size)
    rows.add(
        joined[pays], start[pays], "subscribe", page=NOTHING, user=True,
        value=(homes * saas.price)[pays].astype(np.float64),
    )  # fmt: skip
    return connected, np.where(active, activated, never)


def _changes(saas: Saas, people: People, joined: Ints) -> tuple[Floats, Floats, Mask]:
    connects = np.ones(joined.size)
    slower = np.ones(joined.size)
    skips = np.zeros(joined.size, dtype=np.bool_)
    for trial in saas.trials:
        has = people.treated[trial.key][joined]
        connects = connects * np.where(has, trial.lift.get("connects", 1.0), 1.0)
        slower = slower * np.where(has, trial.lift.get("days", 1.0), 1.0)
        skips |= has & ("skips" in trial.lift)
    return connects, slower, skips


def _mail(
    rows: Rows,
    saas: Saas,
    people: People,
    joined: Ints,
    connected: Ints,
    generator: np.random.Generator,
) -> None:
    """Write to the guided ones, outside the product, while no payroll is connected."""
    guided = people.treated[GUIDED][joined]
    for number, days in enumerate(NUDGES, 1):
        at = people.sign_up_ms[joined] + round(days * DAY_MS)
        sent = guided & (connected > at)
        rows.add(joined[sent], at[sent], "email_sent", page=NOTHING, user=True, step=number)
        opened = sent & (generator.random(joined.size) < saas.opened)
        after = (generator.lognormal(np.log(0.15), 0.8, joined.size) * DAY_MS).astype(np.int64)
        rows.add(
            joined[opened], (at + after)[opened], "email_opened", page=NOTHING, user=True,
            step=number,
        )  # fmt: skip


def _use(
    rows: Rows,
    saas: Saas,
    people: People,
    joined: Ints,
    activated: Ints,
    generator: np.random.Generator,
) -> None:
    """Open rotas week by week, as long as there is something to work by."""
    there = np.ones(joined.size, dtype=np.bool_)
    started = people.sign_up_ms[joined]
    for week in range(_WEEKS_WATCHED):
        begins = started + week * 7 * DAY_MS
        active = activated < begins + 7 * DAY_MS
        opens = np.where(there, generator.poisson(saas.opens, joined.size) + 1, 0)
        if week == 0:
            opens = np.minimum(opens, 2)
        who = np.repeat(np.arange(joined.size), opens)
        when = begins[who] + generator.integers(0, 7 * DAY_MS, who.size)
        rows.add(joined[who], when, "rota_opened", page=_ROTA, user=True)
        there &= generator.random(joined.size) < np.where(active, saas.stays, saas.fades)
