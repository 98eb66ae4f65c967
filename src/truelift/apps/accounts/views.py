"""Pages about a person: the first one's set-up, taking up an invitation, one's own account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts import services
from truelift.apps.accounts.forms import NameForm, OperatorForm, PersonForm, TokenForm
from truelift.apps.accounts.models import User
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.services import LinkSpent, WeakPassword
from truelift.apps.sites.forms import NewSiteForm
from truelift.apps.sites.reads import any_site
from truelift.errors import Refusal


BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
P = ParamSpec("P")


def tokened(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Keep a page whose address is a secret out of caches, indexes and referrers."""

    @login_not_required
    @never_cache
    @sensitive_post_parameters("password")
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex"
        # Not `no-referrer`: then browsers send `Origin: null` with the page's own form, and
        # the CSRF check refuses it. The address still never leaves this host.
        response["Referrer-Policy"] = "same-origin"
        return response

    return guarded  # type: ignore[return-value] # the stubs make a named argument of `request`


@tokened
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first operator and the first site, then go and connect it."""
    now = datetime.now(UTC)
    if not services.is_setup_open(token, now=now):
        return render(
            request, "accounts/spent.html", {"refusal": LinkSpent(what="set-up link")}, status=410
        )
    person = OperatorForm(request.POST or None)
    # Sites may have been made on the command line; the operator reaches them anyway.
    place = None if any_site() else NewSiteForm(request.POST or None)
    if request.method == "POST" and person.is_valid() and (place is None or place.is_valid()):
        try:
            made = services.set_up_with_site(
                token,
                **person.cleaned_data,
                site=None if place is None else place.cleaned_data,
                now=now,
            )
        except WeakPassword as refusal:
            person.add_error("password", str(refusal))
        except Refusal as refusal:
            (place or person).add_error(None, str(refusal))
        else:
            login(request, made.person, backend=BACKEND)
            return redirect("sites:connect", site=made.site.name) if made.site else redirect("home")
    status = 422 if request.method == "POST" else 200
    context = {"person": person, "place": place}
    return render(request, "accounts/setup.html", context, status=status)


@tokened
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take up a role on a site, with a new account where there is none."""
    now = datetime.now(UTC)
    try:
        offer = services.invitation_of(token, now=now)
    except LinkSpent as refusal:
        return render(request, "accounts/spent.html", {"refusal": refusal}, status=410)
    known = User.objects.filter(email=offer.email).first()
    signed_in = request.user if isinstance(request.user, User) else None
    context = {"offer": offer, "known": known, "signed_in": signed_in, "here": request.path}
    if known or signed_in:
        if request.method == "POST" and signed_in:
            services.accept(token, signed_in, now=now)
            return redirect(f"/s/{offer.site.name}/")
        return render(request, "accounts/invitation.html", context)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = services.join(token, **form.cleaned_data, now=now)
        except WeakPassword as refusal:
            form.add_error("password", str(refusal))
        else:
            login(request, person, backend=BACKEND)
            return redirect(f"/s/{offer.site.name}/")
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/invitation.html", {**context, "form": form}, status=status)


@require_safe
def me(request: SignedInRequest) -> HttpResponse:
    """Show a person their own account."""
    return render(request, "accounts/me.html", _about(request))


@require_POST
def rename(request: SignedInRequest) -> HttpResponse:
    """Change how a person is called."""
    form = NameForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/me.html", _about(request, name_form=form), status=422)
    services.rename(request.user, form.cleaned_data["name"], now=datetime.now(UTC))
    messages.success(request, "Your name is changed.")
    return redirect("accounts:me")


@require_POST
@never_cache
def add_token(request: SignedInRequest) -> HttpResponse:
    """Make an access token and show it, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return render(request, "accounts/me.html", _about(request, token_form=form), status=422)
    token = services.make_token(request.user, name=form.cleaned_data["name"], now=datetime.now(UTC))
    return render(request, "accounts/me.html", _about(request, new_token=token))


@require_POST
def revoke_token(request: SignedInRequest, token: int) -> HttpResponse:
    """Make one of the person's own access tokens worthless."""
    services.revoke_token(request.user, token, now=datetime.now(UTC))
    messages.success(request, "The token does not work any more.")
    return redirect("accounts:me")


def _about(request: SignedInRequest, **more: object) -> dict[str, object]:
    from allauth.mfa.models import Authenticator

    return {
        "name_form": NameForm(initial={"name": request.user.name}),
        "token_form": TokenForm(),
        "tokens": request.user.tokens.filter(revoked_at=None).order_by("-created_at"),
        "has_second_factor": Authenticator.objects.filter(
            user=request.user, type=Authenticator.Type.TOTP
        ).exists(),
        "memberships": request.user.memberships.select_related("site").order_by("site__name"),
        **more,
    }
