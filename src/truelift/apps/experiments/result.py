"""A snapshot as a page shows it: a verdict in a sentence, effects on one axis, visitors by day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from truelift.apps.drawing.forest import Effect, Forest, Group, Interval
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.series import Line, Series
from truelift.apps.drawing.wording import Kind, Measure, count, lift, short_day
from truelift.apps.experiments.integrity_card import IntegrityCard, integrity_card
from truelift.apps.experiments.methods import CORRECTION_PAGES, INFERENCE_PAGES, method_href
from truelift.apps.experiments.models import ExperimentRecord, MetricRecord, MoveRecord
from truelift.apps.experiments.plain import plain_of
from truelift.apps.experiments.shapes import CapRow, Shape, cap_said, caps_of, shapes_of
from truelift.apps.experiments.wording import (
    ADVICE,
    CORRECTIONS,
    counted,
    definition,
    inner,
    level,
    listed,
)
from truelift.lifecycle.brief import Situation
from truelift.lifecycle.decision_table import Agreed
from truelift.lifecycle.experiment import Action, Choice


LIFT: Final = Measure(Kind.LIFT)

GROUPS: Final = (
    ("primary", "Primary: decides"),
    ("guardrail", "Guardrails: may veto, the dashed line is the agreed margin"),
    ("secondary", "Also measured: explain, do not decide"),
)

_READINGS: Final = {
    ("primary", "win"): ("win", "Win"),
    ("primary", "loss"): ("loss", "Loss"),
    ("guardrail", "held"): ("passed", "Within margin"),
    ("guardrail", "broken"): ("failed", "Broken"),
    ("guardrail", "undecided"): ("watch", "Harm not ruled out"),
}

_KNOWLEDGE: Final = {
    "win": Knowledge.BETTER,
    "loss": Knowledge.WORSE,
    "null": Knowledge.NO_DIFFERENCE,
    "inconclusive": Knowledge.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The recommendation as a sentence with one stroke of the highlighter.

    Attributes:
        before: What stands before the highlighted words.
        marked: The highlighted words; may be empty.
        after: What stands after them.
        because: The reasons, as the statistics give them.
        also: What a reader must know besides, in the names of the page.
        agreed: What the decision table said about such a result; empty without one.
    """

    before: str
    marked: str
    after: str
    because: tuple[str, ...]
    also: tuple[str, ...] = ()
    agreed: str = ""

    @property
    def text(self) -> str:
        """The sentence without its stroke."""
        return f"{self.before}{self.marked}{self.after}"


@dataclass(frozen=True, slots=True)
class HowLink:
    """A way of working out, and the page that says more.

    Attributes:
        words: What it is called.
        href: Where it is told; empty when nowhere.
    """

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class Result:
    """A snapshot, laid out.

    Attributes:
        integrity: Comes before everything else.
        verdict: What to do, and why.
        headline: What the effects show.
        forest: The effects; None when nothing was compared.
        source: What the reader must know about the numbers.
        notes: Where absolute and relative interval disagree.
        findings: What a study without traffic found; empty otherwise.
        visitors: Visitors per day and variant; None when nobody came.
        visitors_headline: What that drawing shows.
        hidden: Whether the plan hides the effects until a later look.
        why_hidden: What would go wrong without that.
        plain: The effect that decides, in sentences without a p-value.
        method: How effects are judged, with the page that says so.
        correction: The same for several treatments; empty names for one.
        shapes: How numbers are distributed, and who still waits; none while effects are hidden.
        caps: Effects of capped metrics beside what they would be without the cap.
    """

    integrity: IntegrityCard
    verdict: Verdict | None
    headline: str
    forest: Forest | None
    source: str
    notes: tuple[str, ...]
    findings: str
    visitors: Series | None
    visitors_headline: str
    hidden: bool
    why_hidden: str
    plain: tuple[str, ...]
    method: HowLink
    correction: HowLink
    shapes: tuple[Shape, ...] = ()
    caps: tuple[CapRow, ...] = ()

    @property
    def invalid(self) -> bool:
        """Whether a failed check, or a person who marked it invalid, replaces the effects."""
        return bool(self.integrity.broken)


def metrics_of(record: ExperimentRecord) -> dict[str, MetricRecord]:
    """Give an experiment's metrics by key, from what a list has fetched for all its rows."""
    fetched = "metrics" in getattr(record, "_prefetched_objects_cache", {})
    planned = record.metrics.all() if fetched else record.metrics.select_related("metric")
    return {each.metric.key: each.metric for each in planned}


