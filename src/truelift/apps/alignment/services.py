"""What can be done to team metrics, values, the remit, the brief: atomic and written down."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.reads import functions_of
from truelift.apps.alignment.models import (
    AcknowledgementRecord,
    CommercialBriefRecord,
    EmptySeatRecord,
    RemitRecord,
    TeamMetricRecord,
    TeamMetricValueRecord,
)
from truelift.apps.alignment.reads import people_by_function
from truelift.apps.inbox.services import notify, settle
from truelift.apps.observations.reads import metric_titles
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked, checked_url, is_storable, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.commercial_brief import EIGHT, brief_obstacles
from truelift.lifecycle.functions import Function
from truelift.lifecycle.notice import Notice, Severity, Topic
from truelift.lifecycle.team_metric import (
    TEMPLATES,
    Cadence,
    Formula,
    TeamMetric,
    Unit,
    metric_obstacles,
)


MOST_METRICS: Final = 60
MOST_SOURCES: Final = 40
MOST_VALUES: Final = 4_000
MOST_TEAMS: Final = 40


class BadTeamMetric(Refusal):
    """A team's metric is not described so that it can be one.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "alignment.bad_team_metric"

    def __init__(self, wrong: dict[str, str]) -> None:
        self.wrong = wrong
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoSuchTeamMetric(Refusal):
    """The site has no such metric of a team."""

    code = "alignment.no_such_team_metric"

    def __init__(self, *, key: str) -> None:
        key = storable(key)[:40]
        super().__init__(f"There is no team metric {key}; the page Team metrics has all.", key=key)


class ChangedMeanwhile(Refusal):
    """Somebody else changed it while a person was looking."""

    code = "alignment.changed_meanwhile"

    def __init__(self, *, what: str) -> None:
        super().__init__(f"{what} was changed meanwhile. Look at it again, then try.", what=what)


class NotBroughtIn(Refusal):
    """Values are brought in for metrics that say so, and for no other."""

    code = "alignment.not_brought_in"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"{key} is computed. Give it the formula “{Formula.VALUES.called}” first.", key=key
        )


class BadValues(Refusal):
    """Values that cannot be read; none of them was taken."""

    code = "alignment.bad_values"

    def __init__(self, *, line: int, reason: str) -> None:
        super().__init__(f"Line {line}: {reason} Nothing was taken.", line=line)


class BadRemit(Refusal):
    """A list that is no remit."""

    code = "alignment.bad_remit"


class BadBrief(Refusal):
    """A version of the brief that is none, with what is missing by field."""

    code = "alignment.bad_brief"

    def __init__(self, wrong: dict[str, str]) -> None:
        self.wrong = wrong
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoBrief(Refusal):
    """There is nothing yet that a team could stand behind."""

    code = "alignment.no_such_brief"

    def __init__(self) -> None:
        super().__init__("There is no commercial brief yet. Write the first version.")


class NotYourTeam(Refusal):
    """People speak for teams whose function they have."""

    code = "alignment.not_your_team"

    def __init__(self, *, team: str) -> None:
        super().__init__(
            f"Only somebody of {team} can say so. An owner gives functions on the page Members.",
            team=team,
        )


class BadSeat(Refusal):
    """One of the eight functions, or a reason, is missing."""

    code = "alignment.bad_seat"


@dataclass(frozen=True, slots=True)
class MetricFields:
    """What people say of a team's metric; None leaves a field as it is.

    Attributes:
        owner: E-mail address; empty: nobody.
        direction: +1 where more is better, −1 where less is.
        target: None leaves it; NaN takes it away.
    """

    name: str | None = None
    team: str | None = None
    owner: str | None = None
    formula: str | None = None
    library: str | None = None
    unit: str | None = None
    direction: int | None = None
    sources: tuple[str, ...] | None = None
    cadence: str | None = None
    target: float | None = None
    path: str | None = None
    path_href: str | None = None


