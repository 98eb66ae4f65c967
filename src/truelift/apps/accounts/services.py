"""What may be done about people: set up, invite, accept, change a role, remove."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from truelift.apps.accounts.audit import record
from truelift.apps.accounts.models import (
    AccessToken,
    Invitation,
    Json,
    Membership,
    SetupLink,
    User,
)
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.tokens import digest, new_token
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function


if TYPE_CHECKING:
    from truelift.apps.sites.models import Site


INVITATION_LASTS: Final = timedelta(days=14)
SETUP_LINK_LASTS: Final = timedelta(days=7)


class LinkSpent(Refusal):
    """A link was used, withdrawn or has run out."""

    code = "accounts.link_spent"

    def __init__(self, *, what: str) -> None:
        super().__init__(
            f"This {what} has been used, was withdrawn or has run out. Ask for a new one.",
            what=what,
        )


class ForSomeoneElse(Refusal):
    """An invitation was opened by another person than the one it was sent to."""

    code = "accounts.invitation_for_someone_else"

    def __init__(self, *, email: str) -> None:
        super().__init__(
            f"This invitation is for {email}. Sign out and open the link again.", email=email
        )


class LastOwner(Refusal):
    """A change would leave a site without anyone who may change its settings."""

    code = "accounts.last_owner"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            f"{site} would have no owner. Make somebody else an owner first.", site=site
        )


class AlreadyMember(Refusal):
    """Somebody was invited who already belongs to the site."""

    code = "accounts.already_member"

    def __init__(self, *, email: str, site: str) -> None:
        super().__init__(
            f"{email} already belongs to {site}. Change their role in the list instead.",
            email=email,
            site=site,
        )


class NotMember(Refusal):
    """Somebody without a role on a site was to do something there."""

    code = "accounts.not_member"

    def __init__(self, *, email: str, site: str) -> None:
        super().__init__(
            f"{email} does not belong to {site}. Give them a role there first.",
            email=email,
            site=site,
        )


class AlreadyThere(Refusal):
    """An account exists for the address."""

    code = "accounts.already_there"

    def __init__(self, *, email: str) -> None:
        super().__init__(
            f"There is already an account for {email}. Give it a role, or reset its password.",
            email=email,
        )


class NoSuchPerson(Refusal):
    """No account has this address."""

    code = "accounts.no_such_person"

    def __init__(self, *, email: str) -> None:
        super().__init__(
            f"There is no account for {email}. `truelift users invite` makes one.", email=email
        )


class BadAddress(Refusal):
    """Something is not an e-mail address."""

    code = "accounts.bad_address"

    def __init__(self, *, email: str) -> None:
        super().__init__(f"{email[:80]!r} is no e-mail address.", email=email[:254])


class WeakPassword(Refusal):
    """A password does not meet the rules; all that is wrong is said at once."""

    code = "accounts.weak_password"

    def __init__(self, *, reasons: tuple[str, ...]) -> None:
        super().__init__(" ".join(reasons), reasons=reasons)


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and its link, which is known at this moment only."""

    invitation: Invitation
    url: str


@transaction.atomic
def setup_link(now: datetime) -> str | None:
    """Make the one-time link with which an empty installation gets its first operator.

    A new link makes the ones before it worthless. Nothing is made once anybody has
    an account.
    """
    if User.objects.exists():
        return None
    SetupLink.objects.filter(used_at=None).delete()
    token = new_token()
    SetupLink.objects.create(token_sha256=digest(token), created_at=now)
    return f"{settings.TRUELIFT.public_url}/setup/{token}/"


def is_setup_open(token: str, *, now: datetime) -> bool:
    """Say whether a set-up link may still be used."""
    return (
        not User.objects.exists()
        and SetupLink.objects.filter(
            token_sha256=digest(token), used_at=None, created_at__gt=now - SETUP_LINK_LASTS
        ).exists()
    )


