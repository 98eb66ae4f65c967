"""What is shown of a thing to somebody who only looks: the same for a shared page and a PDF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.apps import apps
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from truelift.apps.briefs.models import BriefRecord
from truelift.apps.changes.reads import after_the_fact
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import Against
from truelift.apps.commerce.reads import Explained, explained_by
from truelift.apps.drawing.wording import day, rough_money
from truelift.apps.experiments.broken_down import details_of
from truelift.apps.experiments.card import card_of
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.experiments.reads import snapshot_of
from truelift.apps.experiments.result import result_of
from truelift.apps.experiments.wording import moment
from truelift.apps.links.models import ShareKind
from truelift.apps.progress.page import progress_page
from truelift.apps.progress.reads import figures_at
from truelift.apps.research.actor import Actor
from truelift.apps.scorecard.page import scorecard_page
from truelift.apps.scorecard.reads import scorecard_at
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.brief import Risk, Situation
from truelift.lifecycle.experiment import Stage


OVER: Final = frozenset({Stage.ANALYSED, Stage.DECIDED, Stage.LEARNED, Stage.CLOSED, Stage.INVALID})
"""Before these an effect is a moment of a course, and not everybody may see it."""

_LINK: Final = re.compile(r"</?a\b[^>]*>|\s(?:hx|data)-[\w-]+=(?:\"[^\"]*\"|'[^']*')")
_FORM: Final = re.compile(r"<(form|script)\b.*?</\1>", re.DOTALL)


class NothingToShow(Refusal):
    """There is no such thing, or nothing of it that may be shown."""

    code = "links.no_such_thing_to_show"


@dataclass(frozen=True, slots=True)
class Shown:
    """A thing laid out for somebody who only looks.

    Attributes:
        kind: What it is.
        key: How people call it.
        number: Of the snapshot, for a result.
        title: What it is about.
        eyebrow: Where it belongs.
        grounds: One sentence below the title.
        content: HTML without links, forms and scripts.
        watermark: A word that stands over it; empty for none.
    """

    kind: ShareKind
    key: str
    number: int
    title: str
    eyebrow: str
    grounds: str
    content: SafeString
    watermark: str = ""


def newest(site: Site, kind: ShareKind, key: str) -> int:
    """Give the number under which a thing is shown as it is now.

    Raises:
        NothingToShow: There is nothing.
    """
    if kind is not ShareKind.RESULT:
        return 0
    record = _experiment(site, key)
    found = record.analyses.order_by("-number").first()
    if found is None or record.stage not in OVER:
        raise NothingToShow(
            f"“{record.name}” has no result yet. It can be shown when the test is over and"
            " analysed."
        )
    return found.number


def shown(site: Site, kind: ShareKind, key: str, number: int, *, now: datetime) -> Shown:
    """Lay a thing out.

    Raises:
        NothingToShow: There is no such thing.
    """
    match kind:
        case ShareKind.RESULT:
            return _result(site, key, number)
        case ShareKind.BRIEF:
            return _brief(site, key, now=now)
        case ShareKind.PRINCIPLE:
            return _principle(site, key)
        case ShareKind.PROGRAMME:
            return _programme(site, key)


def _result(site: Site, key: str, number: int) -> Shown:
    record = _experiment(site, key)
    found: AnalysisRecord | None = snapshot_of(site, key, number)
    if found is None:
        raise NothingToShow(f"{key} has no snapshot {number}.")
    result = result_of(record, found.document)
    context = {
        "site": site,
        "record": record,
        "result": result,
        "details": details_of(record, found.document),
        "decision": getattr(record, "decision", None),
        "learnings": tuple(record.learnings.order_by("number")),
    }
    invalid = result.invalid or record.is_invalid
    return Shown(
        kind=ShareKind.RESULT,
        key=key,
        number=number,
        title=record.name,
        eyebrow=f"Result of {key}, snapshot {number}",
        grounds=f"As it was known on {moment(found.as_of, site.time_zone)}. It never changes; its"
        f" digest begins with {found.digest[:16]}.",
        content=_read_only("links/_result.html", context),
        watermark="Invalid"
        if invalid
        else "Contaminated after the fact"
        if after_the_fact([record.pk])
        else "",
    )


def _brief(site: Site, key: str, *, now: datetime) -> Shown:
    record = _experiment(site, key)
    card = card_of(record, by=Actor(None), now=now, may_edit=False)
    row = BriefRecord.objects.filter(experiment=record).select_related("implementer").first()
    facts = [("Goal", row.goal), ("Audience", row.audience)] if row else []
    if record.decision_owner:
        facts.append(("Decides", str(record.decision_owner)))
    if row and row.implementer:
        agreed = "has agreed" if row.acknowledged_at else "has not agreed yet"
        facts.append(("Builds the winner", f"{row.implementer}, {agreed}"))
    decisions = row.decisions if row else {}
    context = {
        "record": record,
        "sentence": card.sentence,
        "facts": [each for each in facts if each[1]],
        "plan": card.plan,
        "decisions": [
            (f"After {each.called}", str(decisions[each.value]).replace("_", " "))
            for each in Situation
            if each.value in decisions
        ],
        "risks": [
            (each.question, "Yes" if row.risks[each.value] else "No")
            for each in Risk
            if row and each.value in row.risks
        ],
    }
    return Shown(
        kind=ShareKind.BRIEF,
        key=key,
        number=0,
        title=record.name,
        eyebrow=f"Brief of {key}",
        grounds=f"{card.stage}. {card.lede}".strip(),
        content=_read_only("links/_brief.html", context),
    )


def _principle(site: Site, key: str) -> Shown:
    if not apps.is_installed("truelift.apps.memory"):
        raise NothingToShow("This installation keeps no principles.")
    rows = apps.get_model("memory", "PrincipleRecord").objects.filter(site=site)
    number = key.removeprefix("P-")
    known = key.startswith("P-") and number.isascii() and number.isdigit() and len(number) < 10
    row: Any = rows.filter(number=int(number)).first() if known else None
    if row is None:
        raise NothingToShow(f"There is no principle {key[:20]}.")
    facts = (
        ("What happens", row.detail),
        ("Holds for", row.holds_for),
        ("Not for", row.not_for),
        ("Not known of", row.unknown),
        ("What would change our mind", row.would_change),
        ("Retired because", row.retired_because),
    )
    context = {"facts": [each for each in facts if each[1]]}
    return Shown(
        kind=ShareKind.PRINCIPLE,
        key=key,
        number=0,
        title=row.statement,
        eyebrow=f"Principle {key}",
        grounds="What tests have taught, as long as they say so.",
        content=_read_only("links/_principle.html", context),
    )


def _programme(site: Site, key: str) -> Shown:
    """Lay out a programme as a day left it, from documents that never change."""
    try:
        on = date.fromisoformat(key)
    except ValueError:
        on = None
    kept = None if on is None else scorecard_at(site, on)
    if on is None or kept is None:
        raise NothingToShow(f"No scorecard was kept on {key[:20]}.")
    figures = figures_at(site, on)
    money = (
        SnapshotRecord.objects.filter(
            site=site, against=Against.BEFORE.value, made_at__lte=kept.made_at
        )
        .order_by("-weeks", "-made_at", "-pk")
        .first()
    )
    page = scorecard_page(kept.document, kept=on, quarters=())
    context = {
        "site": site,
        "page": page,
        "figures": progress_page(site, figures.document, (), kept=on) if figures else None,
        "drivers": explained_by(money) if money else None,
        "parts": [] if money is None else _parts(explained_by(money)),
    }
    return Shown(
        kind=ShareKind.PROGRAMME,
        key=key,
        number=0,
        title=page.answer,
        eyebrow=f"The programme on {day(on)}",
        grounds=f"{page.grounds} It never changes; its digest begins with {kept.digest[:16]}.",
        content=_read_only("links/_programme.html", context),
    )


def _parts(found: Explained | None) -> list[tuple[str, str, str]]:
    """Write the drivers of revenue per session, one a line, as what they come to in money."""
    if found is None or not found.currency:
        return []
    return [
        (name, means, rough_money(comes_to, found.currency)) for name, means, comes_to in found.told
    ]


def _experiment(site: Site, key: str) -> ExperimentRecord:
    found = (
        ExperimentRecord.objects.filter(site=site, key=key)
        .select_related("site", "hypothesis", "decision_owner")
        .first()
        if "\0" not in key
        else None
    )
    if found is None:
        raise NothingToShow(f"There is no experiment {key[:80]}.")
    return found


def _read_only(template: str, context: Mapping[str, Any]) -> SafeString:
    """Render without what leads further: whoever looks has no account here."""
    html: str = render_to_string(template, dict(context))
    html = html.replace("Every number leads to how it is worked out.", "")
    # Our own templates have escaped whatever people typed; tags are only taken out.
    return mark_safe(_LINK.sub("", _FORM.sub("", html)))  # noqa: S308
