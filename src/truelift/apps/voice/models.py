"""Rows of the customer's voice: notes, calls, the codebook, codes, phrases, claims, themes."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.intake.models import Way
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import Answer, Call, Question


class Source(models.TextChoices):
    """Where somebody said it."""

    SALES = "sales", "Sales call"
    SERVICE = "service", "Service call"
    TICKET = "ticket", "Support ticket"
    CHAT = "chat", "Chat"
    SURVEY = "survey", "Survey"
    REVIEW = "review", "Public review"
    USER_TEST = "user_test", "User test"
    RECORDING = "recording", "Session recording"


class Speaker(models.TextChoices):
    """Who said it."""

    PROSPECT = "prospect", "Prospect"
    CUSTOMER = "customer", "Customer"
    LOST = "lost", "Somebody who decided against it"
    COLLEAGUE = "colleague", "Colleague who retells it"


class Consent(models.TextChoices):
    """Whether they agreed that their words are kept and used."""

    UNKNOWN = "unknown", "Not asked"
    INSIDE = "inside", "Inside the company"
    PUBLIC = "public", "Also in public"
    REFUSED = "refused", "Refused"


class Family(models.TextChoices):
    """The two families of codes (R049)."""

    OBJECTION = "objection", "Objection before the purchase"
    DISAPPOINTMENT = "disappointment", "Disappointment after it"


class Confirmed(models.TextChoices):
    """What a person said of what a machine proposed."""

    SUGGESTED = "suggested", "Suggested"
    CONFIRMED = "confirmed", "Confirmed"
    REJECTED = "rejected", "Rejected"


class CallRecord(models.Model):
    """The monthly call with sales or service; number shown as `VC-3`.

    Attributes:
        function: With whom: sales or service.
        day: When it was held.
        rows: Its answers while it is open: question, text, times, segment, surface.
        nothing_new: Questions that are ticked so.
        closed_at: When its rows became notes.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_calls")
    number = models.PositiveIntegerField()
    function = models.CharField(
        max_length=10,
        choices=[(each.value, each.called) for each in (Function.SALES, Function.SERVICE)],
    )
    day = models.DateField()
    minutes = models.PositiveSmallIntegerField(default=30)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    rows = models.JSONField(default=list, blank=True)
    nothing_new = models.JSONField(default=list, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "voice_call"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="voice_call_number_once")
        ]

    @override
    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"VC-{self.number}"

    def as_domain(self) -> Call:
        """Give the value that the rules judge."""
        return Call(
            key=self.key,
            answers=tuple(
                Answer(
                    Question(each["question"]),
                    each["text"],
                    each.get("times", 1),
                    each.get("segment", ""),
                    each.get("surface", ""),
                )
                for each in self.rows
            ),
            nothing_new=frozenset(Question(each) for each in self.nothing_new),
            minutes=self.minutes,
            closed=self.closed_at is not None,
        )


class NoteRecord(models.Model):
    """Something that a customer said, word for word; number shown as `N-4`.

    Attributes:
        text: Their words; empty once they were erased.
        times: How often, where somebody estimated; otherwise 1.
        stage: Of the deal or of the purchase, in the team's own words.
        lost: Whether a deal was lost over it; None where there was no deal.
        value_minor: What the deal was worth, in minor units of the site's currency.
        refund: Whether money went back; None where nobody knows.
        personal: Whether the words name or describe a person.
        question: Which of the call's questions it answers; empty outside of calls.
        contact: How to reach them; leaves with erasure and after the time that it is kept for.
        outside_id: What it is called where it comes from.
        digest: Of source, day and words: the same thing told twice is one note.
        owner: Who brought it, for the meter of contributions.
        signal: The signal of the evidence inbox that it was also passed on as.
        erased_at: When the words were erased; what was counted stays counted.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_notes")
    number = models.PositiveIntegerField()
    text = models.TextField(max_length=4000, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    day = models.DateField()
    speaker = models.CharField(max_length=10, choices=Speaker.choices, blank=True)
    times = models.PositiveIntegerField(default=1)
    surface = models.CharField(max_length=120, blank=True)
    segment = models.CharField(max_length=120, blank=True)
    stage = models.CharField(max_length=80, blank=True)
    lost = models.BooleanField(null=True, blank=True)
    value_minor = models.BigIntegerField(null=True, blank=True)
    refund = models.BooleanField(null=True, blank=True)
    consent = models.CharField(max_length=8, choices=Consent.choices, default=Consent.UNKNOWN.value)
    personal = models.BooleanField(default=False)
    question = models.CharField(max_length=2, blank=True)
    call = models.ForeignKey(
        CallRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="notes"
    )
    contact = models.CharField(max_length=254, blank=True)
    url = models.CharField(max_length=500, blank=True)
    way = models.CharField(max_length=7, choices=Way.choices)
    outside_id = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    signal = models.ForeignKey(
        "intake.SignalRecord", on_delete=models.SET_NULL, null=True, related_name="notes"
    )
    made_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "voice_note"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="voice_note_number_once"),
            models.UniqueConstraint(fields=["site", "digest"], name="voice_note_told_once"),
            models.UniqueConstraint(
                fields=["site", "way", "outside_id"],
                condition=~models.Q(outside_id=""),
                name="voice_note_from_outside_once",
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=Source.values), name="voice_note_source_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(question__in=["", *(each.value for each in Question)]),
                name="voice_note_question_is_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "day"], name="voice_note_by_day")]

    @override
    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"N-{self.number}"


class CodebookRecord(models.Model):
    """One version of the codes; written once, a change is the next version.

    Attributes:
        codes: Each with key, name, family and meaning.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="codebooks")
    version = models.PositiveIntegerField()
    codes = models.JSONField(default=list)
    because = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "voice_codebook"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "version"], name="voice_codebook_version_once")
        ]

    @override
    def __str__(self) -> str:
        return f"version {self.version}"


