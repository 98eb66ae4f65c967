"""Rows of freezes, approvals, deploy checks, and of what may ask for them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.deploy_check import Approval, DeployPolicy, Fail, Side, Verdict
from truelift.lifecycle.freeze import Freeze, FreezeAction, FreezeStage, Source, Strength


class FreezeRecord(models.Model):
    """A time in which some surfaces are not to be changed.

    Attributes:
        number: Counted per site; shown as `F-4`.
        version: Counts changes, so that two people's changes do not overwrite each other.
        surfaces: Names of surfaces.
        ends_at: None: until its test is over.
        experiment: The test that it protects; None for one of its own.
        owner: Who answers for it; None for the decision-owner of its test.
        agreed_at: None while nobody has agreed, or where the policy asks nobody.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="freezes")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)
    what = models.CharField(max_length=200)
    surfaces = models.JSONField(default=list)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    strength = models.CharField(max_length=16, default=Strength.DENY.value)
    source = models.CharField(max_length=10, default=Source.MANUAL.value)
    stage = models.CharField(max_length=9, default=FreezeStage.PROPOSED.value)
    experiment = models.ForeignKey(
        "experiments.ExperimentRecord",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="freezes",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    agreed_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "freeze"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="freeze_number_once_per_site"),
            models.UniqueConstraint(
                fields=["experiment"],
                condition=models.Q(stage__in=["proposed", "agreed", "active"]),
                name="one_open_freeze_per_experiment",
            ),
            models.CheckConstraint(
                condition=models.Q(stage__in=[each.value for each in FreezeStage])
                & models.Q(strength__in=[each.value for each in Strength])
                & models.Q(source__in=[each.value for each in Source]),
                name="freeze_words_are_known",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="freeze_ends_after_it_starts",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.stage}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"F-{self.number}"

    def as_domain(self) -> Freeze:
        """Give the value that the rules judge; its experiment and owner are read with it."""
        owner = self.owner or (self.experiment.decision_owner if self.experiment else None)
        return Freeze(
            key=self.key,
            what=self.what,
            stage=FreezeStage(self.stage),
            surfaces=tuple(self.surfaces),
            starts=self.starts_at,
            ends=self.ends_at,
            strength=Strength(self.strength),
            source=Source(self.source),
            of=self.experiment.key if self.experiment else "",
            owner=str(owner) if owner else "",
            agreed_at=self.agreed_at,
            over_at=self.over_at,
        )


class FreezeAgreementRecord(models.Model):
    """That somebody has agreed that one surface is frozen; gone where the proposal changes.

    Who agreed to what is kept for good in the steps of the freeze.
    """

    freeze = models.ForeignKey(FreezeRecord, on_delete=models.CASCADE, related_name="agreements")
    surface = models.CharField(max_length=120)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    agreed_at = models.DateTimeField()

    class Meta:
        db_table = "freeze_agreement"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["freeze", "surface"], name="freeze_agreement_once_per_surface"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.freeze_id} {self.surface}"


class FreezeMoveRecord(models.Model):
    """One step that a freeze took; append-only."""

    freeze = models.ForeignKey(FreezeRecord, on_delete=models.PROTECT, related_name="moves")
    action = models.CharField(max_length=8)
    before = models.CharField(max_length=9)
    after = models.CharField(max_length=9)
    reason = models.CharField(max_length=1000, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "freeze_move"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(action__in=[each.value for each in FreezeAction]),
                name="freeze_move_action_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.freeze_id} {self.action}"


class ApprovalRecord(models.Model):
    """Somebody says that a deploy may go ahead in spite of a freeze or a test.

    Attributes:
        of: Key of the freeze or the experiment.
        side: For the surface, or for the test.
        surface: Where; empty for all of it.
        sha: Which release; empty for any until it expires.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="approvals")
    of = models.CharField(max_length=80)
    side = models.CharField(max_length=14)
    surface = models.CharField(max_length=120, blank=True, default="")
    sha = models.CharField(max_length=64, blank=True, default="")
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        db_table = "deploy_approval"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(side__in=[each.value for each in Side]),
                name="deploy_approval_side_is_known",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["site", "until"], name="approvals_that_hold")]

    @override
    def __str__(self) -> str:
        return f"{self.of} {self.side}"

    def as_domain(self) -> Approval:
        """Give the value that the rules take."""
        return Approval(
            of=self.of,
            side=Side(self.side),
            by=str(self.by),
            until=self.until,
            since=self.made_at,
            surface=self.surface,
            sha=self.sha,
        )


class DeployPolicyRecord(models.Model):
    """One version of what a team has chosen for its deploys; append-only."""

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="deploy_policies")
    version = models.PositiveIntegerField()
    tests = models.CharField(max_length=16)
    agreed_at_once = models.BooleanField()
    unmapped = models.CharField(max_length=7)
    fail = models.CharField(max_length=6)
    lead_days = models.PositiveSmallIntegerField()
    environments = models.JSONField()
    because = models.CharField(max_length=500, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "deploy_policy"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "version"], name="deploy_policy_version_once_per_site"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"v{self.version}"

    def as_domain(self) -> DeployPolicy:
        """Give the value that the rules take."""
        return DeployPolicy(
            version=self.version,
            tests=Strength(self.tests),
            agreed_at_once=self.agreed_at_once,
            unmapped=Verdict(self.unmapped),
            fail=Fail(self.fail),
            lead_days=self.lead_days,
            environments=tuple(self.environments),
        )


class DeployTokenRecord(models.Model):
    """A secret with which a pipeline asks; it may check one site's deploys and nothing else.

    Attributes:
        sha256: The token itself is not kept.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="deploy_tokens")
    name = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "deploy_token"

    @override
    def __str__(self) -> str:
        return self.name


