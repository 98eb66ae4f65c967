"""Themes of notes: put together by a machine, judged once a week, accepted by a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.facts.reads import calls, weeks
from truelift.apps.memory.clustering import MOST_TEXTS, Cluster, clusters_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, is_storable
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import NoteRecord, Source, ThemeRecord, ThemeState
from truelift.errors import Refusal
from truelift.lifecycle.similarity import terms_of
from truelift.stats.spike import P_BELOW_WEEKLY, PRIOR_DAYS, RECENT_DAYS, spike


METHOD: Final = "tf-idf themes 1"
"""What a theme names as its author; the number rises when the same notes could fall otherwise."""

TOGETHER_FROM: Final = 0.2
"""Cosine from which two groups are one: notes are a sentence, and share fewer words than titles."""

LOOKED_BACK: Final = timedelta(days=365)
FEWEST_NOTES: Final = 3
"""Two notes alike are a coincidence."""

SPOKEN: Final = frozenset({Source.SALES.value, Source.SERVICE.value})
"""Sources whose notes are said on the telephone, and so are counted against calls."""

WEEKS: Final = (RECENT_DAYS + PRIOR_DAYS) // 7

SAME_FROM: Final = 0.5
"""Share of a theme's notes that lie together again, from which it is the same theme."""


class NoSuchTheme(Refusal):
    """The site has no theme of this key."""

    code = "voice.no_such_theme"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"There is no theme {key!r}; drafts that fall apart go away by themselves.", key=key
        )


@dataclass(frozen=True, slots=True)
class Exposure:
    """By what the two spans are compared.

    Attributes:
        unit: `session` where the facts tell of them, otherwise `day`.
        recent: In the last 28 days.
        prior: In the 84 days before.
        sessions: Of the last 28 days; None where no feed tells of all of them.
        calls: Calls that came in in the last 28 days; None where no feed tells.
    """

    unit: str
    recent: float
    prior: float
    sessions: int | None = None
    calls: int | None = None


def last_monday(now: datetime, site: Site) -> date:
    """Give the day with which the site's week began: themes are judged as of then."""
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    return today - timedelta(days=today.weekday())


def find_themes(site: Site, *, now: datetime) -> int:
    """Put notes together, keep what is a theme already, and judge each as of the week's beginning.

    Returns:
        How many themes there are, without those that were dismissed.
    """
    monday = last_monday(now, site)
    rows = list(
        NoteRecord.objects.filter(site=site, erased_at=None, day__gt=monday - LOOKED_BACK)
        .order_by("-day", "-number")
        .only("number", "text", "day", "source")[:MOST_TEXTS]
    )[::-1]
    found = together([row.text[:1000] for row in rows])
    exposed = exposure_of(site, monday)
    # Nobody waits for the clustering: only what is kept of it happens at once.
    with transaction.atomic():
        Site.objects.select_for_update().get(pk=site.pk)
        _match(site, rows, found, now=now)
        return _judge(site, monday, exposed)


def _judge(site: Site, monday: date, exposed: Exposure) -> int:
    notes = {
        number: (day, source in SPOKEN)
        for number, day, source in NoteRecord.objects.filter(site=site).values_list(
            "number", "day", "source"
        )
    }
    themes = list(ThemeRecord.objects.filter(site=site).exclude(state=ThemeState.DISMISSED))
    for theme in themes:
        theme.figures = figures_of(
            [notes[each] for each in theme.notes if each in notes], monday, exposed
        )
    ThemeRecord.objects.bulk_update(themes, ["figures"])
    return len(themes)


