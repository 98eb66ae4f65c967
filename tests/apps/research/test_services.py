"""What can be done to insights and hypotheses, and what is refused."""

from __future__ import annotations

from datetime import datetime

import pytest

from truelift.apps.accounts.audit import verify
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import (
    NoLongerDraft,
    NoSuchInsight,
    StillLinked,
    accept_hypothesis,
    accept_insight,
    create_hypothesis,
    create_insight,
    delete_hypothesis,
    delete_insight,
    edit_insight,
    number_in,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_each_site_counts_its_own_insights(
    insight: InsightRecord, ada: User, mallory: User, site: Site, now: datetime
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")

    second = create_insight(site, InsightFields(problem="Two"), by=Actor(ada), now=now)
    other = create_insight(elsewhere, InsightFields(problem="One"), by=Actor(mallory), now=now)

    assert [insight.key, second.key, other.key] == ["I-1", "I-2", "I-1"]


def test_an_incomplete_insight_is_kept_and_not_accepted(
    site: Site, ada: User, now: datetime
) -> None:
    bare = create_insight(site, InsightFields(problem="It is slow"), by=Actor(ada), now=now)

    with pytest.raises(MoveRefused) as refused:
        accept_insight(site, bare.key, by=Actor(ada), now=now)

    assert [each.code for each in refused.value.obstacles] == [
        "insight.no_surface",
        "insight.no_segment",
        "insight.no_size",
        "insight.no_evidence",
    ]
    bare.refresh_from_db()
    assert bare.stage == "draft"


def test_what_was_accepted_is_not_rewritten(
    site: Site, insight: InsightRecord, ada: User, now: datetime
) -> None:
    accept_insight(site, insight.key, by=Actor(ada), now=now)

    with pytest.raises(NoLongerDraft):
        edit_insight(site, insight.key, InsightFields(problem="x"), by=Actor(ada), now=now)


def test_an_insight_that_a_hypothesis_rests_on_is_not_deleted(
    site: Site, insight: InsightRecord, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    with pytest.raises(StillLinked, match=r"because H-1 rests on it"):
        delete_insight(site, insight.key, by=Actor(ada), now=now)
    delete_hypothesis(site, hypothesis.key, by=Actor(ada), now=now)
    delete_insight(site, insight.key, by=Actor(ada), now=now)

    assert not InsightRecord.objects.exists()


def test_a_hypothesis_rests_on_insights_of_its_own_site_alone(
    insight: InsightRecord, mallory: User, now: datetime
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")

    with pytest.raises(BadFields, match="There is no insight I-1"):
        create_hypothesis(
            elsewhere,
            HypothesisFields(change="x", insights=(insight.key,)),
            by=Actor(mallory),
            now=now,
        )

    assert not HypothesisRecord.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        InsightFields(problem="x" * 301),
        InsightFields(problem="x", evidence=(Piece("gossip", "They say"),)),
        InsightFields(problem="x", evidence=(Piece("voice", "Look", "javascript:alert(1)"),)),
        InsightFields(problem="x", evidence=(Piece("voice", "Look", "//evil.example"),)),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(
    site: Site, ada: User, now: datetime, fields: InsightFields
) -> None:
    with pytest.raises(BadFields):
        create_insight(site, fields, by=Actor(ada), now=now)

    assert not InsightRecord.objects.exists()


def test_every_change_is_in_the_audit(
    site: Site, insight: InsightRecord, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    accept_insight(site, insight.key, by=Actor(ada), now=now)
    accept_hypothesis(site, hypothesis.key, by=Actor(None, operator=True), now=now)

    said = AuditEvent.objects.filter(site=site.name).order_by("id").values_list("action", flat=True)
    assert list(said)[-5:] == [
        "insight.created",
        "hypothesis.created",
        "insight.accepted",
        "hypothesis.submitted",
        "hypothesis.accepted",
    ]
    assert verify() is None


@pytest.mark.parametrize(
    "key", ["", "I", "I-", "I-x", "H-1", "I-1-1", "1", "I--1", "I-²", "I-" + "9" * 30]
)
def test_what_is_no_key_finds_nothing(
    site: Site, insight: InsightRecord, ada: User, now: datetime, key: str
) -> None:
    assert number_in(key, letter="I") != insight.number
    with pytest.raises(NoSuchInsight):
        accept_insight(site, key, by=Actor(ada), now=now)


def test_another_person_accepts_a_hypothesis_than_wrote_it(
    site: Site, hypothesis: HypothesisRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    del cleo  # a viewer, who accepts nothing

    with pytest.raises(MoveRefused) as refused:
        accept_hypothesis(site, hypothesis.key, by=Actor(ada), now=now, reason="I like it")
    accepted = accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now)

    assert [(each.code, each.remedy) for each in refused.value.obstacles] == [
        ("hypothesis.own", f"Ask {ben}.")
    ]
    assert accepted.stage == "accepted"


def test_who_is_alone_accepts_their_own_with_a_reason_that_the_audit_keeps(
    site: Site, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    with pytest.raises(MoveRefused):
        accept_hypothesis(site, hypothesis.key, by=Actor(ada), now=now)

    accept_hypothesis(site, hypothesis.key, by=Actor(ada), now=now, reason="I work alone here")

    written = AuditEvent.objects.get(action="hypothesis.accepted")
    assert written.after == {"stage": "accepted", "own_because": "I work alone here"}
