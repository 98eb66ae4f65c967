"""Rows of the web application stop naming somebody who was erased."""

from __future__ import annotations

import pytest

from tests.conftest import NOON
from truelift.apps.accounts.audit import record
from truelift.apps.explorers.models import Annotation
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.sites.erasure import erase_mentions, finish_erasures
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import settings_of
from truelift.apps.sites.services import BadRetention, change_settings
from truelift.lake.erasure_list import Request, Target, Who
from truelift.lake.home import Home
from truelift.lake.sites import parse_site


pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_what_people_wrote_keeps_its_words_without_the_id(site: Site) -> None:
    note = Annotation.objects.create(
        site=site, at=NOON, kind="incident", text="dora-0001,dora-0001 saw dora-00012", made_at=NOON
    )

    cleaned = erase_mentions(["dora-0001"])
    note.refresh_from_db()

    assert note.text == "erased,erased saw dora-00012"
    assert (cleaned.changed, cleaned.kept) == (1, ())


def test_an_address_goes_however_it_is_written_and_two_that_must_differ_still_do(
    site: Site,
) -> None:
    signals = [
        SignalRecord.objects.create(
            site=site,
            number=number,
            title="Where is it?",
            contact=contact,
            outside_id=outside,
            way=Way.API,
            due_at=NOON,
            made_at=NOON,
        )
        for number, contact, outside in (
            (1, "Dora@Example.com", "dora@example.com"),
            (2, "emil@example.com", "DORA@example.com"),
        )
    ]

    cleaned = erase_mentions(["dora@example.com"])
    for each in signals:
        each.refresh_from_db()

    assert (cleaned.changed, cleaned.kept) == (2, ())
    assert [each.contact for each in signals] == ["erased", "emil@example.com"]
    assert signals[0].outside_id == "erased"
    assert signals[1].outside_id.startswith("erased-")


def test_what_may_only_be_added_to_is_named_instead(site: Site) -> None:
    record("operator", "note.made", "note:dora-0001", site=site.name, now=NOON)

    cleaned = erase_mentions(["dora-0001"])

    assert cleaned.changed == 0
    assert len(cleaned.kept) == 1


def test_what_the_lake_handed_over_is_done_once(home: Home, site: Site) -> None:
    target = Target(site=site.name, visitors=("dora-0001",), users=(), persons=(1,))
    request = Request("a1", site.name, Who.VISITOR, "dora-0001", targets=(target,))
    request.write(home)
    request.hand_over(home)
    Annotation.objects.create(
        site=site, at=NOON, kind="incident", text="of dora-0001", made_at=NOON
    )

    done = finish_erasures(home)

    assert done["a1"].changed == 1
    assert finish_erasures(home) == {}
    assert not list((home.loader / "erasures").iterdir())


def test_a_site_says_for_how_many_days_it_keeps_its_events(site: Site) -> None:
    changed = change_settings(
        site,
        {"retention": {"page_view": 400, "*": 800}},
        version=site.version,
        by="operator",
        now=NOON,
    )

    published = parse_site(settings_of(changed))

    assert dict(published.retention) == {"page_view": 400, "*": 800}


@pytest.mark.parametrize("days", [0, -1, 36_501, True, "9", None])
def test_days_are_a_positive_number_within_reason(site: Site, days: object) -> None:
    with pytest.raises(BadRetention):
        change_settings(
            site,
            {"retention": {"page_view": days}},  # type: ignore[dict-item]
            version=site.version,
            by="operator",
            now=NOON,
        )