@transaction.atomic
def write_metric(
    site: Site,
    given: MetricFields,
    *,
    by: Actor,
    now: datetime,
    number: int | None = None,
    version: int | None = None,
) -> TeamMetricRecord:
    """Register a team's metric, or change what is said of one.

    Args:
        site: Where.
        given: What is said of it.
        by: Who says so.
        now: When.
        number: Of the one that is changed; None for a new one.
        version: That the person saw; None for whatever it is.

    Raises:
        BadTeamMetric: It cannot be one: it lacks a direction, say.
        BadFields: A text does not fit.
        NoSuchTeamMetric: There is none of this number.
        ChangedMeanwhile: It has another version.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    if number is None:
        record = TeamMetricRecord(
            site=site, direction=0, cadence=Cadence.WEEKLY.value, made_by=by.user, made_at=now
        )
    else:
        record = metric_for_update(site, number)
        if version is not None and record.version != version:
            raise ChangedMeanwhile(what=record.name)
    before = None if number is None else facts_of(record)
    wrong: dict[str, str] = {}
    _fill(record, given, wrong)
    if not wrong:
        wrong |= {
            _FIELD_OF.get(each.code, "name"): f"{each.sentence} {each.remedy}"
            for each in metric_obstacles(record.as_domain())
        }
    live = TeamMetricRecord.objects.filter(site=site, ended_at=None).exclude(pk=record.pk)
    if not wrong and live.filter(team=record.team, name__iexact=record.name).exists():
        wrong["name"] = "The team has a metric of this name already."
    if number is None and live.count() >= MOST_METRICS:
        wrong["name"] = f"A site has at most {MOST_METRICS}. End one first."
    if wrong:
        raise BadTeamMetric(wrong)
    if number is None:
        highest = TeamMetricRecord.objects.filter(site=site).aggregate(top=models.Max("number"))
        record.number = (highest["top"] or 0) + 1
    else:
        record.version += 1
        after = facts_of(record)
        computed_of = ("formula", "library", "sources", "direction", "unit")
        if before is not None and any(before[name] != after[name] for name in computed_of):
            # What was computed is of another metric now.
            record.reading, record.computed_at = "", None
            record.conflicts.filter(ended_at=None).update(ended_at=now)
    checked(record, skip=_MAY_BE_NONE)
    record.save()
    action = "team_metric.made" if number is None else "team_metric.changed"
    _audit(site, record, action, before=before, by=by, now=now)
    return record


_MAY_BE_NONE: Final = ("owner", "made_by", "target", "ended_at", "computed_at")
_FIELD_OF: Final = {
    "team_metric.no_direction": "direction",
    "team_metric.no_library_metric": "library",
    "team_metric.not_by_source": "sources",
}


@transaction.atomic
def load_template(
    site: Site, team: Function, *, by: Actor, now: datetime
) -> tuple[TeamMetricRecord, ...]:
    """Register what a team is usually judged by; what it has already stays as it is.

    Raises:
        BadTeamMetric: There is no template for this team.
    """
    if team not in TEMPLATES:
        raise BadTeamMetric({"team": "There is no template for it; register its metrics."})
    names = TeamMetricRecord.objects.filter(site=site, team=team.value, ended_at=None)
    known = {each.casefold() for each in names.values_list("name", flat=True)}
    return tuple(
        write_metric(site, _fields_of(each), by=by, now=now)
        for each in TEMPLATES[team]
        if each.name.casefold() not in known
    )


@transaction.atomic
def end_metric(site: Site, number: int, *, by: Actor, now: datetime) -> None:
    """Take a metric out of the register; what was found of it stays.

    Raises:
        NoSuchTeamMetric: There is none of this number.
    """
    record = metric_for_update(site, number)
    record.ended_at = now
    record.save(update_fields=["ended_at"])
    record.conflicts.filter(ended_at=None).update(ended_at=now)
    _audit(site, record, "team_metric.ended", before=None, by=by, now=now)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a day: `above` divided by `below`."""

    day: date
    above: float
    below: float = 1.0