def result_of(record: ExperimentRecord, document: Mapping[str, Any]) -> Result:
    """Lay out a snapshot of an experiment."""
    planned = metrics_of(record)
    names = {each.key: each.name or each.key for each in record.variants.all()}
    home = home_of(record)
    integrity = _marked(record, integrity_card(document.get("integrity", []), home=home))
    withheld = [
        effect["withheld"]
        for metric in document.get("metrics", [])
        for effect in metric["effects"]
        if "withheld" in effect
    ]
    hidden = not integrity.broken and any(text.startswith("not before") for text in withheld)
    forest = _forest(record, document, planned, names, broken=integrity.broken)
    visitors = _visitors(document, names)
    return Result(
        integrity=integrity,
        verdict=Verdict(ADVICE["invalid"], "", "", integrity.broken)
        if record.is_invalid and document.get("recommendation")
        else _verdict(record, document, planned, names),
        headline=_headline(document, planned, hidden=hidden, broken=bool(integrity.broken)),
        forest=forest,
        source=_source(document),
        notes=_notes(document, planned),
        findings=str(document.get("findings", "")),
        visitors=visitors,
        visitors_headline=_visitors_headline(document),
        hidden=hidden,
        why_hidden=_WHY_HIDDEN.get(str(document.get("method")), _WHY_HIDDEN["fixed"]),
        plain=() if integrity.broken else _plain(document, planned, names),
        method=_method_link(document, home),
        correction=_correction_link(document, home),
        shapes=() if integrity.broken else shapes_of(record, document, planned, names),
        caps=() if integrity.broken else caps_of(record, document, planned, names),
    )


def _marked(record: ExperimentRecord, integrity: IntegrityCard) -> IntegrityCard:
    """Let a result that a person has marked invalid tell nothing, whatever its checks say."""
    if not record.is_invalid or integrity.broken:
        return integrity
    why = (
        MoveRecord.objects.filter(experiment=record, action=Action.INVALIDATE.value)
        .values_list("reason", flat=True)
        .first()
    )
    return replace(
        integrity,
        headline="It was marked invalid: nothing of it can be used",
        broken=(f"It was marked invalid: {why}" if why else "It was marked invalid.",),
    )


def home_of(record: ExperimentRecord) -> str:
    """Give the address of the pages of an experiment's site."""
    return f"/s/{record.site.name}/"


def _plain(
    document: Mapping[str, Any], planned: Mapping[str, MetricRecord], names: Mapping[str, str]
) -> tuple[str, ...]:
    found = primary_effect(document)
    if found is None:
        return ()
    metric, effect = found
    known = planned.get(metric["metric"])
    return plain_of(
        document,
        effect,
        metric=known.name if known else metric["metric"],
        variant=names.get(effect["variant"], effect["variant"]),
    )


_WHY_HIDDEN: Final = {
    "fixed": "A fixed-horizon test is read once, at its end. Reading it whenever one likes makes"
    " winners of about a third of all changes that do nothing.",
    "bayesian": "This test was planned to be read once, at its end. To stop at the first moment"
    " that pleases would make its chances only as honest as its prior.",
    "group-sequential": "This test is read at its planned looks alone, which share the error"
    " between them. Between two of them its integrity is shown, and costs nothing.",
}


def _method_link(document: Mapping[str, Any], home: str) -> HowLink:
    method = str(document.get("method", "fixed"))
    words = {
        "fixed": "fixed horizon",
        "sequential": "sequential, valid at any look",
        "group-sequential": "group sequential, valid at its planned looks",
        "bayesian": "Bayesian",
    }
    return HowLink(words.get(method, method), method_href(home, INFERENCE_PAGES.get(method, "")))


def _correction_link(document: Mapping[str, Any], home: str) -> HowLink:
    """Name the correction where several treatments share an error level."""
    correction = str(document.get("multiplicity", "none"))
    if correction not in CORRECTION_PAGES or len(document.get("variants", [])) < 3:
        return HowLink("", "")
    words = CORRECTIONS[correction].split(":")[0]
    return HowLink(words, method_href(home, CORRECTION_PAGES[correction]))


