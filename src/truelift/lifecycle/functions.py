"""What people do in a programme, and which function may take which step of which item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import Obstacle


class Function(StrEnum):
    """What a person does in the programme, beside the access role; one person may do several."""

    MARKETING = "marketing"
    PRODUCT_UX = "product_ux"
    ENGINEERING = "engineering"
    ANALYTICS = "analytics"
    SALES = "sales"
    SERVICE = "service"
    FINANCE = "finance"
    CREATIVE = "creative"
    SEO_CONTENT = "seo_content"
    STAKEHOLDER = "stakeholder"
    CRO_LEAD = "cro_lead"
    LIAISON = "liaison"
    SPONSOR = "sponsor"

    @property
    def called(self) -> str:
        """The function as it stands on a page."""
        return _CALLED.get(self, self.value.capitalize())

    @property
    def meaning(self) -> str:
        """What it does, for the person who gives it."""
        return _MEANINGS[self]


_CALLED: Final[Mapping[Function, str]] = MappingProxyType(
    {
        Function.PRODUCT_UX: "Product and UX",
        Function.SEO_CONTENT: "SEO and content",
        Function.CRO_LEAD: "CRO lead",
    }
)

_MEANINGS: Final[Mapping[Function, str]] = MappingProxyType(
    {
        Function.MARKETING: "accepts findings and hypotheses",
        Function.PRODUCT_UX: "accepts findings and hypotheses",
        Function.ENGINEERING: "builds, checks and rolls out",
        Function.ANALYTICS: "accepts findings, designs and analyses",
        Function.SALES: "brings what prospects say",
        Function.SERVICE: "brings what customers say",
        Function.FINANCE: "signs off money questions",
        Function.CREATIVE: "makes texts and pictures of variants",
        Function.SEO_CONTENT: "keeps content and search in step",
        Function.STAKEHOLDER: "approves goals and guardrails",
        Function.CRO_LEAD: "runs the programme: schedules, starts and stops",
        Function.LIAISON: "carries matters between teams",
        Function.SPONSOR: "answers for the programme, approves waivers",
    }
)


class Item(StrEnum):
    """What has stages."""

    SIGNAL = "signal"
    INSIGHT = "insight"
    IDEA = "idea"
    HYPOTHESIS = "hypothesis"
    EXPERIMENT = "experiment"
    ROLLOUT = "rollout"
    WARNING = "warning"
    FREEZE = "freeze"


class Part(StrEnum):
    """What a person has to do with one item, whatever their functions are."""

    AUTHOR = "author"
    BUILDER = "builder"
    TESTER = "tester"
    DECISION_OWNER = "decision_owner"
    DEPUTY = "deputy"
    IMPLEMENTER = "implementer"
    OWNER = "owner"

    @property
    def called(self) -> str:
        """The part as it stands in a sentence."""
        return {
            Part.AUTHOR: "the author",
            Part.BUILDER: "whoever built it",
            Part.TESTER: "whoever tested it",
            Part.DECISION_OWNER: "the decision-owner",
            Part.DEPUTY: "the deputy",
            Part.IMPLEMENTER: "the implementer",
            Part.OWNER: "its owner",
        }[self]


Parts = Mapping[Part, frozenset[str]]
"""Who has which part of an item: keys of persons."""

NO_PARTS: Final[Parts] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standing:
    """Who acts, and what they do on the site.

    Attributes:
        key: Identifies the person for the rules; empty when nobody is named.
        name: How they are called.
        functions: What they do on the site.
        in_use: Whether anybody on the site has a function. While nobody has, the access
            role alone counts, and the rules of this module refuse people nothing.
        machine: Whether no person acts, but a job or a model.
    """

    key: str = ""
    name: str = ""
    functions: frozenset[Function] = frozenset()
    in_use: bool = False
    machine: bool = False


ANYBODY: Final = Standing()
"""Somebody on a site where no function was given yet; rules take it when they are given none."""

MACHINE: Final = Standing(key="machine", name="a machine", machine=True)
"""A job or a model."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who may take one step.

    Attributes:
        functions: Any one of these may; empty together with `parts` means everybody.
        distributed: Who may where every squad keeps its own gate; None for the same.
        parts: Or who has one of these parts of the item.
        apart_from: Parts that the person must not have: separation of duties.
        signed: Functions that must each have signed, by different persons, none of them one
            of `apart_from`.
        machine: Whether a job may take it.
    """

    functions: frozenset[Function] = frozenset()
    distributed: frozenset[Function] | None = None
    parts: frozenset[Part] = frozenset()
    apart_from: frozenset[Part] = frozenset()
    signed: tuple[Function, ...] = ()
    machine: bool = False

    def functions_when(self, *, central: bool) -> frozenset[Function]:
        """Give the functions that may take it in a programme of one kind."""
        return self.functions if central or self.distributed is None else self.distributed


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody says, in one of their functions, that an item may go on.

    Attributes:
        function: In which function.
        key: Who.
    """

    function: Function
    key: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """A rule is set aside for one item, for a time.

    Attributes:
        code: Which obstacle does not count.
        reason: Why.
        asked_by: Key of who needs it.
        approver: Key of who grants it; never the same person.
        approver_functions: What the approver does on the site.
        expires_at: Until when it holds.
    """

    code: str
    reason: str
    asked_by: str
    approver: str
    expires_at: datetime
    approver_functions: frozenset[Function] = frozenset()


