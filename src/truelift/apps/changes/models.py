"""Rows of changes: who tells of them, what they were, and what they mean for tests."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.lifecycle.change import Change, ChangeKind, ChangeState, Trust
from truelift.lifecycle.confounder import Incident, IncidentKind, Weight
from truelift.lifecycle.contamination import ADJUDICATES, Counts, Scope, Verdict, Vote, WayOut
from truelift.lifecycle.functions import Function


class SenderKind(models.TextChoices):
    """Who tells of changes."""

    GITHUB = "github", "GitHub deployments"
    GITLAB = "gitlab", "GitLab deployments"
    SENTRY = "sentry", "Sentry releases"
    DATADOG = "datadog", "Datadog events"
    CMS = "cms", "CMS or tag manager"
    WEBHOOK = "webhook", "Any other program"


class SenderRecord(models.Model):
    """A program that tells of changes, and the address at which it does.

    Attributes:
        address_sha256: Of the secret part of its address, which itself is not kept.
        nonce: With the server's key, what the secret is made of.
        secret: Sealed, where the sender makes the secret itself (Sentry); else empty.
        surfaces: What it changes when a message says nothing of where.
        change_kind: What its changes are when a message says nothing of it.
        fields: Name of a change's field → where it stands in the sender's JSON, `data.id`.
        heard_at: When it was last believed.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="senders")
    kind = models.CharField(max_length=8, choices=SenderKind.choices)
    name = models.CharField(max_length=80)
    address_sha256 = models.CharField(max_length=64, unique=True)
    nonce = models.CharField(max_length=40)
    secret = models.TextField(blank=True, default="")
    surfaces = models.JSONField(default=list, blank=True)
    change_kind = models.CharField(max_length=8, default=ChangeKind.UNKNOWN.value)
    fields = models.JSONField(default=dict, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "change_sender"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=SenderKind.values)
                & models.Q(change_kind__in=[each.value for each in ChangeKind]),
                name="change_sender_words_are_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class ChangeRecord(models.Model):
    """Something that was changed for visitors.

    Attributes:
        number: Counted per site; shown as `C-4`.
        source: Who says so: the name that the sender gives itself, or `sender:3`.
        trust: How the sender proved who it is.
        surfaces: Names of the surfaces that it concerns, by files, addresses and words.
        unmapped: Files, addresses and names that no surface claims.
        at: When visitors first met it.
        emergency: Whether it went out past a freeze, with a reason.
        signal: Key of the signal that asks to look at the surface again; empty for none.
        note: Why a person confirmed or dismissed it, or said where it was.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="changes")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=80)
    external_id = models.CharField(max_length=200)
    sender = models.ForeignKey(
        SenderRecord, on_delete=models.PROTECT, null=True, related_name="changes"
    )
    trust = models.CharField(max_length=6)
    state = models.CharField(max_length=9)
    kind = models.CharField(max_length=8)
    what = models.CharField(max_length=300, blank=True)
    env = models.CharField(max_length=80, blank=True)
    repo = models.CharField(max_length=200, blank=True)
    sha = models.CharField(max_length=80, blank=True)
    paths = models.JSONField(default=list, blank=True)
    urls = models.JSONField(default=list, blank=True)
    surfaces = models.JSONField(default=list, blank=True)
    unmapped = models.JSONField(default=list, blank=True)
    elements = models.JSONField(default=list, blank=True)
    arms = models.JSONField(default=list, blank=True)
    planned_for = models.JSONField(default=list, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField()
    told_at = models.DateTimeField()
    emergency = models.BooleanField(default=False)
    signal = models.CharField(max_length=20, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    judged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    judged_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        db_table = "change"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "source", "external_id"], name="change_told_once"
            ),
            models.UniqueConstraint(fields=["site", "number"], name="change_number_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in ChangeKind])
                & models.Q(state__in=[each.value for each in ChangeState])
                & models.Q(trust__in=[each.value for each in Trust]),
                name="change_words_are_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "-at"], name="changes_by_time")]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.what}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"C-{self.number}"

    def as_domain(self) -> Change:
        """Give the value that the rules take."""
        return Change(
            kind=ChangeKind(self.kind),
            external_id=self.external_id,
            what=self.what,
            env=self.env,
            repo=self.repo,
            sha=self.sha,
            paths=tuple(self.paths),
            surfaces=tuple(self.surfaces),
            urls=tuple(self.urls),
            elements=tuple(self.elements),
            arms=tuple(self.arms),
            planned_for=tuple(self.planned_for),
            started_at=self.started_at,
            finished_at=self.finished_at,
            actor=self.actor,
            url=self.url,
        )


class Outcome(models.TextChoices):
    """What became of a message."""

    TAKEN = "taken", "Taken"
    PROPOSED = "proposed", "Proposed"
    AGAIN = "again", "Known already"
    IGNORED = "ignored", "Not a change"
    REFUSED = "refused", "Refused"


class DeliveryRecord(models.Model):
    """A message of a sender, taken or refused, with its reason: none is lost silently.

    Attributes:
        message_id: The sender's own name of it; a message that was taken is not taken again.
        code: Why it was refused, as a stable word; empty otherwise.
        reason: The same for people; or why it is no change.
        body: Its beginning, where it was refused.
    """

    sender = models.ForeignKey(SenderRecord, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    code = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)
    change = models.ForeignKey(
        ChangeRecord, on_delete=models.SET_NULL, null=True, related_name="deliveries"
    )
    arrived_at = models.DateTimeField()

    class Meta:
        db_table = "change_delivery"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sender", "message_id"],
                condition=~models.Q(outcome__in=["refused", "again"]),
                name="change_message_taken_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["sender", "-arrived_at"], name="change_messages_by_time")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.message_id} {self.outcome}"


class ContaminationRecord(models.Model):
    """That a change touched a test that was running.

    Attributes:
        at: When visitors of the test first met it.
        policy: What the policy says, before anybody has looked.
        reason: Why, in a sentence.
        verdict: What holds now: what two people agreed on, or the policy's word.
        units_before: Variant → units first exposed before the day of the change.
        units_after: Variant → units first exposed on that day or later.
        counted_at: When they were counted; None before.
        support: What the numbers can say: sentence, p, power, effects by period; empty before.
        due_at: Until when people may judge before the test ends as invalid; None: at once.
        way_out: What was done with the test; empty while nothing.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="contaminations"
    )
    change = models.ForeignKey(
        ChangeRecord, on_delete=models.PROTECT, related_name="contaminations"
    )
    at = models.DateTimeField()
    scope = models.CharField(max_length=13)
    arms = models.JSONField(default=list, blank=True)
    policy = models.CharField(max_length=7)
    reason = models.CharField(max_length=300)
    verdict = models.CharField(max_length=7)
    units_before = models.JSONField(default=dict, blank=True)
    units_after = models.JSONField(default=dict, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    support = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    way_out = models.CharField(max_length=13, blank=True, default="")
    way_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    way_at = models.DateTimeField(null=True, blank=True)
    way_note = models.CharField(max_length=500, blank=True, default="")
    made_at = models.DateTimeField()

    class Meta:
        db_table = "contamination"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "change"], name="one_contamination_per_test_and_change"
            ),
            models.CheckConstraint(
                condition=models.Q(scope__in=[each.value for each in Scope])
                & models.Q(policy__in=[each.value for each in Verdict])
                & models.Q(verdict__in=[each.value for each in Verdict])
                & models.Q(way_out__in=["", *(each.value for each in WayOut)]),
                name="contamination_words_are_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.change_id} {self.verdict}"

    @property
    def counts(self) -> Counts | None:
        """Who came before and after; None while nobody has counted."""
        if self.counted_at is None:
            return None
        return Counts(before=dict(self.units_before), after=dict(self.units_after))

    def votes(self) -> tuple[Vote, ...]:
        """What people said, the oldest first."""
        return tuple(
            Vote(Function(each.function), each.voter, Verdict(each.verdict))
            for each in sorted(self.adjudications.all(), key=lambda each: each.pk)
        )


class AdjudicationRecord(models.Model):
    """What somebody found a change to be; never rewritten.

    Attributes:
        function: For whom they speak.
        operator: Whether the operator speaks on behalf of `by`.
    """

    contamination = models.ForeignKey(
        ContaminationRecord, on_delete=models.PROTECT, related_name="adjudications"
    )
    function = models.CharField(max_length=11)
    verdict = models.CharField(max_length=7)
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    operator = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "adjudication"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(function__in=[each.value for each in ADJUDICATES])
                & models.Q(verdict__in=[each.value for each in Verdict]),
                name="adjudication_words_are_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.function} {self.verdict}"

    @property
    def voter(self) -> str:
        """Who spoke, as the rules know people: the operator is one person, whoever they name."""
        return "operator" if self.operator or self.by_id is None else str(self.by_id)


class IncidentRecord(models.Model):
    """Something outside of tests that may have moved their numbers.

    Attributes:
        number: Counted per site; shown as `IN-4`.
        surfaces: Where; empty for the whole site.
        arms: Variants that it reached; empty for all alike.
        targeted: Whether it was aimed at some of a test's visitors and not at others.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="incidents")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=9)
    what = models.CharField(max_length=300)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    surfaces = models.JSONField(default=list, blank=True)
    arms = models.JSONField(default=list, blank=True)
    targeted = models.BooleanField(default=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "incident"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "number"], name="incident_number_once_per_site"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in IncidentKind]),
                name="incident_kind_is_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "-since"], name="incidents_by_time")]

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.what}"

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"IN-{self.number}"

    def as_domain(self) -> Incident:
        """Give the value that the rules take."""
        return Incident(
            kind=IncidentKind(self.kind),
            since=self.since,
            until=self.until,
            surfaces=tuple(self.surfaces),
            arms=tuple(self.arms),
            targeted=self.targeted,
        )


class ConfounderRecord(models.Model):
    """That something happened while a test ran.

    Attributes:
        share: Of the test's sample, what came while it lasted; None while nobody has counted.
        weight: Whether it limits where the result holds, or spoils the comparison.
        without: The effect with and without whoever came on its days, post hoc; empty before.
    """

    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="confounders"
    )
    incident = models.ForeignKey(
        IncidentRecord, on_delete=models.CASCADE, related_name="confounders"
    )
    share = models.FloatField(null=True, blank=True)
    weight = models.CharField(max_length=16)
    sentence = models.CharField(max_length=400)
    without = models.JSONField(default=dict, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "confounder"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "incident"], name="one_confounder_per_test_and_incident"
            ),
            models.CheckConstraint(
                condition=models.Q(weight__in=[each.value for each in Weight]),
                name="confounder_weight_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.experiment_id} {self.incident_id}"


class ChangePolicyRecord(models.Model):
    """How long people of a site may judge a fatal change before the test ends as invalid.

    Attributes:
        wait_days: 0 for not at all: it ends at once.
    """

    site = models.OneToOneField(
        "sites.Site", on_delete=models.CASCADE, related_name="change_policy"
    )
    wait_days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "change_policy"

    @override
    def __str__(self) -> str:
        return f"{self.wait_days} days"
