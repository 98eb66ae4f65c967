"""What leaves an installation and comes back: every table of the memory, as plain documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db import models

from truelift.apps.accounts.models import User
from truelift.apps.briefs.models import ApprovalRecord, BriefRecord, MetricClassRecord
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    LearningRecord,
    MetricRecord,
    MoveRecord,
    PhaseRecord,
    PlannedMetricRecord,
    VariantRecord,
)
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.memory.models import (
    GuidelineRecord,
    PlaceRecord,
    PrincipleRecord,
    TrialRecord,
    UseRecord,
)
from truelift.apps.qa.models import (
    AddressRecord,
    PictureRecord,
    QaCellRecord,
    QaPlanRecord,
    QaRunRecord,
    QaVerdictRecord,
    QaVisitRecord,
)
from truelift.apps.research.models import (
    CitationRecord,
    EvidenceRecord,
    HypothesisRecord,
    InsightRecord,
    SupportRecord,
)
from truelift.apps.rollouts.models import RolloutMoveRecord, RolloutRecord, RolloutSignatureRecord
from truelift.apps.sites.models import Site
from truelift.apps.threads.models import CommentRecord


Ref = str
"""What a row is called outside of the database: JSON text, the same in every installation."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row.

    Attributes:
        name: Of its file.
        model: Where the rows are.
        key: Fields that name a row within its site; where they do not suffice, rows are also
            counted in the order in which they were written.
        site: The way from a row to its site.
        counted: Whether rows are counted beside their key.
        left_out: Fields that mean nothing elsewhere.
        only: Which rows are taken; what is in the middle of being done is not.
    """

    name: str
    model: type[models.Model]
    key: tuple[str, ...]
    site: str = "site"
    counted: bool = False
    left_out: frozenset[str] = frozenset()
    only: models.Q = field(default_factory=models.Q)

    @property
    def columns(self) -> tuple[models.Field[Any, Any], ...]:
        """The fields that are written, in the order of the model."""
        return tuple(
            each
            for each in self.model._meta.concrete_fields  # noqa: SLF001 - Django's public name
            if each.name not in {"id", "site", *self.left_out}
        )


_OF_EXPERIMENT: Final = "experiment__site"

TABLES: Final = (
    Table("metrics", MetricRecord, ("key", "version")),
    Table("metric_classes", MetricClassRecord, ("metric",), counted=True),
    Table("insights", InsightRecord, ("number",)),
    Table("evidence", EvidenceRecord, ("insight",), "insight__site", counted=True),
    Table("hypotheses", HypothesisRecord, ("number",)),
    Table("supports", SupportRecord, ("hypothesis", "insight"), "hypothesis__site"),
    Table("signals", SignalRecord, ("number",), left_out=frozenset({"channel"})),
    Table("ideas", IdeaRecord, ("number",), left_out=frozenset({"channel"})),
    Table("experiments", ExperimentRecord, ("key",)),
    Table("variants", VariantRecord, ("experiment", "key"), _OF_EXPERIMENT),
    Table("phases", PhaseRecord, ("experiment", "since"), _OF_EXPERIMENT),
    Table("planned_metrics", PlannedMetricRecord, ("experiment",), _OF_EXPERIMENT, counted=True),
    Table("briefs", BriefRecord, ("experiment",), _OF_EXPERIMENT),
    Table("approvals", ApprovalRecord, ("experiment",), _OF_EXPERIMENT, counted=True),
    Table("analyses", AnalysisRecord, ("experiment", "number"), _OF_EXPERIMENT),
    Table("decisions", DecisionRecord, ("experiment",), _OF_EXPERIMENT),
    Table("moves", MoveRecord, ("experiment",), _OF_EXPERIMENT, counted=True),
    Table("learnings", LearningRecord, ("number",)),
    Table("citations", CitationRecord, ("hypothesis", "learning"), "hypothesis__site"),
    Table("pictures", PictureRecord, ("sha256",)),
    Table(
        "qa_plans", QaPlanRecord, ("experiment",), _OF_EXPERIMENT, left_out=frozenset({"building"})
    ),
    Table("qa_addresses", AddressRecord, ("plan", "variant"), "plan__experiment__site"),
    Table("qa_cells", QaCellRecord, ("plan", "device", "browser"), "plan__experiment__site"),
    Table("qa_verdicts", QaVerdictRecord, ("cell",), "cell__plan__experiment__site", counted=True),
    Table(
        "qa_runs",
        QaRunRecord,
        ("plan", "number"),
        "plan__experiment__site",
        only=models.Q(finished_at__isnull=False),
    ),
    Table(
        "qa_visits",
        QaVisitRecord,
        ("run", "variant", "size"),
        "run__plan__experiment__site",
        only=models.Q(run__finished_at__isnull=False),
    ),
    Table("rollouts", RolloutRecord, ("number",)),
    Table("rollout_moves", RolloutMoveRecord, ("rollout",), "rollout__site", counted=True),
    Table("rollout_signatures", RolloutSignatureRecord, ("rollout", "function"), "rollout__site"),
    Table("principles", PrincipleRecord, ("number",)),
    Table("trials", TrialRecord, ("principle", "experiment"), "principle__site"),
    Table("guidelines", GuidelineRecord, ("principle",), "principle__site", counted=True),
    Table("uses", UseRecord, ("principle", "surface"), "principle__site"),
    Table("surface_types", PlaceRecord, ("surface",)),
    Table("comments", CommentRecord, ("kind", "key"), counted=True),
)
"""Every table, those that others point to first."""


@dataclass(slots=True)
class Names:
    """What each row is called, both ways, filled table by table."""

    refs: dict[type[models.Model], dict[int, Ref]] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)

    def ref(self, model: type[models.Model], pk: int) -> Ref | None:
        """Give what a row is called; None for one that is not taken."""
        return self.refs.get(model, {}).get(pk)


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its name and its document."""

    pk: int
    ref: Ref
    document: Document


