"""One funnel beside another: two periods, or two kinds of people, and what differs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, Field, record
from truelift.questions.funnel import (
    MEMBERS,
    Funnel,
    FunnelAnswer,
    FunnelGroup,
    StepCount,
    funnel_of,
    pieces,
)
from truelift.questions.funnel_money import Revenue, money_of, revenue
from truelift.questions.funnel_tally import Tally
from truelift.questions.matching import BadQuestion, Condition
from truelift.questions.members import SINCE, UNTIL, WHERE, Members
from truelift.questions.question import People, Scan
from truelift.questions.segment import Moment, Segment
from truelift.questions.segment_form import SEGMENT
from truelift.questions.shares import Span, difference, share_of
from truelift.questions.variant_cells import KEPT, Grouping


@dataclass(frozen=True, slots=True)
class Rates:
    """A share in one funnel and in the other, of units whose window is over.

    Attributes:
        arrived: In the first funnel, units that could go on.
        passed: Of those, the ones that did.
        against_arrived: And in the other.
        against_passed: And in the other.
    """

    arrived: int
    passed: int
    against_arrived: int
    against_passed: int

    @property
    def here(self) -> Span | None:
        """The share in the first funnel; None of nobody."""
        return share_of(self.arrived, self.passed) if self.arrived else None

    @property
    def there(self) -> Span | None:
        """The share in the other; None of nobody."""
        return share_of(self.against_arrived, self.against_passed) if self.against_arrived else None

    @property
    def difference(self) -> Span | None:
        """The first share less the other, at 95 %; None where either is undefined."""
        here, there = self.here, self.there
        return None if here is None or there is None else difference(here, there)

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        here, there, gap = self.here, self.there, self.difference
        return {
            "rate": None if here is None else here.value,
            "against": None if there is None else there.value,
            "difference": None if gap is None else gap.document(),
        }


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """One step in both funnels.

    Attributes:
        here: In the first funnel.
        there: In the other.
        from_first: Of the units at step 1, the share that got here.
        from_before: Of the units at the step before that this one needs; None at step 1.
        revenue: What units that got here bring at the last step; None where no money was
            asked, or it was not kept apart for the group.
    """

    here: StepCount
    there: StepCount
    from_first: Rates
    from_before: Rates | None
    revenue: Revenue | None = None

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer."""
        theirs = self.there.document()
        money: dict[str, Json] = {}
        if self.revenue is not None:
            money["revenue"] = self.revenue.document()
        return {
            **self.here.document(),
            "against": {
                name: value
                for name, value in theirs.items()
                if name not in {"step", "event", "optional"}
            },
            "from_first": self.from_first.document(),
            "from_before": None if self.from_before is None else self.from_before.document(),
            **money,
        }


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """One value of what was grouped by, in both funnels."""

    value: str | None
    steps: tuple[ComparedStep, ...]