def together(texts: Sequence[str]) -> list[Cluster]:
    """Put notes together, each wording once: what is told in the same words pulls nothing apart."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(" ".join(text.casefold().split()), []).append(place)
    wordings = list(places.values())
    found = [
        Cluster(
            tuple(sorted(place for each in one.members for place in wordings[each])),
            one.words,
            wordings[one.middle][0],
        )
        for one in clusters_of([texts[each[0]] for each in wordings], together=TOGETHER_FROM)
    ]
    known = {place for each in found for place in each.members}
    found += [
        Cluster(tuple(each), tuple(dict.fromkeys(terms_of(texts[each[0]])))[:5], each[0])
        for each in wordings
        if each[0] not in known
    ]
    found = [each for each in found if len(each.members) >= FEWEST_NOTES]
    return sorted(found, key=lambda each: (-len(each.members), each.members))


def _match(
    site: Site, rows: Sequence[NoteRecord], found: Sequence[Cluster], *, now: datetime
) -> None:
    """Let each cluster go on as the theme whose notes it has; drafts that nothing is left of go."""
    themes = list(ThemeRecord.objects.filter(site=site).order_by("number"))
    highest = max((each.number for each in themes), default=0)
    taken: set[int] = set()
    for cluster in found:
        notes = sorted(rows[each].number for each in cluster.members)
        words = as_said(cluster.words, [rows[each].text for each in cluster.members])
        theme = _same(themes, set(notes), taken)
        if theme is None:
            highest += 1
            theme = ThemeRecord(site=site, number=highest, made_at=now, drafted_by=METHOD)
            theme.name = _own_words(rows[cluster.middle].text)
            theme.words, theme.notes = words, notes
            theme.save()
            continue
        taken.add(theme.pk)
        kept = set(theme.notes) if theme.state == ThemeState.ACCEPTED else set()
        theme.notes, theme.words = sorted({*notes, *kept}), words
        theme.save(update_fields=["notes", "words"])
    for theme in themes:
        if theme.pk not in taken and theme.state == ThemeState.DRAFT:
            theme.delete()


def as_said(stems: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Give each stem as it is most often written in the texts; stems of one letter say nothing."""
    written: dict[str, Counter[str]] = {each: Counter() for each in stems if len(each) > 1}
    for text in texts:
        for word in re.findall(r"\w+", text.casefold()):
            for stem in terms_of(word):
                if stem in written:
                    written[stem][word] += 1
    most = {
        stem: min(found.items(), key=lambda pair: (-pair[1], pair[0]))[0]
        for stem, found in written.items()
        if found
    }
    return [most.get(stem, stem) for stem in written]


def _same(themes: Sequence[ThemeRecord], notes: set[int], taken: set[int]) -> ThemeRecord | None:
    best, most = None, 0.0
    for theme in themes:
        share = len(notes & set(theme.notes)) / max(min(len(theme.notes), len(notes)), 1)
        if theme.pk not in taken and share >= SAME_FROM and share > most:
            best, most = theme, share
    return best


