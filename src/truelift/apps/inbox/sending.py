"""Messages to webhooks: what each form of them says, and patient delivery through the gate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from truelift.apps.accounts.tokens import new_token
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.inbox.models import DeliveryRecord, HookForm, HookRecord, NoticeRecord
from truelift.apps.inbox.sealing import SealBroken, derived, opened
from truelift.apps.qa.hosts import gate
from truelift.egress.fetching import Limits, fetch
from truelift.errors import Refusal
from truelift.lifecycle.notice import Severity, Topic


DELIVER: Final = "inbox.deliver"

WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360, 720, 1440))
"""After each attempt that failed; together two days. Then it is given up and says so."""

GONE: Final = 410
"""The receiver says that nobody listens there any more."""

_LIMITS: Final = Limits(body=100_000, seconds=10, redirects=0)


def send_notice(record: NoticeRecord, *, now: datetime) -> None:
    """Put a message in the queue for every webhook of the site that wants this severity."""
    if record.topic == Topic.MENTION:
        # It calls one person, not a channel.
        return
    rank = Severity(record.severity).rank
    for hook in HookRecord.objects.filter(site=record.site, ended_at=None):
        if rank >= Severity(hook.least).rank:
            enqueue(hook, document_of(record), notice=record, now=now)


def enqueue(
    hook: HookRecord,
    document: Mapping[str, Any],
    *,
    notice: NoticeRecord | None = None,
    now: datetime,
) -> DeliveryRecord:
    """Keep a message in the form that the webhook reads, and let the worker deliver it."""
    made = DeliveryRecord.objects.create(
        hook=hook,
        notice=notice,
        message_id=f"msg_{new_token()}",
        body=json.dumps(
            message(HookForm(hook.form), document), ensure_ascii=False, separators=(",", ":")
        ),
        made_at=now,
        next_at=now,
    )
    queue(DELIVER, f"delivery:{made.pk}", by=None, now=now)
    return made


def document_of(record: NoticeRecord) -> dict[str, Any]:
    """Write a notice for programs."""
    return {
        "type": "notice",
        "site": record.site.name,
        "cause": record.cause,
        "topic": record.topic,
        "severity": record.severity,
        "sentence": record.sentence,
        "remedy": record.remedy,
        "url": f"{settings.TRUELIFT.public_url}{record.href}" if record.href else None,
        "since": record.first_at.isoformat(),
    }


def message(form: HookForm, document: Mapping[str, Any]) -> dict[str, Any]:
    """Write a notice as Slack, Teams or a program reads it."""
    if form is HookForm.JSON:
        return dict(document)
    sentence, remedy, url = (str(document[each] or "") for each in ("sentence", "remedy", "url"))
    head = "Urgent: " if document["severity"] == Severity.URGENT else ""
    if form is HookForm.SLACK:
        link = f"\n<{url}|Open in Truelift>" if url else ""
        text = f"*{head}{_slack(sentence)}*\n{_slack(remedy)}{link}"
        return {
            "text": f"{head}{_slack(sentence)}",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}}],
        }
    lines = [
        {"type": "TextBlock", "text": f"{head}{_teams(sentence)}", "weight": "Bolder"},
        {"type": "TextBlock", "text": _teams(remedy)},
    ]
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{**line, "wrap": True} for line in lines],
    }
    if url:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open in Truelift", "url": url}]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": content,
            }
        ],
    }


def secret_of(hook: HookRecord) -> str:
    """Give the secret with which a webhook's messages are signed, as Standard Webhooks write it."""
    return f"whsec_{base64.b64encode(_key(hook)).decode()}"


def signature(hook: HookRecord, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a message in the form of Standard Webhooks."""
    content = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(_key(hook), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


@does(DELIVER)
def _deliver(job: Job, now: datetime) -> datetime | None:
    record = (
        DeliveryRecord.objects.select_related("hook__site")
        .filter(pk=int(job.subject.rpartition(":")[2]), arrived_at=None)
        .first()
    )
    if record is None:
        return None
    if record.hook.ended_at is not None:
        record.problem, record.next_at = "The webhook was ended.", None
        record.save()
        return None
    record.attempts += 1
    record.status, record.problem = _attempt(record, now=now)
    if not record.problem:
        record.arrived_at, record.next_at = now, None
    elif record.status == GONE or record.attempts > len(WAITS):
        record.next_at = None
    else:
        record.next_at = now + WAITS[record.attempts - 1]
    record.save()
    return record.next_at


def _attempt(record: DeliveryRecord, *, now: datetime) -> tuple[int | None, str]:
    """Send once: the status and what went wrong. No word of it tells the address."""
    stamp, body = int(now.timestamp()), record.body.encode()
    headers = {"content-type": "application/json", "user-agent": "Truelift"}
    if record.hook.form == HookForm.JSON:
        headers |= {
            "webhook-id": record.message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(
                record.hook, message_id=record.message_id, timestamp=stamp, body=body
            ),
        }
    try:
        answer = fetch(
            opened(record.hook.address),
            gate=gate(),
            method="POST",
            body=body,
            headers=headers,
            limits=_LIMITS,
        )
    except SealBroken as error:
        return None, str(error)[:300]
    except Refusal as error:
        # Its own words contain the address, which is a secret.
        return None, f"{record.hook.host} was not reached ({error.code})."
    if 200 <= answer.status < 300:
        return answer.status, ""
    return answer.status, f"{record.hook.host} answered {answer.status}."


def _key(hook: HookRecord) -> bytes:
    return derived(f"truelift.inbox.hook:{hook.pk}:{hook.nonce}")


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str) -> str:
    """Keep what people typed from becoming links or headings."""
    return "".join(f"\\{letter}" if letter in "\\*_[]()#`<>~" else letter for letter in text)
