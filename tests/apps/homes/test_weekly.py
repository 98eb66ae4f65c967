"""On Monday everybody reads once what their role looks at first, unless they do not want to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from truelift.apps.accounts.models import User
from truelift.apps.accounts.services import set_functions
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import Job
from truelift.apps.homes.sections import Row, Section
from truelift.apps.homes.weekly import WEEKLY, as_text, monday_morning, plan_weeks
from truelift.apps.inbox.models import MailRecord, WishRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.notice import Topic, Wish


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _mails(site: Site, settings: Settings) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, email_url="smtp://localhost")


def test_the_week_is_told_once_on_monday_morning_by_what_people_do(
    site: Site, ada: User, ben: User, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    set_functions(site, ada, (Function.FINANCE,), by="tests", now=now)
    WishRecord.objects.create(site=site, user=ben, topic=Topic.WEEK.value, wish=Wish.OFF.value)
    before = now - timedelta(days=2)

    plan_weeks(before)
    for hours in range(0, 24 * 9, 4):
        run_due_jobs(before + timedelta(hours=hours))
        assert plan_weeks(before + timedelta(hours=hours)) == 0

    sent = MailRecord.objects.filter(digest="week")
    assert [(each.user, each.subject) for each in sent] == [
        (ada, "Shop: the week, as Finance sees it"),
        (ada, "Shop: the week, as Finance sees it"),
    ]
    # What has left is not kept: it may repeat what is erased later.
    assert [each.text for each in sent] == ["", ""]
    first, second = (each.made_at for each in sent)
    assert first - monday_morning(site, now) < timedelta(hours=4)
    assert second - first == timedelta(days=7)
    assert "Nobody has proposed a shared metric." in mailoutbox[0].body
    assert "http://testserver/s/shop/shared-metric/" in mailoutbox[0].body
    assert "List-Unsubscribe" in mailoutbox[0].extra_headers


def test_what_people_typed_is_one_line_of_an_e_mail() -> None:
    rows = (Row("Bad\r\n\r\n-- \nhttps://elsewhere.example", "a\nb"),)

    text = as_text([Section("It is so", rows, "/s/shop/", "All")])

    assert text.splitlines()[1] == "  - Bad -- https://elsewhere.example (a b)"


def test_a_worker_that_comes_late_in_the_week_waits_for_the_next_monday(
    site: Site, ada: User, now: datetime
) -> None:
    wednesday = now + timedelta(days=2)

    plan_weeks(wednesday)
    run_due_jobs(wednesday)

    assert not MailRecord.objects.filter(user=ada, digest="week").exists()
    assert Job.objects.get(kind=WEEKLY).run_after == monday_morning(site, now) + timedelta(days=7)
