"""Phrases that move people, and claims that disappoint them: kept, found in tests, confirmed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.briefs.services import add_guardrail
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked, checked_url
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.apps.voice.models import (
    ClaimRecord,
    ClaimTestRecord,
    Confirmed,
    Consent,
    NoteRecord,
    PhraseRecord,
    PhraseUseRecord,
)
from truelift.apps.voice.reads import GUARDING
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.surface import surfaces_at


FEWEST_WORDS = 2
"""A phrase of one word would be found in every text."""


class NoSuchPhrase(Refusal):
    """The site has no phrase, claim or link of this key."""

    code = "voice.no_such_phrase"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no {key!r}; the page of phrases and claims lists all.", key=key)


@transaction.atomic
def add_phrase(
    site: Site,
    text: str,
    *,
    said_by: str = "",
    effect: str = "",
    permission: str = Consent.UNKNOWN.value,
    note: NoteRecord | None = None,
    by: Actor,
    now: datetime,
) -> PhraseRecord:
    """Keep words that moved people, and find where they are used already.

    Raises:
        BadFields: It is one word, too long, refused, or here already.
    """
    words = " ".join(text.split())
    if len(plain(words).split()) < FEWEST_WORDS:
        raise BadFields({"text": "A phrase has two words at least."})
    if permission == Consent.REFUSED:
        raise BadFields({"permission": "Words of somebody who refused are not used."})
    if PhraseRecord.objects.filter(site=site, text=words).exists():
        raise BadFields({"text": "The bank has it already."})
    Site.objects.select_for_update().get(pk=site.pk)
    made = PhraseRecord(
        site=site,
        number=_next(PhraseRecord.objects.filter(site=site)),
        text=words,
        said_by=said_by.strip(),
        effect=effect.strip(),
        permission=permission,
        note=note,
        made_by=by.user,
        made_at=now,
    )
    checked(made, skip=("site", "note", "made_by", "made_at"))
    made.save()
    audit(
        action="phrase.added",
        target=f"phrase:{made.key}",
        now=now,
        site=site.name,
        **by.audited,
    )
    suggest_uses(site, phrases=(made,), now=now)
    return made


def plain(text: str) -> str:
    """Give a text as it is compared: small letters, words alone."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def has(text: str, words: str) -> bool:
    """Whether a text has some words, as whole words one after the other."""
    return bool(words) and f" {words} " in f" {text} "


def suggest_uses(
    site: Site, *, now: datetime, phrases: Iterable[PhraseRecord] | None = None
) -> int:
    """Propose links from phrases to hypotheses whose text, or variants' text, has them.

    A person confirms each; what was rejected is not proposed again.

    Returns:
        How many are new.
    """
    wanted = list(PhraseRecord.objects.filter(site=site) if phrases is None else phrases)
    if not wanted:
        return 0
    known = set(
        PhraseUseRecord.objects.filter(phrase__in=wanted).values_list("phrase_id", "hypothesis_id")
    )
    made = []
    for hypothesis, where, text in _texts(site):
        for phrase in wanted:
            pair = (phrase.pk, hypothesis.pk)
            if pair not in known and has(text, plain(phrase.text)):
                known.add(pair)
                made.append(
                    PhraseUseRecord(phrase=phrase, hypothesis=hypothesis, where=where, at=now)
                )
    PhraseUseRecord.objects.bulk_create(made)
    return len(made)


def _texts(site: Site) -> Iterable[tuple[HypothesisRecord, str, str]]:
    rows = HypothesisRecord.objects.filter(site=site).prefetch_related("experiments__variants")
    for each in rows.order_by("number"):
        yield each, each.key, plain(f"{each.change} . {each.outcome} . {each.reason}")
        for test in each.experiments.all():
            for variant in test.variants.all():
                yield each, f"{test.key}, {variant.key}"[:120], plain(variant.name)


@transaction.atomic
def decide_use(
    site: Site, number: int, *, confirmed: bool, by: Actor, now: datetime
) -> PhraseUseRecord:
    """Say whether a hypothesis truly uses a phrase.

    Raises:
        NoSuchPhrase: The site has no such link.
        BadFields: Nobody is named.
    """
    use = (
        PhraseUseRecord.objects.select_for_update()
        .select_related("phrase", "hypothesis")
        .filter(phrase__site=site, pk=min(number, 2**62))
        .first()
    )
    if use is None:
        raise NoSuchPhrase(key=str(number)[:20])
    if by.user is None:
        raise BadFields({"by": "A named person confirms it."})
    use.state = (Confirmed.CONFIRMED if confirmed else Confirmed.REJECTED).value
    use.by, use.at = by.user, now
    use.save(update_fields=["state", "by", "at"])
    audit(
        action=f"phrase.use_{use.state}",
        target=f"phrase:{use.phrase.key}",
        after={"hypothesis": use.hypothesis.key},
        now=now,
        site=site.name,
        **by.audited,
    )
    return use


