"""Keeps the index of the library: one entry per experiment, worked out from what is on record."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import models, transaction

from truelift.apps.accounts.models import AuditEvent
from truelift.apps.briefs.models import BriefRecord
from truelift.apps.briefs.reads import undocumented
from truelift.apps.changes.reads import withheld_of
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, LearningRecord
from truelift.apps.memory.models import CONTAMINATED, EntryRecord, Outcome, PositionRecord, Season
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Stage
from truelift.lifecycle.similarity import terms_of


AT_ONCE: Final = 100
"""So many experiments are looked at again while a page waits; the worker does the others."""

FIELDS: Final = 8
"""What a full documentation has, as `briefs.reads.undocumented` names them (R081)."""


def behind(site: Site) -> tuple[set[str], int]:
    """Say which experiments changed since the index saw them, and the newest row of the audit."""
    position = PositionRecord.objects.filter(site=site).values_list("audit_id", flat=True).first()
    newest = position or 0
    touched: dict[str, set[str]] = {}
    if position is not None:
        for pk, target in AuditEvent.objects.filter(site=site.name, id__gt=position).values_list(
            "id", "target"
        ):
            newest = max(newest, pk)
            kind, _, key = target.partition(":")
            touched.setdefault(kind, set()).add(key)
    else:
        newest = (
            AuditEvent.objects.filter(site=site.name).aggregate(top=models.Max("id"))["top"] or 0
        )
    keys = set(touched.get("experiment", ())) | set(touched.get("brief", ()))
    if learned := _numbers(touched.get("learning", ())):
        keys |= set(
            LearningRecord.objects.filter(site=site, number__in=learned).values_list(
                "experiment__key", flat=True
            )
        )
    if proposed := _numbers(touched.get("hypothesis", ())):
        keys |= set(
            ExperimentRecord.objects.filter(site=site, hypothesis__number__in=proposed).values_list(
                "key", flat=True
            )
        )
    keys |= set(
        ExperimentRecord.objects.filter(site=site, entry__isnull=True).values_list("key", flat=True)
    )
    return keys, newest


def catch_up(site: Site, *, most: int | None = AT_ONCE) -> int:
    """Bring the index up to what people have changed, and say how many are left.

    Args:
        site: The site.
        most: How many at most; None: all.
    """
    keys, newest = behind(site)
    position = PositionRecord.objects.filter(site=site).first()
    if not keys and position is not None and position.audit_id == newest:
        return 0
    ordered = sorted(keys)
    chosen = ordered[:most]
    rest = ordered[len(chosen) :]
    with transaction.atomic():
        reindex(site, chosen)
        # What has no entry is found again; an old one would be taken for a true one.
        EntryRecord.objects.filter(site=site, experiment__key__in=rest).delete()
        PositionRecord.objects.update_or_create(site=site, defaults={"audit_id": newest})
    return len(rest)


def reindex(site: Site, keys: Iterable[str] | None = None) -> int:
    """Work out the entries of some experiments, or of all, anew."""
    found = ExperimentRecord.objects.filter(site=site)
    pks = list(
        (found if keys is None else found.filter(key__in=list(keys))).values_list("pk", flat=True)
    )
    for first in range(0, len(pks), AT_ONCE):
        _write(site, pks[first : first + AT_ONCE])
    return len(pks)


def _write(site: Site, pks: Sequence[int]) -> None:
    records = (
        ExperimentRecord.objects.filter(pk__in=pks)
        .select_related("site", "hypothesis", "decision")
        .prefetch_related(
            "variants",
            "learnings",
            models.Prefetch("analyses", AnalysisRecord.objects.defer("text").order_by("number")),
            "metrics__metric",
        )
    )
    briefs = {each.experiment_id: each for each in BriefRecord.objects.filter(experiment__in=pks)}
    broken = set(
        ExperimentRecord.objects.filter(
            pk__in=pks, moves__action=Action.INVALIDATE.value
        ).values_list("pk", flat=True)
    )
    withheld = withheld_of(pks)
    counts = {each.pk: chosen for each in records if (chosen := _counting(each)) is not None}
    texts = dict(AnalysisRecord.objects.filter(pk__in=counts.values()).values_list("pk", "text"))
    entries = [
        _entry(
            site,
            each,
            brief=briefs.get(each.pk),
            document=json.loads(texts[counts[each.pk]]) if each.pk in counts else {},
            broken=each.pk in broken,
            withheld=each.pk in withheld,
        )
        for each in records
    ]
    names = [
        field.name
        for field in EntryRecord._meta.concrete_fields  # noqa: SLF001 - Django's public name
        if field.name not in {"id", "experiment"}
    ]
    EntryRecord.objects.bulk_create(
        entries, update_conflicts=True, unique_fields=["experiment"], update_fields=names
    )


def _counting(record: ExperimentRecord) -> int | None:
    """Give the snapshot that counts: the one that was decided on, or the last."""
    decision = getattr(record, "decision", None)
    if decision is not None and decision.analysis_id is not None:
        return int(decision.analysis_id)
    if record.stage not in _READ:
        # What runs is not on record: its effect may be hidden from those who read this.
        return None
    last = list(record.analyses.all())
    return last[-1].pk if last else None


_READ: Final = frozenset(
    {Stage.ANALYSED, Stage.DECIDED, Stage.LEARNED, Stage.CLOSED, Stage.INVALID}
)
"""Stages in which the result has been read."""


def _entry(
    site: Site,
    record: ExperimentRecord,
    *,
    brief: BriefRecord | None,
    document: Mapping[str, Any],
    broken: bool,
    withheld: bool,
) -> EntryRecord:
    hypothesis = record.hypothesis
    effects = effects_of(document)
    valid = not (broken or withheld) and is_valid(record.stage, document)
    told = _told(effects)
    value = told["value"] if told else None
    expected = _expected(record, document)
    audience = (hypothesis.audience if hypothesis else "") or (brief.audience if brief else "")
    began = record.starts_on or (_day(record.started_at, site) if record.started_at else None)
    missing = list(undocumented(record, brief))
    surface = record.surface or (hypothesis.surface if hypothesis else "")
    element = hypothesis.element if hypothesis else ""
    metrics = [each.metric for each in record.metrics.all() if each.role == "primary"]
    return EntryRecord(
        experiment=record,
        site=site,
        words=words_of(
            record.key,
            record.name,
            surface,
            *(
                (hypothesis.key, hypothesis.change, hypothesis.outcome, hypothesis.reason)
                if hypothesis
                else ()
            ),
            element,
            audience,
            *(f"{each.metric.key} {each.metric.name}" for each in record.metrics.all()),
            *(f"{each.key} {each.name}" for each in record.variants.all()),
            *(
                f"{each.key} {each.text} {each.scope} {each.follow_up}"
                for each in record.learnings.all()
            ),
            record.decision.reason if hasattr(record, "decision") else "",
            brief.goal if brief else "",
        ),
        surface=surface[:120],
        element=element,
        audience=audience[:300],
        metric=metrics[0].key if metrics else "",
        outcome=_outcome(told, valid=valid),
        season=season_of(began).value if began else "",
        year=began.year if began else None,
        began_on=began,
        valid=valid,
        mark=CONTAMINATED if withheld and not broken else "",
        variant=told["variant"] if told else "",
        value=value,
        se=told["se"] if told else None,
        low=told["low"] if told else None,
        high=told["high"] if told else None,
        expected=expected,
        surprise=abs(expected - value)
        if valid and expected is not None and value is not None
        else None,
        effects=effects,
        missing=missing,
        documented=1 - len(missing) / FIELDS,
    )


def effects_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the effects on the metric that decides, turned so that more is better."""
    primary = next(
        (each for each in document.get("metrics", ()) if each.get("role") == "primary"), None
    )
    if primary is None:
        return []
    worse_is_more = "decrease" in {primary.get("direction"), primary.get("better")}
    found = []
    for effect in primary.get("effects", ()):
        relative = effect.get("relative") or {}
        numbers = {name: _number(relative.get(name)) for name in ("value", "se", "low", "high")}
        if worse_is_more:
            numbers = {
                "value": _turned(numbers["value"]),
                "se": numbers["se"],
                "low": _turned(numbers["high"]),
                "high": _turned(numbers["low"]),
            }
        found.append(
            {
                "variant": str(effect.get("variant", ""))[:80],
                "outcome": str(effect.get("outcome", "")),
                **numbers,
            }
        )
    return found


