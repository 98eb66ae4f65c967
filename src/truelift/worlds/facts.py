"""The numbers that a company brings from elsewhere, and the metric that its people agree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np

from truelift.apps.accounts.models import User
from truelift.apps.facts import defining
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.from_lake import NAME, bring
from truelift.apps.facts.reads import Traffic, days_between, feed_of, traffic
from truelift.apps.facts.services import change_feed, make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of
from truelift.worlds.calendar import Calendar
from truelift.worlds.traffic import Floats


ROUNDS: Final = (42, 28, 14, 7, 0)
"""Days before the last one on which files come."""

AGREED: Final = (40, 39, 38, 36)
"""When the shared metric was proposed, and signed by each of three."""

BEFORE: Final = 46
"""Weeks that the product that was used before knows of: with the site's own, a year."""

OLDER: Final = "older-analytics"

GROWTH: Final = 0.15
"""How much fewer came a year ago."""

LEDGER_SHARE: Final = 0.994
"""What finance books of what analytics counts: cash on delivery that was never paid."""

REFUNDED: Final = 0.04
LATE: Final = 0.06
"""Of the refunds, those that come after the window."""


UNTRACKED: Final[Mapping[str, float]] = {"phone": 0.035}
"""Device → share of its orders of which no event comes: a page that is closed too soon."""

UNTRACKED_ELSEWHERE: Final = 0.008
TILL_DAYS: Final = 28
"""So many days of orders a file of the till has."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What a source costs.

    Attributes:
        click_minor: A click.
        clicks: Clicks for each session: some never arrive.
    """

    click_minor: float
    clicks: float = 1.08


@dataclass(frozen=True, slots=True)
class Owners:
    """First names of who answers for which numbers."""

    analyst: str
    spend: str
    refunds: str
    ledger: str
    marketing: str
    sales: str