_F = Function
_ANYONE: Final = Who()
_FINDERS: Final = frozenset({_F.ANALYTICS, _F.PRODUCT_UX, _F.MARKETING})
_JUDGES: Final = frozenset({_F.PRODUCT_UX, _F.MARKETING})
_TRIAGE: Final = _FINDERS | {_F.CRO_LEAD, _F.LIAISON}
_LEAD: Final = frozenset({_F.CRO_LEAD})
_BUILD: Final = frozenset({_F.ENGINEERING, _F.CREATIVE})
_ENGINEERS: Final = frozenset({_F.ENGINEERING})
_ANALYSTS: Final = frozenset({_F.ANALYTICS})
_GATE: Final = frozenset({_F.ANALYTICS, _F.ENGINEERING, _F.PRODUCT_UX, _F.MARKETING, _F.CRO_LEAD})
_AUTHOR: Final = frozenset({Part.AUTHOR})
_DECIDERS: Final = frozenset({Part.DECISION_OWNER, Part.DEPUTY})

WHO: Final[Mapping[tuple[Item, str], Who]] = MappingProxyType(
    {
        (Item.SIGNAL, "new"): Who(machine=True),
        (Item.SIGNAL, "triaged"): Who(_TRIAGE),
        (Item.SIGNAL, "linked"): Who(_TRIAGE),
        (Item.SIGNAL, "dismissed"): Who(_TRIAGE),
        (Item.SIGNAL, "snoozed"): Who(_TRIAGE),
        (Item.INSIGHT, "draft"): Who(machine=True),
        (Item.INSIGHT, "accepted"): Who(_FINDERS),
        # Time makes an insight stale, and nobody's opinion does.
        (Item.INSIGHT, "stale"): Who(_FINDERS, machine=True),
        (Item.INSIGHT, "retired"): Who(_FINDERS),
        (Item.IDEA, "submitted"): Who(machine=True),
        (Item.IDEA, "screened"): Who(_FINDERS | {_F.CRO_LEAD, _F.LIAISON}),
        (Item.IDEA, "scored"): Who(_FINDERS | {_F.ENGINEERING, _F.CRO_LEAD}),
        (Item.IDEA, "promoted"): Who(_JUDGES | {_F.CRO_LEAD}),
        (Item.IDEA, "parked"): Who(_JUDGES | {_F.CRO_LEAD}),
        (Item.IDEA, "rejected"): Who(_JUDGES | {_F.CRO_LEAD}),
        (Item.HYPOTHESIS, "draft"): Who(machine=True),
        (Item.HYPOTHESIS, "ready_for_review"): _ANYONE,
        (Item.HYPOTHESIS, "accepted"): Who(_JUDGES, apart_from=_AUTHOR),
        # It follows from the decision about an experiment, which has its own rule.
        (Item.HYPOTHESIS, "tested"): Who(machine=True),
        (Item.EXPERIMENT, "briefed"): _ANYONE,
        (Item.EXPERIMENT, "designed"): Who(_ANALYSTS),
        (Item.EXPERIMENT, "build"): Who(_BUILD | {_F.CRO_LEAD}, parts=frozenset({Part.BUILDER})),
        (Item.EXPERIMENT, "qa"): Who(_ENGINEERS, parts=frozenset({Part.BUILDER})),
        (Item.EXPERIMENT, "ready"): Who(
            _LEAD,
            distributed=_GATE,
            apart_from=_AUTHOR,
            signed=(_F.ANALYTICS, _F.ENGINEERING),
        ),
        (Item.EXPERIMENT, "scheduled"): Who(_LEAD),
        (Item.EXPERIMENT, "running"): Who(_LEAD, machine=True),
        (Item.EXPERIMENT, "paused"): Who(_LEAD, parts=_DECIDERS, machine=True),
        (Item.EXPERIMENT, "stopped"): Who(_LEAD, parts=_DECIDERS, machine=True),
        (Item.EXPERIMENT, "analysed"): Who(_ANALYSTS, machine=True),
        (Item.EXPERIMENT, "decided"): Who(parts=_DECIDERS),
        (Item.EXPERIMENT, "learned"): Who(_LEAD),
        (Item.EXPERIMENT, "closed"): Who(_LEAD),
        # By policy alone: a change that is fatal for the test leaves nobody anything to choose.
        (Item.EXPERIMENT, "invalid"): Who(_ANALYSTS | _LEAD, parts=_DECIDERS, machine=True),
        (Item.ROLLOUT, "planned"): Who(
            _LEAD | _ENGINEERS, parts=_DECIDERS | {Part.IMPLEMENTER, Part.OWNER}, machine=True
        ),
        (Item.ROLLOUT, "in_progress"): Who(
            _ENGINEERS, parts=frozenset({Part.IMPLEMENTER, Part.OWNER}), machine=True
        ),
        (Item.ROLLOUT, "live"): Who(
            _ENGINEERS, parts=frozenset({Part.IMPLEMENTER, Part.OWNER}), machine=True
        ),
        (Item.ROLLOUT, "verified"): Who(_ENGINEERS | _LEAD, signed=(_F.ENGINEERING, _F.CRO_LEAD)),
        (Item.ROLLOUT, "cleaned_up"): Who(_ENGINEERS, parts=frozenset({Part.IMPLEMENTER})),
        (Item.ROLLOUT, "abandoned"): Who(_LEAD | {_F.SPONSOR}, parts=_DECIDERS),
        (Item.WARNING, "open"): Who(machine=True),
        (Item.WARNING, "acknowledged"): _ANYONE,
        (Item.WARNING, "resolved"): Who(_LEAD, parts=frozenset({Part.OWNER}), machine=True),
        (Item.WARNING, "accepted_risk"): Who(_LEAD | {_F.SPONSOR}),
        (Item.FREEZE, "proposed"): _ANYONE,
        (Item.FREEZE, "agreed"): Who(_ENGINEERS | _LEAD, parts=frozenset({Part.OWNER})),
        (Item.FREEZE, "active"): Who(_LEAD, machine=True),
        (Item.FREEZE, "ended"): Who(_LEAD, parts=frozenset({Part.OWNER}), machine=True),
        (Item.FREEZE, "cancelled"): Who(_LEAD, parts=_AUTHOR | {Part.OWNER}),
    }
)
"""Who may bring an item to which stage. A step that is missing here is nobody's."""

