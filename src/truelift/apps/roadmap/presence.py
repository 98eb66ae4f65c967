"""Counts by team who looks at the roadmap and who changes it; never says who.

A person's own browser remembers on which day they were here last. When they come again, that
day loses one and today gains one: the days of a month then add up to different people, and
nothing about a person is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse

from truelift.apps.accounts.models import Membership
from truelift.apps.accounts.reads import functions_in, functions_of
from truelift.apps.roadmap.models import PresenceRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function


DAYS: Final = 30
"""A team of which nobody has come for so long does not use the roadmap."""

FEWEST: Final = 3
"""A count of a smaller team would say who."""

_SALT: Final = "truelift.roadmap.presence"
_MARK: Final = re.compile(r"(\d{4}-\d\d-\d\d)?/(\d{4}-\d\d-\d\d)?/([a-z_,]*)")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a browser remembers.

    Attributes:
        viewed: The day on which its person was here last; None for never.
        edited: And changed something last.
        teams: In which functions.
    """

    viewed: date | None = None
    edited: date | None = None
    teams: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As the browser keeps it."""
        days = (each.isoformat() if each else "" for each in (self.viewed, self.edited))
        return "/".join((*days, ",".join(self.teams)))

    @classmethod
    def of(cls, text: str) -> Mark:
        """Read it; what is no mark is as if there were none."""
        found = _MARK.fullmatch(text)
        if found is None:
            return cls()
        try:
            viewed, edited = (
                date.fromisoformat(each) if each else None for each in found.groups()[:2]
            )
        except ValueError:
            return cls()
        known = {each.value for each in Function}
        teams = tuple(each for each in found[3].split(",") if each in known)
        return cls(viewed, edited, teams or ("",))


@dataclass(frozen=True, slots=True)
class TeamPresence:
    """How a team used the roadmap in the last days.

    Attributes:
        team: What it is called.
        members: How many people it has.
        viewers: How many of them were here; None where the team is too small to say.
        editors: How many changed something; the same.
        opened: Whether anybody was here.
    """

    team: str
    members: int
    viewers: int | None
    editors: int | None
    opened: bool


def note_presence(
    request: HttpRequest,
    response: HttpResponse,
    site: Site,
    *,
    today: date,
    edited: bool = False,
) -> None:
    """Count that somebody was here today, and let their browser remember it."""
    name = f"roadmap_{site.name}"
    before = Mark.of(str(request.get_signed_cookie(name, default="", salt=_SALT) or ""))
    if before.viewed == today and (not edited or before.edited == today):
        return
    functions = functions_of(request.user, site)
    teams = tuple(each.value for each in Function if each in functions) or ("",)
    after = Mark(today, today if edited else before.edited, teams)
    with transaction.atomic():
        _move(site, "viewers", before.viewed, before.teams, today, teams)
        if edited:
            _move(site, "editors", before.edited, before.teams, today, teams)
    response.set_signed_cookie(
        name,
        after.text,
        salt=_SALT,
        max_age=(DAYS + 1) * 86_400,
        path=f"/s/{site.name}/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _move(
    site: Site,
    column: str,
    before: date | None,
    old_teams: Iterable[str],
    today: date,
    teams: Iterable[str],
) -> None:
    if before == today:
        return
    if before is not None:
        PresenceRecord.objects.filter(
            site=site, day=before, team__in=list(old_teams), **{f"{column}__gt": 0}
        ).update(**{column: F(column) - 1})
    for team in teams:
        made, _ = PresenceRecord.objects.get_or_create(site=site, team=team, day=today)
        PresenceRecord.objects.filter(pk=made.pk).update(**{column: F(column) + 1})


def presence_of(site: Site, *, today: date) -> tuple[TeamPresence, ...]:
    """Say how each team that works on the site used the roadmap in the last thirty days."""
    counted: Mapping[str, tuple[int, int]] = {
        team: (viewers or 0, editors or 0)
        for team, viewers, editors in PresenceRecord.objects.filter(
            site=site, day__gt=today - timedelta(days=DAYS)
        )
        .values_list("team")
        .annotate(Sum("viewers"), Sum("editors"))
    }
    members: dict[str, int] = {}
    for words in Membership.objects.filter(site=site, user__is_active=True).values_list(
        "functions", flat=True
    ):
        for each in functions_in(words) or ("",):
            members[str(each)] = members.get(str(each), 0) + 1
    found = []
    for team in (*(each.value for each in Function), ""):
        if team not in members:
            continue
        viewers, editors = counted.get(team, (0, 0))
        says = members[team] >= FEWEST
        found.append(
            TeamPresence(
                team=Function(team).called if team else "Without a function",
                members=members[team],
                viewers=min(viewers, members[team]) if says else None,
                editors=min(editors, members[team]) if says else None,
                opened=viewers > 0,
            )
        )
    return tuple(found)


def quiet_teams(site: Site, *, today: date) -> tuple[str, ...]:
    """Name the teams of which nobody has opened the roadmap for thirty days."""
    return tuple(
        each.team
        for each in presence_of(site, today=today)
        if not each.opened and each.team != "Without a function"
    )
