"""The pages of an inbox: what waits, how to hear of it, the site's webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.views import tokened
from truelift.apps.inbox import hooks, services
from truelift.apps.inbox.hooks import BadHook, NoSuchHook
from truelift.apps.inbox.mailing import behind_stop, wishes_of
from truelift.apps.inbox.models import HookForm, MailRecord
from truelift.apps.inbox.page import delivered, inbox_page
from truelift.apps.inbox.reads import deliveries_of, hooks_of, keep_count
from truelift.apps.inbox.rounds import begin_round
from truelift.apps.inbox.sending import secret_of
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.notice import Severity, Topic, Wish


@require_safe
def inbox(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what waits for the person."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    begin_round(place, now=now)
    lines = lines_of(request.user, place, now=now)
    keep_count(request.user, place, count=len(lines), now=now)
    asleep = lines_of(request.user, place, now=now, snoozed=True)
    page = inbox_page(lines, asleep, site=place, now=now)
    may = role_of(request.user, place) is Role.OWNER
    return render(request, "inbox/inbox.html", {"site": place, "page": page, "may_connect": may})


@require_POST
def put_off(request: SignedInRequest, site: str) -> HttpResponse:
    """Snooze a line, take it back, or put a notice aside."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    cause, what = request.POST.get("cause", ""), request.POST.get("what", "")
    try:
        services.act(place, cause, what, user=request.user, now=now)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("inbox:inbox", site=place.name)


@require_http_methods(["GET", "HEAD", "POST"])
def wishes(request: SignedInRequest, site: str) -> HttpResponse:
    """Let the person choose how to hear of each topic."""
    place = site_for(request.user, site)
    if request.method == "POST":
        try:
            for topic in Topic:
                if topic.value in request.POST:
                    services.choose(
                        place, topic.value, request.POST[topic.value], user=request.user
                    )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "It is kept.")
        return redirect("inbox:settings", site=place.name)
    chosen = wishes_of(request.user, place)
    from django.conf import settings

    return render(
        request,
        "inbox/settings.html",
        {
            "site": place,
            "topics": [(topic, topic.called, chosen[topic]) for topic in Topic],
            "wishes": [(wish, wish.called) for wish in Wish],
            "has_mail": bool(settings.TRUELIFT.email_url),
            "mails": MailRecord.objects.filter(site=place, user=request.user).order_by("-pk")[:10],
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: SignedInRequest, site: str) -> HttpResponse:
    """Show a site's webhooks and what was sent; open one."""
    place = site_for(request.user, site, needs=Role.OWNER)
    if request.method != "POST":
        return _webhooks(request, place)
    given = {name: request.POST.get(name, "") for name in ("name", "form", "address", "least")}
    try:
        made = hooks.open_hook(place, **given, by=Actor(request.user), now=datetime.now(UTC))
    except BadHook as refusal:
        return _webhooks(request, place, given=given, wrong=refusal.wrong, status=422)
    secret = secret_of(made) if made.form == HookForm.JSON else ""
    return _webhooks(request, place, secret=secret, made=made.name, status=201)


@require_POST
def end_webhook(request: SignedInRequest, site: str, hook: int) -> HttpResponse:
    """End a webhook."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        hooks.end_hook(place, hook, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchHook as refusal:
        raise Http404 from refusal
    return redirect("inbox:webhooks", site=place.name)


@require_POST
def try_webhook(request: SignedInRequest, site: str, hook: int) -> HttpResponse:
    """Send a trial message."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        hooks.try_hook(place, hook, now=datetime.now(UTC))
    except NoSuchHook as refusal:
        raise Http404 from refusal
    messages.success(request, "It is on its way; the log below says how it went.")
    return redirect("inbox:webhooks", site=place.name)


def _webhooks(
    request: SignedInRequest,
    site: Site,
    *,
    given: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
    secret: str = "",
    made: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "site": site,
        "hooks": hooks_of(site),
        "log": delivered(deliveries_of(site), site=site),
        "forms": HookForm.choices,
        "severities": [(each.value, SEVERITIES[each]) for each in Severity],
        "given": given or {"form": "json", "least": "watch"},
        "wrong": wrong or {},
        "secret": secret,
        "made": made,
    }
    return render(request, "inbox/webhooks.html", context, status=status)


SEVERITIES = {
    Severity.NOTE: "Everything",
    Severity.WATCH: "What somebody should look at",
    Severity.URGENT: "Only what is urgent",
}


@csrf_exempt
@tokened
@require_http_methods(["GET", "HEAD", "POST"])
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """End a person's e-mail about a site, from the link in the mail and without signing in.

    Opening the link changes nothing: mail programs open links by themselves. Programs that
    offer the one-click way of RFC 8058 send a POST, which carries no cookie.
    """
    found = behind_stop(token)
    if found is None:
        return render(request, "inbox/stop.html", {"unknown": True}, status=404)
    user, site = found
    if request.method == "POST":
        services.stop_mail(site, user=user)
    return render(
        request,
        "inbox/stop.html",
        {"of_site": site, "email": user.email, "done": request.method == "POST"},
    )
