"""What may be asked about people: their role on a site, the members of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

from truelift.apps.accounts.models import Invitation, Membership, User
from truelift.apps.accounts.roles import Role


if TYPE_CHECKING:
    from truelift.apps.sites.models import Site


@dataclass(frozen=True, slots=True)
class Member:
    """A line of the members page.

    Attributes:
        user_id: The person's number.
        name: Their name, or their address when they gave none.
        email: Their address.
        role: Their role on the site.
        since: When they came.
        is_last_owner: Without them nobody could change the site's settings.
        has_second_factor: Their account asks for a code as well.
    """

    user_id: int
    name: str
    email: str
    role: Role
    since: datetime
    is_last_owner: bool
    has_second_factor: bool


def role_of(user: User | AnonymousUser, site: Site) -> Role | None:
    """Say which role a person has on a site; nothing said means that they are a stranger.

    Operators run the installation and reach every site as owner.
    """
    if not isinstance(user, User) or not user.is_active:
        return None
    if user.is_operator:
        return Role.OWNER
    found = Membership.objects.filter(user=user, site=site).values_list("role", flat=True).first()
    return Role(found) if found else None


def members_of(site: Site) -> tuple[Member, ...]:
    """List everyone with a role on the site, owners first, then by name."""
    from allauth.mfa.models import Authenticator

    rows = list(Membership.objects.filter(site=site).select_related("user"))
    owners = [row for row in rows if row.role == Role.OWNER]
    guarded = set(
        Authenticator.objects.filter(user__in=[row.user_id for row in rows]).values_list(
            "user_id", flat=True
        )
    )
    found = [
        Member(
            user_id=row.user.pk,
            name=str(row.user),
            email=row.user.email,
            role=Role(row.role),
            since=row.created_at,
            is_last_owner=len(owners) == 1 and row.role == Role.OWNER,
            has_second_factor=row.user_id in guarded,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda each: (-each.role.rank, each.name.lower())))


def people_of(site: Site) -> tuple[User, ...]:
    """List the people who may be named as owners of things on a site, by name."""
    return tuple(
        User.objects.filter(memberships__site=site, is_active=True).order_by("name", "email")
    )


def open_invitations(site: Site, *, now: datetime) -> tuple[Invitation, ...]:
    """List invitations that can still be accepted, newest first."""
    return tuple(
        Invitation.objects.filter(
            site=site, accepted_at=None, revoked_at=None, expires_at__gt=now
        ).order_by("-created_at", "-pk")
    )
