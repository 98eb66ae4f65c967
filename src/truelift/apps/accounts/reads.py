"""What may be asked about people: their role on a site, the members of a site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

from truelift.apps.accounts.models import Invitation, Membership, User
from truelift.apps.accounts.roles import Role
from truelift.lifecycle.functions import Function, Standing


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
        functions: What they do there.
        since: When they came.
        is_last_owner: Without them nobody could change the site's settings.
        has_second_factor: Their account asks for a code as well.
    """

    user_id: int
    name: str
    email: str
    role: Role
    functions: tuple[Function, ...]
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


def functions_in(words: list[str]) -> tuple[Function, ...]:
    """Read functions as a membership keeps them, in the order of the enum."""
    return tuple(each for each in Function if each.value in words)


def functions_in_use(site: Site) -> bool:
    """Say whether anybody on the site has a function; while nobody has, the role alone counts."""
    return Membership.objects.filter(site=site, user__is_active=True).exclude(functions=[]).exists()


def functions_of(user: User | AnonymousUser, site: Site) -> frozenset[Function]:
    """Give what a person does on a site."""
    if not isinstance(user, User):
        return frozenset()
    found = Membership.objects.filter(user=user, site=site).values_list("functions", flat=True)
    return frozenset(functions_in(found.first() or []))


def standing_of(user: User | None, site: Site) -> Standing:
    """Tell the rules who acts and what they do on the site.

    The operator at a command line, who is nobody in particular, is held to no function;
    the audit names them. A person is, also an operator who has signed in.
    """
    if user is None:
        return Standing(key="operator", name="the operator")
    return Standing(
        key=str(user.pk),
        name=str(user),
        functions=functions_of(user, site),
        in_use=functions_in_use(site),
    )


def people_with(
    site: Site, functions: frozenset[Function], *, least: Role = Role.ANALYST
) -> tuple[User, ...]:
    """List who may take a step that belongs to functions, those with more say first.

    Args:
        site: The site.
        functions: Any one of these is enough; empty: everybody's.
        least: The access role that the step asks for beside.
    """
    rows = Membership.objects.filter(site=site, user__is_active=True).select_related("user")
    in_use = any(row.functions for row in rows)
    able = [
        row
        for row in rows
        if Role(row.role).covers(least)
        and (not in_use or not functions or functions & set(functions_in(row.functions)))
    ]
    able.sort(key=lambda row: (-Role(row.role).rank, str(row.user).lower()))
    return tuple(row.user for row in able)


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
            functions=functions_in(row.functions),
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
