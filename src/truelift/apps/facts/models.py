"""Rows of facts: feeds, what came in with them day by day, and what was refused."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.lifecycle.functions import Function
from truelift.lifecycle.shared_metric import Definition, MetricKind, Signature, State


class FeedRecord(models.Model):
    """Where facts of one kind come from.

    Attributes:
        kind: A `FeedKind`.
        source: A `FeedSource`: through which door its rows usually come.
        owner: Who is asked when it is late.
        promise_hours: At least this often something arrives.
        lag_days: A day's rows are complete so many days after it.
        maturity_days: So long after a day its rows may still change.
        columns: Our column → how the files of this feed call it.
        counts: Whether it is the one of its kind that is read; of traffic only one is.
        address_sha256: Of the address at which a program sends rows; empty for none.
        nonce: Of which the secret is made that signs them.
        arrived_at: When something last came.
        through: The last day that it says anything of.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="feeds")
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=8)
    source = models.CharField(max_length=8)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    promise_hours = models.PositiveIntegerField(default=36)
    lag_days = models.PositiveSmallIntegerField(default=0)
    maturity_days = models.PositiveSmallIntegerField(default=30)
    columns = models.JSONField(default=dict, blank=True)
    counts = models.BooleanField(default=True)
    address_sha256 = models.CharField(max_length=64, blank=True, default="")
    nonce = models.CharField(max_length=64, blank=True, default="")
    arrived_at = models.DateTimeField(null=True)
    through = models.DateField(null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "fact_feed"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "name"],
                condition=models.Q(ended_at=None),
                name="fact_feed_named_once",
            ),
            models.UniqueConstraint(
                fields=["site"],
                condition=models.Q(kind="traffic", counts=True, ended_at=None),
                name="fact_one_traffic_counts",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[each.value for each in FeedKind])
                & models.Q(source__in=[each.value for each in FeedSource]),
                name="fact_feed_kind_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class ArrivalRecord(models.Model):
    """That something came in, and what became of it.

    Attributes:
        door: A `FeedSource`.
        file: The name of the file; empty for none.
        new: Rows that were not there before.
        changed: Rows that say something else now.
        same: Rows that were known already.
        gone: Rows of whole days that are not there any more.
        refused: Rows that were not taken.
        first_day: Of the rows that were taken.
        last_day: Likewise.
        ignored: Columns that nobody reads.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="arrivals")
    door = models.CharField(max_length=8)
    file = models.CharField(max_length=200, blank=True, default="")
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    same = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    ignored = models.JSONField(default=list, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "fact_arrival"
        ordering: ClassVar = ["-at", "-pk"]

    @override
    def __str__(self) -> str:
        return f"{self.feed_id} {self.at:%Y-%m-%d %H:%M}"


class RefusedRecord(models.Model):
    """A row that was not taken, with the line on which it stood and why."""

    arrival = models.ForeignKey(ArrivalRecord, on_delete=models.CASCADE, related_name="refusals")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    row = models.TextField(blank=True, default="")

    class Meta:
        db_table = "fact_refused"
        ordering: ClassVar = ["line", "pk"]

    @override
    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class CellRecord(models.Model):
    """From where, with which campaign, to which page, on which device: what days are told by.

    Attributes:
        digest: SHA-256 of the four, by which it is found.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    source = models.CharField(max_length=120, blank=True, default="")
    campaign = models.CharField(max_length=200, blank=True, default="")
    landing = models.CharField(max_length=300, blank=True, default="")
    device = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        db_table = "fact_cell"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "digest"], name="fact_cell_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.source} · {self.campaign} · {self.landing} · {self.device}"


