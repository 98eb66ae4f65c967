"""The members of a site: who may do what, invitations, leaving."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts import services
from truelift.apps.accounts.forms import FunctionsForm, InviteForm, RoleForm
from truelift.apps.accounts.models import Invitation, User
from truelift.apps.accounts.reads import (
    members_of,
    open_invitations,
    role_of,
)
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function


if TYPE_CHECKING:
    from truelift.apps.sites.models import Site


@require_safe
def members(request: SignedInRequest, site: str) -> HttpResponse:
    """List members with their roles."""
    return _page(request, site_for(request.user, site))


@require_POST
@never_cache
def invite(request: SignedInRequest, site: str) -> HttpResponse:
    """Invite somebody: by mail where mail is set up, and always as a link to copy."""
    place = site_for(request.user, site, needs=Role.OWNER)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, place, form=form, status=422)
    try:
        invited = services.invite(
            place,
            email=form.cleaned_data["email"],
            role=Role(form.cleaned_data["role"]),
            by=request.user,
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _page(request, place, form=form, refusal=refusal, status=409)
    mailed = bool(settings.TRUELIFT.email_url) and _mail(request.user, invited)
    return _page(request, place, invited=invited, mailed=mailed)


@require_POST
def change_role(request: SignedInRequest, site: str, person: int) -> HttpResponse:
    """Give a member another role."""
    place = site_for(request.user, site, needs=Role.OWNER)
    member = _member(place, person)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, place, status=422)
    try:
        services.give_role(
            place, member, Role(form.cleaned_data["role"]), by=request.user, now=datetime.now(UTC)
        )
    except Refusal as refusal:
        return _page(request, place, refusal=refusal, status=409)
    messages.success(request, f"{member} is now {form.cleaned_data['role']}.")
    return redirect("accounts:members", site=site)


@require_POST
def change_functions(request: SignedInRequest, site: str, person: int) -> HttpResponse:
    """Say what a member does."""
    place = site_for(request.user, site, needs=Role.OWNER)
    member = _member(place, person)
    form = FunctionsForm(request.POST)
    if not form.is_valid():
        return _page(request, place, status=422)
    chosen = form.chosen()
    services.set_functions(place, member, chosen, by=request.user, now=datetime.now(UTC))
    words = ", ".join(each.called for each in chosen) or "no function"
    messages.success(request, f"{member}: {words}.")
    return redirect("accounts:members", site=site)


@require_POST
def remove(request: SignedInRequest, site: str, person: int) -> HttpResponse:
    """Take a member's role away; everyone may leave by themselves."""
    place = site_for(request.user, site)
    member = _member(place, person)
    if member.pk != request.user.pk:
        place = site_for(request.user, site, needs=Role.OWNER)
    try:
        services.remove_member(place, member, by=request.user, now=datetime.now(UTC))
    except Refusal as refusal:
        return _page(request, place, refusal=refusal, status=409)
    messages.success(request, f"{member} no longer belongs to {place}.")
    if role_of(request.user, place) is None:
        return redirect("home")
    return redirect("accounts:members", site=site)


@require_POST
def withdraw(request: SignedInRequest, site: str, invitation: int) -> HttpResponse:
    """Make an invitation worthless."""
    place = site_for(request.user, site, needs=Role.OWNER)
    offer = get_object_or_404(Invitation, pk=invitation, site=place)
    services.withdraw(offer, by=request.user, now=datetime.now(UTC))
    messages.success(request, f"The invitation for {offer.email} is withdrawn.")
    return redirect("accounts:members", site=site)


def _page(
    request: SignedInRequest, site: Site, *, status: int = 200, **more: object
) -> HttpResponse:
    now = datetime.now(UTC)
    role = role_of(request.user, site)
    listed = members_of(site)
    context = {
        "site": site,
        "members": listed,
        "invitations": open_invitations(site, now=now),
        "may_change": role is Role.OWNER,
        "roles": list(Role),
        "functions": list(Function),
        "in_use": any(each.functions for each in listed),
        "form": InviteForm(),
        "has_mail": bool(settings.TRUELIFT.email_url),
        **more,
    }
    return render(request, "accounts/members.html", context, status=status)


def _member(site: Site, person: int) -> User:
    member = User.objects.filter(pk=person, memberships__site=site).first()
    if member is None:
        raise Http404
    return member


def _mail(sender: User, invited: services.Invited) -> bool:
    """Send the invitation; a mail server that is down must not lose the link on the page."""
    about = {"sender": sender, "offer": invited.invitation, "url": invited.url}
    try:
        sent = send_mail(
            f"{sender} invites you to {invited.invitation.site} on Truelift",
            render_to_string("accounts/invitation.txt", about),
            None,
            [invited.invitation.email],
        )
    except OSError:
        return False
    return sent == 1
