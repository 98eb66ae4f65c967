"""What becomes of signals and ideas, written down, and nothing deleted that something hangs on."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.intake import services
from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.reads import Wanted, signals_wanted, waiting
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.research.services import StillLinked, delete_hypothesis, delete_insight
from truelift.apps.sites.models import Site
from truelift.lifecycle.idea import IdeaAction, IdeaStage
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.signal import SignalAction, SignalStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_keys_are_counted_per_site_and_kind(
    site: Site, signal: SignalRecord, idea: IdeaRecord, mallory: User, now: datetime
) -> None:
    other = mallory.memberships.get().site
    theirs = services.receive_signal(other, SignalFields(title="X"), Arrival(Way.API), now=now)

    assert (signal.key, idea.key, theirs.key) == ("S-1", "ID-1", "S-1")


def test_a_decision_about_a_new_signal_triages_it_on_the_way(
    site: Site, signal: SignalRecord, ada: User, now: datetime
) -> None:
    done = services.move_signal_record(
        site, signal.key, SignalAction.DISMISS, by=Actor(ada), now=now, reason="Known since May"
    )

    assert done.stage == SignalStage.DISMISSED
    assert done.triaged_at == now
    assert list(
        AuditEvent.objects.filter(target="signal:S-1")
        .order_by("id")
        .values_list("action", flat=True)
    ) == ["signal.received", "signal.triaged", "signal.dismissed"]


def test_a_refused_decision_leaves_the_signal_new(
    site: Site, signal: SignalRecord, ada: User, now: datetime
) -> None:
    with pytest.raises(MoveRefused, match="Nobody has said why"):
        services.move_signal_record(site, signal.key, SignalAction.DISMISS, by=Actor(ada), now=now)

    signal.refresh_from_db()
    assert signal.stage == SignalStage.NEW


def test_what_was_snoozed_waits_again_on_its_day(
    site: Site, signal: SignalRecord, ada: User, now: datetime
) -> None:
    until = now + timedelta(days=7)
    services.move_signal_record(
        site, signal.key, SignalAction.SNOOZE, by=Actor(ada), now=now, until=until
    )

    def shown(show: str, at: datetime) -> int:
        return signals_wanted(site, Wanted(show=show), now=at).count()

    assert (shown("waiting", now), shown("snoozed", now)) == (0, 1)
    assert (shown("waiting", until), shown("snoozed", until)) == (1, 0)
    again = services.move_signal_record(
        site, signal.key, SignalAction.DISMISS, by=Actor(ada), now=until, reason="Gone"
    )
    assert again.stage == SignalStage.DISMISSED


def test_a_finding_started_from_a_signal_carries_it_as_evidence(
    site: Site, signal: SignalRecord, ada: User, now: datetime
) -> None:
    made = services.insight_from_signal(site, signal.key, by=Actor(ada), now=now)

    signal.refresh_from_db()
    assert signal.insight == made
    assert (made.problem, made.surface, made.segment) == (signal.title, "Checkout", "Phones")
    assert made.evidence.get().text == "S-1: Many ask when their parcel comes"
    with pytest.raises(services.StillHangs, match=r"I-1 hangs on it"):
        services.delete_signal(site, signal.key, by=Actor(ada), now=now)


def test_several_at_once_are_each_for_themselves(
    site: Site, signal: SignalRecord, ada: User, now: datetime
) -> None:
    other = services.receive_signal(site, SignalFields(title="Y"), Arrival(Way.API), now=now)
    services.move_signal_record(
        site, other.key, SignalAction.DISMISS, by=Actor(ada), now=now, reason="No"
    )

    done = services.move_signals(site, ["S-1", "S-2"], SignalAction.TRIAGE, by=Actor(ada), now=now)

    assert done.done == ("S-1",)
    assert [each.code for each in done.refused["S-2"]] == ["signal.wrong_stage"]
    with pytest.raises(services.NoSuchSignal):
        services.move_signals(site, ["S-1", "S-9"], SignalAction.SNOOZE, by=Actor(ada), now=now)


def test_an_idea_becomes_a_hypothesis_that_rests_on_what_it_answers(
    site: Site, signal: SignalRecord, idea: IdeaRecord, ada: User, now: datetime
) -> None:
    finding = services.insight_from_signal(site, signal.key, by=Actor(ada), now=now)
    for action in (IdeaAction.SCREEN, IdeaAction.SCORE):
        services.move_idea_record(site, idea.key, action, by=Actor(ada), now=now)

    made = services.hypothesis_from_idea(site, idea.key, by=Actor(ada), now=now)

    idea.refresh_from_db()
    assert (idea.stage, idea.hypothesis) == (IdeaStage.PROMOTED, made)
    assert (made.change, made.audience, made.surface, made.reason) == (
        idea.change,
        "everyone",
        "Checkout",
        finding.problem,
    )
    assert list(made.insights.all()) == [finding]
    with pytest.raises(services.StillHangs):
        services.delete_idea(site, idea.key, by=Actor(ada), now=now)


def test_what_is_linked_holds_the_finding_and_the_hypothesis_until_it_lets_go(
    site: Site, signal: SignalRecord, idea: IdeaRecord, ada: User, now: datetime
) -> None:
    finding = services.insight_from_signal(site, signal.key, by=Actor(ada), now=now)
    for action in (IdeaAction.SCREEN, IdeaAction.SCORE):
        services.move_idea_record(site, idea.key, action, by=Actor(ada), now=now)
    made = services.hypothesis_from_idea(site, idea.key, by=Actor(ada), now=now)

    with pytest.raises(StillLinked, match="ID-1"):
        delete_hypothesis(site, made.key, by=Actor(ada), now=now)
    services.move_idea_record(site, idea.key, IdeaAction.TAKE_UP, by=Actor(ada), now=now)
    delete_hypothesis(site, made.key, by=Actor(ada), now=now)
    with pytest.raises(StillLinked, match="S-1"):
        delete_insight(site, finding.key, by=Actor(ada), now=now)
    services.move_signal_record(site, signal.key, SignalAction.UNLINK, by=Actor(ada), now=now)
    delete_insight(site, finding.key, by=Actor(ada), now=now)


def test_a_refused_promotion_makes_no_hypothesis(site: Site, ada: User, now: datetime) -> None:
    idea = services.receive_idea(
        site, IdeaFields(change="Larger logo"), Arrival(Way.MEMBER, by=Actor(ada)), now=now
    )

    with pytest.raises(MoveRefused):
        services.hypothesis_from_idea(site, idea.key, by=Actor(ada), now=now)

    assert not site.hypotheses.exists()


def test_the_same_thing_from_outside_is_taken_once(site: Site, now: datetime) -> None:
    arrival = Arrival(Way.API, outside_id="ticket-7")
    services.receive_signal(site, SignalFields(title="X"), arrival, now=now)

    with pytest.raises(services.AlreadyHere, match="S-1"):
        services.receive_signal(site, SignalFields(title="X"), arrival, now=now)
    assert SignalRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (SignalFields(title=" "), "title"),
        (SignalFields(title="x" * 201), "title"),
        (SignalFields(title="a\x00b"), "title"),
        (SignalFields(title="x", detail="y" * 8001), "detail"),
        (SignalFields(title="x", url="javascript:alert(1)"), "url"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(
    site: Site, now: datetime, fields: SignalFields, wrong: str
) -> None:
    with pytest.raises(BadFields) as refused:
        services.receive_signal(site, fields, Arrival(Way.API), now=now)

    assert set(refused.value.wrong) == {wrong}


def test_the_rail_counts_what_waits(
    site: Site, signal: SignalRecord, idea: IdeaRecord, ada: User, now: datetime
) -> None:
    assert [waiting(site)[each].count() for each in ("signals", "ideas")] == [1, 1]

    services.move_signal_record(
        site, signal.key, SignalAction.DISMISS, by=Actor(ada), now=now, reason="No"
    )
    assert not waiting(site)["signals"]