def rows_of(site: Site, table: Table, names: Names) -> Iterator[Row]:
    """Read a table as documents, and remember what its rows are called."""
    known = names.refs.setdefault(table.model, {})
    counts: dict[Ref, int] = {}
    columns = table.columns
    found = (
        table.model._default_manager.filter(table.only, **{table.site: site})  # noqa: SLF001
        .order_by("pk")
        .values_list("pk", *(each.attname for each in columns))
    )
    for pk, *values in found.iterator(chunk_size=2_000):
        document = {
            column.name: _written(column, value, names)
            for column, value in zip(columns, values, strict=True)
        }
        ref = ref_of(table, document, counts)
        known[pk] = ref
        yield Row(pk, ref, document)


def ref_of(table: Table, document: Mapping[str, Any], counts: dict[Ref, int]) -> Ref:
    """Give what a row is called, counting those that share their key."""
    parts = [document.get(name) for name in table.key]
    if table.counted:
        base = json.dumps(parts, ensure_ascii=False)
        counts[base] = counts.get(base, 0) + 1
        parts.append(counts[base])
    return json.dumps(parts, ensure_ascii=False)


def people_named(site: Site, names: Names, tables: Sequence[Table] = TABLES) -> None:
    """Learn the addresses of everybody whom a row names."""
    wanted: set[int] = set()
    for table in tables:
        columns = [each.attname for each in table.columns if _target(each) is User]
        for values in (
            table.model._default_manager.filter(table.only, **{table.site: site})  # noqa: SLF001
            .order_by()
            .values_list(*columns)
            .distinct()
            if columns
            else ()
        ):
            wanted.update(each for each in values if each is not None)
    names.people = dict(User.objects.filter(pk__in=wanted).values_list("pk", "email"))


def _written(column: models.Field[Any, Any], value: Any, names: Names) -> Any:  # noqa: ANN401
    """Give a value as JSON has it; a row is called by its name, a person by the address."""
    if value is None:
        return None
    target = _target(column)
    if target is User:
        return names.people.get(value)
    if target is not None:
        return names.ref(target, value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _target(column: models.Field[Any, Any]) -> type[models.Model] | None:
    return column.related_model if isinstance(column, models.ForeignKey) else None


target_of = _target
