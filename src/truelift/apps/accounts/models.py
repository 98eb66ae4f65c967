"""Rows about people: who they are, where they may go, and what they did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from typing_extensions import override

from truelift.apps.accounts.roles import Role


Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
Facts = Mapping[str, Json]
"""What the audit says of a thing: the facts that changed."""


class People(BaseUserManager["User"]):
    """Creates accounts; addresses are kept in small letters, so that each is one person."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Store a person; without a password they must reset it before they can sign in."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @override
    def get_by_natural_key(self, username: str | None) -> User:
        """Find a person by address, whatever its capitals."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person with an account; signs in by e-mail address.

    Attributes:
        is_operator: Runs the installation: creates sites and reaches every one as owner.
    """

    email = models.EmailField(unique=True, max_length=254)
    name = models.CharField(max_length=120, blank=True)
    is_operator = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[People] = People()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="user_email_in_small_letters",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name or self.email

    @override
    def get_username(self) -> str:
        """Give the address, which is what the audit calls a person."""
        return self.email


class Membership(models.Model):
    """A person's one role on a site, and what they do there.

    Attributes:
        functions: Words of `lifecycle.functions.Function`, in the order of that enum.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    functions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "site"], name="one_role_per_person_and_site"),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]),
                name="membership_role_is_known",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user} is {self.role}"


class Invitation(models.Model):
    """An offer of a role to the owner of an address; the token itself is not kept."""

    site = models.ForeignKey("sites.Site", on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    token_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]),
                name="invitation_role_is_known",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.email} as {self.role}"


class SetupLink(models.Model):
    """The link that makes the first operator of an empty installation, once."""

    token_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    @override
    def __str__(self) -> str:
        return "used" if self.used_at else "waiting"


class AccessToken(models.Model):
    """A secret with which a program speaks to the API as a person."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    @override
    def __str__(self) -> str:
        return self.name


if TYPE_CHECKING:
    _Field = models.Field[Facts | None, dict[str, Json] | None]
else:
    _Field = models.Field  # only the stubs' field takes parameters


class ExactJson(_Field):
    """JSON kept as the very text that was hashed.

    PostgreSQL's `jsonb` writes 1e20 back as a hundred digits; a chain over such
    values would break without anybody having touched a row.
    """

    @override
    def get_internal_type(self) -> str:
        """The column is text in every database."""
        return "TextField"

    def from_db_value(self, value: str | None, *where: object) -> object:
        """Read the text."""
        del where
        return None if value is None else json.loads(value)

    @override
    def get_prep_value(self, value: object) -> str | None:
        """Write the one text that a value has."""
        return None if value is None else exact(value)


def exact(value: object) -> str:
    """Write a value as JSON in the one way in which it is stored and hashed."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


class AuditEvent(models.Model):
    """Something that somebody changed; append-only, hash-chained, numbered without gaps.

    The database refuses to change or delete a row (`append_only.py`).

    Attributes:
        id: 1, 2, 3 …: given by the service inside the transaction, never by a sequence,
            which would leave gaps behind every rollback.
        actor: E-mail address of the person, or `operator`, `system`.
        on_behalf_of: For `--as USER`: the user named; the actor stays the operator.
        target: What was changed, as `kind:key`.
        chain: SHA-256 over the row before this one and everything in this row.
    """

    id = models.PositiveBigIntegerField(primary_key=True)
    occurred_at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    on_behalf_of = models.CharField(max_length=254, blank=True, default="")
    site = models.CharField(max_length=40, blank=True, default="")
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    before = ExactJson(null=True)
    after = ExactJson(null=True)
    chain = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_event"
        indexes: ClassVar = [models.Index(fields=["site", "id"], name="audit_event_of_site")]

    @override
    def __str__(self) -> str:
        return f"{self.id} {self.actor} {self.action} {self.target}"
