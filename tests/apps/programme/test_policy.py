"""What a programme agrees on: versions, the page, the API, the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from truelift.apps.accounts.audit import verify
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.programme.models import PolicyRecord
from truelift.apps.programme.reads import policy_at, policy_of, versions_of
from truelift.apps.programme.services import (
    BadPolicy,
    ChangedMeanwhile,
    PolicyChange,
    change_policy,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.cli.main import run
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.policy import USUAL_POLICY, Framework, Research


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def test_a_site_that_agreed_on_nothing_has_the_usual_policy(site: Site) -> None:
    assert policy_of(site) == USUAL_POLICY


def test_a_change_is_the_next_version_and_the_ones_before_stay(
    site: Site, ada: User, now: datetime
) -> None:
    change_policy(site, PolicyChange(research="research_led"), by=Actor(ada), now=now)
    change_policy(site, PolicyChange(max_weeks=6), by=Actor(ada), now=now, because="Slow")

    first, second = policy_at(site, 1), policy_of(site)
    assert first is not None
    assert (first.version, first.research, first.max_weeks) == (1, Research.RESEARCH_LED, 12)
    assert (second.version, second.research, second.max_weeks) == (2, Research.RESEARCH_LED, 6)
    assert versions_of(site)[0].changed == (("Longest plan in weeks", "12", "6"),)
    assert AuditEvent.objects.filter(action="policy.changed").latest("id").after == {
        "version": 2,
        "max_weeks": 6,
        "because": "Slow",
    }
    assert verify() is None


def test_what_changes_nothing_makes_no_version(site: Site, ada: User, now: datetime) -> None:
    change_policy(site, PolicyChange(max_weeks=12), by=Actor(ada), now=now)

    assert not PolicyRecord.objects.exists()


def test_two_programmes_with_different_policies_do_not_leak_into_each_other(
    site: Site, ada: User, mallory: User, now: datetime
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")
    change_policy(site, PolicyChange(organisation="distributed"), by=Actor(ada), now=now)
    change_policy(elsewhere, PolicyChange(triage_days=3), by=Actor(mallory), now=now)

    assert (policy_of(site).central, policy_of(site).triage_days) == (False, 14)
    assert (policy_of(elsewhere).central, policy_of(elsewhere).triage_days) == (True, 3)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (PolicyChange(research="whatever"), BadPolicy),
        (PolicyChange(early_hidden_from=("nobody",)), BadPolicy),
        (PolicyChange(variant="\x00"), BadPolicy),
        (PolicyChange(max_weeks=10**30), MoveRefused),
        (PolicyChange(weights={"ease": float("inf")}), MoveRefused),
        (PolicyChange(weights={f"w{n}": 1.0 for n in range(61)}), MoveRefused),
    ],
)
def test_what_cannot_be_kept_is_refused_and_no_version_is_made(
    site: Site, ada: User, now: datetime, change: PolicyChange, error: type[Exception]
) -> None:
    with pytest.raises(error):
        change_policy(site, change, by=Actor(ada), now=now)

    assert not PolicyRecord.objects.exists()


def test_whoever_saw_an_older_version_is_told_so(site: Site, ada: User, now: datetime) -> None:
    change_policy(site, PolicyChange(max_weeks=6), by=Actor(ada), now=now, seen=0)

    with pytest.raises(ChangedMeanwhile):
        change_policy(site, PolicyChange(max_weeks=7), by=Actor(ada), now=now, seen=0)


def test_the_weights_of_one_framework_do_not_outlive_it(
    site: Site, ada: User, now: datetime
) -> None:
    pxl = PolicyChange(framework="pxl", weights={"ease": 2.0})
    change_policy(site, pxl, by=Actor(ada), now=now)

    after = change_policy(site, PolicyChange(framework="rice"), by=Actor(ada), now=now)

    assert (after.scoring.framework, after.scoring.weights) == (Framework.RICE, ())


@pytest.mark.parametrize("statement", ["UPDATE policy SET max_weeks = 3", "DELETE FROM policy"])
def test_the_database_itself_refuses_to_rewrite_a_version(
    site: Site, ada: User, now: datetime, statement: str
) -> None:
    change_policy(site, PolicyChange(max_weeks=6), by=Actor(ada), now=now)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def _filled(client: Client) -> dict[str, object]:
    form = client.get("/s/shop/programme/").context["form"]
    return {**form.initial, "because": ""}


def test_an_owner_changes_the_policy_on_its_page(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    said = client.post(
        "/s/shop/programme/",
        {
            **_filled(client),
            "research": "research_led",
            "early_hidden_from": ["stakeholder"],
            "weights": "ease=3",
        },
    )
    page = client.get("/s/shop/programme/").content.decode()

    agreed = policy_of(site)
    assert said.status_code == 302
    assert agreed.early_hidden_from == frozenset({Function.STAKEHOLDER})
    assert agreed.scoring.weight("ease", 1.0) == 3.0
    assert "Understand first" in page
    assert "experiment led → research led" in page


def test_the_page_keeps_what_was_typed_when_it_does_not_fit(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    said = client.post("/s/shop/programme/", {**_filled(client), "weights": "ease=much"})

    assert said.status_code == 422
    assert 'value="ease=much"' in said.content.decode()


def test_others_read_the_policy_and_strangers_get_what_does_not_exist(
    site: Site, ben: User, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    assert client_of(cleo).get("/s/shop/programme/").status_code == 200
    assert client_of(ben).post("/s/shop/programme/", {}).status_code == 403
    assert client_of(mallory).get("/s/shop/programme/").status_code == 404
    assert client_of(mallory).post("/s/shop/programme/", {}).status_code == 404
    assert client_of(mallory).get("/api/v1/policy?site=shop").status_code == 404


def test_the_api_shows_and_changes_it(site: Site, ada: User, client_of: ClientOf) -> None:
    client = client_of(ada)

    changed = client.patch(
        "/api/v1/policy?site=shop",
        json.dumps({"version": 0, "harm": "pause", "because": "We sleep at night"}),
        content_type="application/json",
    )
    late = client.patch(
        "/api/v1/policy?site=shop",
        json.dumps({"version": 0, "harm": "notify"}),
        content_type="application/json",
    )
    shown = client.get("/api/v1/policy?site=shop").json()

    assert (changed.status_code, late.status_code) == (200, 409)
    assert (shown["version"], shown["harm"]) == (1, "pause")
    assert shown["versions"][0]["because"] == "We sleep at night"


def test_the_command_shows_and_changes_it(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["research=research_led", "early_hidden_from=sales,finance", "weights=ease:2"]

    done = run("policy", ["set", *settings, "--site", "shop", "--json"])
    answer = json.loads(capsys.readouterr().out)
    wrong = run("policy", ["set", "max_weeks=soon", "weeks=3", "--site", "shop"])
    said = json.loads(capsys.readouterr().err)["error"]
    run("policy", ["show", "--site", "shop"])

    assert (done, wrong) == (0, 1)
    assert (answer["version"], answer["early_hidden_from"]) == (1, ["sales", "finance"])
    assert (said["code"], said["facts"]["settings"]) == (
        "programme.bad_policy",
        ["max_weeks", "weeks"],
    )
    assert "research = research led" in capsys.readouterr().out
