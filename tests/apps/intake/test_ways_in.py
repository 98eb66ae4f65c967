"""Every way in: files, e-mails, open forms, webhooks; nothing lost, nothing twice."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.intake.channels import Opened, close_channel, open_channel, signed
from truelift.apps.intake.csv_file import UnreadableFile, table_of, text_of
from truelift.apps.intake.imports import TakenAlready, bring, take
from truelift.apps.intake.mail import UnreadableMail, mail_of, take_mail
from truelift.apps.intake.models import Channel, IdeaRecord, SignalRecord, Way
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.cli.main import run


pytestmark = [pytest.mark.database, pytest.mark.django_db]

MIXED = """title;Page;team;id;Priority
Parcel late;Checkout;Service;T-1;high
;Checkout;Service;T-2;low
"Two
lines";Cart;;T-3;
Parcel late again;Checkout;Service;T-1;
Link;Cart;;T-4;;too many
"""


def test_every_row_is_taken_or_refused_with_its_line_and_why() -> None:
    table = table_of(MIXED, kind="signals")

    assert [(row.line, row.outside_id) for row in table.good] == [(2, "T-1"), (4, "T-3")]
    assert table.good[0].written.surface == "Checkout"
    assert table.good[0].written.detail == "Priority: high"
    assert table.ignored == ("Priority",)
    assert [(row.line, row.reasons) for row in table.refused] == [
        (3, ("title: It is empty.",)),
        (6, ("id: Line 2 has the same.",)),
        (7, ("It has 6 cells for 5 columns.",)),
    ]


@pytest.mark.parametrize("text", ["", "page,team\nx,y\n", "title\n" + "x\n" * 5001])
def test_a_file_that_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFile):
        table_of(text, kind="signals")


def test_letters_of_old_spreadsheets_are_read() -> None:
    assert text_of("title\nGröße\n".encode("cp1252")) == "title\nGröße\n"


def test_a_file_is_taken_once_and_what_it_lost_is_kept(
    site: Site, ada: User, now: datetime
) -> None:
    file = bring(site, MIXED, kind="signals", name="t.csv", by=Actor(ada), now=now)
    assert not SignalRecord.objects.exists()

    done = take(file, by=Actor(ada), now=now)

    assert (done.taken, len(done.refused)) == (2, 3)
    with pytest.raises(TakenAlready):
        take(file, by=Actor(ada), now=now)
    again = take(
        bring(site, MIXED, kind="signals", name="t.csv", by=Actor(ada), now=now),
        by=Actor(ada),
        now=now,
    )
    assert again.taken == 0
    assert [row["line"] for row in again.refused] == [2, 3, 4, 6, 7]
    assert SignalRecord.objects.count() == 2


MAIL = b"""From: Cleo <cleo@example.com>
Subject: Re: AW: Parcel late
Message-ID: <1@example.com>
Content-Type: text/html; charset=utf-8