def is_valid(stage: str, document: Mapping[str, Any]) -> bool:
    """Say whether a result may count as a finding (R075)."""
    advice = (document.get("recommendation") or {}).get("action")
    failed = any(each.get("status") == "fail" for each in document.get("integrity", ()))
    return not (failed or advice == "invalid" or stage == Stage.INVALID)


def words_of(*texts: str) -> str:
    """Give the stems of texts, each between blanks, so that one can be looked for."""
    terms = {term for text in texts for term in terms_of(text)}
    return f" {' '.join(sorted(terms))} "


def season_of(day: date) -> Season:
    """Give the part of the year that a day lies in."""
    return list(Season)[day.month % 12 // 3]


def _told(effects: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Choose the treatment whose effect is told: the one that won, else that which lost."""
    with_value = [each for each in effects if each["value"] is not None]
    order = {"win": 0, "loss": 1}
    ranked = sorted(with_value, key=lambda each: order.get(each["outcome"], 2))
    return ranked[0] if ranked else (effects[0] if effects else None)


def _outcome(told: Mapping[str, Any] | None, *, valid: bool) -> str:
    if not valid:
        return Outcome.INVALID.value
    if told is None:
        return Outcome.NONE.value
    return told["outcome"] if told["outcome"] in Outcome.values else Outcome.NONE.value


def _expected(record: ExperimentRecord, document: Mapping[str, Any]) -> float | None:
    hypothesis = record.hypothesis
    if hypothesis is None or hypothesis.expected_lift is None:
        return None
    primary: Mapping[str, Any] = next(
        (each for each in document.get("metrics", ()) if each.get("role") == "primary"), {}
    )
    better = primary.get("better") or primary.get("direction") or hypothesis.direction
    return hypothesis.expected_lift if hypothesis.direction == better else -hypothesis.expected_lift


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _turned(value: float | None) -> float | None:
    return None if value is None else -value


def _day(at: datetime, site: Site) -> date:
    return at.astimezone(ZoneInfo(site.time_zone)).date()


def _numbers(keys: Iterable[str]) -> list[int]:
    tails = (key.rpartition("-")[2] for key in keys)
    return [int(tail) for tail in tails if tail.isascii() and tail.isdigit() and len(tail) < 10]
