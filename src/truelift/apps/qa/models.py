"""Rows of what was checked before a start: hosts, addresses, the matrix, verdicts, visits."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.browsing.visit import Size
from truelift.lifecycle.qa import MatrixCell


class HostRecord(models.Model):
    """A host that a site says is its own, and whether that was seen to be true.

    Attributes:
        host: `host` or `host:port`, in small letters.
        token: What has to stand there.
        verified_at: When it stood there; None while it never did.
        how: `file` or `meta`.
        checking: Whether somebody waits for a check.
        problem: What the latest check says was wrong.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="hosts")
    host = models.CharField(max_length=260)
    token = models.CharField(max_length=64)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    how = models.CharField(max_length=4, blank=True, default="")
    checking = models.BooleanField(default=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "site_host"
        ordering: ClassVar = ["host"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "host"], name="host_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(how__in=["", "file", "meta"]), name="host_how_is_known"
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.host


class PictureRecord(models.Model):
    """A picture of a page; the file is named by its content.

    Attributes:
        kind: Its media type, told by its first bytes.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="pictures")
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    size = models.PositiveIntegerField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "picture"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "sha256"], name="picture_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["image/png", "image/jpeg"]),
                name="picture_kind_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.sha256[:12]


class QaPlanRecord(models.Model):
    """What is to be checked of an experiment.

    Attributes:
        sessions: From which the matrix was built; None before.
        covered: Share of them that its cells cover.
        left_out: Events that no visit can cause (a refund), each with no more than its name.
        left_out_because: Why.
        problem: Why the matrix could not be built.
    """

    experiment = models.OneToOneField(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="qa_plan"
    )
    sessions = models.PositiveBigIntegerField(null=True, blank=True)
    covered = models.FloatField(null=True, blank=True)
    built_at = models.DateTimeField(null=True, blank=True)
    building = models.BooleanField(default=False)
    problem = models.CharField(max_length=500, blank=True, default="")
    left_out = models.JSONField(default=list, blank=True)
    left_out_because = models.CharField(max_length=300, blank=True, default="")
    addresses_changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "qa_plan"

    @override
    def __str__(self) -> str:
        return f"QA of {self.experiment_id}"


class AddressRecord(models.Model):
    """Where a variant can be seen, whatever tool serves it.

    Attributes:
        url: With the parameter that forces the variant.
        steps: What is done there, one step a line, so that its events happen.
    """

    plan = models.ForeignKey(QaPlanRecord, on_delete=models.CASCADE, related_name="addresses")
    variant = models.CharField(max_length=80)
    url = models.CharField(max_length=2000)
    steps = models.TextField(blank=True, default="")

    class Meta:
        db_table = "qa_address"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "variant"], name="one_address_per_variant")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.variant} {self.url}"


class QaCellRecord(models.Model):
    """A cell of the matrix: a kind of device with a browser that visitors use."""

    plan = models.ForeignKey(QaPlanRecord, on_delete=models.CASCADE, related_name="cells")
    device = models.CharField(max_length=40)
    browser = models.CharField(max_length=80)
    share = models.FloatField()
    current = models.BooleanField(default=True)

    class Meta:
        db_table = "qa_cell"
        ordering: ClassVar = ["-share", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["plan", "device", "browser"], name="qa_cell_once_per_plan"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.as_domain().label

    def as_domain(self) -> MatrixCell:
        """Give the value that the rules know."""
        return MatrixCell(self.device, self.browser, self.share)


class QaVerdictRecord(models.Model):
    """What a tester saw of a variant in a cell; the latest one counts.

    Attributes:
        blocking: Whether a failure keeps the experiment from starting.
    """

    cell = models.ForeignKey(QaCellRecord, on_delete=models.CASCADE, related_name="verdicts")
    variant = models.CharField(max_length=80)
    passed = models.BooleanField()
    blocking = models.BooleanField(default=True)
    note = models.CharField(max_length=500, blank=True, default="")
    picture = models.ForeignKey(
        PictureRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    tester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    tested_at = models.DateTimeField()

    class Meta:
        db_table = "qa_verdict"
        ordering: ClassVar = ["pk"]

    @override
    def __str__(self) -> str:
        return f"{self.variant} {'passed' if self.passed else 'failed'}"


class QaRunRecord(models.Model):
    """One instrumentation check: every variant opened in every size.

    Attributes:
        number: Counted per experiment, from 1.
        listens_until: When what has not arrived is missing; None while pages are opened.
        problem: Why it ended without having looked.
    """

    plan = models.ForeignKey(QaPlanRecord, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    listens_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "qa_run"
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "number"], name="qa_run_number_once"),
            models.UniqueConstraint(
                fields=["plan"],
                condition=models.Q(finished_at__isnull=True),
                name="one_qa_run_at_a_time",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.plan_id} run {self.number}"


class QaVisitRecord(models.Model):
    """One variant opened in one size.

    Attributes:
        visitor: Synthetic id of the visitor.
        visited_at: None before the page was opened.
        problem: Why it could not be opened, or which step could not be done.
        seen: Names of events that arrived, in order.
        missing: Events that did not: role, event, because.
        refused: Requests that the egress gate did not let through.
    """

    run = models.ForeignKey(QaRunRecord, on_delete=models.CASCADE, related_name="visits")
    variant = models.CharField(max_length=80)
    size = models.CharField(max_length=7, choices=[(each.value, each.value) for each in Size])
    url = models.CharField(max_length=2000)
    steps = models.TextField(blank=True, default="")
    visitor = models.CharField(max_length=120)
    visited_at = models.DateTimeField(null=True, blank=True)
    final_url = models.CharField(max_length=2000, blank=True, default="")
    status = models.PositiveIntegerField(null=True, blank=True)
    picture = models.ForeignKey(
        PictureRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    problem = models.CharField(max_length=500, blank=True, default="")
    errors = models.JSONField(default=list, blank=True)
    refused = models.JSONField(default=list, blank=True)
    seen = models.JSONField(default=list, blank=True)
    missing = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "qa_visit"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "variant", "size"], name="qa_visit_once_per_variant_and_size"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.variant} on {self.size}"
