"""Rows of winners: where each stands, who signed, what was checked, and a site's days in money."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.functions import Function
from truelift.lifecycle.rollout import (
    PageCheck,
    Rollout,
    RolloutAction,
    RolloutStage,
    VariantCode,
)


class RolloutRecord(models.Model):
    """A decision to ship, until visitors have it.

    Attributes:
        number: Counted per site; shown as `R-4`.
        version: Counts changes, so that two people's changes do not overwrite each other.
        variant: Key of the variant that is shipped; empty while nobody has said.
        reach: Share of the site's sessions that the change concerns.
        present: What must be there, one a line; see `checking`.
        gone: What must not be there any more.
        lift: Shrunken relative effect; None where it is undefined.
        lift_problem: Why it is.
        lift_metric: Of which metric.
        lift_tests: How many tests it was shrunken with.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="rollouts")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)
    experiment = models.OneToOneField(
        "experiments.ExperimentRecord", on_delete=models.PROTECT, related_name="rollout"
    )
    stage = models.CharField(max_length=11, default=RolloutStage.PLANNED.value)
    variant = models.CharField(max_length=80, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    due = models.DateField(null=True, blank=True)
    exposure = models.FloatField(null=True, blank=True)
    permanent = models.BooleanField(default=False)
    deploy_link = models.CharField(max_length=500, blank=True, default="")
    ticket = models.CharField(max_length=500, blank=True, default="")
    variant_code = models.CharField(max_length=8, default=VariantCode.PRESENT.value)
    notes = models.CharField(max_length=2000, blank=True, default="")
    reach = models.FloatField(default=1.0)
    check_url = models.CharField(max_length=2000, blank=True, default="")
    present = models.TextField(blank=True, default="")
    gone = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField()
    live_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    lift = models.FloatField(null=True, blank=True)
    lift_low = models.FloatField(null=True, blank=True)
    lift_high = models.FloatField(null=True, blank=True)
    lift_measured = models.FloatField(null=True, blank=True)
    lift_metric = models.CharField(max_length=80, blank=True, default="")
    lift_tests = models.PositiveIntegerField(default=0)
    lift_problem = models.CharField(max_length=300, blank=True, default="")
    lift_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "rollout"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="rollout_number_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in RolloutStage]),
                name="rollout_stage_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(variant_code__in=[each.value for each in VariantCode]),
                name="rollout_variant_code_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(exposure__isnull=True)
                | models.Q(exposure__gte=0, exposure__lte=1),
                name="rollout_exposure_is_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(reach__gt=0, reach__lte=1), name="rollout_reach_is_a_share"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.stage}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"R-{self.number}"

    def as_domain(self, check: RolloutCheckRecord | None) -> Rollout:
        """Give the value that the rules judge, with the latest check that ended."""
        return Rollout(
            key=self.key,
            stage=RolloutStage(self.stage),
            owner=str(self.owner) if self.owner else "",
            due=self.due,
            exposure=self.exposure,
            permanent=self.permanent,
            deploy_link=self.deploy_link,
            variant_code=VariantCode(self.variant_code),
            ticket=self.ticket,
            check=PageCheck(passed=bool(check.passed), at=check.asked_at) if check else None,
            live_at=self.live_at,
        )


class RolloutMoveRecord(models.Model):
    """One step that a rollout took."""

    rollout = models.ForeignKey(RolloutRecord, on_delete=models.PROTECT, related_name="moves")
    action = models.CharField(max_length=8)
    before = models.CharField(max_length=11)
    after = models.CharField(max_length=11)
    reason = models.CharField(max_length=1000, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "rollout_move"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(action__in=[each.value for each in RolloutAction]),
                name="rollout_move_action_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.rollout_id} {self.action}"


class RolloutSignatureRecord(models.Model):
    """Somebody says, in one of their functions, that a rollout is live for everybody."""

    rollout = models.ForeignKey(RolloutRecord, on_delete=models.CASCADE, related_name="signatures")
    function = models.CharField(max_length=20)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "rollout_signature"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rollout", "function"], name="rollout_signed_once_per_function"
            ),
            models.CheckConstraint(
                condition=models.Q(function__in=[each.value for each in Function]),
                name="rollout_signature_function_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.by} for {self.function}"


class RolloutCheckRecord(models.Model):
    """A browser looked at the page.

    Attributes:
        lines: What was looked for: `what`, `wanted` and `ok` each.
        picture: Digest of what was seen.
    """

    rollout = models.ForeignKey(RolloutRecord, on_delete=models.CASCADE, related_name="checks")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    url = models.CharField(max_length=2000)
    present = models.TextField(blank=True, default="")
    gone = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    lines = models.JSONField(default=list, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")
    final_url = models.CharField(max_length=2000, blank=True, default="")
    picture = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        db_table = "rollout_check"
        ordering: ClassVar = ["-pk"]

    @override
    def __str__(self) -> str:
        return f"{self.rollout_id} {self.passed}"


class SiteDayRecord(models.Model):
    """What a site's day came to, as the lake said it.

    Attributes:
        revenue_minor: In minor units of the site's currency.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    sessions = models.PositiveBigIntegerField()
    revenue_minor = models.BigIntegerField()

    class Meta:
        db_table = "rollout_site_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "day"], name="site_day_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"


class SiteMoneyRecord(models.Model):
    """Up to when a site's days were asked for, and what went wrong.

    Attributes:
        currency: In which the days are told.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3)
    asked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "rollout_site_money"

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.asked_at}"