class TrafficRecord(models.Model):
    """Sessions of a day in a cell, with what was bought in them.

    Attributes:
        people: Different people of the day; None where the feed does not say.
        bounces: Likewise.
        orders: Likewise; then they are taken from feeds of orders.
        revenue_minor: Before refunds; likewise.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    sessions = models.BigIntegerField()
    people = models.BigIntegerField(null=True)
    bounces = models.BigIntegerField(null=True)
    orders = models.BigIntegerField(null=True)
    revenue_minor = models.BigIntegerField(null=True)

    class Meta:
        db_table = "fact_traffic"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "day", "cell"], name="fact_traffic_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day}: {self.sessions}"


class SpendRecord(models.Model):
    """What a source cost on a day, and the clicks that it was paid for."""

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    clicks = models.BigIntegerField(null=True)
    spend_minor = models.BigIntegerField()

    class Meta:
        db_table = "fact_spend"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "day", "cell"], name="fact_spend_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day}: {self.spend_minor}"


class OrderRecord(models.Model):
    """An order as the shop knows it.

    Attributes:
        order: The shop's number of it.
        new_customer: Whether it was the customer's first; None where nobody says.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    order = models.CharField(max_length=100)
    day = models.DateField()
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    revenue_minor = models.BigIntegerField()
    new_customer = models.BooleanField(null=True)

    class Meta:
        db_table = "fact_order"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "order"], name="fact_order_once")
        ]
        indexes: ClassVar = [models.Index(fields=["feed", "day"], name="fact_order_day")]

    @override
    def __str__(self) -> str:
        return self.order


class RefundRecord(models.Model):
    """Money that went back, for one order.

    Attributes:
        refund: The shop's number of it; made of order and day where it has none.
        day: When the money went back.
        said_day: When the order was made, as the feed says; None where it does not.
        said_cell: Where the order came from, as the feed says.
        order_day: When the order was made: as the order itself says, else the feed; None while
            neither is known.
        cell: Where it came from, likewise.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    refund = models.CharField(max_length=120)
    order = models.CharField(max_length=100)
    day = models.DateField()
    said_day = models.DateField(null=True)
    amount_minor = models.BigIntegerField()
    said_cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    order_day = models.DateField(null=True)
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "fact_refund"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "refund"], name="fact_refund_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["feed", "order_day"], name="fact_refund_order_day"),
            models.Index(fields=["feed", "order"], name="fact_refund_order"),
        ]

    @override
    def __str__(self) -> str:
        return self.refund


class LeadRecord(models.Model):
    """A lead, with the days on which sales took it further.

    Attributes:
        lead: Its number, never a name or an address.
        mql_day: When marketing found it good enough for sales; None: not yet.
        sql_day: When sales took it.
        closed_day: When it was won or lost.
        won: None while it is open.
        value_minor: What it is or was worth; None where nobody says.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    lead = models.CharField(max_length=100)
    day = models.DateField()
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    mql_day = models.DateField(null=True)
    sql_day = models.DateField(null=True)
    closed_day = models.DateField(null=True)
    won = models.BooleanField(null=True)
    value_minor = models.BigIntegerField(null=True)

    class Meta:
        db_table = "fact_lead"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "lead"], name="fact_lead_once")
        ]
        indexes: ClassVar = [models.Index(fields=["feed", "day"], name="fact_lead_day")]

    @override
    def __str__(self) -> str:
        return self.lead