APPROVERS: Final = frozenset({_F.CRO_LEAD, _F.SPONSOR})
"""Who may set a rule aside, for somebody else."""


def people_obstacles(
    item: Item,
    to: str,
    *,
    by: Standing = ANYBODY,
    parts: Parts = NO_PARTS,
    signed: Sequence[Signature] = (),
    central: bool = True,
) -> tuple[Obstacle, ...]:
    """Say why this person, or this machine, may not bring an item to a stage.

    Args:
        item: What kind of thing it is.
        to: The stage to which it would go.
        by: Who would do it; by default nobody is refused.
        parts: Who has which part of it.
        signed: Who has signed for it.
        central: Whether one team keeps the gate (`Policy.central`).
    """
    who = WHO.get((item, to))
    if who is None:
        return (
            Obstacle(
                "people.no_such_step",
                f"No rule says who may bring {_a(item)} to “{to}”.",
                "Choose a stage that it has.",
            ),
        )
    if by.machine:
        if who.machine:
            return ()
        return (
            Obstacle(
                "people.machine",
                f"A machine drafts, warns and checks; it does not bring {_a(item)} to “{_w(to)}”.",
                "Let a person do it.",
            ),
        )
    if not by.in_use:
        return ()
    found: list[Obstacle] = []
    able = who.functions_when(central=central)
    has = {part for part, keys in parts.items() if by.key in keys}
    free = not able and not who.parts
    if not (free or by.functions & able or has & who.parts):
        found.append(
            Obstacle(
                "people.function",
                f"It takes {_any_of(able, who.parts)} to bring {_a(item)} to “{_w(to)}”;"
                f" {_yours(by.functions)}.",
                "Ask one of them, or ask an owner of the site for the function.",
            )
        )
    found += [
        Obstacle(
            "people.same_person",
            f"You are {part.called}, and nobody passes their own work on.",
            "Ask somebody else, or have it waived with a reason.",
        )
        for part in sorted(has & who.apart_from)
    ]
    apart = {key for part in who.apart_from for key in parts.get(part, frozenset())}
    found += _unsigned(who.signed, signed, apart=apart)
    return tuple(found)