class ClaimRecord(models.Model):
    """Something that a page promises; number shown as `CL-2`.

    Attributes:
        text: The promise, as it stands on the page.
        url: Where it stands.
        surface: The surface that claims that address; or as somebody named it.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_claims")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=300)
    url = models.CharField(max_length=500, blank=True)
    surface = models.CharField(max_length=120, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "voice_claim"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="voice_claim_number_once"),
            models.UniqueConstraint(fields=["site", "text", "url"], name="voice_claim_once"),
        ]

    @override
    def __str__(self) -> str:
        return self.text

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"CL-{self.number}"


class CodingRecord(models.Model):
    """What one person says that a note is about.

    Attributes:
        code: A key of the codebook; empty where none fits.
        first: What they said before they had seen the other's code; it never changes.
        blind: Whether they coded it before they could see anybody else's code.
    """

    note = models.ForeignKey(NoteRecord, on_delete=models.CASCADE, related_name="codings")
    coder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    codebook = models.ForeignKey(CodebookRecord, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=40, blank=True)
    first = models.CharField(max_length=40, blank=True)
    blind = models.BooleanField(default=True)
    claim = models.ForeignKey(
        ClaimRecord, on_delete=models.PROTECT, null=True, blank=True, related_name="codings"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "voice_coding"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["note", "coder"], name="voice_coding_once_per_person")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.note_id} {self.code}"


class ClaimTestRecord(models.Model):
    """An experiment that changes a claim, so that refunds and tickets are watched (R052).

    Attributes:
        added: Guardrails that were put into its plan because of it.
    """

    claim = models.ForeignKey(ClaimRecord, on_delete=models.CASCADE, related_name="tests")
    experiment = models.ForeignKey(
        "experiments.ExperimentRecord", on_delete=models.CASCADE, related_name="claims"
    )
    state = models.CharField(
        max_length=9, choices=Confirmed.choices, default=Confirmed.SUGGESTED.value
    )
    added = models.JSONField(default=list, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "voice_claim_test"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["claim", "experiment"], name="voice_claim_test_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.claim_id} {self.experiment_id}"


class PhraseRecord(models.Model):
    """Words that move people; number shown as `PH-2`.

    Attributes:
        said_by: Who said it, by role.
        effect: What was seen to follow.
        permission: Whether it may be used.
        note: The note that it is from.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_phrases")
    number = models.PositiveIntegerField()
    text = models.CharField(max_length=300)
    said_by = models.CharField(max_length=80, blank=True)
    effect = models.CharField(max_length=300, blank=True)
    permission = models.CharField(
        max_length=8, choices=Consent.choices, default=Consent.UNKNOWN.value
    )
    note = models.ForeignKey(
        NoteRecord, on_delete=models.SET_NULL, null=True, blank=True, related_name="phrases"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        db_table = "voice_phrase"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="voice_phrase_number_once"),
            models.UniqueConstraint(fields=["site", "text"], name="voice_phrase_once"),
        ]

    @override
    def __str__(self) -> str:
        return self.text

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"PH-{self.number}"


class PhraseUseRecord(models.Model):
    """A hypothesis whose text, or whose variants' text, has a phrase in it."""

    phrase = models.ForeignKey(PhraseRecord, on_delete=models.CASCADE, related_name="uses")
    hypothesis = models.ForeignKey(
        "research.HypothesisRecord", on_delete=models.CASCADE, related_name="phrases"
    )
    where = models.CharField(max_length=120, blank=True)
    state = models.CharField(
        max_length=9, choices=Confirmed.choices, default=Confirmed.SUGGESTED.value
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "voice_phrase_use"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["phrase", "hypothesis"], name="voice_phrase_use_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.phrase_id} {self.hypothesis_id}"


class ThemeState(models.TextChoices):
    """Where a theme stands; a machine makes drafts alone."""

    DRAFT = "draft", "Draft of a machine"
    ACCEPTED = "accepted", "Accepted"
    DISMISSED = "dismissed", "Dismissed"


class ThemeRecord(models.Model):
    """Notes that speak of one matter; number shown as `TH-2`.

    Attributes:
        name: What it is about: a note's own words until a person names it.
        words: What its notes have in common.
        notes: Their numbers.
        drafted_by: The method and version that put them together.
        edited: Whether a person renamed it when accepting it.
        figures: Counts, exposure, trend and spike, as they were last computed.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_themes")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    words = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    state = models.CharField(
        max_length=9, choices=ThemeState.choices, default=ThemeState.DRAFT.value
    )
    drafted_by = models.CharField(max_length=120)
    edited = models.BooleanField(default=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    figures = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "voice_theme"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "number"], name="voice_theme_number_once"),
            models.CheckConstraint(
                condition=models.Q(decided_by__isnull=False)
                | models.Q(state=ThemeState.DRAFT.value),
                name="voice_theme_decided_by_a_person",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """How people and links call it."""
        return f"TH-{self.number}"


class OwnerRecord(models.Model):
    """Who answers for what sales or service hears (R047)."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="voice_owners")
    function = models.CharField(max_length=10)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()

    class Meta:
        db_table = "voice_owner"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "function"], name="voice_owner_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.function}: {self.owner_id}"


class FiguresRecord(models.Model):
    """What the worker computed last night: yield of evidence, agreement, what codes cost."""

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    document = models.JSONField(default=dict)
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "voice_figures"

    @override
    def __str__(self) -> str:
        return f"{self.site_id}"
