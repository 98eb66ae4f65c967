"""What may be asked: the newest snapshot, one of them, and what it says in short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import LENGTHS, Against
from truelift.apps.commerce.wording import lasting, part_words, parts_told, segment
from truelift.apps.sites.models import Site
from truelift.lifecycle.vocabulary import Vocabulary, words_of


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the change of revenue per session.

    Attributes:
        name: A word of `stats.decomposition.PARTS`.
        per_session_minor: In minor units per session.
        low: Of its 95 % interval.
        high: Likewise.
        money_minor: At the sessions of the later period; all parts add up to `Explained.stake`.
    """

    name: str
    per_session_minor: float
    low: float | None
    high: float | None
    money_minor: int


@dataclass(frozen=True, slots=True)
class Explained:
    """What drove revenue per session, by source and campaign.

    Attributes:
        snapshot: The number of the snapshot; with it the same comes back for ever.
        digest: Of its document.
        weeks: Whole weeks of each period.
        against: What the later period is held against.
        before: First day, and the day after the last, of the earlier period.
        after: The same of the later one.
        words: What is counted as an order.
        currency: ISO code; empty where no feed tells money, and everything is in orders.
        sessions: Of both periods.
        revenue_minor: Of both; None where no feed tells money.
        per_session_minor: Revenue per session of both, in minor units (else orders).
        parts: Mix and rate of conversion, mix and rate of order value.
        stake_minor: (after − before) × sessions of the later period, in minor units.
        mix_share: Share of the change of conversion that is mix; None where it did not change.
        mix_share_low: Of its interval; None where the change may be nothing.
        mix_share_high: Likewise.
        leader: The campaign (or source) whose mix did most in the direction of the change; empty
            for none.
        leader_share: Its part of the whole mix.
        tqi_log_share: The traffic index's share of the change.
        worse_traffic: Whether no less money bought more sessions that brought less.
        sentence: All of it in one sentence.
    """

    snapshot: int
    digest: str
    weeks: int
    against: Against
    before: tuple[date, date]
    after: tuple[date, date]
    words: Vocabulary
    currency: str
    sessions: tuple[int, int]
    revenue_minor: tuple[int, int] | None
    per_session_minor: tuple[float, float]
    parts: tuple[Part, ...]
    stake_minor: int
    mix_share: float | None
    mix_share_low: float | None
    mix_share_high: float | None
    leader: str
    leader_share: float | None
    tqi_log_share: float | None
    worse_traffic: bool
    sentence: str

    @property
    def told(self) -> tuple[tuple[str, str, int], ...]:
        """The parts as pages tell them: name, meaning, and what it comes to."""
        names = parts_told(is_money=bool(self.currency))
        return tuple(
            (*part_words(each.name, self.words), each.money_minor)
            for each in self.parts
            if each.name in names
        )


def latest(
    site: Site, *, weeks: int | None = None, against: Against = Against.BEFORE
) -> SnapshotRecord | None:
    """Give the newest snapshot of so many weeks; by default of as many as there are facts for."""
    rows = SnapshotRecord.objects.filter(site=site, against=against.value)
    if weeks is not None:
        rows = rows.filter(weeks=weeks)
    return rows.order_by("-weeks", "-made_at", "-pk").first()


def snapshot_of(site: Site, number: int) -> SnapshotRecord | None:
    """Find a snapshot of the site by its number."""
    if not 0 < number < 2**63:
        return None
    return SnapshotRecord.objects.filter(site=site, pk=number).first()


def kept(site: Site) -> tuple[tuple[int, Against], ...]:
    """List which pairs of periods there is a snapshot of, in the order of pages."""
    found = set(
        SnapshotRecord.objects.filter(site=site)
        .order_by()
        .values_list("weeks", "against")
        .distinct()
    )
    return tuple(
        (weeks, against)
        for weeks in LENGTHS
        for against in Against
        if (weeks, against.value) in found
    )


