"""Before a start: each variant's events, and every device that visitors use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.briefs.models import BriefRecord
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.qa.models import HostRecord, PictureRecord, QaRunRecord
from truelift.apps.qa.page import qa_page
from truelift.apps.qa.pictures import BadPicture, keep_picture, path_of
from truelift.apps.qa.plan import (
    Address,
    BadAddresses,
    BadLeftOut,
    BadVerdict,
    OwnWork,
    give_verdict,
    plan_for,
    set_addresses,
)
from truelift.apps.qa.reads import qa_evidence
from truelift.apps.qa.run import (
    LISTENS,
    NoAddresses,
    UnderWay,
    ask_for_run,
    go_on,
    missing_of,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.qa import qa_obstacles
from truelift.questions.sightings import Sighting


pytestmark = [pytest.mark.database, pytest.mark.django_db]

KEY = "delivery-cost"
JPEG = b"\xff\xd8\xff\xe0 a picture"
AT = datetime(2026, 5, 4, 13, tzinfo=UTC)


def addressed(site: Site, by: User, now: datetime, *, steps: str = "") -> None:
    set_addresses(
        site,
        KEY,
        [
            Address("late", "https://shop.example/?v=late", steps),
            Address("early", "https://shop.example/?v=early", steps),
        ],
        by=Actor(by),
        now=now,
    )


def loaded(home: Home, rows: list[dict[str, object]]) -> None:
    """Store events as an import does."""
    made = [
        {
            "trusted": True,
            "type": "track",
            "message_id": f"m-{number}",
            "occurred_at": int(AT.timestamp() * 1000) + number,
            "experiment": None,
            "variant": None,
            "device": None,
            "user_agent": None,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    at_ms = int(AT.timestamp() * 1000)
    append_bulk(home, "shop", pa.Table.from_pylist(made), writer="import-t", received_at_ms=at_ms)
    with Loader(home, now=lambda: AT) as loader:
        loader.step()


def visited(run: QaRunRecord, at: datetime) -> None:
    """Say that every page was opened, without opening one."""
    run.visits.update(visited_at=at)


@pytest.mark.usefixtures("planned")
def test_addresses_are_kept_when_they_can_be_opened(
    site: Site, host: HostRecord, ben: User, now: datetime
) -> None:
    wrong = [
        Address("late", "https://evil.example/"),
        Address("early", "https://shop.example/", "jump about"),
        Address("nobody", "https://shop.example/"),
    ]

    with pytest.raises(BadAddresses) as refused:
        set_addresses(site, KEY, wrong, by=Actor(ben), now=now)
    addressed(site, ben, now, steps="click #buy")

    assert set(refused.value.wrong) == {"late", "early", "nobody"}
    assert [each.variant for each in plan_for(site, KEY).addresses.all()] == ["late", "early"]


@pytest.mark.usefixtures("planned", "host")
def test_leaving_an_event_out_takes_a_reason(site: Site, ben: User, now: datetime) -> None:
    with pytest.raises(BadLeftOut):
        set_addresses(site, KEY, [], left_out=["purchase"], by=Actor(ben), now=now)


@pytest.mark.usefixtures("planned", "host")
def test_a_check_opens_every_variant_in_every_size_as_another_visitor(
    site: Site, ben: User, now: datetime
) -> None:
    with pytest.raises(NoAddresses, match="late and early"):
        ask_for_run(site, KEY, by=Actor(ben), now=now)
    addressed(site, ben, now)

    run = ask_for_run(site, KEY, by=Actor(ben), now=now)

    visits = list(run.visits.values_list("variant", "size", "visitor"))
    assert [each[:2] for each in visits] == [
        ("late", "desktop"),
        ("late", "phone"),
        ("early", "desktop"),
        ("early", "phone"),
    ]
    assert len({each[2] for each in visits}) == 4
    assert all("-synthetic-" in each[2] for each in visits)
    with pytest.raises(UnderWay):
        ask_for_run(site, KEY, by=Actor(ben), now=now)


@pytest.mark.usefixtures("planned", "host")
def test_events_that_do_not_arrive_are_named_one_by_one_after_five_minutes(
    site: Site, home: Home, ben: User, now: datetime
) -> None:
    addressed(site, ben, now)
    run = ask_for_run(site, KEY, by=Actor(ben), now=now)
    visited(run, AT)
    who = {(each.variant, each.size): each.visitor for each in run.visits.all()}
    rows: list[dict[str, object]] = []
    for (variant, size), visitor in who.items():
        # The phone page of `early` shows `late`, and its order is never sent.
        shown = "late" if (variant, size) == ("early", "phone") else variant
        exposure = {"event": "exposure", "experiment": KEY, "variant": shown}
        rows.append({"visitor_id": visitor, **exposure})
        if (variant, size) != ("early", "phone"):
            rows.append({"visitor_id": visitor, "event": "purchase"})
    loaded(home, rows)

    again = go_on(run, now=AT)
    over = go_on(run, now=AT + LISTENS)

    assert again is not None
    assert over is None
    evidence = qa_evidence(site, KEY, AT + LISTENS)
    missing = evidence.missing_events
    assert [(each.variant, each.size, each.role, each.event) for each in missing] == [
        ("early", "phone", "exposure", "exposure"),
        ("early", "phone", "primary", "purchase"),
        ("early", "phone", "guardrail", "purchase"),
    ]
    assert missing[0].because == "It came with variant late."
    assert not evidence.complete


@pytest.mark.usefixtures("planned", "host")
def test_a_check_ends_as_soon_as_everything_has_arrived_and_ages(
    site: Site, home: Home, ben: User, now: datetime
) -> None:
    addressed(site, ben, now)
    run = ask_for_run(site, KEY, by=Actor(ben), now=now)
    visited(run, AT)
    loaded(
        home,
        [
            {"visitor_id": each.visitor, **event}
            for each in run.visits.all()
            for event in (
                {"event": "exposure", "experiment": KEY, "variant": each.variant},
                {"event": "purchase"},
            )
        ],
    )

    assert go_on(run, now=AT) is None

    assert qa_evidence(site, KEY, AT).instrumented
    assert not qa_evidence(site, KEY, AT + timedelta(days=15)).instrumented
    addressed(site, ben, AT + timedelta(hours=1))
    assert qa_evidence(site, KEY, AT + timedelta(hours=2)).stale


def test_what_comes_before_the_exposure_or_is_refused_is_missing(
    planned: ExperimentRecord,
) -> None:
    rows = [
        Sighting("v", "purchase", AT),
        Sighting("v", "exposure", AT + timedelta(seconds=1), KEY, "early"),
        Sighting("v", "cart", AT, refused="too_large"),
    ]

    missing = missing_of(planned, "early", rows, [("primary", "purchase"), ("guardrail", "cart")])

    assert missing == [
        {
            "role": "primary",
            "event": "purchase",
            "because": "It came before the exposure, so it would not count.",
        },
        {"role": "guardrail", "event": "cart", "because": "It was refused: too_large."},
    ]


CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def cell(site: Site, home: Home, planned: ExperimentRecord, ben: User, now: datetime) -> int:
    """The matrix of 19 sessions on an iPhone and one on a desktop; its only cell."""
    from truelift.apps.qa.plan import ask_for_matrix

    loaded(
        home,
        [
            {
                "visitor_id": f"v{n}",
                "event": "x",
                "user_agent": IPHONE if n else CHROME,
                "occurred_at": int((AT - timedelta(days=1)).timestamp() * 1000) + n,
            }
            for n in range(20)
        ],
    )
    ask_for_matrix(site, KEY, by=Actor(ben), now=now)
    run_due_jobs(AT)
    return plan_for(site, KEY).cells.get(current=True).pk


def test_the_matrix_comes_from_traffic(site: Site, cell: int) -> None:
    plan = plan_for(site, KEY)

    found = plan.cells.get()
    assert (found.device, found.share, plan.sessions) == ("phone", 0.95, 20)
    missing = qa_evidence(site, KEY, AT).missing_cells
    assert missing == (("late", str(found)), ("early", str(found)))


def test_whoever_builds_the_variants_does_not_test_them(
    site: Site, cell: int, planned: ExperimentRecord, ben: User, cleo: User, now: datetime
) -> None:
    for variant, tester in (("early", ben), ("late", cleo)):
        give_verdict(site, KEY, cell=cell, variant=variant, passed=True, by=Actor(tester), now=now)
    BriefRecord.objects.create(experiment=planned, builder=ben, changed_at=now)

    with pytest.raises(OwnWork):
        give_verdict(site, KEY, cell=cell, variant="early", passed=True, by=Actor(ben), now=now)

    assert [variant for variant, _ in qa_evidence(site, KEY, now).missing_cells] == ["early"]


def test_a_verdict_is_somebody_elses_and_a_failure_says_what_is_wrong(
    site: Site, cell: int, ada: User, ben: User, now: datetime
) -> None:
    with pytest.raises(OwnWork):
        give_verdict(site, KEY, cell=cell, variant="early", passed=True, by=Actor(ada), now=now)
    with pytest.raises(BadVerdict):
        give_verdict(site, KEY, cell=cell, variant="early", passed=False, by=Actor(ben), now=now)
    for variant, passed in (("late", True), ("early", False)):
        give_verdict(
            site,
            KEY,
            cell=cell,
            variant=variant,
            passed=passed,
            note="The button is off",
            picture=JPEG,
            by=Actor(ben),
            now=now,
        )
    failed = qa_evidence(site, KEY, now)
    give_verdict(site, KEY, cell=cell, variant="early", passed=True, by=Actor(ben), now=now)

    codes = [each.code for each in qa_obstacles(failed)]
    assert codes == ["qa.cells_failed", "qa.no_run"]
    assert qa_evidence(site, KEY, now).matrix_complete
    assert PictureRecord.objects.count() == 1


@pytest.mark.parametrize(
    "content", [b"<svg onload=alert(1)>", b"GIF89a", b"", b"\xff\xd8\xff" * 3_000_000]
)
def test_only_pictures_are_kept(site: Site, content: bytes, now: datetime) -> None:
    with pytest.raises(BadPicture):
        keep_picture(site, content, by=None, now=now)


def test_a_picture_is_shown_to_members_and_does_nothing_there(
    site: Site, cleo: User, mallory: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    digest = keep_picture(site, JPEG, by=None, now=now).sha256

    shown = client_of(cleo).get(f"/s/shop/pictures/{digest}/")

    assert shown.getvalue() == JPEG
    assert shown["Content-Type"] == "image/jpeg"
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert path_of(site, digest).name == digest
    assert client_of(mallory).get(f"/s/shop/pictures/{digest}/").status_code == 404
    assert client_of(mallory).get(f"/s/elsewhere/pictures/{digest}/").status_code == 404


def test_the_page_takes_addresses_verdicts_and_asks_for_a_check(
    site: Site,
    host: HostRecord,
    cell: int,
    ben: User,
    cleo: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    browser = client_of(ben)
    path = f"/s/shop/qa/{KEY}/"
    given = {"variant": ["late", "early"], "steps": ["", "jump"], "left_out": ""}

    refused = browser.post(
        f"{path}addresses/", {**given, "url": ["https://evil.example/", "https://shop.example/"]}
    )
    kept = browser.post(
        f"{path}addresses/",
        {**given, "steps": ["", ""], "url": ["https://shop.example/"] * 2},
    )
    tested = browser.post(
        f"{path}verdict/",
        {
            "cell": cell,
            "variant": "early",
            "passed": "yes",
            "picture": SimpleUploadedFile("a.jpg", JPEG),
        },
    )
    asked = browser.post(f"{path}run/")
    page = client_of(cleo).get(path).content.decode()

    assert refused.status_code == 422
    assert "https://evil.example/" in refused.content.decode()
    assert (kept.status_code, tested.status_code, asked.status_code) == (302, 302, 302)
    assert "Check 1 is under way" in page
    assert client_of(cleo).post(f"{path}run/").status_code == 403
    assert client_of(mallory).get(path).status_code == 404
    assert client_of(mallory).get(f"/api/v1/qa/{KEY}?site=shop").status_code == 404


def test_programs_ask_and_read_the_same(
    site: Site, host: HostRecord, cell: int, ben: User, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ben)
    api = f"/api/v1/qa/{KEY}"

    put = browser.put(
        f"{api}/addresses?site=shop",
        {
            "addresses": [
                {"variant": each, "url": "https://shop.example/"} for each in ("late", "early")
            ]
        },
        "application/json",
    )
    run = browser.post(f"{api}/runs?site=shop")
    verdict = browser.post(
        f"{api}/verdicts?site=shop",
        {"cell": cell, "variant": "late", "passed": True},
        "application/json",
    )
    shown = browser.get(f"{api}?site=shop").json()

    assert (put.status_code, run.status_code, verdict.status_code) == (200, 202, 201)
    assert [each["code"] for each in shown["reasons"]] == ["qa.cells_missing", "qa.run_under_way"]
    assert browser.get(f"{api}/runs/1?site=shop").json()["visits"][0]["variant"] == "late"
    assert browser.get(f"{api}/runs/9?site=shop").status_code == 404
    assert browser.get("/api/v1/qa/nothing?site=shop").status_code == 404


def test_the_page_of_a_running_test_says_what_was_true_of_its_start(
    site: Site, host: HostRecord, cell: int, ben: User, now: datetime
) -> None:
    record = ExperimentRecord.objects.select_related("site").get(key=KEY)
    before = qa_page(record, plan_for(site, KEY), user=ben, now=now)
    record.stage, record.started_at = "running", now
    missing = qa_page(record, plan_for(site, KEY), user=ben, now=now)
    for variant in ("late", "early"):
        give_verdict(site, KEY, cell=cell, variant=variant, passed=True, by=Actor(ben), now=now)
    plan = plan_for(site, KEY)
    QaRunRecord.objects.create(plan=plan, number=1, asked_at=now, finished_at=now)

    after = qa_page(record, plan, user=ben, now=now + timedelta(days=40))

    assert before.heading == "Not ready, for 2 reasons"
    assert missing.answer == "It started with two things not looked at."
    assert missing.heading == "Not looked at when it started"
    assert (after.answer, after.reasons) == ("Everything was looked at before it started.", ())
    assert "now: running" in after.grounds
