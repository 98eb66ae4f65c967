"""Channels: which of them bring sessions, people, conversions and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json
from truelift.questions.forms import Context, Field, duration, one_of, record, text
from truelift.questions.matching import BadQuestion, is_text
from truelift.questions.members import ROWS, Members
from truelift.questions.question import Scan
from truelift.questions.session_question import (
    SESSION_FIELDS,
    SMALLEST,
    SessionCut,
    SessionQuestion,
    session_members,
)
from truelift.questions.session_tally import (
    Coded,
    SessionRow,
    SessionTallies,
    SessionTally,
    ranked,
)


DIRECT: Final = "Direct"
"""The same as `truelift.events.channels.Channel.DIRECT`."""

LOOKBACK_S: Final = 90 * 86_400


class Level(StrEnum):
    """How deep rows go; each level stands with those above it."""

    CHANNEL = "channel"
    SOURCE = "source"
    MEDIUM = "medium"
    CAMPAIGN = "campaign"


_LEVELS: Final = tuple(Level)


class Attribution(StrEnum):
    """Which of a person's sessions says where a session came from.

    `SESSION`: the session itself, its first event that says so. `FIRST_TOUCH`: the
    person's first session in the period. `LAST_NON_DIRECT`: the latest one that was not
    direct, the session itself included, no longer before than the look-back; without one,
    the session itself.
    """

    SESSION = "session"
    FIRST_TOUCH = "first_touch"
    LAST_NON_DIRECT = "last_non_direct"


@dataclass(frozen=True, slots=True)
class Origin:
    """Which sessions alone are asked about, by what brought them; None: any.

    Attributes:
        channel: That the attribution gives them.
        source: Likewise.
        medium: Likewise.
        campaign: Likewise.
    """

    channel: str | None = None
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that must hold."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ChannelsAnswer:
    """Channels, or what is below them, the one with the most sessions first.

    Attributes:
        question: What was asked.
        rows: One a channel, or a source of a channel, and so on.
        whole: Everything together; its people are counted once.
    """

    question: Channels
    rows: tuple[SessionRow, ...]
    whole: SessionTally

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask channels --json`."""
        question = self.question
        names = [level.value for level in question.levels]
        semantics = {**question.semantics(), "attribution": question.attribution.value}
        if question.attribution is Attribution.LAST_NON_DIRECT:
            semantics["lookback_s"] = question.lookback_s
        return {
            "question": question.name,
            "semantics": semantics,
            "only": question.only.given,
            "currency": question.currency,
            "rows": question.rows(names, self.rows),
            "whole": question.row(self.whole),
        }


