"""Who hears of something, by which way, and how often: once per cause."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from tests.apps.inbox.conftest import Elsewhere
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.inbox.hooks import BadHook, end_hook, open_hook, try_hook
from truelift.apps.inbox.mailing import stop_address, wishes_of
from truelift.apps.inbox.models import DeliveryRecord, HookForm, HookRecord, NoticeRecord
from truelift.apps.inbox.rounds import make_round
from truelift.apps.inbox.sending import WAITS, message, secret_of
from truelift.apps.inbox.services import act, choose, notify, settle
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import InsightFields
from truelift.apps.research.services import create_insight
from truelift.apps.sites.models import Site
from truelift.apps.threads.services import say
from truelift.lifecycle.notice import Notice, Severity, Topic, Wish, tells_again, worst


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

SPLIT = Notice(
    "srm:experiment:checkout",
    Severity.WATCH,
    "Checkout splits its visitors 52 to 48.",
    "Pause it and look for redirects.",
    "/s/shop/experiments/checkout/",
)
WORSE = Notice(SPLIT.cause, Severity.URGENT, SPLIT.sentence, SPLIT.remedy, SPLIT.href)


def _hook(site: Site, ada: User, now: datetime, address: str, **more: Any) -> HookRecord:
    given = {"name": "Team", "form": "json", **more}
    return open_hook(site, address=address, by=Actor(ada), now=now, **given)


def test_people_hear_again_only_when_it_is_worse() -> None:
    assert tells_again(None, Severity.NOTE)
    assert tells_again(Severity.WATCH, Severity.URGENT)
    assert not tells_again(Severity.WATCH, Severity.WATCH)
    assert not tells_again(Severity.URGENT, Severity.NOTE)
    assert worst(of=(Severity.WATCH, Severity.URGENT)) is Severity.URGENT
    assert worst(of=()) is None


def test_one_cause_is_one_mail_and_one_line_however_often_it_is_said(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere, mailoutbox: list[EmailMessage]
) -> None:
    for minute in range(5):
        notify(site, SPLIT, to=[ada], now=now + timedelta(minutes=minute))
    run_due_jobs(now)

    assert len(mailoutbox) == 1
    assert [line.cause for line in lines_of(ada, site, now=now)] == [SPLIT.cause]
    assert NoticeRecord.objects.get().times == 5

    notify(site, WORSE, to=[ada], now=now)
    run_due_jobs(now)

    assert [str(mail.subject) for mail in mailoutbox] == [
        "Shop: Checkout splits its visitors 52 to 48.",
        "Shop: Urgent: Checkout splits its visitors 52 to 48.",
    ]


def test_what_is_over_leaves_every_inbox_and_may_come_again(
    site: Site, ada: User, ben: User, now: datetime
) -> None:
    notify(site, SPLIT, to=[ada, ben], now=now)
    act(site, SPLIT.cause, "aside", user=ben, now=now)

    assert lines_of(ben, site, now=now) == ()
    assert len(lines_of(ada, site, now=now)) == 1

    assert settle(site, SPLIT.cause, now=now)
    assert not settle(site, SPLIT.cause, now=now)
    assert lines_of(ada, site, now=now) == ()

    notify(site, SPLIT, to=[ben], now=now)
    assert len(lines_of(ben, site, now=now)) == 1


def test_what_was_put_aside_comes_back_when_it_is_worse(
    site: Site, ada: User, now: datetime
) -> None:
    notify(site, SPLIT, to=[ada], now=now)
    act(site, SPLIT.cause, "aside", user=ada, now=now)
    notify(site, SPLIT, to=[ada], now=now)
    assert lines_of(ada, site, now=now) == ()

    notify(site, WORSE, to=[ada], now=now)

    assert [line.severity for line in lines_of(ada, site, now=now)] == [Severity.URGENT]


@pytest.mark.parametrize(
    ("wish", "mails", "lines"),
    [(Wish.MAIL, 1, 1), (Wish.DAILY, 0, 1), (Wish.INBOX, 0, 1), (Wish.OFF, 0, 0)],
)
def test_a_person_chooses_how_to_hear_of_a_topic(
    site: Site,
    ada: User,
    now: datetime,
    elsewhere: Elsewhere,
    mailoutbox: list[EmailMessage],
    wish: Wish,
    mails: int,
    lines: int,
) -> None:
    choose(site, Topic.ALERT.value, wish.value, user=ada)

    notify(site, SPLIT, to=[ada], now=now)
    run_due_jobs(now)

    assert len(mailoutbox) == mails
    assert len(lines_of(ada, site, now=now)) == lines


def test_a_mention_is_mailed_once_and_waits_in_the_inbox(
    site: Site,
    ada: User,
    ben: User,
    now: datetime,
    elsewhere: Elsewhere,
    mailoutbox: list[EmailMessage],
) -> None:
    key = create_insight(site, InsightFields(problem="No search"), by=Actor(ada), now=now).key

    say(site, "insight", key, "@ben can you check?", by=Actor(ada), now=now)
    run_due_jobs(now)

    assert [mail.to for mail in mailoutbox] == [[ben.email]]
    assert "#comment-" in str(mailoutbox[0].body)
    (line,) = [each for each in lines_of(ben, site, now=now) if each.topic is Topic.MENTION]
    assert line.sentence == f"Ada calls you at {key}: “@ben can you check?”"
    act(site, line.cause, "aside", user=ben, now=now)
    assert not [each for each in lines_of(ben, site, now=now) if each.topic is Topic.MENTION]


def test_a_digest_goes_out_once_on_its_morning_and_only_when_something_waits(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere, mailoutbox: list[EmailMessage]
) -> None:
    choose(site, Topic.ALERT.value, Wish.WEEKLY.value, user=ada)
    make_round(site, now=now)
    run_due_jobs(now)
    assert mailoutbox == []

    notify(site, SPLIT, to=[ada], now=now)
    for hour in range(3):
        make_round(site, now=now + timedelta(hours=hour))
    make_round(site, now=now + timedelta(days=1))
    run_due_jobs(now)

    (mail,) = mailoutbox
    assert mail.subject == "Shop: 1 thing waits for you"
    assert SPLIT.remedy in str(mail.body)
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_link_in_a_mail_ends_it_without_signing_in_and_only_by_a_button(
    site: Site,
    ada: User,
    client: Client,
    now: datetime,
    elsewhere: Elsewhere,
    mailoutbox: list[EmailMessage],
) -> None:
    path = stop_address(ada, site).removeprefix("http://testserver")

    asked = client.get(path)
    assert "Send no more e-mail" in asked.content.decode()
    assert wishes_of(ada, site)[Topic.ALERT] is Wish.MAIL

    notify(site, SPLIT, to=[ada], now=now)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert set(wishes_of(ada, site).values()) == {Wish.INBOX}
    # What was queued before does not go out after it either.
    run_due_jobs(now)
    assert mailoutbox == []
    assert client.get("/stop-mail/nonsense/").status_code == 404
    assert asked["X-Robots-Tag"] == "noindex"


def test_a_webhook_gets_signed_json_that_its_secret_verifies(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere
) -> None:
    hook = _hook(site, ada, now, f"{elsewhere.address}/in/secret")

    notify(site, SPLIT, now=now)
    run_due_jobs(now)

    ((_, path, headers, body),) = elsewhere.asked
    assert path == "/in/secret"
    key = base64.b64decode(secret_of(hook).removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert json.loads(body)["cause"] == SPLIT.cause
    assert json.loads(body)["url"] == "http://testserver/s/shop/experiments/checkout/"
    assert DeliveryRecord.objects.get().arrived_at == now


def test_what_does_not_arrive_is_tried_with_growing_patience_and_then_given_up(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere
) -> None:
    _hook(site, ada, now, f"{elsewhere.address}/x")
    elsewhere.answer(*[(500, b"")] * 20)

    notify(site, SPLIT, now=now)
    at = now
    for wait in WAITS:
        run_due_jobs(at)
        record = DeliveryRecord.objects.get()
        assert record.next_at == at + wait
        at += wait
    run_due_jobs(at)
    run_due_jobs(at + timedelta(days=9))

    record = DeliveryRecord.objects.get()
    assert len(elsewhere.asked) == len(WAITS) + 1
    assert len({headers["webhook-id"] for _, _, headers, _ in elsewhere.asked}) == 1
    assert (record.next_at, record.problem) == (None, "127.0.0.1 answered 500.")


def test_a_receiver_that_is_gone_is_not_asked_again(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere
) -> None:
    _hook(site, ada, now, elsewhere.address)
    elsewhere.answer((410, b""))

    notify(site, SPLIT, now=now)
    run_due_jobs(now)

    assert DeliveryRecord.objects.get().next_at is None


def test_a_private_address_is_refused_by_the_gate_and_the_log_keeps_the_secret(
    site: Site, ada: User, now: datetime, home: object
) -> None:
    _hook(site, ada, now, "http://127.0.0.1:1/services/T0/B0/verysecret")

    notify(site, SPLIT, now=now)
    run_due_jobs(now)

    record = DeliveryRecord.objects.get()
    assert record.problem == "127.0.0.1 was not reached (egress.private_address)."
    assert "verysecret" not in HookRecord.objects.get().address
    assert "verysecret" not in str(list(AuditEvent.objects.values()))


def test_a_webhook_hears_of_what_it_wants_and_nothing_after_its_end(
    site: Site, ada: User, now: datetime, elsewhere: Elsewhere
) -> None:
    hook = _hook(site, ada, now, elsewhere.address, least="urgent")

    notify(site, SPLIT, now=now)
    assert not DeliveryRecord.objects.exists()
    notify(site, WORSE, now=now)
    end_hook(site, hook.pk, by=Actor(ada), now=now)
    run_due_jobs(now)

    assert elsewhere.asked == []
    assert DeliveryRecord.objects.get().problem == "The webhook was ended."


def test_slack_and_teams_get_their_own_forms_with_what_people_typed_made_harmless() -> None:
    given = {
        "severity": "urgent",
        "sentence": "<!channel> [x](http://evil) & more",
        "remedy": "Look.",
        "url": "https://lift.example/s/shop/",
    }

    slack = message(HookForm.SLACK, given)
    teams = message(HookForm.TEAMS, given)

    assert slack["text"] == "Urgent: &lt;!channel&gt; [x](http://evil) &amp; more"
    assert slack["blocks"][0]["text"]["text"].endswith(
        "<https://lift.example/s/shop/|Open in Truelift>"
    )
    (card,) = teams["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert r"\[x\]\(http://evil\)" in card["content"]["body"][0]["text"]
    assert card["content"]["actions"][0]["url"] == given["url"]


def test_a_webhook_that_cannot_be_called_is_refused_with_every_reason(
    site: Site, ada: User, now: datetime
) -> None:
    with pytest.raises(BadHook) as refused:
        _hook(site, ada, now, "ftp://x", name="", form="fax")

    assert set(refused.value.wrong) == {"name", "form", "address"}


def test_owners_open_try_and_end_webhooks_on_the_page_and_others_do_not(
    site: Site,
    ada: User,
    ben: User,
    mallory: User,
    client_of: ClientOf,
    elsewhere: Elsewhere,
) -> None:
    page = "/s/shop/inbox/webhooks/"
    given = {"name": "Ops", "form": "json", "address": elsewhere.address, "least": "watch"}

    assert client_of(mallory).get(page).status_code == 404
    assert client_of(ben).get(page).status_code == 403
    assert client_of(ada).post(page, {**given, "address": "nowhere"}).status_code == 422
    made = client_of(ada).post(page, given)
    assert made.status_code == 201
    assert re.search(r"whsec_[\w+/=]+", made.content.decode())
    hook = HookRecord.objects.get()
    assert client_of(mallory).post(f"{page}{hook.pk}/try/").status_code == 404
    assert client_of(ada).post(f"{page}{hook.pk}/try/").status_code == 302
    run_due_jobs(try_hook(site, hook.pk, now=DeliveryRecord.objects.get().made_at).made_at)
    assert json.loads(elsewhere.asked[0][3])["type"] == "trial"
    shown = client_of(ada).get(page).content.decode()
    assert "Arrived" in shown
    assert "whsec_" not in shown
    assert client_of(ada).post(f"{page}{hook.pk}/end/").status_code == 302
    assert client_of(ada).post(f"{page}{hook.pk}/end/").status_code == 404
