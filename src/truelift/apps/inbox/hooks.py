"""What may be done to a site's webhooks: open one, end it, send it a trial message."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import new_token
from truelift.apps.inbox.models import DeliveryRecord, HookForm, HookRecord
from truelift.apps.inbox.sealing import sealed
from truelift.apps.inbox.sending import enqueue
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.egress.gate import parsed
from truelift.errors import Refusal
from truelift.lifecycle.notice import Severity


MOST_HOOKS: Final = 20


class BadHook(Refusal):
    """A webhook is not described so that it can be called.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "inbox.bad_webhook"

    def __init__(self, wrong: dict[str, str]) -> None:
        self.wrong = wrong
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoSuchHook(Refusal):
    """The site has no such webhook."""

    code = "inbox.no_such_webhook"

    def __init__(self) -> None:
        super().__init__("There is no such webhook, or it was ended. The page lists all.")


@transaction.atomic
def open_hook(
    site: Site,
    *,
    name: str,
    form: str,
    address: str,
    least: str = Severity.WATCH.value,
    by: Actor,
    now: datetime,
) -> HookRecord:
    """Let an address elsewhere hear of a site's notices.

    Whether the address may be reached is decided when something is sent: what a name means
    can change.

    Raises:
        BadHook: Something does not fit, with every field.
    """
    wrong: dict[str, str] = {}
    if not name.strip() or len(name.strip()) > 80 or not is_storable(name):
        wrong["name"] = "Say in at most 80 letters who reads it."
    if form not in HookForm.values:
        wrong["form"] = f"It is one of {', '.join(HookForm.values)}."
    if least not in set(Severity):
        wrong["least"] = f"It is one of {', '.join(Severity)}."
    host = ""
    try:
        _, host, _ = parsed(address.strip())
    except Refusal:
        wrong["address"] = "Give the whole address, as https://hooks.example/abc."
    if HookRecord.objects.filter(site=site, ended_at=None).count() >= MOST_HOOKS:
        wrong["name"] = f"A site has at most {MOST_HOOKS} webhooks. End one first."
    if wrong:
        raise BadHook(wrong)
    made = HookRecord.objects.create(
        site=site,
        name=name.strip(),
        form=form,
        address=sealed(address.strip()),
        host=host,
        nonce=new_token(),
        least=least,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="webhook.opened",
        target=f"webhook:{made.pk}",
        after={"name": made.name, "form": form, "host": host, "least": least},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


@transaction.atomic
def end_hook(site: Site, pk: int, *, by: Actor, now: datetime) -> HookRecord:
    """End a webhook; what waits for it is not sent any more.

    Raises:
        NoSuchHook: The site has none such that is open.
    """
    found = _open(site, pk)
    found.ended_at = now
    found.address = ""
    found.save(update_fields=["ended_at", "address"])
    audit(
        action="webhook.ended",
        target=f"webhook:{found.pk}",
        after={"name": found.name},
        now=now,
        site=site.name,
        **by.audited,
    )
    return found


@transaction.atomic
def try_hook(site: Site, pk: int, *, now: datetime) -> DeliveryRecord:
    """Send a message that says that it is a trial.

    Raises:
        NoSuchHook: The site has none such that is open.
    """
    hook = _open(site, pk)
    document = {
        "type": "trial",
        "site": site.name,
        "cause": "trial",
        "topic": "alert",
        "severity": Severity.NOTE.value,
        "sentence": f"Truelift reaches this place for {site}.",
        "remedy": "Nothing is the matter; somebody tried it.",
        "url": f"{settings.TRUELIFT.public_url}/s/{site.name}/inbox/webhooks/",
        "since": now.isoformat(),
    }
    return enqueue(hook, document, now=now)


def _open(site: Site, pk: int) -> HookRecord:
    found = (
        HookRecord.objects.select_for_update(of=("self",))
        .filter(site=site, pk=pk, ended_at=None)
        .first()
    )
    if found is None:
        raise NoSuchHook
    return found