@transaction.atomic
def set_up(token: str, *, email: str, name: str, password: str, now: datetime) -> User:
    """Use the set-up link: make the first person, who is an operator.

    Raises:
        LinkSpent: The link was used or has run out.
        WeakPassword: The password does not meet the rules; the link stays good.
    """
    if not is_setup_open(token, now=now):
        raise LinkSpent(what="set-up link")
    used = SetupLink.objects.filter(token_sha256=digest(token), used_at=None).update(used_at=now)
    if used != 1:
        raise LinkSpent(what="set-up link")
    return add_person(
        email=email, name=name, password=password, is_operator=True, by="setup", now=now
    )


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The first person of an installation, and their site if one had to be made."""

    person: User
    site: Site | None


@transaction.atomic
def set_up_with_site(
    token: str,
    *,
    email: str,
    name: str,
    password: str,
    site: Mapping[str, str] | None,
    now: datetime,
) -> FirstSteps:
    """Use the set-up link for both: the first operator, and the first site, which they own.

    A refusal of either leaves nothing behind, and the link stays good. Without `site`
    only the person is made: there are sites already.

    Raises:
        LinkSpent: The link was used or has run out.
        WeakPassword: The password does not meet the rules.
        Refusal: The site cannot be made; see `sites.services.create_site`.
    """
    from truelift.apps.sites.services import create_site

    person = set_up(token, email=email, name=name, password=password, now=now)
    made = None if site is None else create_site(**site, by=person, now=now).site
    return FirstSteps(person, made)


@transaction.atomic
def join(token: str, *, name: str, password: str, now: datetime) -> User:
    """Take up an invitation with a new account for the address it was sent to.

    Raises:
        LinkSpent: It cannot be used any more.
        AlreadyThere: The address has an account, which has to sign in instead.
        WeakPassword: The password does not meet the rules.
    """
    email = invitation_of(token, now=now).email
    person = add_person(email=email, name=name, password=password, by=email, now=now)
    accept(token, person, now=now)
    return person


@transaction.atomic
def add_person(
    *,
    email: str,
    password: str | None,
    name: str = "",
    is_operator: bool = False,
    by: User | str,
    now: datetime,
) -> User:
    """Make an account.

    Raises:
        BadAddress: It is no address.
        AlreadyThere: The address has one.
        WeakPassword: The password does not meet the rules.
    """
    email = checked_address(email)
    if User.objects.filter(email=email).exists():
        raise AlreadyThere(email=email)
    if password is not None:
        check_password_rules(password, User(email=email, name=name))
    user = User.objects.create_user(email, password, name=name.strip(), is_operator=is_operator)
    record(
        by,
        "person.added",
        f"person:{email}",
        after={"email": email, "name": user.name, "is_operator": is_operator},
        now=now,
    )
    return user


def checked_address(email: str) -> str:
    """Give an address in the form in which it is kept.

    Raises:
        BadAddress: It is none.
    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadAddress(email=email) from error
    return email