<html><head><style>p{}</style></head><body><p>Five calls</p><p>on Monday</p></body></html>
"""


def test_a_mail_says_what_was_noticed_without_its_markup() -> None:
    mail = mail_of(MAIL)

    assert mail.written.title == "Parcel late"  # type: ignore[union-attr]
    assert mail.written.detail.split() == ["Five", "calls", "on", "Monday"]
    assert (mail.written.contact, mail.message_id) == ("cleo@example.com", "<1@example.com>")


def test_a_subject_that_says_so_is_an_idea() -> None:
    mail = mail_of(b"Subject: =?utf-8?q?Idea=3A_Gr=C3=B6=C3=9Fen_zeigen?=\n\nBecause.\n")

    assert mail.written.change == "Größen zeigen"  # type: ignore[union-attr]
    assert len(mail.message_id) == 64


def test_a_mail_that_says_nothing_is_refused() -> None:
    with pytest.raises(UnreadableMail, match="neither a subject nor a text"):
        mail_of(b"From: x\n\n")


def test_a_mail_of_mere_bytes_is_read_without_falling_over() -> None:
    assert mail_of(b"Subject: a\n\n" + bytes(range(1, 256))).written.contact == ""


def test_a_folder_of_mails_is_emptied_and_nothing_taken_twice(
    site: Site, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "b.eml").write_bytes(b"From: x\n\n")
    (tmp_path / "c.eml").write_bytes(MAIL)
    (tmp_path / "notes.txt").write_text("not a mail")
    operator = Actor(None, operator=True)

    done = take_mail(site, tmp_path, by=operator, now=now)

    assert [(each.file, each.key) for each in done] == [
        ("a.eml", "S-1"),
        ("b.eml", ""),
        ("c.eml", "S-1"),
    ]
    assert sorted(p.name for p in (tmp_path / "taken").iterdir()) == ["a.eml", "c.eml"]
    assert sorted(p.name for p in (tmp_path / "refused").iterdir()) == ["b.eml", "b.why.txt"]
    assert (tmp_path / "notes.txt").exists()
    assert take_mail(site, tmp_path, by=operator, now=now) == ()


@pytest.fixture
def form(site: Site, ada: User, now: datetime) -> Opened:
    return open_channel(site, Way.LINK, name="Service", by=Actor(ada), now=now)


@pytest.fixture
def hook(site: Site, ada: User, now: datetime) -> Opened:
    return open_channel(site, Way.WEBHOOK, name="Help desk", by=Actor(ada), now=now)


def test_the_open_form_takes_signals_and_ideas_of_people_without_an_account(
    form: Opened, site: Site
) -> None:
    address = f"/intake/{form.secret}/"
    stranger = Client()

    shown = stranger.get(address)
    sent = stranger.post(address, {"title": "Parcel late", "team": "Service"})
    proposed = stranger.post(address + "?about=idea", {"change": "Larger type"})

    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    assert shown["X-Robots-Tag"] == "noindex"
    assert "rail" not in shown.content.decode()
    assert (sent.status_code, proposed.status_code) == (201, 201)
    signal = SignalRecord.objects.get()
    assert (signal.way, signal.made_by, signal.channel) == ("link", None, form.channel)
    assert IdeaRecord.objects.get().as_domain().solution_only
    assert AuditEvent.objects.get(action="signal.received").actor == "link:Service"


def test_the_form_keeps_its_secret_as_a_hash_only(form: Opened) -> None:
    row = Channel.objects.values().get()

    assert len(form.secret) >= 22
    assert form.secret not in str(row)


def test_a_closed_form_is_not_there(form: Opened, site: Site, ada: User, now: datetime) -> None:
    close_channel(site, form.channel.pk, by=Actor(ada), now=now)

    for response in (
        Client().get(f"/intake/{form.secret}/"),
        Client().post(f"/intake/{form.secret}/", {"title": "X"}),
        Client().get("/intake/AAAAAAAAAAAAAAAAAAAAAA/"),
    ):
        assert response.status_code == 404
        assert "Shop" not in response.content.decode()
    assert not SignalRecord.objects.exists()


def test_one_address_cannot_flood_a_form(form: Opened) -> None:
    address = f"/intake/{form.secret}/"

    codes = [Client().post(address, {"title": f"No. {i}"}).status_code for i in range(12)]

    assert codes == [201] * 10 + [429] * 2
    assert SignalRecord.objects.count() == 10


def _send(
    hook: Opened,
    given: object,
    *,
    message_id: str = "m1",
    at: int | None = None,
    tamper: bytes = b"",
    signature: str | None = None,
) -> HttpResponse:
    body = json.dumps(given).encode()
    stamp = int(time.time()) if at is None else at
    made = signed(hook.channel, message_id=message_id, timestamp=stamp, body=body)
    answer = Client().post(
        f"/api/v1/intake/{hook.channel.public_id}",
        data=body + tamper,
        content_type="application/json",
        headers={
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": made if signature is None else signature,
        },
    )
    assert isinstance(answer, HttpResponse)
    return answer


def test_a_signed_request_is_taken_once(hook: Opened) -> None:
    first = _send(hook, {"title": "Parcel late", "outside_id": "T-1"})
    again = _send(hook, {"title": "Parcel late", "outside_id": "T-1"})
    idea = _send(hook, {"kind": "idea", "change": "Larger type"}, message_id="m2")

    assert (first.status_code, again.status_code, idea.status_code) == (201, 200, 201)
    assert json.loads(again.content) == {"key": "S-1", "already": True}
    assert SignalRecord.objects.get().way == "webhook"


def test_the_signature_is_that_of_standard_webhooks(hook: Opened) -> None:
    import base64
    import hashlib
    import hmac

    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, b"m.1.{}", hashlib.sha256).digest()).decode()

    assert signed(hook.channel, message_id="m", timestamp=1, body=b"{}") == f"v1,{wanted}"


@pytest.mark.parametrize(
    "broken",
    [
        {"tamper": b" "},
        {"signature": ""},
        {"signature": "v1,AAAA"},
        {"at": 1_700_000_000},
        {"at": int(datetime(2099, 1, 1, tzinfo=UTC).timestamp())},
        {"message_id": "x" * 121},
    ],
)
def test_a_request_that_is_forged_or_old_is_refused(
    hook: Opened, broken: dict[str, object]
) -> None:
    response = _send(hook, {"title": "X"}, **broken)  # type: ignore[arg-type]

    assert response.status_code == 401
    assert not SignalRecord.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"title": ""},
        [],
        {"kind": "order"},
        {"kind": []},
        {"kind": {"a": 1}, "title": "x"},
        {"title": "x" * 500},
    ],
)
def test_a_signed_request_that_makes_no_sense_is_told_so(hook: Opened, given: object) -> None:
    assert _send(hook, given).status_code == 422


def test_a_webhook_is_not_another_sites(hook: Opened, form: Opened) -> None:
    assert Client().post(f"/api/v1/intake/{form.channel.public_id}").status_code == 404
    assert Client().post("/api/v1/intake/unknown").status_code == 404


def test_the_command_takes_mails_in_for_a_site(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)

    code = run("intake", ["mail", str(tmp_path), "--site", "shop", "--json"])
    none = run("intake", ["mail", str(tmp_path / "gone"), "--site", "shop"])

    said = capsys.readouterr()
    assert (code, none) == (0, 1)
    assert json.loads(said.out)["mails"] == [{"file": "a.eml", "key": "S-1", "why": ""}]
    assert "cli.no_such_folder" in said.err