class Asker(models.TextChoices):
    """By which way a check was asked for."""

    API = "api", "API"
    COMMAND = "command", "Command"
    GITHUB = "github", "GitHub"


class DeployCheckRecord(models.Model):
    """One check, as it was asked and answered; append-only.

    Attributes:
        public_id: The `check_id` that the pipeline is given.
        at: The moment that was asked about.
        asked_at: When it was asked.
        decision: What was answered.
        denied: Whether it was denied, or would have been without the emergency.
        asked_by: The person; None for a pipeline's token.
        asker: By which way, and with which token.
        reasons: As they were answered.
        tests: Keys of the tests that ran there.
        fail: What the pipeline does when nobody answers; empty where it did not say.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.PROTECT, related_name="deploy_checks")
    public_id = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()
    asked_at = models.DateTimeField()
    env = models.CharField(max_length=80)
    repo = models.CharField(max_length=200, blank=True)
    sha = models.CharField(max_length=64, blank=True)
    surfaces = models.JSONField()
    paths = models.PositiveIntegerField(default=0)
    actor = models.CharField(max_length=120, blank=True)
    asker = models.CharField(max_length=7, choices=Asker.choices)
    token = models.ForeignKey(
        DeployTokenRecord, on_delete=models.PROTECT, null=True, related_name="+"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    decision = models.CharField(max_length=7)
    denied = models.BooleanField()
    emergency = models.BooleanField(default=False)
    reason = models.CharField(max_length=1000, blank=True)
    until = models.DateTimeField(null=True)
    reasons = models.JSONField()
    tests = models.JSONField()
    policy = models.PositiveIntegerField()
    fail = models.CharField(max_length=6, blank=True)

    class Meta:
        db_table = "deploy_check"
        indexes: ClassVar = [models.Index(fields=["site", "asked_at"], name="deploy_checks_by_day")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(decision__in=[each.value for each in Verdict]),
                name="deploy_check_decision_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.public_id} {self.decision}"


class BadgeRecord(models.Model):
    """A small picture that says whether a surface is frozen, for a readme.

    Attributes:
        surface: Empty: whether anything is.
        token: In its address, which the page shows again: it says nothing but this.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="badges")
    surface = models.CharField(max_length=120, blank=True, default="")
    token = models.CharField(max_length=40, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "deploy_badge"

    @override
    def __str__(self) -> str:
        return self.surface or "every surface"


class ProtectionRecord(models.Model):
    """A GitHub App whose deployment protection rule asks this site.

    Attributes:
        api: Where GitHub's interface begins.
        app_id: Number of the App.
        private_key: Of the App, sealed; PEM.
        nonce: With the server's key, what the secret of its webhook is made of.
        public_id: In the address at which its webhooks arrive.
        surfaces: What its repositories deploy; empty: any surface.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="protections")
    name = models.CharField(max_length=80)
    api = models.CharField(max_length=300)
    app_id = models.CharField(max_length=20)
    private_key = models.TextField()
    public_id = models.CharField(max_length=40, unique=True)
    nonce = models.CharField(max_length=40)
    surfaces = models.JSONField(default=list, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "deploy_protection"

    @override
    def __str__(self) -> str:
        return self.name


class ProtectionRequestRecord(models.Model):
    """A deployment that waits at GitHub for an answer, or has it.

    Attributes:
        delivery: GitHub's name of the message; the same one is not believed twice.
        callback: Where the answer goes.
        check: What was found.
        state: What was answered; empty before.
        problem: Why it could not be answered.
    """

    protection = models.ForeignKey(
        ProtectionRecord, on_delete=models.CASCADE, related_name="requests"
    )
    delivery = models.CharField(max_length=120)
    heard_at = models.DateTimeField()
    installation = models.CharField(max_length=20)
    environment = models.CharField(max_length=80)
    repo = models.CharField(max_length=200)
    sha = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=120, blank=True)
    callback = models.CharField(max_length=500)
    check_record = models.ForeignKey(
        DeployCheckRecord, on_delete=models.PROTECT, null=True, related_name="+"
    )
    state = models.CharField(max_length=8, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "deploy_protection_request"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["protection", "delivery"], name="deploy_protection_heard_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.repo} {self.environment}"
