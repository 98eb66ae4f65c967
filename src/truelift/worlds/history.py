"""What every simulated company has in common: its time, where visits come from, its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo


WEEK_MS: Final = 7 * 86_400_000
SWITCHED_ON_MS: Final = 8 * 3_600_000

DEPLOY_HOUR: Final = 11
"""When engineers deploy, by the company's own clock."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where visits come from, and how much they want what is sold.

    Attributes:
        key: Its name in the truth.
        share: Of first visits.
        intent: Multiplies the odds of the first steps.
        phone: Share of its visits made on a phone.
        source: `utm_source`, empty for none.
        medium: `utm_medium`.
        campaign: `utm_campaign`.
        referrer: Address of the page before, empty for none.
    """

    key: str
    share: float
    intent: float
    phone: float
    source: str = ""
    medium: str = ""
    campaign: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment and what it truly does.

    Attributes:
        key: The experiment.
        control: Key of the variant without the change.
        treatment: Key of the variant with it.
        seen_at: The step at whose first reach a visitor is exposed.
        acts_on: The step whose rate it changes.
        lift: What it changes, by name, as its world says: the shop adds to that step's
            rate, by device; others multiply the rates that they name.
        start_days_ago: Its first day, before the one on which the history ends.
        planned_days: How long it is planned for; it still runs when that is not over.
        shipped: Everybody has the change from the end on.
        spoiled_after_days: A deploy changed its page so many days after its first; None
            where none did. It is switched off with that day.
    """

    key: str
    control: str
    treatment: str
    seen_at: str
    acts_on: str
    lift: Mapping[str, float]
    start_days_ago: int
    planned_days: int
    shipped: bool = False
    spoiled_after_days: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The truth about a company, as far as every company has one.

    Attributes:
        scale: 1.0 is about a million and a half events.
        seed: The same seed, scale and end give the same events.
        ends_at_ms: Where the history ends and the present begins; a whole hour.
        weeks: How long the history is.
        live_hours: How many of the last hours come through the collector.
        first_visits_per_week: New visitors a week at scale 1.
        growth: By how much first visits grow from week to week.
        bots: Robots' visits, as a share of people's.
        doubled: Share of events that their client sent twice.
        broken: Share of events that their client sent without a name.
        trials: The experiments.
        channels: Where visits come from.
        currency: Of every amount.
        time_zone: Of the company's days.
    """

    ends_at_ms: int
    scale: float = 1.0
    seed: int = 7
    weeks: int = 8
    live_hours: int = 3
    first_visits_per_week: int = 26_000
    growth: float = 0.01
    bots: float = 0.012
    doubled: float = 0.003
    broken: float = 0.0004
    trials: tuple[Trial, ...] = ()
    channels: tuple[Channel, ...] = ()
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"

    @property
    def begins_at_ms(self) -> int:
        """Where the history begins."""
        return self.ends_at_ms - self.weeks * WEEK_MS

    @property
    def live_from_ms(self) -> int:
        """From here on events come through the collector."""
        return self.ends_at_ms - self.live_hours * 3_600_000

    @property
    def first_visits(self) -> int:
        """New visitors over the whole history."""
        return max(200, round(self.first_visits_per_week * self.weeks * self.scale))

    def first_day_of(self, trial: Trial) -> date:
        """The day on which a trial begins, by the company's own calendar."""
        zone = ZoneInfo(self.time_zone)
        last_day = datetime.fromtimestamp(self.ends_at_ms / 1000, UTC).astimezone(zone).date()
        return last_day - timedelta(days=trial.start_days_ago)

    def runs(self, trial: Trial) -> bool:
        """Whether a trial's planned time is not over when the history ends."""
        return trial.start_days_ago < trial.planned_days

    def span_of(self, trial: Trial) -> tuple[int, int]:
        """When a trial exposes visitors, half-open, in epoch milliseconds.

        It is switched on in the morning of its first day, when people are at work,
        and ends with its last whole day, or with the one on which it was spoiled.
        """
        first = self.first_day_of(trial)
        spoiled = trial.spoiled_after_days
        days = trial.planned_days if spoiled is None else spoiled + 1
        end = self.midnight_ms(first + timedelta(days=days))
        return self.midnight_ms(first) + SWITCHED_ON_MS, min(end, self.ends_at_ms)

    def spoiled_ms(self, trial: Trial) -> int:
        """When a deploy spoiled a trial, in epoch milliseconds.

        Raises:
            ValueError: None did.
        """
        if trial.spoiled_after_days is None:
            raise ValueError(trial.key)
        day = self.first_day_of(trial) + timedelta(days=trial.spoiled_after_days)
        return self.midnight_ms(day) + DEPLOY_HOUR * 3_600_000

    def midnight_ms(self, day: date) -> int:
        """When a day begins in the company, in epoch milliseconds."""
        begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.time_zone))
        return round(begins.timestamp() * 1000)


def instant_of(ms: int) -> str:
    """Write epoch milliseconds as an instant of the truth."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tests_of(history: History) -> dict[str, object]:
    """Say of every trial when it was, what it does, and which one still runs."""
    told = {}
    for trial in history.trials:
        start, end = history.span_of(trial)
        told[trial.key] = {
            "control": trial.control,
            "treatment": trial.treatment,
            "seen_at": trial.seen_at,
            "acts_on": trial.acts_on,
            "since": instant_of(start),
            "until": instant_of(end),
            "running": history.runs(trial),
            "multiplies": dict(trial.lift),
        }
    running = next(each.key for each in history.trials if history.runs(each))
    return {"experiments": told, "running_experiment": running}


def head_of(name: str, history: History) -> dict[str, object]:
    """Say what every truth begins with; a build that goes on reads it again."""
    return {
        "world": name,
        "seed": history.seed,
        "scale": history.scale,
        "site": name,
        "time_zone": history.time_zone,
        "currency": history.currency,
        "history": {
            "since": instant_of(history.begins_at_ms),
            "live_from": instant_of(history.live_from_ms),
            "until": instant_of(history.ends_at_ms),
        },
    }
