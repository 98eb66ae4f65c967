"""What the audit's events say in an item's thread: who did what, and why, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.drawing.wording import day, percent
from truelift.apps.experiments.models import VariantRecord
from truelift.apps.experiments.wording import CHOICES, PAST, listed, moment
from truelift.apps.sites.models import Site
from truelift.apps.threads.changes import Speech, changes_said, person
from truelift.lifecycle.brief import Approved, Review, Risk
from truelift.lifecycle.experiment import Action, Stage
from truelift.lifecycle.functions import Function
from truelift.lifecycle.monitoring import Concern
from truelift.lifecycle.moving import steps_to
from truelift.lifecycle.programme_causes import Reason


_ALLOCATED: Final = "experiment.allocated"

_Facts = Mapping[str, Any]
"""Any JSON that an event wrote down."""


def speech_of(site: Site, events: Sequence[AuditEvent]) -> Speech:
    """Look up the names of everybody who stands in events, in one query."""
    found: set[str] = set()
    for event in events:
        for each in (event.actor, event.on_behalf_of, event.before, event.after):
            found |= set(_addresses(each))
    people = User.objects.filter(email__in=found)
    drawn = {event.target.partition(":")[2] for event in events if event.action == _ALLOCATED}
    variants = VariantRecord.objects.filter(
        experiment__site=site, experiment__key__in=drawn
    ).order_by("pk")
    return Speech(
        {each.email: str(each) for each in people},
        site.currency,
        site.time_zone,
        {each.key: each.name or each.key for each in variants} if drawn else {},
    )


def who_did(event: AuditEvent, speech: Speech) -> str:
    """Say who did it, and for whom."""
    known = {"operator": "The operator", "system": "Truelift"}
    who = known.get(event.actor) or _begun(person(event.actor, speech))
    return f"{who}, for {person(event.on_behalf_of, speech)}," if event.on_behalf_of else who


def what_was_done(event: AuditEvent, speech: Speech) -> str:
    """Say what was done, in the past tense, to stand after the name of who did it."""
    before, after = event.before or {}, event.after or {}
    kind, _, verb = event.action.partition(".")
    if event.action in _SAID:
        return _SAID[event.action](after, speech)
    if kind == "experiment" and verb in set(Action):
        return _moved(Action(verb), before, after, speech)
    return _DID.get(event.action) or _VERBS.get(verb) or verb.replace("_", " ")


def why_it_was_done(event: AuditEvent) -> str:
    """Give the reason that somebody wrote down with it; empty for none."""
    before, after = event.before or {}, event.after or {}
    if event.action.partition(".")[2] in _WRITTEN:
        return ""
    named = _REASONS if event.action != _TROUBLE else ("note",)
    words = [str(after[name]).strip() for name in named if after.get(name) and name not in before]
    return " ".join(dict.fromkeys(words))


def what_changed(event: AuditEvent, speech: Speech) -> tuple[str, ...]:
    """Say each fact that is not what it was."""
    if event.action == _TROUBLE:
        return ()
    return changes_said(event.before or {}, event.after or {}, speech)


def _moved(action: Action, before: _Facts, after: _Facts, speech: Speech) -> str:
    """Say a step of an experiment with those that were taken on the way to it."""
    steps: tuple[Action, ...] = (action,)
    with suppress(ValueError):
        steps = steps_to(Stage(before.get("stage", "")), action) or steps
    said = listed([PAST[each] for each in steps])
    choice = after.get("choice")
    if choice:
        against = ", against the recommendation" if after.get("against_advice") else ""
        agreed = after.get("reviewer")
        with_whom = f"; {person(agreed, speech)} agreed" if agreed else ""
        said = f"{said}: {CHOICES.get(choice, choice).lower()}{against}{with_whom}"
    return said


def _approved(facts: _Facts, speech: Speech) -> str:
    del speech
    what = str(facts.get("what", ""))
    if what in set(Review):
        return f"answered with yes: “{Review(what).question}”"
    if what in set(Risk):
        return f"signed off a risk: “{Risk(what).question}”"
    if what in set(Approved):
        return f"approved the {what}"
    return f"signed for {_function(what)} that it may start"


def _function(name: str) -> str:
    return Function(name).called if name in set(Function) else name.replace("_", " ")


def _allocated(facts: _Facts, speech: Speech) -> str:
    weights: Mapping[str, float] = facts.get("weights") or {}
    whole = sum(weights.values()) or 1
    order = {key: place for place, key in enumerate(speech.variants)}
    parts = [
        f"{percent(weight / whole, digits=0)} {speech.variants.get(key, key)}"
        for key, weight in sorted(weights.items(), key=lambda each: order.get(each[0], 0))
    ]
    if "since" not in facts:
        return "changed what each variant draws"
    from_when = moment(datetime.fromisoformat(str(facts["since"])), speech.zone)
    return f"said that from {from_when} on it drew {', '.join(parts)}"


def _tried(facts: _Facts, speech: Speech) -> str:
    del speech
    if facts.get("passed", True):
        return "saw a variant work"
    return f"saw {facts.get('variant', 'a variant')} fail on {facts.get('cell', 'a device')}"


def _checked(facts: _Facts, speech: Speech) -> str:
    del speech
    missing = facts.get("missing")
    if missing is None:
        return "finished the instrumentation check"
    if not missing:
        return "finished the instrumentation check: every event arrived"
    events = "one event" if missing == 1 else f"{missing} events"
    return f"finished the instrumentation check: {events} did not arrive"


def _shared(facts: _Facts, speech: Speech) -> str:
    del speech
    until = facts.get("until")
    days = f", until {day(datetime.fromisoformat(until).date())}" if until else ""
    return f"shared the {facts.get('what', 'page')} by an address{days}"


def _snoozed(facts: _Facts, speech: Speech) -> str:
    del speech
    until = facts.get("until")
    return (
        f"snoozed it until {day(datetime.fromisoformat(until).date())}" if until else "snoozed it"
    )


def _guided(facts: _Facts, speech: Speech) -> str:
    owner = facts.get("owner")
    whom = f" to {person(owner, speech)}" if owner else ""
    return f"gave a task{whom}: “{facts.get('text', '')}”"


def _guarded(facts: _Facts, speech: Speech) -> str:
    del speech
    name = str(facts.get("metric", "")).partition("@")[0].replace("_", " ")
    margin = facts.get("margin")
    return f"added the guardrail {name}{f' within ±{percent(margin)}' if margin else ''}"


def _planned(facts: _Facts, speech: Speech) -> str:
    del speech
    return "imported it" if facts.get("origin") == "imported" else "planned it"


def _judged(facts: _Facts, speech: Speech) -> str:
    del speech
    found = {"fatal": "spoiled it", "suspect": "may have spoiled it", "benign": "did no harm"}
    what = found.get(str(facts.get("said", "")), "was looked at")
    of = _function(str(facts.get("function", ""))).lower()
    return f"said for {of} that {facts.get('change', 'a change')} {what}"


def _troubled(facts: _Facts, speech: Speech) -> str:
    del speech
    reason = str(facts.get("reason", ""))
    meaning = Reason(reason).meaning if reason in set(Reason) else reason
    return f"said why it is in trouble: {meaning}"


def _alerted(words: str) -> Callable[[_Facts, Speech], str]:
    """Name what an alert is about, never what it found: not everybody may know that yet."""

    def say(facts: _Facts, speech: Speech) -> str:
        del speech
        concern = str(facts.get("alert", "")).partition(":")[0]
        about = f" about {Concern(concern).called.lower()}" if concern in set(Concern) else ""
        return words.format(f"an alert{about}")

    return say


def _with(words: str, name: str, otherwise: str) -> Callable[[_Facts, Speech], str]:
    """Name what it was done with, where the event knows."""
    return lambda facts, _speech: words.format(facts[name]) if facts.get(name) else otherwise


_SAID: Final[Mapping[str, Callable[[_Facts, Speech], str]]] = MappingProxyType(
    {
        "alert.acknowledged": _alerted("took on {}"),
        "alert.opened": _alerted("raised {}"),
        "alert.resolved": _alerted("settled {}"),
        "alert.worse": _alerted("raised {} again: it became worse"),
        "brief.approved": _approved,
        _ALLOCATED: _allocated,
        "contamination.adjudicated": _judged,
        "contamination.recorded": _with("saw {} come while it ran", "change", "saw a change"),
        "experiment.followed_up": _with("named {} as what follows", "item", "said what follows"),
        "experiment.guardrail_added": _with(
            "added the guardrail {}", "metric", "added a guardrail"
        ),
        "experiment.planned": _planned,
        "experiment.snapshot_stored": _with("kept snapshot {}", "number", "kept a snapshot"),
        "idea.promoted": _with("made {} of it", "hypothesis", "made a hypothesis of it"),
        "link.added": _with("linked {}", "ticket", "linked a ticket"),
        "link.removed": _with("unlinked {}", "ticket", "unlinked a ticket"),
        "principle.guideline_added": _guided,
        "principle.guideline_done": _with("did a task: “{}”", "text", "did a task"),
        "principle.guideline_reopened": _with("opened a task again: “{}”", "text", "opened a task"),
        "principle.test_linked": _with("linked {}, which tried it", "experiment", "linked a test"),
        "principle.use_said": _with("said where it is followed: {}", "surface", "said its use"),
        "qa.run_finished": _checked,
        "qa.verdict_given": _tried,
        "rollout.opened": _with(
            "began to follow “{}” from the decision until it is live",
            "variant",
            "began to follow it from the decision until it is live",
        ),
        "rollout.signed": lambda facts, _speech: (
            f"signed for {_function(str(facts.get('function', '')))} that everybody gets it"
        ),
        "share.opened": _shared,
        "share.revoked": _with("revoked a shared {}", "what", "revoked a shared page"),
        "signal.linked": _with("made it part of {}", "insight", "made it part of a finding"),
        "signal.snoozed": _snoozed,
        "trouble.reason_given": _troubled,
    }
)
"""What says more than its name: action → sentence of its facts."""

_DID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "brief.acknowledged": "agreed to build the winner",
        "brief.written": "wrote into the brief",
        "contamination.clean_segment": "let the part before the change decide it",
        "contamination.discard": "discarded it",
        "contamination.keep": "kept the decision in spite of it",
        "contamination.restart": "repeated it",
        "experiment.handed_over": "handed it over",
        "experiment.replanned": "planned it anew",
        "experiment.rescheduled": "moved its dates",
        "experiment.result_imported": "imported its result",
        "freeze.activate": "saw it begin",
        "freeze.agree": "agreed to it",
        "freeze.cancel": "cancelled it",
        "freeze.deploy_approved": "approved a deploy",
        "freeze.derived": "made it for its test",
        "freeze.edited": "changed what is said of it",
        "freeze.end": "ended it",
        "freeze.moved_with_test": "moved it with its test",
        "freeze.proposed": "proposed it",
        "warning.accepted_risk": "accepted the risk",
        "warning.acknowledged": "took it on",
        "warning.came_back": "found it again",
        "warning.goes_with": "gave it to whoever deals with its cause",
        "warning.opened": "found it",
        "warning.over": "did not find it any more",
        "warning.resolved": "settled it",
        "warning.worse": "found it worse",
        "hypothesis.repeat_answered": "said why it is tried again",
        "hypothesis.returned": "returned it",
        "hypothesis.submitted": "said that it is ready for review",
        "hypothesis.tested": "closed it by its test",
        "idea.problem_linked": "said which problem it answers",
        "idea.submitted": "handed it in",
        "learning.written": "wrote it down",
        "principle.test_unlinked": "unlinked a test",
        "qa.addresses_set": "said where its variants can be seen",
        "qa.run_asked": "asked for the instrumentation check",
        "roadmap.asset_added": "said what must be there before it",
        "roadmap.asset_changed": "said how an asset stands",
        "roadmap.asset_removed": "took an asset off its list",
        "roadmap.conflict_answered": "said what is done about a conflict",
        "roadmap.dependency_added": "said what it hangs on",
        "roadmap.dependency_removed": "took a dependency away",
        "roadmap.item_added": "put it on the roadmap",
        "roadmap.item_changed": "changed what is said of it",
        "roadmap.item_dropped": "dropped it",
        "roadmap.item_moved": "moved its dates",
        "roadmap.item_stage_set": "took it a step on",
        "roadmap.plan_asked": "asked for a proposal for the quarter",
        "roadmap.plan_taken": "took the days that were proposed",
        "roadmap.priorities_set": "agreed on other priorities",
        "roadmap.release_acknowledged": "has seen that it touches a test",
        "roadmap.rules_set": "agreed on other rules",
        "rollout.abandon": "gave it up",
        "rollout.check_asked": "asked for a page check",
        "rollout.clean_up": "cleaned up after it",
        "rollout.edited": "changed what is said of it",
        "rollout.go_live": "brought it live",
        "rollout.start": "started it",
        "rollout.verify": "verified it",
    }
)

_VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accepted": "accepted it",
        "confirmed": "confirmed it",
        "created": "wrote it down",
        "deleted": "deleted it",
        "dismissed": "dismissed it",
        "edited": "edited it",
        "gone_stale": "found it stale: nobody confirmed it in time",
        "parked": "parked it",
        "received": "passed it on",
        "rejected": "rejected it",
        "placed": "said where it is",
        "reopened": "opened it again",
        "restored": "restored it",
        "retired": "retired it",
        "scored": "scored it",
        "screened": "screened it",
        "triaged": "looked at it",
        "unlinked": "took it out of its finding",
        "woken": "woke it",
    }
)

_TROUBLE: Final = "trouble.reason_given"

_WRITTEN: Final = frozenset({"created", "planned", "replanned", "submitted", "received"})
"""Events whose facts are the item itself; a reason among them is the item's own."""

_REASONS: Final = (
    "reason",
    "because",
    "own_because",
    "again_because",
    "override",
    "note",
    "retired_because",
)


def _addresses(facts: object) -> Iterable[str]:
    match facts:
        case str() if "@" in facts and " " not in facts:
            yield facts
        case dict():
            for each in facts.values():
                yield from _addresses(each)
        case list():
            for each in facts:
                yield from _addresses(each)
        case _:
            pass


def _begun(name: str) -> str:
    return name[:1].upper() + name[1:]
