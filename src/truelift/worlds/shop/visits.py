"""Who comes to the shop, when, from where, and how far each visit gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from truelift.worlds.shop.parameters import DEVICES, STEPS, Shop
from truelift.worlds.traffic import Ints, Mask, first_days, moments


MOST_VISITS: Final = 9
NOT_EXPOSED: Final = -1


@dataclass(frozen=True, slots=True)
class Visits:
    """Every visit of every person, in no particular order; all arrays have one length.

    Attributes:
        person: Ordinal of the person.
        device: Index into `DEVICES` of this visit.
        home_device: Index of the device that the person first came with.
        channel: Index into the shop's channels.
        start_ms: Epoch milliseconds.
        number: 0 for the first visit of the person.
        depth: How many of `STEPS` this visit reached.
        account: The person had an account before this visit began.
        login: The order of this visit was made with an account.
        variants: One row a trial: 1 treatment, 0 control, per visit, whether exposed or not.
        exposed: One row a trial: this visit saw it.
    """

    person: Ints
    device: Ints
    home_device: Ints
    channel: Ints
    start_ms: Ints
    number: Ints
    depth: Ints
    account: Mask
    login: Mask
    variants: Ints
    exposed: Mask

    def __len__(self) -> int:
        return len(self.person)


def visits_of(shop: Shop, generator: np.random.Generator) -> Visits:
    """Draw the visits of the whole history and of the hours after it."""
    people = shop.first_visits
    channel = generator.choice(
        len(shop.channels), people, p=np.array([one.share for one in shop.channels])
    ).astype(np.int64)
    phone = np.array([one.phone for one in shop.channels])[channel]
    draw = generator.random(people)
    device = np.where(draw < phone, 1, np.where(draw < phone + (1 - phone) * 0.12, 2, 0))
    home_device = device.copy()
    # The same people have the same variant for as long as a trial runs, on every device.
    # A trial that changes nothing must not change the days of the shop by being drawn, either.
    moving = sum(each.spoiled_after_days is None for each in shop.trials)
    apart = np.random.default_rng((shop.seed, moving))
    variant_of = np.concatenate(
        [
            generator.integers(0, 2, (moving, people)),
            apart.integers(0, 2, (len(shop.trials) - moving, people)),
        ]
    )
    day = first_days(shop, people, generator)
    person = np.arange(people, dtype=np.int64)
    account = np.zeros(people, dtype=np.bool_)
    found: list[Visits] = []
    for number in range(MOST_VISITS):
        start = moments(shop, day, generator)
        here = start < shop.ends_at_ms
        person, device, channel = person[here], device[here], channel[here]
        day, account, start = day[here], account[here], start[here]
        if not person.size:
            break
        moved = account & (generator.random(person.size) < shop.second_device) & (number > 0)
        used = np.where(moved, np.where(device == 1, 0, 1), device)
        variants = variant_of[:, person]
        depth, exposed = _depths(shop, used, channel, start, variants, generator)
        login = (depth == len(STEPS)) & (account | (generator.random(person.size) < shop.login))
        found.append(
            Visits(
                person,
                used,
                home_device[person],
                channel,
                start,
                np.full(person.size, number, dtype=np.int64),
                depth,
                account,
                login,
                variants,
                exposed,
            )
        )
        bought = depth == len(STEPS)
        chance = np.where(bought, shop.returning_buyer, shop.returning)
        chance = chance * np.where(depth >= 2, 1.5, 1.0)
        again = generator.random(person.size) < chance
        gap = np.floor(generator.lognormal(np.log(2.6), 1.0, person.size)).astype(np.int64)
        account = (account | login)[again]
        person, device, channel = person[again], device[again], channel[again]
        day = day[again] + np.maximum(gap[again], 1)
        # People come back by themselves more often than the way they came first.
        direct = generator.random(person.size) < 0.45
        channel = np.where(direct, _direct(shop), channel)
    return _joined(found)


def _direct(shop: Shop) -> int:
    return next(n for n, one in enumerate(shop.channels) if not one.source and not one.referrer)


def _depths(
    shop: Shop,
    device: Ints,
    channel: Ints,
    start: Ints,
    variants: Ints,
    generator: np.random.Generator,
) -> tuple[Ints, Mask]:
    """How far each visit gets, and which trials it saw on the way."""
    count = device.size
    rates = np.array([shop.rates[name] for name in DEVICES])
    intent = np.array([one.intent for one in shop.channels])[channel]
    depth = np.zeros(count, dtype=np.int64)
    going = np.ones(count, dtype=np.bool_)
    exposed = np.zeros((len(shop.trials), count), dtype=np.bool_)
    for place, step in enumerate(STEPS):
        chance = rates[device, place].copy()
        if place < 2:
            odds = chance / (1 - chance) * intent
            chance = odds / (1 + odds)
        for row, trial in enumerate(shop.trials):
            if trial.acts_on != step:
                continue
            lift = np.array([trial.lift[name] for name in DEVICES])[device]
            _, end = shop.span_of(trial)
            treated = exposed[row] & (variants[row] == 1)
            if trial.shipped:
                treated |= start >= end
            chance += np.where(treated, lift, 0.0)
        going &= generator.random(count) < chance
        depth += going
        for row, trial in enumerate(shop.trials):
            if trial.seen_at == step:
                since, until = shop.span_of(trial)
                exposed[row] = going & (start >= since) & (start < until)
    return depth, exposed


def _joined(parts: list[Visits]) -> Visits:
    def flat(column: Callable[[Visits], Ints]) -> Ints:
        return np.concatenate([column(part) for part in parts], axis=-1)

    def flags(column: Callable[[Visits], Mask]) -> Mask:
        return np.concatenate([column(part) for part in parts], axis=-1)

    return Visits(
        person=flat(lambda part: part.person),
        device=flat(lambda part: part.device),
        home_device=flat(lambda part: part.home_device),
        channel=flat(lambda part: part.channel),
        start_ms=flat(lambda part: part.start_ms),
        number=flat(lambda part: part.number),
        depth=flat(lambda part: part.depth),
        account=flags(lambda part: part.account),
        login=flags(lambda part: part.login),
        variants=flat(lambda part: part.variants),
        exposed=flags(lambda part: part.exposed),
    )