@transaction.atomic
def take_values(
    site: Site, number: int, values: Iterable[Value], *, by: Actor, now: datetime
) -> int:
    """Take values of a metric in; the same day again replaces its value.

    Returns:
        How many days there were.

    Raises:
        NoSuchTeamMetric: There is none of this number.
        NotBroughtIn: It is computed from something else.
        BadValues: One of them is no number; none was taken.
    """
    record = metric_for_update(site, number)
    if record.formula != Formula.VALUES:
        raise NotBroughtIn(key=record.key)
    rows: dict[date, Value] = {}
    for line, each in enumerate(values, start=1):
        if line > MOST_VALUES:
            raise BadValues(line=line, reason=f"{MOST_VALUES:,} values are the most at once.")
        if not (math.isfinite(each.above) and math.isfinite(each.below)):
            raise BadValues(line=line, reason="a value is no number.")
        if each.above < 0 or each.below <= 0:
            raise BadValues(line=line, reason="a value is below zero, or divided by none.")
        rows[each.day] = each
    TeamMetricValueRecord.objects.bulk_create(
        [
            TeamMetricValueRecord(metric=record, day=day, above=each.above, below=each.below)
            for day, each in rows.items()
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["metric", "day"],
        update_fields=["above", "below"],
    )
    _audit(site, record, "team_metric.values", before=None, by=by, now=now, days=len(rows))
    return len(rows)


def values_in(text: str) -> list[Value]:
    """Read values from CSV: `day,value` and maybe `of`, by which it is divided.

    Raises:
        BadValues: A line cannot be read.
    """
    found = []
    for line, row in enumerate(csv.reader(io.StringIO(text.lstrip("\ufeff"))), start=1):
        cells = [each.strip() for each in row]
        if not any(cells) or (line == 1 and cells[0].casefold() == "day"):
            continue
        if len(cells) not in (2, 3):
            raise BadValues(line=line, reason="it needs a day and a value.")
        try:
            day = date.fromisoformat(cells[0])
        except ValueError:
            raise BadValues(line=line, reason="the day is not written as 2026-05-31.") from None
        try:
            above, below = float(cells[1]), float(cells[2]) if len(cells) > 2 else 1.0
        except ValueError:
            raise BadValues(line=line, reason="the value is no number.") from None
        if not (math.isfinite(above) and math.isfinite(below)):
            raise BadValues(line=line, reason="the value is no number.")
        found.append(Value(day, above, below))
    return found


@transaction.atomic
def set_remit(site: Site, teams: Sequence[str], *, by: Actor, now: datetime) -> RemitRecord:
    """Say whose surfaces the programme may change.

    Raises:
        BadRemit: There are too many, or one is no name.
    """
    names = list({each.strip().casefold(): each.strip() for each in teams if each.strip()}.values())
    if len(names) > MOST_TEAMS:
        raise BadRemit(f"{MOST_TEAMS} teams are the most.")
    if any(len(each) > 80 or not is_storable(each) for each in names):
        raise BadRemit("A team has at most 80 letters, and none that cannot be stored.")
    Site.objects.select_for_update().get(pk=site.pk)
    held = RemitRecord.objects.filter(site=site).first()
    before: dict[str, Json] | None = None
    if held is None:
        held = RemitRecord.objects.create(site=site, teams=names, changed_at=now)
    else:
        before = {"teams": list(held.teams)}
        held.teams, held.changed_at, held.version = names, now, held.version + 1
        held.save()
    audit(
        action="remit.changed",
        target=f"remit:{site.name}",
        before=before,
        after={"teams": list(names)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return held


@transaction.atomic
def write_brief(
    site: Site,
    *,
    goal: str,
    metric: str,
    priorities: Sequence[str],
    because: str = "",
    by: Actor,
    now: datetime,
) -> CommercialBriefRecord:
    """Write the next version of the commercial brief; every team is asked anew.

    Raises:
        BadBrief: It has no goal, no priorities, or a text does not fit.
    """
    lines = [each.strip() for each in priorities if each.strip()]
    wrong = {
        ("goal" if each.code.endswith("goal") else "priorities"): f"{each.sentence} {each.remedy}"
        for each in brief_obstacles(goal, lines)
    }
    if any(len(each) > 200 or not is_storable(each) for each in lines):
        wrong["priorities"] = "A priority has at most 200 letters, and none that cannot be stored."
    if not metric.strip():
        wrong["metric"] = "Name the metric that all share."
    if wrong:
        raise BadBrief(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    before = CommercialBriefRecord.objects.filter(site=site).order_by("-version").first()
    record = CommercialBriefRecord(
        site=site,
        version=before.version + 1 if before else 1,
        goal=goal.strip(),
        metric=metric.strip(),
        priorities=lines,
        because=because.strip(),
        made_by=by.user,
        made_at=now,
    )
    try:
        checked(record, skip=_MAY_BE_NONE)
    except BadFields as refusal:
        raise BadBrief(dict(refusal.wrong)) from None
    record.save()
    audit(
        action="commercial_brief.written",
        target=f"commercial_brief:{record.version}",
        after={"goal": record.goal, "metric": record.metric, "priorities": list(lines)},
        now=now,
        site=site.name,
        **by.audited,
    )
    if before is not None:
        for team in EIGHT:
            settle(site, _cause(before, team), now=now)
    remind(record, now=now)
    return record


def remind(record: CommercialBriefRecord, *, now: datetime) -> int:
    """Ask every team that does not stand behind a version yet; asked again, nobody hears twice.

    Returns:
        How many teams are asked.
    """
    done = set(record.acknowledgements.values_list("team", flat=True))
    everyone = people_by_function(record.site)
    asked = 0
    for team in EIGHT:
        people = everyone.get(team, ())
        if team.value in done or not people:
            continue
        asked += 1
        notice = Notice(
            _cause(record, team),
            Severity.NOTE,
            f"Version {record.version} of the commercial brief waits for {team.called.lower()}.",
            "Read it, and say that your team stands behind it.",
            f"/s/{record.site.name}/commercial-brief/",
            Topic.WORK,
        )
        notify(record.site, notice, to=people, now=now)
    return asked


@transaction.atomic
def acknowledge(
    site: Site, team: Function, *, version: int, by: Actor, now: datetime
) -> AcknowledgementRecord:
    """Say that a team stands behind the newest version; once is enough.

    Raises:
        NoBrief: There is none.
        BadSeat: It is none of the eight functions.
        ChangedMeanwhile: There is a newer version than the person read.
        NotYourTeam: The person does not have the function.
    """
    if team not in EIGHT:
        raise BadSeat(f"It is one of {', '.join(each.value for each in EIGHT)}.")
    Site.objects.select_for_update().get(pk=site.pk)
    record = CommercialBriefRecord.objects.filter(site=site).order_by("-version").first()
    if record is None:
        raise NoBrief
    if record.version != version:
        raise ChangedMeanwhile(what="The commercial brief")
    if by.user is None or team not in functions_of(by.user, site):
        raise NotYourTeam(team=team.called.lower())
    made, new = AcknowledgementRecord.objects.get_or_create(
        brief=record, team=team.value, defaults={"by": by.user, "at": now}
    )
    if new:
        audit(
            action="commercial_brief.acknowledged",
            target=f"commercial_brief:{record.version}",
            after={"team": team.value},
            now=now,
            site=site.name,
            **by.audited,
        )
        settle(site, _cause(record, team), now=now)
    return made


@transaction.atomic
def leave_empty(site: Site, function: Function, because: str, *, by: Actor, now: datetime) -> None:
    """Say why a programme has nobody of a function; an empty reason takes it back.

    Raises:
        BadSeat: It is none of the eight, somebody has it, or the reason does not fit.
    """
    said = because.strip()
    if function not in EIGHT:
        raise BadSeat(f"It is one of {', '.join(each.value for each in EIGHT)}.")
    if len(said) > 300 or not is_storable(said):
        raise BadSeat("A reason has at most 300 letters, and none that cannot be stored.")
    held = EmptySeatRecord.objects.filter(site=site, function=function.value)
    before = held.first()
    if said:
        EmptySeatRecord.objects.update_or_create(
            site=site,
            function=function.value,
            defaults={"because": said, "by": by.user, "at": now},
        )
    else:
        held.delete()
    audit(
        action="programme.seat_left_empty" if said else "programme.seat_wanted",
        target=f"function:{function.value}",
        before={"because": before.because} if before else None,
        after={"because": said},
        now=now,
        site=site.name,
        **by.audited,
    )


def metric_for_update(site: Site, number: int) -> TeamMetricRecord:
    """Take a metric that lives for a change.

    Raises:
        NoSuchTeamMetric: There is none of this number.
    """
    found = (
        TeamMetricRecord.objects.select_for_update(of=("self",))
        .select_related("owner", "site")
        .filter(site=site, number=number if 0 < number < 2**31 else 0, ended_at=None)
        .first()
    )
    if found is None:
        raise NoSuchTeamMetric(key=f"TM-{number}")
    return found


def facts_of(record: TeamMetricRecord) -> dict[str, Json]:
    """Give what the audit keeps of a metric."""
    return {
        "name": record.name,
        "team": record.team,
        "owner": record.owner.email if record.owner else "",
        "formula": record.formula,
        "library": record.library,
        "unit": record.unit,
        "direction": record.direction,
        "sources": list(record.sources),
        "cadence": record.cadence,
        "target": record.target,
        "path": record.path,
        "path_href": record.path_href,
    }


def _cause(record: CommercialBriefRecord, team: Function) -> str:
    return f"brief:commercial:{record.version}:{team.value}"


def _fields_of(template: TeamMetric) -> MetricFields:
    return MetricFields(
        name=template.name,
        team=template.team.value,
        formula=template.formula.value,
        unit=template.unit.value,
        direction=template.direction,
        cadence=template.cadence.value,
    )


_WORDS: Final[dict[str, type[Function | Formula | Unit | Cadence]]] = {
    "team": Function,
    "formula": Formula,
    "unit": Unit,
    "cadence": Cadence,
}


def _fill(record: TeamMetricRecord, given: MetricFields, wrong: dict[str, str]) -> None:
    for each in fields(given):
        value: Any = getattr(given, each.name)
        if value is None:
            continue
        if isinstance(value, str) and not is_storable(value):
            wrong[each.name] = "It has a character that cannot be stored."
        elif each.name == "owner":
            _fill_owner(record, value, wrong)
        elif each.name == "sources":
            lines = list(dict.fromkeys(line.strip() for line in value if line.strip()))
            if len(lines) > MOST_SOURCES or any(
                len(line) > 330 or not is_storable(line) for line in lines
            ):
                wrong["sources"] = f"At most {MOST_SOURCES}, each a source or source / campaign."
            else:
                record.sources = lines
        elif each.name in _WORDS:
            words = _WORDS[each.name]
            if value not in set(words):
                wrong[each.name] = f"It is one of {', '.join(words)}."
            else:
                setattr(record, each.name, str(value))
        elif each.name == "target":
            record.target = None if math.isnan(value) else value
            if record.target is not None and math.isinf(record.target):
                wrong["target"] = "A target is a number."
        elif each.name == "direction":
            record.direction = value if value in (-1, 1) else 0
        elif each.name == "path_href":
            try:
                record.path_href = checked_url(value)
            except BadFields:
                wrong["path_href"] = "A link begins with https://, http:// or /."
        else:
            setattr(record, each.name, value.strip())
    if not record.name:
        wrong.setdefault("name", "Name it as the team does.")
    for name in ("team", "formula"):
        if not getattr(record, name):
            wrong.setdefault(name, "Choose one.")
    if record.formula and record.formula not in {Formula.LIBRARY, Formula.VALUES}:
        record.unit = Formula(record.formula).unit.value
    record.unit = record.unit or Unit.NUMBER.value
    if record.formula != Formula.LIBRARY:
        record.library = ""
    elif record.library and record.library not in metric_titles(record.site):
        wrong["library"] = "The site has no metric of this key."
    if record.direction not in (-1, 1):
        wrong.setdefault("direction", "Say which direction is good: more of it, or less.")


def _fill_owner(record: TeamMetricRecord, email: str, wrong: dict[str, str]) -> None:
    address = email.strip().lower()
    found = User.objects.filter(
        email=address, is_active=True, memberships__site=record.site
    ).first()
    if address and found is None:
        wrong["owner"] = "Nobody on this site has that address."
    else:
        record.owner = found


def _audit(
    site: Site,
    record: TeamMetricRecord,
    action: str,
    *,
    before: dict[str, Json] | None,
    by: Actor,
    now: datetime,
    **more: Json,
) -> None:
    audit(
        action=action,
        target=f"team_metric:{record.key}",
        before=before,
        after=facts_of(record) if not more else dict(more),
        now=now,
        site=site.name,
        **by.audited,
    )
