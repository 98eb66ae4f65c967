"""Rows about sites: their settings, and the keys with which events come in."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from truelift.apps.sites.defaults import (
    DAILY_QUOTA,
    RATE_LIMIT_PER_MINUTE,
    payment_referrers,
)


class Site(models.Model):
    """A site that is measured, with everything its measuring depends on.

    Attributes:
        name: Its name in paths, addresses and commands; never changes.
        version: Counts changes, so that two people's changes do not overwrite each other.
        own_hosts: Hosts between which a visitor keeps one identity; links between them
            are not referrals.
        payment_referrers: Hosts that a visitor comes back from after paying; such a
            return does not start a new session or channel.
        retention: Event → days that its rows are kept; `*` for all others.
        event_names: Event of the built-in metrics → what the site calls it instead.
        people_lists: Whether analysts may list the visitors behind a number, by id.
    """

    name = models.CharField(max_length=40, unique=True)
    title = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    currency = models.CharField(max_length=3, default="EUR")
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    internal_hosts = models.JSONField(default=list, blank=True)
    internal_addresses = models.JSONField(default=list, blank=True)
    internal_user_agents = models.JSONField(default=list, blank=True)
    internal_property = models.CharField(max_length=80, blank=True, default="")
    internal_value = models.CharField(max_length=80, blank=True, default="")
    test_order_property = models.CharField(max_length=80, blank=True, default="")
    test_order_value = models.CharField(max_length=80, blank=True, default="")
    own_hosts = models.JSONField(default=list, blank=True)
    payment_referrers = models.JSONField(default=payment_referrers, blank=True)
    revenue_tax = models.CharField(max_length=3, default="in")
    revenue_shipping = models.CharField(max_length=3, default="in")
    server_orders_only = models.BooleanField(default=False)
    retention = models.JSONField(default=dict, blank=True)
    event_names = models.JSONField(default=dict, blank=True)
    exposure_rules = models.JSONField(default=list, blank=True)
    rate_limit_per_minute = models.PositiveIntegerField(default=RATE_LIMIT_PER_MINUTE)
    daily_quota = models.PositiveBigIntegerField(default=DAILY_QUOTA)
    people_lists = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z][a-z0-9-]{1,39}$"),
                name="site_name_can_stand_in_a_path",
            ),
            models.CheckConstraint(
                condition=models.Q(revenue_tax__in=["in", "out"])
                & models.Q(revenue_shipping__in=["in", "out"]),
                name="site_revenue_parts_are_in_or_out",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.title or self.name


class WriteKey(models.Model):
    """A key with which events may be sent to a site.

    Attributes:
        kind: `public` stands in pages and may only append; `secret` belongs on servers.
        plain: The key itself when it is public (it is in every page's source anyway);
            empty when it is secret.
        hint: The last four characters, so that a person can tell keys apart.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=6, choices=[("public", "public"), ("secret", "secret")])
    sha256 = models.CharField(max_length=64, unique=True)
    plain = models.CharField(max_length=120, blank=True, default="")
    hint = models.CharField(max_length=4)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["public", "secret"]), name="key_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="public") | models.Q(plain=""),
                name="secret_keys_are_not_kept",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} …{self.hint}"

    @property
    def key_id(self) -> str:
        """How events and logs call this key without giving it away."""
        return f"k{self.pk}"