@transaction.atomic
def add_claim(
    site: Site, text: str, *, url: str = "", surface: str = "", by: Actor, now: datetime
) -> ClaimRecord:
    """Keep a promise and the page that makes it; the same one again gives the one that is here.

    Raises:
        BadFields: It says nothing, or something does not fit.
    """
    words, at = " ".join(text.split()), checked_url(url)
    if not words:
        raise BadFields({"text": "Write down what the page promises."})
    found = ClaimRecord.objects.filter(site=site, text=words, url=at).first()
    if found is not None:
        return found
    places = surfaces_at(at, surfaces_of(site)) if at else ()
    Site.objects.select_for_update().get(pk=site.pk)
    made = ClaimRecord(
        site=site,
        number=_next(ClaimRecord.objects.filter(site=site)),
        text=words,
        url=at,
        surface=surface.strip() or (places[0] if places else ""),
        made_by=by.user,
        made_at=now,
    )
    checked(made, skip=("site", "made_by", "made_at"))
    made.save()
    audit(
        action="claim.added",
        target=f"claim:{made.key}",
        after={"text": made.text, "surface": made.surface},
        now=now,
        site=site.name,
        **by.audited,
    )
    suggest_tests(site, now=now)
    return made


def claim_of(site: Site, key: str) -> ClaimRecord | None:
    """Find a claim by its key."""
    return ClaimRecord.objects.filter(site=site, number=number_in(key, letter="CL")).first()


def suggest_tests(site: Site, *, now: datetime) -> int:
    """Propose which experiments change a claim: those whose texts have its words.

    Returns:
        How many are new.
    """
    claims = list(ClaimRecord.objects.filter(site=site))
    if not claims:
        return 0
    known = set(
        ClaimTestRecord.objects.filter(claim__in=claims).values_list("claim_id", "experiment_id")
    )
    made = []
    rows = ExperimentRecord.objects.filter(site=site).select_related("hypothesis")
    for test in rows.prefetch_related("variants").order_by("pk"):
        said = [test.name, *(each.name for each in test.variants.all())]
        if test.hypothesis is not None:
            said += [test.hypothesis.change, test.hypothesis.outcome, test.hypothesis.reason]
        text = " . ".join(plain(each) for each in said)
        for claim in claims:
            pair = (claim.pk, test.pk)
            if pair not in known and has(text, plain(claim.text)):
                known.add(pair)
                made.append(ClaimTestRecord(claim=claim, experiment=test, at=now))
    ClaimTestRecord.objects.bulk_create(made)
    return len(made)


@transaction.atomic
def tag_test(
    site: Site, claim: str, experiment: str, *, by: Actor, now: datetime, changes: bool = True
) -> ClaimTestRecord:
    """Say that an experiment changes a claim: refunds and tickets then guard it (R052).

    Args:
        site: Where.
        claim: Key of the claim.
        experiment: Key of the experiment.
        by: Who says so; a named person.
        now: When.
        changes: Whether it does; False rejects what was proposed.

    Raises:
        NoSuchPhrase: There is no such claim or experiment.
        BadFields: Nobody is named.
    """
    found = claim_of(site, claim)
    test = ExperimentRecord.objects.filter(site=site, key=experiment).first()
    if found is None or test is None:
        raise NoSuchPhrase(key=(claim if found is None else experiment)[:40])
    if by.user is None:
        raise BadFields({"by": "A named person says so."})
    made, _ = ClaimTestRecord.objects.select_for_update().get_or_create(
        claim=found, experiment=test, defaults={"at": now}
    )
    made.state = (Confirmed.CONFIRMED if changes else Confirmed.REJECTED).value
    made.by, made.at = by.user, now
    made.save()
    if changes:
        made.added = [*made.added, *guard_claims(test, by=by, now=now)]
        made.save(update_fields=["added"])
    audit(
        action="claim.tagged" if changes else "claim.untagged",
        target=f"experiment:{test.key}",
        after={"claim": found.key, "guardrails": made.added},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def guard_claims(test: ExperimentRecord, *, by: Actor, now: datetime) -> tuple[str, ...]:
    """Put what guards claims into the plan of a draft that changes one, where it is missing.

    Whoever rewrites the plan does not lose it: it goes only when the claim is not changed.

    Returns:
        The guardrails that were put in.
    """
    changed = ClaimTestRecord.objects.filter(experiment=test, state=Confirmed.CONFIRMED.value)
    if test.stage != Stage.BRIEFED or not changed.exists():
        return ()
    added = []
    for name in GUARDING:
        try:
            with transaction.atomic():
                add_guardrail(test.site, test.key, name, by=by, now=now)
        except Refusal:
            # The plan has it already.
            continue
        added.append(name)
    return tuple(added)


def _next(rows: models.QuerySet[PhraseRecord] | models.QuerySet[ClaimRecord]) -> int:
    return int(rows.aggregate(top=models.Max("number"))["top"] or 0) + 1