def primary_effect(
    document: Mapping[str, Any],
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Give the primary metric and the effect that the recommendation is about, if any."""
    primary = next((m for m in document.get("metrics", []) if m["role"] == "primary"), None)
    if primary is None or not primary["effects"]:
        return None
    chosen = (document.get("recommendation") or {}).get("variant")
    effects = primary["effects"]
    return primary, next((e for e in effects if e["variant"] == chosen), effects[0])


def effect_row(
    metric: Mapping[str, Any],
    effect: Mapping[str, Any],
    record: MetricRecord | None,
    *,
    broken: tuple[str, ...] = (),
    several: str = "",
    levels: tuple[str, ...] = (),
    immature: int = 0,
    last_day: date | None = None,
    href: str = "",
    home: str = "",
    capped: str = "",
) -> Effect:
    """Lay out one effect as a row of a forest."""
    role, outcome = metric["role"], effect["outcome"]
    label = record.name if record else metric["metric"]
    detail = definition(record, cap=not capped) if record else ""
    if several:
        label = f"{label}: {several}"
    if capped:
        detail += f"; {capped}"
    if immature:
        detail += f"; {count(immature)} still within it are left out"
    if broken:
        return Effect(label=label, knowledge=Knowledge.INVALID, detail=detail, href=href)
    withheld = str(effect.get("withheld", ""))
    if withheld.startswith("not before"):
        until = f"{short_day(last_day)} is over" if last_day else "its planned end"
        if withheld.startswith("not before the next"):
            until = "the next planned look"
        return Effect(
            label=label,
            knowledge=Knowledge.HIDDEN,
            detail=detail,
            reason=f"hidden until {until}, by the plan",
            href=href,
        )
    relative = effect.get("relative")
    if relative is not None and relative["low"] is None:
        # The bound of an early look may lie where nothing could cross it.
        relative, withheld = None, "no effect could end the test at so early a look"
    if relative is None:
        why = str(effect.get("absent") or effect.get("relative_absent") or withheld)
        return Effect(
            label=label,
            knowledge=Knowledge.TOO_FEW,
            detail=detail,
            levels=levels,
            # It stands inside a sentence that names the metric already.
            reason=why.removeprefix(f"{metric['metric']}: ").removesuffix("."),
            href=href,
        )
    status, reading = _READINGS.get((role, effect.get("guardrail") or outcome), ("", ""))
    if effect.get("guardrail") == "held" and outcome == "loss":
        status, reading = "watch", "Worse, within margin"
    return Effect(
        label=label,
        knowledge=_KNOWLEDGE[outcome],
        interval=Interval(relative["value"], relative["low"], relative["high"]),
        detail=detail,
        levels=levels,
        margins=_margins(metric, effect),
        status=status,
        reading=reading,
        href=href,
        how=method_href(home, str(effect.get("procedure", ""))) if home else "",
    )


def _forest(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    names: Mapping[str, str],
    *,
    broken: tuple[str, ...],
) -> Forest | None:
    metrics = document.get("metrics", [])
    if not metrics:
        return None
    treatments = [v["variant"] for v in document["variants"] if v["role"] != "control"]
    control = next((v["variant"] for v in document["variants"] if v["role"] == "control"), "")
    several = len(treatments) > 1
    currency = record.site.currency
    immature = document.get("immature", {})
    groups = []
    for role, title in GROUPS:
        rows = []
        for metric in (m for m in metrics if m["role"] == role):
            known = planned.get(metric["metric"])
            seen = {each["variant"]: _level(each, known, currency) for each in metric["summaries"]}
            rows += [
                effect_row(
                    metric,
                    effect,
                    known,
                    broken=broken,
                    several=names.get(effect["variant"], effect["variant"]) if several else "",
                    levels=(seen.get(control, ""), seen.get(effect["variant"], "")),
                    immature=immature.get(metric["metric"], 0),
                    last_day=last_day_of(record),
                    home=home_of(record),
                    capped=cap_said(metric, known, currency=currency) if known else "",
                )
                for effect in metric["effects"]
            ]
        if rows:
            groups.append(Group(title, tuple(rows)))
    shown = any(row.shown for group in groups for row in group.rows)
    first = names.get(control, control)
    second = "Variant" if several else f"{names.get(treatments[0], treatments[0])} (variant)"
    return Forest(
        groups=tuple(groups),
        measure=LIFT,
        head=f"Effect, {1 - document['alpha']:.0%}",
        columns=(f"{first} (control)", second) if shown else (),
    )


def _level(summary: Mapping[str, Any], metric: MetricRecord | None, currency: str) -> str:
    value = summary.get("ratio", summary.get("mean", summary.get("value")))
    if value is None or metric is None:
        return ""
    return level(value, metric, currency=currency)


def last_day_of(record: ExperimentRecord) -> date | None:
    """Give the last day that counts."""
    return record.ends_on - timedelta(days=1) if record.ends_on else None


def _margins(metric: Mapping[str, Any], effect: Mapping[str, Any]) -> tuple[float, ...]:
    margin = effect.get("margin")
    if not margin:
        return ()
    size = float(margin["relative"])
    if metric["role"] == "guardrail":
        return (-size,) if metric.get("direction", "increase") == "increase" else (size,)
    return (-size, size) if effect["outcome"] == "null" else ()


def _verdict(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    names: Mapping[str, str],
) -> Verdict | None:
    recommendation = document.get("recommendation")
    if not recommendation:
        return None
    action = recommendation["action"]
    called = {key: each.name for key, each in planned.items()}
    because = tuple(named_reason(each, called, names) for each in recommendation["because"])
    lead = ADVICE[action]
    found = primary_effect(document)
    if action == "invalid":
        return Verdict(lead, "", "", because)
    if found is None or (action == "keep_running" and "withheld" in found[1]):
        return Verdict(f"{lead}{_until(record, document)}", "", "", because)
    metric, effect = found
    known = planned.get(metric["metric"])
    row = effect_row(metric, effect, known)
    if action == "ship" and len(document["variants"]) > 2:
        variant = names.get(effect["variant"], effect["variant"])
        lead = f"Ship {variant}."
    return Verdict(
        *_told(lead, row), because, _also(document, planned), agreed=_agreed(recommendation)
    )


def named_reason(reason: str, metrics: Mapping[str, str], variants: Mapping[str, str]) -> str:
    """Say a computed reason with the names of its metric and variant, where it has their keys."""

    def metric(found: re.Match[str]) -> str:
        return metrics.get(found[0], found[0])

    def variant(found: re.Match[str]) -> str:
        return variants.get(found[0], found[0])

    reason = re.sub(r"^[\w.-]+(?= (?:got|shows) )|(?<= changes )[\w.-]+(?=: )", metric, reason)
    return re.sub(
        r"(?<= with )[\w-]+(?=: |\.$)|(?<=cannot tell whether )[\w-]+(?= changes )", variant, reason
    )


def _agreed(recommendation: Mapping[str, Any]) -> str:
    """Say that the recommendation is what was agreed, as the snapshot keeps it."""
    kept = recommendation.get("agreed")
    if not kept:
        return ""
    situation = Situation(kept["situation"])
    return Agreed(situation, Choice(kept["choice"]), Choice(kept["computed"])).sentence


def _until(record: ExperimentRecord, document: Mapping[str, Any]) -> str:
    """Say when effects may be read that are hidden now."""
    looks = document.get("looks")
    if looks:
        return (
            f" The next look is at {count(looks['next_at'])} visitors." if looks["next_at"] else ""
        )
    last = last_day_of(record)
    return f" It is read once, when {last.day} {last:%B} is over." if last else ""


def _told(lead: str, row: Effect) -> tuple[str, str, str]:
    """Split the sentence of the primary effect around the words to highlight."""
    interval = row.shown
    if interval is None:
        return (f"{lead} {row.sentence(LIFT)}", "", "")
    low, high = lift(interval.low), lift(interval.high)
    match row.knowledge:
        case Knowledge.INCONCLUSIVE:
            return (
                f"{lead} {row.label}: the data cannot tell; it could be ",
                f"{low} or {high}",
                ".",
            )
        case Knowledge.NO_DIFFERENCE:
            margin = max((abs(each) for each in row.margins), default=None)
            size = "that matters" if margin is None else f"larger than {LIFT.size(margin)}"
            return (f"{lead} {row.label} shows ", f"no difference {size}", ".")
        case _:
            verb = "rose" if interval.value > 0 else "fell"
            near, far = sorted((abs(interval.low), abs(interval.high)))
            start = f"{lead} {row.label} {verb} by {LIFT.size(interval.value)}; likely "
            if interval.low < 0 < interval.high:
                return (start, f"between {low} and {high}", ".")
            return (start, f"between {LIFT.size(near)} and {LIFT.size(far)}", ".")


def _also(document: Mapping[str, Any], planned: Mapping[str, MetricRecord]) -> tuple[str, ...]:
    """Say what guardrails and open windows mean for the recommendation."""
    conflict = document.get("macro_conflict")
    said = [str(conflict)] if conflict else []
    for metric in document.get("metrics", []):
        known = planned.get(metric["metric"])
        name = known.name if known else metric["metric"]
        for effect in metric["effects"]:
            margin = effect.get("margin")
            beyond = f" beyond the agreed {LIFT.size(margin['relative'])}" if margin else ""
            if effect.get("guardrail") == "broken":
                said.append(f"{name} got worse, and harm{beyond} cannot be ruled out.")
            elif effect.get("guardrail") == "undecided":
                said.append(f"For {inner(name)} the data cannot rule out harm{beyond}.")
    return tuple(said)


def _headline(
    document: Mapping[str, Any],
    planned: Mapping[str, MetricRecord],
    *,
    hidden: bool,
    broken: bool,
) -> str:
    metrics = document.get("metrics", [])
    if broken:
        return "Invalid: no effect of this experiment can be used"
    if hidden:
        return "The effects are hidden until the planned end"

    def named(*outcomes: str) -> list[str]:
        found = [
            (planned[m["metric"]].name if m["metric"] in planned else m["metric"])
            for m in metrics
            if any(e["outcome"] in outcomes and "withheld" not in e for e in m["effects"])
        ]
        return [*found[:1], *(inner(name) for name in found[1:])]

    better, worse = named("win"), named("loss")
    guards = [e.get("guardrail") for m in metrics for e in m["effects"] if e.get("guardrail")]
    parts = []
    if better:
        parts.append(f"{listed(better)} improved")
    if worse:
        worse[0] = inner(worse[0]) if better else worse[0]
        parts.append(f"{listed(worse)} got worse")
    if not parts:
        parts.append("No clear change in any metric")
    if "broken" in guards:
        parts.append("a guardrail was broken")
    elif "undecided" in guards:
        undecided = sum(guard == "undecided" for guard in guards)
        verb = "leaves" if undecided == 1 else "leave"
        parts.append(f"{counted(undecided, 'guardrail')} {verb} harm open")
    elif guards:
        parts.append("no guardrail was broken")
    return "; ".join(parts)


def _source(document: Mapping[str, Any]) -> str:
    units = sum(each["units"] for each in document.get("variants", []))
    if not units:
        return ""
    versions = document.get("metric_versions", {})
    said = (
        f"{count(units)} visitors first exposed in the period; two-sided at"
        f" {document['alpha']:g}. Blue: clearly better. Vermilion: clearly worse. Grey: no clear"
        " difference. Hollow: not conclusive."
    )
    if document.get("crossovers"):
        said += f" {count(document['crossovers'])} who saw more than one variant are left out."
    if versions:
        said += " Metric versions: " + ", ".join(f"{k} v{v}" for k, v in versions.items()) + "."
    return said


def _notes(document: Mapping[str, Any], planned: Mapping[str, MetricRecord]) -> tuple[str, ...]:
    return tuple(
        f"{planned[m['metric']].name if m['metric'] in planned else m['metric']}: {e['note']}"
        for m in document.get("metrics", [])
        for e in m["effects"]
        if e.get("note")
    )


def _visitors(document: Mapping[str, Any], names: Mapping[str, str]) -> Series | None:
    daily = document.get("daily", [])
    days = sorted({date.fromisoformat(each["day"]) for each in daily})
    if len(days) < 2:
        return None
    counts = {(each["day"], each["variant"]): float(each["units"]) for each in daily}
    return Series(
        days=tuple(days),
        lines=tuple(
            Line(
                label=names.get(each["variant"], each["variant"]),
                values=tuple(counts.get((d.isoformat(), each["variant"]), 0.0) for d in days),
                focus=each["role"] == "control",
            )
            for each in document["variants"][:5]
        ),
        measure=Measure(Kind.COUNT),
        from_zero=True,
    )


def _visitors_headline(document: Mapping[str, Any]) -> str:
    units = [each["units"] for each in document.get("variants", [])]
    return f"{count(sum(units))} visitors were exposed, {listed([count(u) for u in units])}"