@dataclass(frozen=True, slots=True)
class Channels(SessionQuestion):
    """Sessions by the channel that brought them.

    Attributes:
        level: How deep rows go.
        only: What must have brought them.
        attribution: Which session of the person decides.
        lookback_s: Of `LAST_NON_DIRECT`: from beginning to beginning, its end included.
        max_rows: Smaller rows beyond this many are put together.
        smallest: And so are rows of fewer people than this.
    """

    level: Level = Level.CHANNEL
    only: Origin = Origin()
    attribution: Attribution = Attribution.SESSION
    lookback_s: int = LOOKBACK_S
    max_rows: int = 100
    smallest: int = 1

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about channels", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "channels"

    @property
    def levels(self) -> tuple[Level, ...]:
        """What a row is by."""
        return _LEVELS[: _LEVELS.index(self.level) + 1]

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        # Only what the answer needs is read; a source may be asked about without its rows.
        read = [
            level.value
            for level in _LEVELS
            if level in self.levels or level.value in self.only.given
        ]
        # An event that says where it came from says all four; others may have a stray one.
        texts = {name: f"CASE WHEN channel IS NOT NULL THEN {name} END" for name in read}
        before = timedelta()
        if self.attribution is Attribution.LAST_NON_DIRECT:
            before = timedelta(seconds=self.lookback_s)
        return self.scan_of(texts, Placeholders(), before=before)

    def partial(self, rows: pa.Table) -> SessionTallies:
        """Cut one bucket's events into sessions and count them by what brought them."""
        cut = self.cut(rows)
        channel = Coded.column(rows, Level.CHANNEL)
        said = cut.first_known(channel)
        row = said[self._deciding(cut, channel.of(said))]
        asked = cut.asked
        for name, value in self.only.given.items():
            brought = Coded.column(rows, name)
            wanted = pc.equal(brought.titles, value).fill_null(False)  # noqa: FBT003
            asked = asked & wanted.to_numpy(zero_copy_only=False)[brought.of(row).code]
        found = replace(cut, asked=asked)
        keys = {level.value: Coded.column(rows, level).of(row) for level in self.levels}
        return SessionTallies(found.whole(), (found.tally(keys),))

    def merge(self, left: SessionTallies, right: SessionTallies) -> SessionTallies:
        """Add the channels of two buckets."""
        return left + right

    def answer(self, partial: SessionTallies) -> ChannelsAnswer:
        """Put the rows in order of their sessions."""
        rows = ranked(partial.groups[0], most=self.max_rows, smallest=self.smallest)
        return ChannelsAnswer(self, tuple(rows), partial.whole)

    def _deciding(self, cut: SessionCut, channel: Coded) -> NDArray[np.int64]:
        """Give, for every session, the session of the same person that decides."""
        itself = np.arange(len(cut.first))
        match self.attribution:
            case Attribution.SESSION:
                return itself
            case Attribution.FIRST_TOUCH:
                of_period = np.flatnonzero(cut.asked)
                whose = cut.person[of_period]
                is_first = np.ones(len(of_period), dtype=bool)
                is_first[1:] = whose[1:] != whose[:-1]
                begun = np.maximum.accumulate(np.where(is_first, of_period, 0))
                found = itself.copy()
                found[of_period] = begun
                return found
            case Attribution.LAST_NON_DIRECT:
                is_direct = pc.equal(channel.titles, DIRECT).fill_null(True)  # noqa: FBT003
                direct = is_direct.to_numpy(zero_copy_only=False)[channel.code]
                latest = np.maximum.accumulate(np.where(direct, -1, itself))
                known = np.maximum(latest, 0)
                theirs = (latest >= 0) & (cut.person[known] == cut.person)
                recent = cut.begins - cut.begins[known] <= self.lookback_s * 1000
                return np.where(theirs & recent, known, itself)

    def _obstacles(self) -> list[str]:
        found = [
            f"{name} {value[:60]!r} is not text"
            for name, value in self.only.given.items()
            if not is_text(value)
        ]
        found += self.obstacles_of_sessions()
        if self.lookback_s < 0:
            found.append("its look-back is negative")
        if self.max_rows < 1:
            found.append("it shows no row")
        return found + self.obstacles_of_period()


def _origin(given: Mapping[str, object], _context: Context) -> Origin:
    members = Members(given)
    return Origin(
        channel=members.maybe("channel", str),
        source=members.maybe("source", str),
        medium=members.maybe("medium", str),
        campaign=members.maybe("campaign", str),
    )


def _channels(given: Mapping[str, object], context: Context) -> Channels:
    members = Members(given)
    return Channels(
        **session_members(given, context, money=True),
        level=members.get("level", Level.CHANNEL),
        only=members.get("only", Origin()),
        attribution=members.get("attribution", Attribution.SESSION),
        lookback_s=members.get("lookback", LOOKBACK_S),
        max_rows=members.get("max_rows", 100),
        smallest=members.get("smallest", 1),
    )


_ORIGIN: Final = record(
    _origin, {level.value: Field(text(), "That brought them.") for level in _LEVELS}
)

FORM: Final = record(
    _channels,
    {
        "level": Field(one_of(Level), "How deep rows go; `channel` when left out."),
        "only": Field(_ORIGIN, "What must have brought them."),
        "attribution": Field(
            one_of(Attribution), "Which session of a person decides; `session` when left out."
        ),
        "lookback": Field(duration(), "Of `last_non_direct`; 90 days when left out."),
        **SESSION_FIELDS,
        "max_rows": ROWS,
        "smallest": SMALLEST,
    },
)
"""How it stands in JSON."""
