"""What may be asked about sites, and the one gate through which every page of a site goes."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site, WriteKey


class RoleTooSmall(PermissionDenied):
    """A member asked for something that their role does not allow."""

    def __init__(self, *, has: Role, needs: Role) -> None:
        self.has = has
        self.needs = needs
        super().__init__(
            f"This needs the role {needs} on the site; yours is {has}. An owner of the"
            " site can change it."
        )


def site_for(user: User | AnonymousUser, name: str, *, needs: Role = Role.VIEWER) -> Site:
    """Give the site when the person may do there what `needs` may.

    The first line of every view of a site.

    Raises:
        Http404: There is no such site, or the person is a stranger to it: the same answer,
            so that nobody learns which sites exist.
        RoleTooSmall: The person belongs to the site, but their role does not reach: 403.
    """
    site = Site.objects.filter(name=name).first()
    role = role_of(user, site) if site else None
    if site is None or role is None:
        raise Http404
    if not role.covers(needs):
        raise RoleTooSmall(has=role, needs=needs)
    return site


def site_and_role(user: User | AnonymousUser, name: str) -> tuple[Site, Role] | None:
    """Give the site and the person's role when they belong to it, for the frame around a page."""
    site = Site.objects.filter(name=name).first()
    role = role_of(user, site) if site else None
    return (site, role) if site and role else None


def sites_of(user: User | AnonymousUser) -> tuple[Site, ...]:
    """List the sites that a person may see, by name."""
    if not isinstance(user, User):
        return ()
    if user.is_operator:
        return tuple(Site.objects.order_by("name"))
    return tuple(Site.objects.filter(memberships__user=user).order_by("name"))


def site_named(name: str) -> Site | None:
    """Find a site for the command line, which has no person at the gate."""
    return Site.objects.filter(name=name).first()


def keys_of(site: Site) -> tuple[WriteKey, ...]:
    """List a site's keys that work, public ones first, then by age."""
    return tuple(WriteKey.objects.filter(site=site, revoked_at=None).order_by("kind", "pk"))


def public_key_of(site: Site) -> str:
    """Give the newest public key that works; empty when all are revoked."""
    found = (
        WriteKey.objects.filter(site=site, kind="public", revoked_at=None).order_by("-pk").first()
    )
    return found.plain if found else ""


def event_names_of(site: Site) -> dict[str, tuple[str, ...]]:
    """Give what the site calls events of the built-in metrics, where it calls them otherwise."""
    return {event: tuple(names) for event, names in site.event_names.items()}


def any_site() -> bool:
    """Say whether the installation has a site at all."""
    return Site.objects.exists()