class CallRecord(models.Model):
    """A telephone call that came in.

    Attributes:
        call: Its number, never that of a telephone.
        seconds: How long it was; None where nobody says.
        lead: The lead that it belongs to; empty for none.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    call = models.CharField(max_length=100)
    day = models.DateField()
    cell = models.ForeignKey(CellRecord, on_delete=models.PROTECT, related_name="+")
    seconds = models.BigIntegerField(null=True)
    lead = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        db_table = "fact_call"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "call"], name="fact_call_once")
        ]
        indexes: ClassVar = [models.Index(fields=["feed", "day"], name="fact_call_day")]

    @override
    def __str__(self) -> str:
        return self.call


class LedgerRecord(models.Model):
    """Net revenue of a day or a month in the books of finance.

    Attributes:
        day: The first day.
        until: The first day after it.
    """

    feed = models.ForeignKey(FeedRecord, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    until = models.DateField()
    revenue_minor = models.BigIntegerField()

    class Meta:
        db_table = "fact_ledger"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["feed", "day", "until"], name="fact_ledger_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day}: {self.revenue_minor}"


class DayRecord(models.Model):
    """All of a site's day, added up when facts come in so that no page does.

    Attributes:
        people: None where no feed says.
        bounces: Likewise.
        revenue_minor: Before refunds.
        refunded_minor: Of the day's orders, within the window.
        late_minor: Of the day's orders, after it; never taken off.
        returned_minor: What went back on this day, of whatever order.
        unplaced_minor: Of that, what belongs to no order that is known.
        clicks: None where no feed says.
        spend_minor: Likewise.
        leads: That came on this day, likewise.
        mqls: Of these, however late.
        sqls: Likewise.
        won: Likewise.
        closed: Likewise, won or lost.
        won_minor: What the won ones are worth.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    sessions = models.BigIntegerField(null=True)
    people = models.BigIntegerField(null=True)
    bounces = models.BigIntegerField(null=True)
    orders = models.BigIntegerField(null=True)
    revenue_minor = models.BigIntegerField(null=True)
    refunded_minor = models.BigIntegerField(default=0)
    late_minor = models.BigIntegerField(default=0)
    returned_minor = models.BigIntegerField(default=0)
    unplaced_minor = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(null=True)
    spend_minor = models.BigIntegerField(null=True)
    leads = models.BigIntegerField(null=True)
    mqls = models.BigIntegerField(default=0)
    sqls = models.BigIntegerField(default=0)
    won = models.BigIntegerField(default=0)
    closed = models.BigIntegerField(default=0)
    won_minor = models.BigIntegerField(default=0)

    class Meta:
        db_table = "fact_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "day"], name="fact_day_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"


class SharedMetricRecord(models.Model):
    """One version of what a site means by its commercial metric; never changed.

    Attributes:
        version: From 1.
        kind: A `MetricKind`.
        maturity_days: Refunds of so many days after an order change its day.
        eligible: Which sessions count, in words.
        close_rate: P(close) of a lead as agreed; None: as the leads feed has it.
        value_minor: What a won lead or an activated visitor is worth, as agreed.
        because: Why it is defined so, or what is other than before.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="shared_metrics")
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    maturity_days = models.PositiveSmallIntegerField()
    eligible = models.CharField(max_length=300)
    close_rate = models.FloatField(null=True)
    value_minor = models.BigIntegerField(null=True)
    because = models.CharField(max_length=500)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    proposed_at = models.DateTimeField()

    class Meta:
        db_table = "shared_metric"
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "version"], name="shared_metric_version_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} version {self.version}"

    def as_domain(self) -> Definition:
        """Give it as the rules know it; its signatures are fetched before."""
        return Definition(
            version=self.version,
            kind=MetricKind(self.kind),
            maturity_days=self.maturity_days,
            close_rate=self.close_rate,
            value_minor=self.value_minor,
            signatures=tuple(
                Signature(Function(each.function), str(each.person_id), each.at)
                for each in self.signatures.all()
            ),
        )

    @property
    def state(self) -> State:
        """Whether it is in force, as far as its own signatures go."""
        return self.as_domain().state


class SignatureRecord(models.Model):
    """That somebody signed a version, for the function that they have."""

    definition = models.ForeignKey(
        SharedMetricRecord, on_delete=models.CASCADE, related_name="signatures"
    )
    function = models.CharField(max_length=20)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "shared_metric_signature"
        ordering: ClassVar = ["at", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["definition", "function"], name="shared_metric_function_signs_once"
            ),
            models.UniqueConstraint(
                fields=["definition", "person"], name="shared_metric_person_signs_once"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.definition_id} {self.function}"


class TrackingPlanRecord(models.Model):
    """Which events a site is to send, as somebody wrote it down.

    Attributes:
        events: Their names; none of them: those that the site's metrics count.
        version: Counts changes, so that two people's changes do not overwrite each other.
    """

    site = models.OneToOneField("sites.Site", on_delete=models.CASCADE, related_name="+")
    events = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "tracking_plan"

    @override
    def __str__(self) -> str:
        return f"{self.site_id}: {len(self.events)} events"


class TrackingRecord(models.Model):
    """How much was tracked, as it was read on a day.

    Attributes:
        day: At the site; the last reading of a day is kept.
        document: What `tracking.computed` gives.
    """

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    read_at = models.DateTimeField()
    document = models.JSONField()

    class Meta:
        db_table = "tracking_day"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "day"], name="tracking_once_a_day")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.site_id} {self.day}"
