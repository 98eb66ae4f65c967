"""Notes, the call, codes, phrases, claims and themes: what is kept, refused and computed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.models import ExperimentRecord, VariantRecord
from truelift.apps.experiments.services import replan_experiment
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import Way
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, HypothesisFields
from truelift.apps.research.services import create_hypothesis
from truelift.apps.sites.models import Site
from truelift.apps.voice.calls import begin_call, close_call, keep_call
from truelift.apps.voice.codes import Code, code_note, may_see_codes, name_owner, write_codebook
from truelift.apps.voice.csv_file import bring_notes
from truelift.apps.voice.figures import Ended, compute, yield_of
from truelift.apps.voice.jobs import listen
from truelift.apps.voice.models import ClaimTestRecord, NoteRecord, PhraseUseRecord, ThemeRecord
from truelift.apps.voice.notes import (
    CONTACT_KEPT,
    NoteFields,
    NoteIsHere,
    erase_note,
    forget_contacts,
    pass_on,
    receive_note,
)
from truelift.apps.voice.promises import add_claim, add_phrase, decide_use, tag_test
from truelift.apps.voice.reads import calls_held, claims_changed, claims_on, silent, spikes
from truelift.apps.voice.themes import Exposure, decide_theme, figures_of
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.voice import Answer, Question
from truelift.stats.outcome import Outcome


pytestmark = pytest.mark.django_db

SAID = NoteFields(
    text="The delivery costs more than the gas", source="service", contact="ilse@example.org"
)
CODES = (
    Code("delivery_cost", "Delivery cost", "objection"),
    Code("too_heavy", "Heavier than promised", "disappointment"),
)


def told(site: Site, by: User, now: datetime, **more: object) -> NoteRecord:
    return receive_note(site, replace(SAID, **more), Arrival(Way.MEMBER, by=Actor(by)), now=now)  # type: ignore[arg-type]


@pytest.mark.database
def test_the_same_words_of_the_same_day_are_one_note(site: Site, ada: User, now: datetime) -> None:
    first = told(site, ada, now)

    with pytest.raises(NoteIsHere) as refusal:
        told(site, ada, now, text=" the delivery  costs more than the GAS")
    told(site, ada, now, day=date(2026, 5, 3))

    assert refusal.value.key == first.key == "N-1"
    assert NoteRecord.objects.count() == 2


def test_words_of_who_refused_are_not_kept_and_addresses_are_seen(
    site: Site, ada: User, now: datetime
) -> None:
    with pytest.raises(BadFields) as refusal:
        told(site, ada, now, consent="refused", source="pigeon", day=date(2027, 1, 1))
    found = told(site, ada, now, text="Write to ilse@example.org please")

    assert set(refusal.value.wrong) == {"consent", "source", "day"}
    assert found.personal


def test_erased_words_are_nowhere_and_are_not_taken_in_again(
    site: Site, ada: User, now: datetime
) -> None:
    note = told(site, ada, now)
    add_phrase(site, "more than the gas", note=note, by=Actor(ada), now=now)

    gone = erase_note(site, note.key, by=Actor(ada), now=now)

    assert (gone.text, gone.contact, gone.phrases.count()) == ("", "", 0)
    with pytest.raises(NoteIsHere):
        told(site, ada, now)
    said = " ".join(str((each.before, each.after)) for each in AuditEvent.objects.all())
    assert "delivery costs" not in said
    assert "ilse" not in said


def test_a_contact_leaves_after_its_time_and_the_words_stay(
    site: Site, ada: User, now: datetime
) -> None:
    note = told(site, ada, now)

    assert forget_contacts(site, now=now + CONTACT_KEPT) == 0
    assert forget_contacts(site, now=now + CONTACT_KEPT + timedelta(seconds=1)) == 1
    note.refresh_from_db()
    assert (note.contact, note.text) == ("", SAID.text)


def test_a_note_is_passed_on_as_a_signal_once(site: Site, ada: User, now: datetime) -> None:
    note = told(site, ada, now)

    signal = pass_on(site, note.key, by=Actor(ada), now=now)

    assert signal.title == SAID.text
    with pytest.raises(BadFields):
        pass_on(site, note.key, by=Actor(ada), now=now)


def test_a_file_is_taken_in_once_row_by_row(site: Site, ada: User, now: datetime) -> None:
    file = (
        "Quote;source;date;deal lost;deal value;colour\n"
        "Too dear;sales;2026-04-02;yes;1,250.50;red\n"
        '"=cmd\nTwo lines";review;;;;\n'
        "Bad day;sales;soon;perhaps;much;\n"
    )

    first = bring_notes(site, file, by=Actor(ada), now=now)
    again = bring_notes(site, file, by=Actor(ada), now=now)

    assert (first.taken, first.known, first.ignored) == (2, 0, ("colour",))
    assert [line for line, _ in first.refused] == [5]
    assert all(word in first.refused[0][1] for word in ("day", "lost", "value"))
    assert (again.taken, again.known) == (0, 2)
    dear = NoteRecord.objects.get(text="Too dear")
    assert (dear.value_minor, dear.lost, dear.day) == (125_050, True, date(2026, 4, 2))


@pytest.mark.database
def test_a_call_becomes_notes_when_every_question_has_its_answer(
    site: Site, ada: User, now: datetime
) -> None:
    name_owner(site, Function.SALES, ada, by=Actor(ada), now=now)
    call = begin_call(site, Function.SALES, day=now.date(), by=Actor(ada), now=now)
    answers = (
        Answer(Question.OBJECTIONS, "Too dear", 12, "Clubs", "Cart"),
        Answer(Question.BEFORE, "Does it fit my stove?", 4),
    )

    keep_call(site, call.number, answers, minutes=35)
    with pytest.raises(MoveRefused) as refusal:
        close_call(site, call.number, by=Actor(ada), now=now)
    keep_call(site, call.number, answers, nothing_new=frozenset({Question.DECLINED}), minutes=35)
    closed, notes = close_call(site, call.number, by=Actor(ada), now=now)

    assert [each.code for each in refusal.value.obstacles] == ["voice.call_unanswered"]
    assert [(each.question, each.times, each.owner, each.call) for each in notes] == [
        ("q1", 12, ada, closed),
        ("q2", 4, ada, closed),
    ]
    assert [(each.key, each.minutes, each.notes) for each in calls_held(site)] == [("VC-1", 35, 2)]
    with pytest.raises(MoveRefused):
        keep_call(site, call.number, answers)


def test_codes_are_blind_costed_and_agree_or_not(
    site: Site, ada: User, ben: User, now: datetime
) -> None:
    write_codebook(site, CODES, by=Actor(ada), now=now)
    april = [
        told(
            site,
            ada,
            now,
            text=f"Words {each}",
            day=date(2026, 4, 1 + each),
            lost=each < 4,
            value_minor=10_000 if each < 3 else None,
        )
        for each in range(12)
    ]
    for each in april:
        code = CODES[each.number % 2].key
        code_note(site, each.key, code, by=Actor(ada), now=now)
        assert not may_see_codes(each, ben)
        code_note(site, each.key, code if each.number > 2 else "", by=Actor(ben), now=now)
    # What they say once they have seen each other's settles the cost, and not the agreement.
    code_note(site, april[0].key, CODES[1].key, by=Actor(ben), now=now)

    document = compute(site, now=now).document

    kappa = document["agreement"]["kappa"]
    assert (kappa["n"], round(kappa["agreed"], 3)) == (12, 0.833)
    assert kappa["enough"] is True
    assert document["unsettled"] == 1
    costs = {each["code"]: each for each in document["costs"]}
    assert (costs["too_heavy"]["lost_minor"], costs["too_heavy"]["unvalued"]) == (20_000, 0)
    assert (costs["delivery_cost"]["lost"], costs["delivery_cost"]["unvalued"]) == (1, 1)
    assert document["saturation"]["codes"] == 2


def test_a_phrase_in_a_variant_is_suggested_and_a_person_confirms(
    site: Site, ada: User, now: datetime
) -> None:
    phrase = add_phrase(site, "Warm by the first night", by=Actor(ada), now=now)
    made = create_hypothesis(
        site, HypothesisFields(change="Say “warm by  THE first night”."), by=Actor(ada), now=now
    )
    create_hypothesis(site, HypothesisFields(change="Warm by the"), by=Actor(ada), now=now)

    listen(site, now=now)
    use = PhraseUseRecord.objects.get()
    decide_use(site, use.pk, confirmed=False, by=Actor(ada), now=now)
    listen(site, now=now)

    assert (use.phrase, use.hypothesis, use.state) == (phrase, made, "suggested")
    assert PhraseUseRecord.objects.get().state == "rejected"


def test_a_test_that_changes_a_claim_is_guarded_by_refunds_and_tickets(
    site: Site, ada: User, now: datetime
) -> None:
    claim = add_claim(site, "Weighs under a kilo", surface="Product page", by=Actor(ada), now=now)
    test = ExperimentRecord.objects.create(
        site=site, key="light", name="Light", stage="briefed", made_at=now
    )
    VariantRecord.objects.create(experiment=test, key="b", name="“Weighs under a kilo” on top")

    listen(site, now=now)
    suggested = ClaimTestRecord.objects.get()
    assert (suggested.state, test.metrics.count()) == ("suggested", 0)
    assert [each.confirmed for each in claims_changed(test)] == [False]
    tag_test(site, claim.key, "light", by=Actor(ada), now=now)

    assert {(each.metric.key, each.role) for each in test.metrics.all()} == {
        ("refund_rate", "guardrail"),
        ("ticket_rate", "guardrail"),
    }
    assert [each.record for each in claims_on(site, "Product page")] == [claim]

    rewritten = ExperimentSpec(key="light", name="Lighter")
    replan_experiment(site, "light", rewritten, by=Actor(ada), now=now)
    assert {each.metric.key for each in test.metrics.all()} == {"refund_rate", "ticket_rate"}
    tag_test(site, claim.key, "light", by=Actor(ada), now=now, changes=False)
    replan_experiment(site, "light", rewritten, by=Actor(ada), now=now)
    assert not test.metrics.exists()


@pytest.mark.database
def test_a_theme_is_a_draft_until_a_person_accepts_it_and_a_spike_is_told(
    site: Site, ada: User, now: datetime
) -> None:
    # A Monday: the last 28 days end with it.
    monday = now.date()
    for each in range(9):
        told(
            site,
            ada,
            now,
            text=f"The zip of the sleeping bag jams, number {each}",
            day=monday - timedelta(days=3 * each + 1),
        )
    for each in range(4):
        told(
            site,
            ada,
            now,
            text=f"Where is my parcel {each}",
            day=monday - timedelta(days=25 * each + 3),
        )

    listen(site, now=now)
    listen(site, now=now)

    found = spikes(site)
    assert [(each.recent, each.prior, each.draft) for each in found] == [(9, 0, True)]
    with pytest.raises(BadFields):
        decide_theme(site, found[0].key, accept=True, by=Actor(None, machine=True), now=now)
    decide_theme(site, found[0].key, accept=True, name="Zip jams", by=Actor(ada), now=now)
    listen(site, now=now)
    theme = ThemeRecord.objects.get(name="Zip jams")
    assert (theme.state, theme.edited, theme.drafted_by) == ("accepted", True, "tf-idf themes 1")


def test_what_grows_with_the_visits_is_no_spike() -> None:
    monday = date(2026, 5, 4)
    days = [monday - timedelta(days=each + 1) for each in (*range(20), *range(30, 112, 5))]
    notes = [(each, True) for each in days]

    by_day = figures_of(notes, monday, Exposure("day", 28, 84))
    busy = figures_of(notes, monday, Exposure("session", 40_000, 36_000, 40_000, 500))

    assert (by_day["recent"], by_day["prior"], by_day["spike"]) == (20, 17, True)
    assert by_day["per_1000_sessions"] is None
    assert (busy["spike"], busy["per_1000_sessions"], busy["per_1000_calls"]) == (False, 0.5, 40.0)


def test_a_source_is_silent_after_thirty_five_days_of_its_owner(
    site: Site, ada: User, now: datetime
) -> None:
    name_owner(site, Function.SERVICE, ada, by=Actor(ada), now=now)
    told(site, ada, now + timedelta(days=10), day=now.date())

    assert silent(site, now + timedelta(days=45)) == ()
    found = silent(site, now + timedelta(days=45, seconds=1))

    assert [(each.function, each.owner, each.days) for each in found] == [
        (Function.SERVICE, ada, 35)
    ]


def test_the_yield_of_each_kind_of_evidence_is_counted_and_few_say_nothing() -> None:
    def rows(kind: str, outcomes: str) -> list[Ended]:
        letters = {"w": Outcome.WIN, "l": Outcome.LOSS, "i": Outcome.INCONCLUSIVE}
        lift = {"w": 0.05, "l": -0.02, "i": 0.0}
        return [Ended(frozenset({kind}), letters[each], lift[each]) for each in outcomes]

    found = {each["kind"]: each for each in yield_of(rows("voice", "wwwliw") + rows("survey", "w"))}

    assert found["survey"] == {"kind": "survey", "n": 1, "few": True}
    voice = found["voice"]
    assert (voice["n"], voice["few"], voice["median_lift"]) == (6, False, 0.05)
    assert voice["win"][0] == pytest.approx(4 / 6)
    assert voice["learning"][0] == pytest.approx(5 / 6)
    assert voice["win"][1] < 4 / 6 < voice["win"][2]