def explained(
    site: Site,
    snapshot: int | None = None,
    *,
    weeks: int | None = None,
    against: Against = Against.BEFORE,
) -> Explained | None:
    """Say in short what drove revenue per session, for other pages, packs and conflicts.

    Args:
        site: Of which site.
        snapshot: The number of one that was frozen; by default the newest.
        weeks: Of the newest; by default as many as there are facts for.
        against: Of the newest.

    Returns:
        None where there is none, or where a period had no orders.
    """
    row = (
        latest(site, weeks=weeks, against=against)
        if snapshot is None
        else snapshot_of(site, snapshot)
    )
    return None if row is None else explained_by(row)


def explained_by(row: SnapshotRecord) -> Explained | None:
    """Say in short what a snapshot says; None where a period had no orders."""
    document = row.document
    drivers = document["drivers"]
    # The finest segments that last: what campaigns of one source did looks like its rate above.
    node = drivers["by"]["campaign"]
    if "parts" not in node:
        return None
    scale, is_money = drivers["scale"], drivers["unit"] == "money"
    words = words_of(document.get("kind"))
    first, second = drivers["before"], drivers["after"]
    conversion = node["conversion"]
    leader, share = _leader(node)
    revenue = (first["revenue_minor"], second["revenue_minor"]) if is_money else None
    return Explained(
        snapshot=row.pk,
        digest=row.digest,
        weeks=row.weeks,
        against=Against(row.against),
        before=_days(first),
        after=_days(second),
        words=words,
        currency=document["currency"] if is_money else "",
        sessions=(first["sessions"], second["sessions"]),
        revenue_minor=revenue,
        per_session_minor=(node["before"] / scale, node["after"] / scale),
        parts=tuple(
            Part(
                name,
                part["value"] / scale,
                None if part["low"] is None else part["low"] / scale,
                None if part["high"] is None else part["high"] / scale,
                part["money"],
            )
            for name, part in node["parts"].items()
        ),
        stake_minor=node["money_change"],
        mix_share=conversion["mix_share"],
        mix_share_low=conversion["mix_share_low"],
        mix_share_high=conversion["mix_share_high"],
        leader=leader,
        leader_share=share,
        tqi_log_share=conversion["tqi_log_share"],
        worse_traffic=document["acquisition"]["total"]["worse_traffic"],
        sentence=_sentence(words.driven(is_money=is_money).capitalize(), node, leader),
    )


def _days(period: Mapping[str, Any]) -> tuple[date, date]:
    return date.fromisoformat(period["since"]), date.fromisoformat(period["until"])


def _leader(node: Mapping[str, Any]) -> tuple[str, float | None]:
    """Name the segment whose mix did most in the direction of the change of conversion."""
    mix = node["conversion"]["mix"]
    rows = [each for each in node["rows"] if not each["others"]]
    if not mix or not rows:
        return "", None
    shares: dict[tuple[str, ...], float] = {}
    for each in rows:
        name = lasting(each["key"], rows)
        shares[name] = shares.get(name, 0) + each["conversion_mix"] / mix
    best = max(shares, key=lambda name: shares[name])
    return (segment(best), shares[best]) if shares[best] > 0 else ("", None)


def _sentence(of: str, node: Mapping[str, Any], leader: str) -> str:
    before, after = node["before"], node["after"]
    if not before:
        return f"{of} per session began with nothing."
    change = after / before - 1
    if abs(change) < _STILL:
        return f"{of} per session did not change."
    said = f"{of} per session {'fell' if change < 0 else 'rose'} by {abs(change):.0%}"
    if node["change_low"] <= 0 <= node["change_high"]:
        return f"{said}; that may still be chance."
    share = node["conversion"]["mix_share"]
    if share is None or node["conversion"]["mix_share_low"] is None:
        return f"{said}; the data cannot tell how much of it is the mix of traffic."
    if not 0 < share <= _MOST_SHARE:
        return f"{said}; the mix of traffic moved the other way."
    whose = f", most of it {leader}" if leader and share >= 0.5 else ""
    part = "all" if share >= _ALL else f"{share:.0%}"
    return f"{said}; {part} of the change of conversion is the mix of traffic{whose}."


_STILL = 0.005
_MOST_SHARE = 1.5
_ALL = 0.995