@dataclass(frozen=True, slots=True)
class FunnelComparison:
    """Two answers side by side.

    Attributes:
        here: The first.
        there: What it is compared with.
        groups: The values that stand alone in both, in the order of the first.
        segments: Whose either is; None for everybody's.
    """

    here: FunnelAnswer
    there: FunnelAnswer
    groups: tuple[ComparedGroup, ...]
    segments: tuple[Segment | None, Segment | None] = (None, None)

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --against-since`."""
        question = self.here.question
        groups: list[Json] = [
            {
                **question.group_document(group.value, 0),
                "steps": [step.document() for step in group.steps],
            }
            for group in self.groups
        ]
        return {
            "question": "funnel_compare",
            "semantics": {**question.semantics(), "rates_of": "units_whose_window_is_over"},
            "period": _period(question, self.segments[0]),
            "against": _period(self.there.question, self.segments[1]),
            "groups": groups,
            "immature": self.here.immature,
            "against_immature": self.there.immature,
        }


def side_by_side(
    here: FunnelAnswer, there: FunnelAnswer, *, money: tuple[Grouping, Grouping] | None = None
) -> FunnelComparison:
    """Compare two answers of funnels with the same steps: periods, segments, what differs.

    Shares are of units whose windows are all over, in both: who is still under way is
    neither lost nor through, and a recent period has more of them.

    Args:
        here: The first.
        there: The other.
        money: Of both, for the difference of their revenue; None: nothing is said of it.

    Assumes:
        Units of the two are different ones, or few are in both; the intervals are for
        two independent shares, or means.

    Raises:
        BadQuestion: Their steps or what they are grouped by are not the same.
    """
    titles = [[step.events.title for step in each.question.steps] for each in (here, there)]
    needed = [each.question.rules.optional for each in (here, there)]
    if titles[0] != titles[1] or needed[0] != needed[1] or here.question.by != there.question.by:
        reason = "the two funnels have different steps or groups"
        raise BadQuestion(question="funnel", reasons=(reason,))
    others = {group.value: group for group in there.groups if not group.others}
    return FunnelComparison(
        here=here,
        there=there,
        groups=tuple(
            ComparedGroup(group.value, tuple(_steps(group, others[group.value], money)))
            for group in here.groups
            if not group.others and group.value in others
        ),
    )


def _steps(
    here: FunnelGroup, there: FunnelGroup, money: tuple[Grouping, Grouping] | None
) -> Iterator[ComparedStep]:
    before: int | None = None
    if money is not None and any(here.value in each.folded for each in money):
        money = None
    for nth, step in enumerate(here.steps):
        yield ComparedStep(
            here=step,
            there=there.steps[nth],
            from_first=_rates(here, there, 0, nth),
            from_before=None if before is None else _rates(here, there, before, nth),
            revenue=None if money is None else revenue(*money, here.value, nth),
        )
        if not step.optional:
            before = nth


def _rates(here: FunnelGroup, there: FunnelGroup, before: int, nth: int) -> Rates:
    return Rates(
        *(
            group.steps[place].units - group.steps[place].open
            for group in (here, there)
            for place in (before, nth)
        )
    )


def _period(question: Funnel, segment: Segment | None) -> dict[str, Json]:
    found: dict[str, Json] = {} if segment is None else {"segment": segment.document()}
    return {
        **found,
        "since": None if question.since is None else instant(question.since),
        "until": None if question.until is None else instant(question.until),
        "where": [
            {"field": held.field, "comparison": held.comparison.value, "values": list(held.values)}
            for held in question.where
        ],
    }


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two funnels in some buckets.

    Attributes:
        tally: Its units.
        money: Their revenue; None where no money was asked.
    """

    tally: Tally
    money: Grouping | None

    def plus(self, other: Side, *, by: str | None) -> Side:
        """Add the same funnel's units of other buckets."""
        money = self.money
        if money is not None and other.money is not None:
            money = (money + other.money).kept(KEPT)
        return Side(self.tally.plus(other.tally, by=by), money)


@dataclass(frozen=True, slots=True)
class FunnelCompare:
    """A funnel and the same one of another period, or under other conditions, in one answer.

    Attributes:
        funnel: The first.
        against: What it is compared with; its steps and groups are the same.
        segment: Whose the first is; None for everybody's.
        against_segment: Whose the other is.
    """

    funnel: Funnel
    against: Funnel
    segment: Segment | None = None
    against_segment: Segment | None = None

    def __post_init__(self) -> None:
        same = replace(
            self.against,
            since=self.funnel.since,
            until=self.funnel.until,
            where=self.funnel.where,
        )
        if same != self.funnel:
            reason = "two funnels are compared that differ in more than period and conditions"
            raise BadQuestion(question="funnel", reasons=(reason,))
        if self.against == self.funnel and self.segment == self.against_segment:
            raise BadQuestion(question="funnel", reasons=("it is compared with itself",))
        if self.funnel.is_by_each:
            raise BadQuestion(question="funnel", reasons=self.funnel.one_group_obstacles())
        reasons = [r for each in self._segments if each is not None for r in each.obstacles()]
        if reasons:
            raise BadQuestion(question="segment", reasons=reasons)

    @property
    def name(self) -> str:
        """The word that its document is asked by."""
        return "funnel_compare"

    @property
    def since(self) -> datetime | None:
        """No attempt of either began before this."""
        either = (self.funnel.since, self.against.since)
        return None if None in either else min(filter(None, either))

    @property
    def until(self) -> datetime | None:
        """No attempt of either began at or after this."""
        either = (self.funnel.until, self.against.until)
        return None if None in either else max(filter(None, either))

    @property
    def as_of(self) -> datetime:
        """Windows that end at or after this instant are still open."""
        return self.funnel.as_of

    @property
    def _segments(self) -> tuple[Segment | None, Segment | None]:
        return self.segment, self.against_segment

    def scan(self) -> Scan:
        """Read what both read, one after the other."""
        values = Placeholders()
        parameters: dict[str, object] = {}
        sides, bounds = [], []
        for nth, (funnel, segment) in enumerate(
            zip((self.funnel, self.against), self._segments, strict=True)
        ):
            chosen = ""
            bounds.append(funnel.bounds())
            if segment is not None:
                moment = Moment(as_of=funnel.as_of, since=funnel.since, until=funnel.until)
                people = _apart(segment.people(moment), f"side{nth}_")
                chosen = f"WHERE person IN (SELECT person FROM ({people.sql}))"
                bounds.append((people.since, people.until))
                parameters |= people.parameters
            sides.append(
                f"SELECT {nth}::TINYINT AS side, * FROM ({funnel.select(values)}) {chosen}"
            )
        sinces, untils = zip(*bounds, strict=True)
        return Scan(
            sql=f"""
            SELECT * FROM ({" UNION ALL ".join(sides)})
            ORDER BY side, {self.funnel.ordering()}
            """,
            parameters={**values.values, **parameters},
            since=None if None in sinces else min(filter(None, sinces)),
            until=None if None in untils else max(filter(None, untils)),
        )

    def partial(self, rows: pa.Table) -> tuple[Side, Side]:
        """Count the units of one bucket, twice."""
        here = rows.filter(pc.equal(rows["side"], 0))
        there = rows.filter(pc.equal(rows["side"], 1))
        return self._side(self.funnel, here), self._side(self.against, there)

    def _side(self, funnel: Funnel, rows: pa.Table) -> Side:
        def counted(piece: pa.Table) -> Side:
            walked = funnel.walk(piece)
            money = None if funnel.amount is None else money_of(funnel, walked)
            return Side(funnel.tally(walked), money)

        found = map(counted, pieces(rows))
        return reduce(lambda left, right: left.plus(right, by=funnel.by), found)

    def merge(self, left: tuple[Side, Side], right: tuple[Side, Side]) -> tuple[Side, Side]:
        """Add the groups of two buckets."""
        by = self.funnel.by
        return left[0].plus(right[0], by=by), left[1].plus(right[1], by=by)

    def answer(self, partial: tuple[Side, Side]) -> FunnelComparison:
        """Put both side by side."""
        here, there = partial
        money = None
        if here.money is not None and there.money is not None:
            money = here.money, there.money
        found = side_by_side(
            self.funnel.answer(here.tally), self.against.answer(there.tally), money=money
        )
        return replace(found, segments=self._segments)


def _apart(people: People, prefix: str) -> People:
    """Give a statement's placeholders names that no other's have."""

    def renamed(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        return f"${prefix}{name}" if name in people.parameters else placeholder[0]

    return replace(
        people,
        sql=re.sub(r"\$(\w+)", renamed, people.sql),
        parameters={f"{prefix}{name}": value for name, value in people.parameters.items()},
    )


def _funnel_compare(given: Mapping[str, object], context: Context) -> FunnelCompare:
    members = Members(given)
    funnel = funnel_of(given, context)
    other: Mapping[str, object] = members.get("against", NOTHING)
    theirs = Members(other)
    where: tuple[Condition, ...] = theirs.get("where", funnel.where)
    # Another period has both bounds of its own; conditions alone keep the period.
    is_period = "since" in other or "until" in other
    against = replace(
        funnel,
        since=theirs.maybe("since", datetime) if is_period else funnel.since,
        until=theirs.maybe("until", datetime) if is_period else funnel.until,
        where=where,
    )
    here = Members(members.get("here", NOTHING))
    return FunnelCompare(
        funnel=funnel,
        against=against,
        segment=here.maybe("segment", Segment),
        against_segment=theirs.maybe("segment", Segment),
    )


NOTHING: Final[Mapping[str, object]] = {}


def _against(given: Mapping[str, object], _context: Context) -> Mapping[str, object]:
    return given


WHOSE: Final = Field(SEGMENT, "A segment of people; everybody when left out.")
HERE: Final = record(_against, {"segment": WHOSE})
AGAINST: Final = record(
    _against, {"since": SINCE, "until": UNTIL, "where": WHERE, "segment": WHOSE}
)

FORM: Final = record(
    _funnel_compare,
    {
        **MEMBERS,
        "here": Field(HERE, "Whose the first funnel is."),
        "against": Field(AGAINST, "The other's period, conditions or segment.", required=True),
    },
)
"""How it stands in JSON."""
