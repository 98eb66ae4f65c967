"""What pipelines need: tokens, badges, GitHub's rule, the log of checks, the policy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.export import file_of
from truelift.apps.freezes import deploy_services
from truelift.apps.freezes.badge import badge_svg, said_by
from truelift.apps.freezes.deploy_services import NoSuchThing
from truelift.apps.freezes.forms import DeployPolicyForm
from truelift.apps.freezes.models import BadgeRecord, ProtectionRecord
from truelift.apps.freezes.page import checks_page
from truelift.apps.freezes.protection import (
    MOST_BYTES,
    BadProtectionWebhook,
    secret_of,
)
from truelift.apps.freezes.protection import receive as hear
from truelift.apps.freezes.reads import (
    asker_of,
    badges_of,
    checks_of,
    deploy_policy_of,
    protections_of,
    surface_names,
    tokens_of,
    unanswered_of,
)
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


MOST_EXPORTED = 10_000


@require_safe
def checks(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what was asked and answered, the newest first; or all of it as a file."""
    place = site_for(request.user, site)
    if request.GET.get("file") == "csv":
        return _checks_file(place)
    before = request.GET.get("before", "")
    page = checks_page(
        place,
        decision=request.GET.get("decision", ""),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
    )
    return render(request, "freezes/checks.html", {"page": page, "site": place})


def _checks_file(site: Site) -> HttpResponse:
    rows: list[dict[str, Any]] = [
        {
            "check_id": each.public_id,
            "asked_at": each.asked_at.isoformat(),
            "at": each.at.isoformat(),
            "decision": each.decision,
            "emergency": each.emergency,
            "reason": each.reason,
            "env": each.env,
            "repo": each.repo,
            "sha": each.sha,
            "surfaces": ", ".join(each.surfaces),
            "actor": each.actor,
            "asked_by": asker_of(each),
            "until": each.until.isoformat() if each.until else "",
            "reasons": " ".join(one["sentence"] for one in each.reasons),
            "policy": f"v{each.policy}",
        }
        for each in checks_of(site, most=MOST_EXPORTED)
    ]
    return file_of("csv", rows, name=f"{site.name}-deploy-checks")


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: SignedInRequest, site: str) -> HttpResponse:
    """Show and change what the team has chosen for its deploys."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _policy(request, place, DeployPolicyForm.of(deploy_policy_of(place)))
    place = site_for(request.user, site, needs=Role.OWNER)
    form, status = DeployPolicyForm(request.POST), 422
    if form.is_valid():
        try:
            deploy_services.change_deploy_policy(
                place,
                form.written(),
                by=Actor(request.user),
                now=datetime.now(UTC),
                because=form.cleaned_data["because"],
            )
        except Refusal as refusal:
            for each in getattr(refusal, "obstacles", ()):
                form.add_error(None, f"{each.sentence} {each.remedy}")
            if not form.errors:
                form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, "The policy is kept.")
            return redirect("freezes:policy", site=place.name)
    return _policy(request, place, form, status=status)


def _policy(
    request: SignedInRequest, site: Site, form: DeployPolicyForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "site": site,
        "policy": deploy_policy_of(site),
        "may_change": _owns(request, site),
    }
    return render(request, "freezes/policy.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def pipelines(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what may ask, with ready-made steps; make a token, a badge, or connect GitHub."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _pipelines(request, place)
    place = site_for(request.user, site, needs=Role.OWNER)
    by, now, given = Actor(request.user), datetime.now(UTC), request.POST
    try:
        match given.get("make", ""):
            case "token":
                made = deploy_services.make_token(place, given.get("name", ""), by=by, now=now)
                return _pipelines(request, place, token=made.token, status=201)
            case "badge":
                deploy_services.make_badge(place, given.get("surface", ""), by=by, now=now)
                return redirect("freezes:pipelines", site=place.name)
            case "app":
                app = deploy_services.connect_protection(
                    place,
                    name=given.get("name", ""),
                    app_id=given.get("app_id", ""),
                    private_key=given.get("private_key", ""),
                    api=given.get("api", ""),
                    surfaces=given.getlist("surfaces"),
                    by=by,
                    now=now,
                )
                return _pipelines(request, place, app=app, status=201)
            case _:
                raise Http404
    except BadFields as refusal:
        return _pipelines(request, place, wrong=refusal.wrong, status=422)


@require_POST
def revoke_token(request: SignedInRequest, site: str, token: int) -> HttpResponse:
    """Believe a token no more."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        deploy_services.revoke_token(place, token, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchThing as refusal:
        raise Http404 from refusal
    return redirect("freezes:pipelines", site=place.name)


@require_POST
def revoke_badge(request: SignedInRequest, site: str, record: int) -> HttpResponse:
    """Show a badge to nobody any more."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        deploy_services.revoke_badge(place, record, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchThing as refusal:
        raise Http404 from refusal
    return redirect("freezes:pipelines", site=place.name)


@require_POST
def end_protection(request: SignedInRequest, site: str, record: int) -> HttpResponse:
    """Believe a GitHub App no more."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        deploy_services.end_protection(place, record, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchThing as refusal:
        raise Http404 from refusal
    return redirect("freezes:pipelines", site=place.name)


@login_not_required
@require_safe
def badge(request: HttpRequest, token: str) -> HttpResponse:
    """Draw whether a surface is frozen; whoever has the address may see it."""
    del request
    found = BadgeRecord.objects.filter(token=token, revoked_at=None).select_related("site").first()
    if found is None:
        raise Http404
    said, colour = said_by(found, now=datetime.now(UTC))
    label = found.surface or "deploys"
    answer = HttpResponse(badge_svg(label, said, colour), content_type="image/svg+xml")
    # Readmes show it through a proxy that keeps what it may.
    answer["Cache-Control"] = "no-cache, max-age=60"
    answer["Content-Security-Policy"] = "default-src 'none'"
    return answer


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take what GitHub asks; its signature is the sign-in."""
    found = (
        ProtectionRecord.objects.select_related("site")
        .filter(public_id=public_id, ended_at=None)
        .first()
    )
    if found is None:
        raise Http404
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or len(length) > 9:
        return HttpResponse(status=411)
    if int(length) > MOST_BYTES:
        return HttpResponse(status=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        taken = hear(found, headers, request.read(MOST_BYTES), now=datetime.now(UTC))
    except BadProtectionWebhook as refusal:
        return JsonResponse({"code": refusal.code, "detail": str(refusal)}, status=401)
    return JsonResponse({"taken": taken})


def _owns(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.OWNER)


def _pipelines(
    request: SignedInRequest,
    site: Site,
    *,
    token: str = "",
    app: ProtectionRecord | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    public = settings.TRUELIFT.public_url
    context = {
        "site": site,
        "public": public,
        "policy": deploy_policy_of(site),
        "surfaces": surface_names(site),
        "tokens": tokens_of(site),
        "badges": [(each, f"{public}/badge/{each.token}.svg") for each in badges_of(site)],
        "apps": protections_of(site),
        "unanswered": unanswered_of(site),
        "token": token,
        "app": app,
        "app_address": f"{public}/hooks/github/deployments/{app.public_id}/" if app else "",
        "app_secret": secret_of(app) if app else "",
        "wrong": wrong or {},
        "made": request.POST.get("make", "") if wrong else "",
        "given": {
            name: request.POST.get(name, "") if wrong else "" for name in ("name", "app_id", "api")
        },
        "may_change": _owns(request, site),
    }
    return render(request, "freezes/pipelines.html", context, status=status)