def _unsigned(
    needed: Sequence[Function], signed: Sequence[Signature], *, apart: set[str]
) -> list[Obstacle]:
    """Say which signatures are missing, when each must come from another person."""
    usable = {
        function: {each.key for each in signed if each.function is function} - apart
        for function in needed
    }
    found = [
        Obstacle(
            f"people.unsigned_{function}",
            f"Nobody has signed for {function.called.lower()}"
            + (
                ", except the author." if any(each.function is function for each in signed) else "."
            ),
            f"Let somebody of {function.called.lower()} sign it.",
        )
        for function, keys in usable.items()
        if not keys
    ]
    if not found and len(set().union(*usable.values())) < len(usable):
        found.append(
            Obstacle(
                "people.signed_by_one",
                "One person has signed for two functions.",
                "Let another person sign for one of them.",
            )
        )
    return found


def able_functions(item: Item, to: str, *, central: bool = True) -> frozenset[Function]:
    """Give the functions that may bring an item to a stage; empty when any may."""
    who = WHO.get((item, to), _ANYONE)
    return who.functions_when(central=central)


def waiver_obstacles(
    waiver: Waiver,
    *,
    now: datetime,
    in_use: bool = False,
    parts: Parts = NO_PARTS,
    central: bool = True,
) -> tuple[Obstacle, ...]:
    """Say why a waiver does not hold: every one has a reason, an approver and an end.

    Args:
        waiver: What was set aside.
        now: The moment.
        in_use: Whether anybody on the site has a function.
        parts: Who has which part of the item. Where every squad keeps its own gate, none
            of these people grants a waiver of it (R009).
        central: Whether one team keeps the gate.
    """
    found = []
    if not waiver.reason.strip():
        found.append(
            Obstacle("waiver.no_reason", "Nobody says why it is waived.", "Give the reason.")
        )
    if not waiver.approver:
        found.append(
            Obstacle("waiver.no_approver", "Nobody has approved it.", "Name who approves it.")
        )
    elif waiver.approver == waiver.asked_by:
        found.append(
            Obstacle(
                "waiver.own",
                "Nobody waives a rule for themselves.",
                "Ask a CRO lead or the sponsor to approve it.",
            )
        )
    elif in_use and not waiver.approver_functions & APPROVERS:
        found.append(
            Obstacle(
                "waiver.not_approver",
                "It was approved by somebody who is neither CRO lead nor sponsor.",
                "Ask a CRO lead or the sponsor to approve it.",
            )
        )
    elif not central and any(waiver.approver in keys for keys in parts.values()):
        found.append(
            Obstacle(
                "waiver.own_squad",
                "Where every squad keeps its own gate, none waives a rule for its own work.",
                "Ask a CRO lead or a sponsor who has no part in it.",
            )
        )
    if waiver.expires_at <= now:
        found.append(
            Obstacle(
                "waiver.expired",
                f"It held until {waiver.expires_at:%-d %B %Y}.",
                "Have it approved again, or remove the cause.",
            )
        )
    return tuple(found)


def without_waived(
    obstacles: Sequence[Obstacle],
    waivers: Sequence[Waiver],
    *,
    now: datetime,
    in_use: bool = False,
    parts: Parts = NO_PARTS,
    central: bool = True,
) -> tuple[Obstacle, ...]:
    """Leave out the obstacles that a waiver sets aside which holds.

    Which obstacles can be waived at all is for the item's own rules to say: give this
    only those.
    """
    waived = {
        each.code
        for each in waivers
        if not waiver_obstacles(each, now=now, in_use=in_use, parts=parts, central=central)
    }
    return tuple(each for each in obstacles if each.code not in waived)


def _any_of(functions: frozenset[Function], parts: frozenset[Part]) -> str:
    """Name who may, in the order of the enums, so that the sentence is always the same."""
    words = [part.called for part in Part if part in parts]
    words += [each.called for each in Function if each in functions]
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last


def _yours(functions: frozenset[Function]) -> str:
    if not functions:
        return "you have no function on this site"
    words = " and ".join(each.called for each in Function if each in functions)
    return f"you are {words}"


def _a(item: Item) -> str:
    return f"an {item}" if item.value[0] in "aeiou" else f"a {item}"


def _w(to: str) -> str:
    return to.replace("_", " ")
