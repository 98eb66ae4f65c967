"""The pages of changes: what they say, to whom, and with how many questions to the database."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.changes.models import ChangeRecord, ContaminationRecord, IncidentRecord
from truelift.apps.changes.services import record_change
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.change import Change, ChangeKind, Trust


pytestmark = [pytest.mark.django_db]

ClientOf = Callable[[User], Client]
WEEK_ONE = datetime(2026, 5, 7, 9, 30, tzinfo=UTC)
SCRIPT = "<script>alert(1)</script>"


def tell(site: Site, number: int, *surfaces: str, trust: Trust = Trust.TOKEN, **more: Any) -> None:
    given = {"kind": ChangeKind.TAG, "what": f"Change {number}", **more}
    at = WEEK_ONE + timedelta(hours=number)
    record_change(
        site,
        Change(external_id=str(number), surfaces=surfaces, started_at=at, **given),
        source="ci",
        trust=trust,
        by=Actor(None),
        now=at,
    )


@pytest.fixture
def changed(site: Site, running: ExperimentRecord) -> None:
    tell(site, 1, "Checkout", what=SCRIPT)
    tell(site, 2, "Blog")
    tell(site, 3, "Cart", trust=Trust.NONE)


def test_the_list_says_by_day_what_touched_which_test(
    site: Site, changed: None, cleo: User, client_of: ClientOf
) -> None:
    page = client_of(cleo).get("/s/shop/changes/").content.decode()

    assert "1 of 3 changes touches a test" in page
    assert "1 proposed." in page
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert "Write one down" not in page


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("touched=on", ["C-1"]),
        ("surface=Blog", ["C-2"]),
        ("state=proposed", ["C-3"]),
        ("kind=deploy", []),
        ("before=2026-05-07", []),
        ("before=never&kind=nothing&state=odd", ["C-3", "C-2", "C-1"]),
    ],
)
def test_the_file_has_what_the_list_shows(
    changed: None, cleo: User, client_of: ClientOf, query: str, keys: list[str]
) -> None:
    answer = client_of(cleo).get(f"/s/shop/changes/rows.csv?{query}")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [each["key"] for each in rows] == keys


def test_no_row_of_the_list_costs_a_question(
    site: Site,
    changed: None,
    cleo: User,
    client_of: ClientOf,
    django_assert_max_num_queries: Any,
) -> None:
    browser = client_of(cleo)
    for number in range(4, 12):
        tell(site, number, "Checkout")
    browser.get("/s/shop/changes/")

    with django_assert_max_num_queries(24):
        browser.get("/s/shop/changes/")
    pk = ContaminationRecord.objects.order_by("pk")[0].pk
    with django_assert_max_num_queries(28):
        assert browser.get(f"/s/shop/contaminations/{pk}/").status_code == 200


def test_a_member_writes_a_change_down_in_the_time_of_the_site(
    site: Site, running: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    sent = {
        "what": "A new price",
        "kind": "price",
        "started_at": "2026-05-07T11:30",
        "surfaces": ["Blog"],
    }

    answer = client_of(ben).post("/s/shop/changes/new/", sent)
    wrong = client_of(ben).post("/s/shop/changes/new/", {**sent, "what": ""})

    record = ChangeRecord.objects.get()
    assert answer["Location"] == "/s/shop/changes/C-1/"
    assert (record.at, record.trust, record.surfaces) == (WEEK_ONE, "person", ["Blog"])
    assert wrong.status_code == 422


def test_a_proposed_change_is_confirmed_with_a_reason(
    site: Site, changed: None, ben: User, client_of: ClientOf
) -> None:
    browser = client_of(ben)

    silent = browser.post("/s/shop/changes/C-3/judge/", {"do": "confirm", "note": " "})
    said = browser.post("/s/shop/changes/C-3/judge/", {"do": "confirm", "note": "I did it."})
    again = browser.post("/s/shop/changes/C-3/judge/", {"do": "dismiss", "note": "No."})

    assert (silent.status_code, said.status_code, again.status_code) == (409, 302, 409)
    assert ContaminationRecord.objects.filter(change__number=3, scope="upstream").exists()
    assert AuditEvent.objects.filter(action="change.confirmed").count() == 1


def test_a_change_that_nobody_could_place_is_placed_by_a_person(
    site: Site, running: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    tell(site, 1, paths=("lib/x.ts",))
    browser = client_of(ben)

    page = browser.get("/s/shop/changes/C-1/").content.decode()
    sent = {"do": "place", "surfaces": ["Checkout"], "note": "It is the form."}
    browser.post("/s/shop/changes/C-1/judge/", sent)
    strange = browser.post("/s/shop/changes/C-1/judge/", {**sent, "surfaces": ["Moon"]})

    assert "Where was it?" in page
    assert "lib/x.ts" in page
    assert ChangeRecord.objects.get().surfaces == ["Checkout"]
    assert ContaminationRecord.objects.get().verdict == "suspect"
    assert strange.status_code == 409


def test_people_judge_at_the_contamination_and_their_inbox_leads_there(
    site: Site, changed: None, ada: User, ben: User, client_of: ClientOf
) -> None:
    made = ContaminationRecord.objects.get()
    page = f"/s/shop/contaminations/{made.pk}/"
    word = {"function": "engineering", "verdict": "benign", "reason": f"Looked. {SCRIPT}"}
    before = [each.href for each in lines_of(ben, site, now=WEEK_ONE)]

    first = client_of(ben).post(f"{page}word/", word)
    waits_no_more = [each.href for each in lines_of(ben, site, now=WEEK_ONE)]
    second = client_of(ben).post(f"{page}word/", {**word, "function": "analytics"})
    client_of(ada).post(f"{page}word/", {**word, "function": "analytics"})

    assert page in before
    assert page not in waits_no_more
    assert (first.status_code, second.status_code) == (302, 409)
    shown = client_of(ada).get(page).content.decode()
    assert "did “A shorter form” no harm" in shown
    assert SCRIPT not in shown
    assert not [each for each in lines_of(ada, site, now=WEEK_ONE) if each.href == page]


def test_the_three_ways_out_are_shown_with_what_closes_them(
    site: Site, running: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    tell(site, 1, "Checkout", kind=ChangeKind.DEPLOY)
    page = f"/s/shop/contaminations/{ContaminationRecord.objects.get().pk}/"

    shown = client_of(ben).get(page).content.decode()
    closed = client_of(ben).post(f"{page}way/", {"way": "clean_segment", "note": "Try."})
    strange = client_of(ben).post(f"{page}way/", {"way": "hope", "note": "Try."})
    taken = client_of(ben).post(f"{page}way/", {"way": "restart", "note": "Again."})

    assert "has spoiled “A shorter form”" in shown
    assert "The test was ended as invalid." in shown
    assert (closed.status_code, strange.status_code, taken.status_code) == (409, 409, 302)
    assert ExperimentRecord.objects.filter(key="short-form-2").exists()
    there = client_of(ben).get("/s/shop/experiments/short-form/").content.decode()
    assert "What else changed meanwhile" in there


def test_a_file_takes_every_row_or_says_why_not(
    site: Site, surfaces: None, ben: User, client_of: ClientOf
) -> None:
    text = (
        "external_id,what,kind,started_at,surfaces\n"
        "1,New text,content,2026-05-07T11:30,Blog;Cart\n"
        "1,New text,content,2026-05-07T11:30,Blog\n"
        "2,Later,content,soon,Blog\n"
        ",Unnamed,tag,2026-05-07,\n"
    )
    file = SimpleUploadedFile("changes.csv", text.encode())

    answer = client_of(ben).post("/s/shop/changes/file/", {"file": file}).content.decode()
    bad = SimpleUploadedFile("x.csv", b"\xff\xfe\x00")
    refused = client_of(ben).post("/s/shop/changes/file/", {"file": bad})

    assert "2 taken, 1 known already, 1 refused" in answer
    assert "Line 4: “soon” is no time." in answer
    assert refused.status_code == 422
    first = ChangeRecord.objects.get(number=1)
    assert (first.at, first.surfaces) == (WEEK_ONE, ["Blog", "Cart"])


def test_incidents_are_written_down_ended_and_taken_back(
    site: Site, running: ExperimentRecord, ben: User, cleo: User, client_of: ClientOf
) -> None:
    browser = client_of(ben)
    sent = {"kind": "incident", "what": "Payment was down", "since": "2026-05-07T11:30"}

    made = browser.post("/s/shop/incidents/", sent)
    wrong = browser.post("/s/shop/incidents/", {**sent, "until": "2026-05-06T11:30"})
    looked = client_of(cleo).post("/s/shop/incidents/", sent)
    page = client_of(cleo).get("/s/shop/incidents/").content.decode()
    browser.post("/s/shop/incidents/IN-1/", {"do": "end"})
    ended = IncidentRecord.objects.get()
    browser.post("/s/shop/incidents/IN-1/", {"do": "withdraw"})

    assert (made.status_code, wrong.status_code, looked.status_code) == (302, 422, 403)
    assert "1 of 1 fell into the time of a test" in page
    assert ended.since == WEEK_ONE
    assert ended.until is not None
    assert "Nothing that happened" in browser.get("/s/shop/incidents/").content.decode()


def test_a_sender_is_made_by_an_owner_and_its_secret_shown_once(
    site: Site, surfaces: None, ada: User, ben: User, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    sent = {"kind": "cms", "name": "CMS", "fields_": "what = entry.title", "surfaces": ["Blog"]}

    made = browser.post("/s/shop/changes/senders/", sent).content.decode()
    wrong = browser.post("/s/shop/changes/senders/", {**sent, "fields_": "nothing = x"})
    later = browser.get("/s/shop/changes/senders/").content.decode()

    assert "/changes/in/" in made
    assert "Its secret, which is not shown again" in made
    assert wrong.status_code == 422
    assert "/changes/in/" not in later
    assert client_of(ben).get("/s/shop/changes/senders/").status_code == 403