class Facts:
    """Traffic of the site's own events, spend, refunds and the ledger, and three signatures."""

    rounds: tuple[int, ...] = ROUNDS
    agreed: tuple[int, ...] = AGREED

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        who: Mapping[str, Actor],
        owners: Owners,
        paid: Mapping[str, Paid],
        seed: int,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            owners: Who answers for what.
            paid: Source → what it costs.
            seed: Of what is drawn.
        """
        self.site, self.days, self.who = site, calendar, who
        self.owners, self.paid, self.seed = owners, paid, seed
        self._unit = 10 ** exponent_of(site.currency)
        self.days.at(self.days.ago(self.rounds[0], hour=2), self._makes_feeds)
        for days_ago in self.rounds:
            self.days.at(self.days.ago(days_ago, hour=3), self._round)
        propose, *signing = self.agreed
        self.days.at(self.days.ago(propose, hour=11), self._proposes)
        functions = {
            "marketing": owners.marketing,
            "sales": owners.sales,
            "finance": owners.ledger,
        }
        for days_ago, (function, name) in zip(signing, functions.items(), strict=True):
            self.days.at(self.days.ago(days_ago, hour=15), partial(self._signs, function, name))

    def _makes_feeds(self) -> None:
        for name, kind, owner, hours in self._feeds():
            make_feed(
                self.site,
                name=name,
                kind=kind.value,
                owner=self._person(owner),
                promise_hours=hours,
                by=self.who[self.owners.analyst],
                now=self.days.moment(),
            )

    def _feeds(self) -> tuple[tuple[str, FeedKind, str, int], ...]:
        """Name, kind, owner and promise of what comes from elsewhere."""
        return (
            ("advertising", FeedKind.SPEND, self.owners.spend, 24 * 15),
            ("returns", FeedKind.REFUNDS, self.owners.refunds, 24 * 15),
            ("books", FeedKind.LEDGER, self.owners.ledger, 24 * 15),
            ("till", FeedKind.ORDERS, self.owners.ledger, 24 * 15),
        )

    def _round(self) -> None:
        """Count the days that are over, and bring what came from elsewhere since."""
        today = self.days.today
        more = True
        while more:
            _, more = bring(self.site, now=self.days.moment())
        own = feed_of(self.site, NAME)
        if own is None:
            return
        if own.owner_id is None:
            change_feed(
                self.site,
                NAME,
                owner=self._person(self.owners.analyst),
                promise_hours=36,
                lag_days=0,
                by=self.who[self.owners.analyst],
                now=self.days.moment(),
            )
        if feed_of(self.site, OLDER) is None:
            self._brings_along()
        found = traffic(self.site, since=today - timedelta(days=60), until=today)
        self._brings_all(found, today)

    def _brings_all(self, found: Traffic, today: date) -> None:
        """Bring everything that is known by a day."""
        self._brings("advertising", self.owners.spend, self._spend(found))
        self._brings("returns", self.owners.refunds, self._refunds(found, today))
        self._brings("books", self.owners.ledger, self._ledger(today))
        self._brings("till", self.owners.ledger, self._orders(found, today))

    def _brings_along(self) -> None:
        """Bring a year's export of the product that was used before, with its spend."""
        own = traffic(self.site, since=date.min, until=self.days.today)
        if not len(own.day):
            return
        make_feed(
            self.site,
            name=OLDER,
            kind=FeedKind.TRAFFIC.value,
            owner=self._person(self.owners.analyst),
            promise_hours=24 * 365,
            by=self.who[self.owners.analyst],
            now=self.days.moment(),
        )
        first, spans = own.day.min().item(), len(np.unique(own.day))
        draw = np.random.default_rng((self.seed, 46))
        worth = own.revenue_minor.sum() / max(own.orders.sum(), 1)
        traffic_rows: list[dict[str, object]] = []
        clicks: dict[tuple[date, str], float] = defaultdict(float)
        days = [first - timedelta(days=back) for back in range(1, 7 * BEFORE + 1)]
        back = np.arange(1, len(days) + 1)
        level = 1 - GROWTH * back / 365 + 0.12 * np.cos(2 * np.pi * back / 365)
        cells = zip(own.source, own.landing, own.device, strict=True)
        for source, landing, device in sorted(set(cells)):
            here = (own.source == source) & (own.landing == landing) & (own.device == device)
            sessions, orders = own.sessions[here].sum(), own.orders[here].sum()
            came = draw.poisson(sessions / spans * level)
            bought = draw.binomial(came, min(orders / sessions, 1.0))
            minor = np.maximum(bought * worth * draw.normal(1, 0.1, len(days)), 0)
            visits, sales = self._as_lived(own, source, days)
            came, bought = (
                np.round(each * times).astype(np.int64)
                for each, times in ((came, visits), (bought, sales))
            )
            minor = np.where(bought > 0, minor * sales, 0)
            for at in np.flatnonzero(came).tolist():
                traffic_rows.append(
                    {
                        "day": str(days[at]),
                        "source": source,
                        "landing": landing,
                        "device": device,
                        "sessions": int(came[at]),
                        "orders": int(bought[at]),
                        "revenue": self._major(round(float(minor[at]))),
                    }
                )
                if source in self.paid:
                    clicks[days[at], source] += int(came[at]) * self.paid[source].clicks
        spend_rows: list[dict[str, object]] = [
            {
                "day": str(day),
                "source": source,
                "clicks": round(count),
                "spend": self._major(
                    round(count * self.paid[source].click_minor * max(draw.normal(1, 0.05), 0))
                ),
            }
            for (day, source), count in sorted(clicks.items())
        ]
        self._brings(OLDER, self.owners.analyst, traffic_rows)
        self._brings("advertising", self.owners.spend, spend_rows)

    def _as_lived(self, own: Traffic, source: str, days: Sequence[date]) -> tuple[Floats, Floats]:
        """Say how many times as many came, and bought, from a source on each day of that year."""
        del own, source
        return np.ones(len(days)), np.ones(len(days))

    def _brings(self, feed: str, name: str, rows: list[dict[str, object]]) -> None:
        take_in(
            self.site,
            feed,
            rows,
            by=self.who[name],
            now=self.days.moment(),
            door=FeedSource.CSV,
            file=f"{feed}-{self.days.today:%Y-%m-%d}.csv",
        )

    def _spend(self, found: Traffic) -> list[dict[str, object]]:
        """Advertising by day and campaign: the same day costs the same in every file."""
        rows: list[dict[str, object]] = []
        for source, paid in self.paid.items():
            here = found.source == source
            for day in np.unique(found.day[here]).tolist():
                there = here & (found.day == np.datetime64(day))
                for campaign in sorted(set(found.campaign[there])):
                    sessions = found.sessions[there & (found.campaign == campaign)].sum()
                    draw = np.random.default_rng((self.seed, day.toordinal(), len(campaign)))
                    clicks = round(float(sessions) * paid.clicks * draw.normal(1, 0.03))
                    minor = round(clicks * paid.click_minor * draw.normal(1, 0.05))
                    rows.append(
                        {
                            "day": str(day),
                            "source": source,
                            "campaign": campaign,
                            "clicks": max(clicks, 0),
                            "spend": self._major(max(minor, 0)),
                        }
                    )
        return rows

    def _refunds(self, found: Traffic, today: date) -> list[dict[str, object]]:
        """What went back: drawn for each day once, and told when its day has come."""
        rows: list[dict[str, object]] = []
        for at in np.flatnonzero((found.orders > 0) & (found.revenue_minor > 0)).tolist():
            day = found.day[at].item()
            draw = np.random.default_rng((self.seed, day.toordinal(), int(found.cell[at]) % 997))
            orders = int(found.orders[at])
            for number in range(int(draw.binomial(orders, REFUNDED))):
                late = draw.random() < LATE
                back = day + timedelta(
                    days=int(draw.integers(31, 38) if late else draw.integers(3, 24))
                )
                # Of what was sold, before anything went back: the same in every file.
                share = float(draw.uniform(0.3, 0.9))
                if back >= today:
                    continue
                rows.append(
                    {
                        "order": f"NP-{day:%y%m%d}-{int(found.cell[at]) % 997}-{number}",
                        "day": str(back),
                        "order_day": str(day),
                        "amount": self._major(round(share * self._usual_order)),
                        "source": found.source[at],
                        "campaign": found.campaign[at],
                        "landing": found.landing[at],
                        "device": found.device[at],
                    }
                )
        return rows

    def _orders(self, found: Traffic, today: date) -> list[dict[str, object]]:
        """Write the shop's own list: every order of which an event came, and those without one."""
        rows: list[dict[str, object]] = []
        lately = found.day >= np.datetime64(today - timedelta(days=TILL_DAYS))
        for at in np.flatnonzero((found.orders > 0) & lately).tolist():
            day, device = found.day[at].item(), str(found.device[at])
            draw = np.random.default_rng((self.seed, day.toordinal(), int(found.cell[at]), 92))
            came = 1 - UNTRACKED.get(device, UNTRACKED_ELSEWHERE)
            orders = int(found.orders[at])
            orders += int(draw.negative_binomial(orders, came))
            rows += [
                {
                    "order": f"NP-{day:%y%m%d}-{int(found.cell[at]) % 997}-{number}",
                    "day": str(day),
                    "revenue": self._major(round(self._usual_order * draw.uniform(0.6, 1.4))),
                    "source": found.source[at],
                    "campaign": found.campaign[at],
                    "landing": found.landing[at],
                    "device": device,
                }
                for number in range(orders)
            ]
        return rows

    _usual_order: Final = 11_000

    def _ledger(self, today: date) -> list[dict[str, object]]:
        """Net revenue of the days that are a week old, booked anew while returns come in."""
        days = days_between(self.site, since=today - timedelta(days=60), until=today)
        return [
            {
                "period": str(each.day),
                "revenue": self._major(
                    round(LEDGER_SHARE * (each.revenue_minor - each.refunded_minor))
                ),
            }
            for each in days
            if each.revenue_minor is not None
        ]

    def _proposes(self) -> None:
        defining.propose(
            self.site,
            kind="revenue",
            maturity_days=30,
            because="Clicks got cheaper and revenue fell: three teams each read another number.",
            by=self.who[self.owners.marketing],
            now=self.days.moment(),
        )

    def _signs(self, function: str, name: str) -> None:
        defining.sign(self.site, 1, function, by=self.who[name], now=self.days.moment())

    def _person(self, name: str) -> User | None:
        return self.who[name].user

    def _major(self, minor: int) -> str:
        """Write money as files do."""
        return f"{minor / self._unit:.2f}"