def _own_words(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 200 else f"{words[:198].rstrip()} …"


def exposure_of(site: Site, monday: date) -> Exposure:
    """Say how many visits stood behind the notes of the two spans, where the facts know it."""
    told = [
        (each.starts, each.sessions)
        for each in weeks(site, until=monday, count=WEEKS)
        if each.sessions is not None and each.days == 7
    ]
    lately = monday - timedelta(days=RECENT_DAYS)
    recent = sum(sessions for starts, sessions in told if starts >= lately)
    prior = sum(sessions for starts, sessions in told if starts < lately)
    rang = calls(site, since=lately, until=monday)
    known = sum(starts >= lately for starts, _ in told) == RECENT_DAYS // 7 and recent > 0
    sessions = recent if known else None
    if len(told) == WEEKS and recent > 0 and prior > 0:
        return Exposure("session", recent, prior, sessions, rang)
    # A week without visits that anybody counted would look like a week of silence.
    return Exposure("day", RECENT_DAYS, PRIOR_DAYS, sessions, rang)


def figures_of(
    notes: Sequence[tuple[date, bool]], monday: date, exposed: Exposure
) -> dict[str, Any]:
    """Count a theme's notes, and say whether they are more of late.

    Args:
        notes: The day of each, and whether it was said on the telephone.
        monday: With which the last 28 days end.
        exposed: What the spans are compared by.
    """
    days = [day for day, _ in notes]
    recent_from = monday - timedelta(days=RECENT_DAYS)
    prior_from = recent_from - timedelta(days=PRIOR_DAYS)
    recent = sum(recent_from <= day < monday for day in days)
    spoken = sum(said and recent_from <= day < monday for day, said in notes)
    prior = sum(prior_from <= day < recent_from for day in days)
    judged = spike(
        recent,
        prior,
        recent_exposure=exposed.recent,
        prior_exposure=exposed.prior,
        below=P_BELOW_WEEKLY,
    )
    return {
        "as_of": monday.isoformat(),
        "n": len(days),
        "recent": recent,
        "prior": prior,
        "unit": exposed.unit,
        "recent_exposure": exposed.recent,
        "prior_exposure": exposed.prior,
        "per_1000_sessions": 1000 * recent / exposed.sessions if exposed.sessions else None,
        "per_1000_calls": 1000 * spoken / exposed.calls if exposed.calls else None,
        "ratio": judged.ratio,
        "p": judged.p,
        "spike": judged.fires,
    }


def theme_of(site: Site, key: str) -> ThemeRecord | None:
    """Find a theme by its key."""
    return ThemeRecord.objects.filter(site=site, number=number_in(key, letter="TH")).first()


@transaction.atomic
def decide_theme(
    site: Site, key: str, *, accept: bool, name: str = "", by: Actor, now: datetime
) -> ThemeRecord:
    """Accept what a machine put together, under its name or a better one; or dismiss it.

    Raises:
        NoSuchTheme: The site has none of this key.
        BadFields: No person is named, or the name does not fit.
    """
    found = theme_of(site, key)
    if found is None:
        raise NoSuchTheme(key=key[:20])
    if by.user is None or by.machine:
        raise BadFields({"by": "A draft of a machine is accepted by a named person."})
    wanted = " ".join(name.split())
    if len(wanted) > 200 or not is_storable(wanted):
        raise BadFields({"name": "A name has at most 200 letters."})
    if wanted and wanted != found.name:
        found.name, found.edited = wanted, True
    found.state = (ThemeState.ACCEPTED if accept else ThemeState.DISMISSED).value
    found.decided_by, found.decided_at = by.user, now
    found.save()
    audit(
        action=f"theme.{found.state}",
        target=f"theme:{found.key}",
        after={"edited": found.edited, "drafted_by": found.drafted_by},
        now=now,
        site=site.name,
        **by.audited,
    )
    return found


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a machine's drafts.

    Attributes:
        decided: Drafts that somebody decided about.
        accepted: Those that were accepted.
        edited: Of these, those that were renamed first.
        waiting: Drafts that nobody has decided about.
    """

    decided: int
    accepted: int
    edited: int
    waiting: int


def acceptance_of(themes: Sequence[ThemeRecord]) -> Acceptance:
    """Say how often people accept what a machine put together, and how often they rename it."""
    accepted = [each for each in themes if each.state == ThemeState.ACCEPTED]
    waiting = sum(each.state == ThemeState.DRAFT for each in themes)
    return Acceptance(
        decided=len(themes) - waiting,
        accepted=len(accepted),
        edited=sum(each.edited for each in accepted),
        waiting=waiting,
    )


def spiking(themes: Sequence[ThemeRecord] | models.QuerySet[ThemeRecord]) -> list[ThemeRecord]:
    """Give the themes that are told more often of late, those with the most notes first."""
    found = [each for each in themes if _figures(each).get("spike")]
    return sorted(found, key=lambda each: -int(_figures(each).get("recent", 0)))


def _figures(theme: ThemeRecord) -> Mapping[str, Any]:
    return theme.figures or {}
