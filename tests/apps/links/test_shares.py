"""Pages shown to people without an account: one thing, for some days, and PDFs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.links.models import PrintRecord, ShareKind, ShareRecord
from truelift.apps.links.printing import whole_page
from truelift.apps.links.shares import BadShare, NoSuchShare, behind, revoke, share
from truelift.apps.links.shown import NothingToShow, shown
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.project.logs import masked


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def _token(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def test_a_result_is_shown_without_an_account_and_leads_nowhere(
    site: Site, analysed: ExperimentRecord, ada: User, client: Client
) -> None:
    from datetime import UTC

    now = datetime.now(UTC)
    made = share(site, "result", analysed.key, days=7, by=Actor(ada), now=now)
    path = made.address.removeprefix("http://testserver")

    answer = client.get(path)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert analysed.name in page
    assert "Recommendation" in page
    assert "/s/shop/" not in page
    assert "<form" not in page
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert masked(path) == "/share/…/"
    row = ShareRecord.objects.get()
    assert (row.seen, row.number) == (1, 1)
    assert _token(made.address) not in str(ShareRecord.objects.values().get())
    assert _token(made.address) not in str(list(AuditEvent.objects.values()))


def test_an_address_ends_by_its_day_or_by_a_person_and_never_says_which(
    site: Site, analysed: ExperimentRecord, ada: User, now: datetime, client: Client
) -> None:
    made = share(site, "brief", analysed.key, days=1, by=Actor(ada), now=now)
    token = _token(made.address)
    assert behind(token, now=now + timedelta(hours=23)).key == analysed.key

    with pytest.raises(NoSuchShare):
        behind(token, now=now + timedelta(days=1))
    revoke(site, made.record.pk, by=Actor(ada), now=now)
    with pytest.raises(NoSuchShare):
        behind(token, now=now)
    with pytest.raises(NoSuchShare):
        revoke(site, made.record.pk, by=Actor(ada), now=now)
    over, never = client.get(f"/share/{token}/"), client.get("/share/AAAAAAAAAAAAAAAAAAAAAA/")
    told = [re.sub(rb'nonce="[^"]+"', b"", each.content) for each in (over, never)]
    assert told[0] == told[1]
    assert over.status_code == 404
    assert over["Referrer-Policy"] == "no-referrer"


def test_a_result_that_is_not_there_or_not_over_is_not_shared(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    for kind, key, days in (
        ("result", planned.key, 7),
        ("result", "nothing", 7),
        ("principle", "P-1", 7),
    ):
        with pytest.raises(NothingToShow):
            share(site, kind, key, days=days, by=Actor(ada), now=now)
    for kind, days in (("brief", 365), ("everything", 7)):
        with pytest.raises(BadShare):
            share(site, kind, planned.key, days=days, by=Actor(ada), now=now)


def test_a_share_of_a_result_stays_at_its_snapshot(
    site: Site, winner: RolloutRecord, ada: User, now: datetime
) -> None:
    page = shown(site, ShareKind.RESULT, winner.experiment.key, 1, now=now)

    assert page.eyebrow.endswith("snapshot 1")
    assert "More visitors order." in page.content
    assert "<a " not in page.content
    assert "hx-" not in page.content


@pytest.mark.parametrize("stage", ["invalid", "closed"])
def test_an_invalid_result_is_marked_on_every_copy(
    site: Site, analysed: ExperimentRecord, now: datetime, stage: str
) -> None:
    ExperimentRecord.objects.filter(pk=analysed.pk).update(stage=stage, invalid_at=now)

    page = shown(site, ShareKind.RESULT, analysed.key, 1, now=now)

    assert page.watermark == "Invalid"
    assert "no effect of this experiment can be used" in page.content
    assert "More visitors order." not in page.content
    assert "no conclusion may be drawn" in whole_page(page, site=site, now=now)


def test_a_printed_page_needs_nothing_from_elsewhere(
    site: Site, analysed: ExperimentRecord, now: datetime
) -> None:
    page = shown(site, ShareKind.BRIEF, analysed.key, 0, now=now)

    html = whole_page(page, site=site, now=now)

    assert "@page" in html
    assert "--paper" in html
    assert "<link" not in html
    assert "<script" not in html
    assert "src=" not in html


def test_a_pdf_is_made_by_the_worker_or_says_why_not(
    site: Site,
    analysed: ExperimentRecord,
    ada: User,
    mallory: User,
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    asked = client_of(ada).post("/s/shop/prints/", {"kind": "brief", "key": analysed.key})
    assert asked.status_code == 302
    record = PrintRecord.objects.get()

    at = record.asked_at
    for _ in range(6):
        run_due_jobs(at)
        at += timedelta(hours=1)

    record.refresh_from_db()
    assert "no Chromium" in record.problem
    page = client_of(ada).get(f"/s/shop/prints/{record.pk}/").content.decode()
    assert "could not be made" in page
    assert client_of(ada).get(f"/s/shop/prints/{record.pk}/file.pdf").status_code == 404
    assert client_of(mallory).get(f"/s/shop/prints/{record.pk}/").status_code == 404
    PrintRecord.objects.update(content=b"%PDF-", problem="")
    pdf = client_of(ada).get(f"/s/shop/prints/{record.pk}/file.pdf")
    assert pdf["Content-Type"] == "application/pdf"
    assert client_of(mallory).get(f"/s/shop/prints/{record.pk}/file.pdf").status_code == 404


@pytest.mark.browser
def test_chromium_prints_a_brief_on_paper(
    site: Site, analysed: ExperimentRecord, now: datetime
) -> None:
    from truelift.browsing.printing import printed

    page = shown(site, ShareKind.BRIEF, analysed.key, 0, now=now)

    made = printed(whole_page(page, site=site, now=now))

    assert made.startswith(b"%PDF-")
    assert len(made) > 5_000


def test_pages_share_and_revoke_and_a_stranger_learns_nothing(
    site: Site,
    analysed: ExperimentRecord,
    ada: User,
    cleo: User,
    mallory: User,
    client_of: ClientOf,
) -> None:
    given = {"kind": "result", "key": analysed.key, "days": "7"}

    assert client_of(mallory).post("/s/shop/shares/", given).status_code == 404
    assert client_of(mallory).get("/s/shop/shares/").status_code == 404
    assert client_of(cleo).post("/s/shop/shares/", given).status_code == 403
    made = client_of(ada).post("/s/shop/shares/", given)
    assert made.status_code == 201
    assert "http://testserver/share/" in made.content.decode()
    row = ShareRecord.objects.get()
    page = client_of(cleo).get("/s/shop/shares/").content.decode()
    assert analysed.name in page
    assert "Revoke" not in page
    assert "/share/" not in page
    assert client_of(mallory).post(f"/s/shop/shares/{row.pk}/revoke/").status_code == 404
    assert client_of(ada).post(f"/s/shop/shares/{row.pk}/revoke/").status_code == 302
    assert client_of(ada).post("/s/shop/shares/", {**given, "days": "x"}).status_code == 409
    api = client_of(ada).post(
        "/api/v1/shares?site=shop", {**given, "days": 7}, content_type="application/json"
    )
    assert api.status_code == 201
    assert client_of(mallory).get("/api/v1/shares?site=shop").status_code == 404