def check_password_rules(password: str, user: User) -> None:
    """Refuse a password that is too short, too common or too near to the person's name.

    Raises:
        WeakPassword: With every reason.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(reasons=tuple(error.messages)) from error


@transaction.atomic
def give_role(site: Site, user: User, role: Role, *, by: User | str, now: datetime) -> Membership:
    """Give a person their one role on a site, new or instead of the one they have.

    Raises:
        LastOwner: They are the site's only owner and would stop being one.
    """
    _hold_owners(site)
    found = Membership.objects.filter(site=site, user=user).first()
    if found is None:
        found = Membership.objects.create(site=site, user=user, role=role, created_at=now)
        before = None
    else:
        if found.role == role:
            return found
        before = {"role": str(found.role)}
        _keep_an_owner(site, found, leaving=role is not Role.OWNER)
        found.role = role
        found.save(update_fields=["role"])
    record(
        by,
        "member.role_changed" if before else "member.added",
        f"person:{user.email}",
        before=before,
        after={"role": str(role)},
        site=site.name,
        now=now,
    )
    return found


@transaction.atomic
def set_functions(
    site: Site,
    user: User,
    functions: Collection[Function],
    *,
    by: User | str,
    now: datetime,
) -> Membership:
    """Say what a person does on a site, instead of what was said before.

    Raises:
        NotMember: They have no role there.
    """
    found = Membership.objects.select_for_update().filter(site=site, user=user).first()
    if found is None:
        raise NotMember(email=user.email, site=site.name)
    before: list[Json] = list(found.functions)
    after: list[Json] = [each.value for each in Function if each in set(functions)]
    if before == after:
        return found
    found.functions = after
    found.save(update_fields=["functions"])
    record(
        by,
        "member.functions_changed",
        f"person:{user.email}",
        before={"functions": before},
        after={"functions": after},
        site=site.name,
        now=now,
    )
    return found


@transaction.atomic
def remove_member(site: Site, user: User, *, by: User | str, now: datetime) -> None:
    """Take a person's role on a site away; their account and what they wrote stay.

    Raises:
        LastOwner: They are the site's only owner.
    """
    _hold_owners(site)
    found = Membership.objects.filter(site=site, user=user).first()
    if found is None:
        return
    _keep_an_owner(site, found, leaving=True)
    before = {"role": str(found.role)}
    found.delete()
    record(by, "member.removed", f"person:{user.email}", before=before, site=site.name, now=now)


@transaction.atomic
def invite(site: Site, *, email: str, role: Role, by: User | str, now: datetime) -> Invited:
    """Offer a role to the owner of an address; an older offer to them is withdrawn.

    Raises:
        BadAddress: It is no address.
        AlreadyMember: They have a role there.
    """
    email = checked_address(email)
    if Membership.objects.filter(site=site, user__email=email).exists():
        raise AlreadyMember(email=email, site=site.name)
    Invitation.objects.filter(site=site, email=email, accepted_at=None, revoked_at=None).update(
        revoked_at=now
    )
    token = new_token()
    invitation = Invitation.objects.create(
        site=site,
        email=email,
        role=role,
        token_sha256=digest(token),
        invited_by=by if isinstance(by, str) else by.email,
        created_at=now,
        expires_at=now + INVITATION_LASTS,
    )
    record(
        by,
        "member.invited",
        f"person:{email}",
        after={"role": str(role)},
        site=site.name,
        now=now,
    )
    return Invited(invitation, f"{settings.TRUELIFT.public_url}/invitations/{token}/")


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User | str, now: datetime) -> None:
    """Make an invitation worthless."""
    withdrawn = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, revoked_at=None
    ).update(revoked_at=now)
    if withdrawn:
        record(
            by,
            "invitation.withdrawn",
            f"person:{invitation.email}",
            before={"role": str(invitation.role)},
            site=invitation.site.name,
            now=now,
        )


def invitation_of(token: str, *, now: datetime) -> Invitation:
    """Find the invitation that a token opens.

    Raises:
        LinkSpent: It was accepted, withdrawn, has run out or never was.
    """
    found = (
        Invitation.objects.filter(
            token_sha256=digest(token), accepted_at=None, revoked_at=None, expires_at__gt=now
        )
        .select_related("site")
        .first()
    )
    if found is None:
        raise LinkSpent(what="invitation")
    return found


@transaction.atomic
def accept(token: str, user: User, *, now: datetime) -> Membership:
    """Take up an invitation.

    Raises:
        LinkSpent: It cannot be used any more.
        ForSomeoneElse: It was sent to another address.
    """
    invitation = invitation_of(token, now=now)
    if invitation.email != user.email:
        raise ForSomeoneElse(email=invitation.email)
    taken = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None).update(
        accepted_at=now
    )
    if taken != 1:
        raise LinkSpent(what="invitation")
    return give_role(invitation.site, user, Role(invitation.role), by=user, now=now)


def person_named(email: str) -> User:
    """Find a person by address.

    Raises:
        NoSuchPerson: Nobody has it.
    """
    found = User.objects.filter(email=email.strip().lower()).first()
    if found is None:
        raise NoSuchPerson(email=email.strip().lower())
    return found


@transaction.atomic
def rename(user: User, name: str, *, now: datetime) -> None:
    """Change how a person is called."""
    before = {"name": user.name}
    user.name = name.strip()
    user.save(update_fields=["name"])
    record(
        user,
        "person.renamed",
        f"person:{user.email}",
        before=before,
        after={"name": user.name},
        now=now,
    )


@transaction.atomic
def make_token(user: User, *, name: str, now: datetime) -> str:
    """Make an access token for the API; it can be read from the answer and never again."""
    token = f"tl_{new_token()}"
    row = AccessToken.objects.create(
        user=user, name=name.strip(), sha256=digest(token), created_at=now
    )
    record(user, "token.created", f"token:{row.pk}", after={"name": row.name}, now=now)
    return token


@transaction.atomic
def revoke_token(user: User, token_id: int, *, now: datetime) -> None:
    """Make one of a person's tokens worthless; somebody else's is left alone."""
    revoked = AccessToken.objects.filter(pk=token_id, user=user, revoked_at=None).update(
        revoked_at=now
    )
    if revoked:
        record(user, "token.revoked", f"token:{token_id}", now=now)


def bearer(token: str, *, now: datetime) -> User | None:
    """Say whose access token this is; nothing said means that it is worthless."""
    row = (
        AccessToken.objects.filter(sha256=digest(token), revoked_at=None, user__is_active=True)
        .select_related("user")
        .first()
    )
    if row is None:
        return None
    # Once a minute is enough to see which tokens are in use, and spares a write per request.
    if row.last_used_at is None or now - row.last_used_at > timedelta(minutes=1):
        AccessToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row.user


def reset_link(user: User) -> str:
    """Make the address under which a person sets a new password, for who has no mail."""
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str
    from django.urls import reverse

    path = reverse(
        "account_reset_password_from_key",
        kwargs={
            "uidb36": user_pk_to_url_str(user),
            "key": default_token_generator.make_token(user),
        },
    )
    return f"{settings.TRUELIFT.public_url}{path}"


def _keep_an_owner(site: Site, member: Membership, *, leaving: bool) -> None:
    if not leaving or member.role != Role.OWNER:
        return
    others = Membership.objects.filter(site=site, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwner(site=site.name)


def _hold_owners(site: Site) -> None:
    """Wait for our turn: two owners who demote each other at once must not both succeed."""
    list(Membership.objects.select_for_update().filter(site=site, role=Role.OWNER).order_by("pk"))
