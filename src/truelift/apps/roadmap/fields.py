"""What people may write about an item of the roadmap, checked in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from truelift.apps.accounts.models import User
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.models import CommercialPriorityRecord, RoadmapItemRecord
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.roadmap_change import Field
from truelift.lifecycle.roadmap_item import ItemKind, Touch


MOST_NAMED: Final = 40
"""Surfaces, elements, events and the like of one item."""

LONGEST_NAME: Final = 120
LONGEST_ADDRESS: Final = 500

FIRST_DAY: Final = date(2000, 1, 1)
LAST_DAY: Final = date(2100, 1, 1)

Sets = Mapping[str, Mapping[str, tuple[str, ...]]]


class BadRoadmapFields(Refusal):
    """Something does not fit into its field; every field at once.

    Attributes:
        wrong: Field → what is wrong.
    """

    code = "roadmap.bad_fields"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{field}: {what}" for field, what in wrong.items())
        super().__init__(f"Some fields do not fit. {said}", fields=tuple(wrong))


@dataclass(frozen=True, slots=True)
class ItemFields:
    """What people say of an item; None leaves a field as it is.

    Attributes:
        start: ISO day; empty: none.
        end: ISO day on which it is over; empty: none.
        owner: E-mail address of the decision-owner; empty: nobody.
        deputy: Who decides in their absence; the same.
        priority: Key of a commercial priority of the site; empty: none.
        landing: Addresses to which a campaign leads, whole or as paths; of campaigns only.
        audience: Dimension → `allow` and `deny`.
        effort: Role → working days.
    """

    what: str | None = None
    surfaces: tuple[str, ...] | None = None
    elements: tuple[str, ...] | None = None
    why: tuple[str, ...] | None = None
    start: str | None = None
    end: str | None = None
    metric: str | None = None
    owner: str | None = None
    deputy: str | None = None
    team: str | None = None
    squad: str | None = None
    priority: str | None = None
    position: int | None = None
    audience: Sets | None = None
    allocation: float | None = None
    layer: str | None = None
    low: float | None = None
    high: float | None = None
    shared_code: bool | None = None
    holdout: bool | None = None
    changes_reach: bool | None = None
    touches: tuple[str, ...] | None = None
    traffic_change: float | None = None
    features: tuple[str, ...] | None = None
    refers: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None
    landing: tuple[str, ...] | None = None
    effort: Mapping[str, float] | None = None
    notes: str | None = None


OF_THE_PLAN: Final = frozenset(
    {"what", "surfaces", "why", "start", "end", "metric", "owner", "deputy", "allocation"}
)
"""Fields that of an experiment stand in its plan, and are changed there."""

LOGGED: Final[Mapping[str, Field]] = {
    "what": Field.WHAT,
    "surfaces": Field.WHERE,
    "why": Field.WHY,
    "starts_on": Field.START,
    "ends_on": Field.END,
    "metric": Field.METRIC,
    "owner": Field.OWNER,
    "deputy": Field.DEPUTY,
    "team": Field.TEAM,
    "squad": Field.TEAM,
    "priority": Field.PRIORITY,
    "position": Field.ORDER,
}
"""Column → what of an item it is; every other column is a detail."""

_TEXTS: Final[Mapping[str, int]] = {
    "what": 200,
    "metric": 120,
    "team": 80,
    "squad": 80,
    "layer": 80,
    "notes": 2000,
}
_LISTS: Final = ("surfaces", "elements", "why", "features", "refers", "events")
_FLAGS: Final = ("shared_code", "holdout", "changes_reach")


def fill(record: RoadmapItemRecord, given: ItemFields) -> None:
    """Put what people say into a row.

    Raises:
        BadRoadmapFields: Something does not fit; nothing may be stored then.
    """
    wrong: dict[str, str] = {}
    if record.experiment_id is not None:
        wrong |= {
            each.name: "It stands in the experiment’s plan; change it there."
            for each in fields(given)
            if each.name in OF_THE_PLAN and getattr(given, each.name) is not None
        }
    for name, most in _TEXTS.items():
        text = getattr(given, name)
        if text is None:
            continue
        if not is_storable(text) or len(text.strip()) > most:
            wrong[name] = f"It has at most {most} letters, and none that cannot be stored."
        else:
            setattr(record, name, text.strip())
    for name in _LISTS:
        named = getattr(given, name)
        if named is not None:
            _fill_names(record, name, named, wrong)
    for name in _FLAGS:
        if getattr(given, name) is not None:
            setattr(record, name, getattr(given, name))
    _fill_landing(record, given, wrong)
    _fill_touches(record, given, wrong)
    _fill_days(record, given, wrong)
    _fill_shares(record, given, wrong)
    _fill_people(record, given, wrong)
    _fill_audience(record, given, wrong)
    if given.effort is not None:
        _fill_effort(record, given.effort, wrong)
    if given.position is not None:
        if -10_000 <= given.position <= 10_000:
            record.position = given.position
        else:
            wrong["position"] = "It is a place in a list."
    if given.priority is not None:
        record.priority = priority_named(record.site, given.priority, wrong)
    if wrong:
        raise BadRoadmapFields(wrong)


def _fill_names(
    record: RoadmapItemRecord, name: str, given: tuple[str, ...], wrong: dict[str, str]
) -> None:
    names = list(dict.fromkeys(each.strip() for each in given if each.strip()))
    if len(names) > MOST_NAMED:
        wrong[name] = f"It has at most {MOST_NAMED}."
    elif any(len(each) > LONGEST_NAME or not is_storable(each) for each in names):
        wrong[name] = f"Each has at most {LONGEST_NAME} letters, and none that cannot be stored."
    else:
        setattr(record, name, names)


def _fill_landing(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    if given.landing is None:
        return
    urls = list(dict.fromkeys(each.strip() for each in given.landing if each.strip()))
    if urls and record.kind != ItemKind.CAMPAIGN.value:
        wrong["landing"] = "Only a campaign leads people to pages."
    elif len(urls) > MOST_NAMED or any(
        len(each) > LONGEST_ADDRESS or not is_storable(each) or not _is_address(each)
        for each in urls
    ):
        wrong["landing"] = (
            f"At most {MOST_NAMED} addresses, each as /sale/ or https://shop.example/sale/."
        )
    else:
        record.landing = urls


def _is_address(text: str) -> bool:
    if any(each.isspace() for each in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    whole = parts.scheme in {"http", "https"} and bool(parts.netloc)
    return whole or (text.startswith("/") and not text.startswith("//"))


def _fill_touches(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    if given.touches is None:
        return
    if set(given.touches) <= {each.value for each in Touch}:
        record.touches = [each.value for each in Touch if each.value in given.touches]
    else:
        wrong["touches"] = f"Each is one of {', '.join(Touch)}."


def _fill_days(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    for name, column in (("start", "starts_on"), ("end", "ends_on")):
        text = getattr(given, name)
        if text is None:
            continue
        day = day_in(text, name, wrong)
        if name not in wrong:
            setattr(record, column, day)
    if record.ends_on is not None and record.starts_on is None:
        wrong.setdefault("start", "It has an end; say when it starts.")
    if (
        record.starts_on is not None
        and record.ends_on is not None
        and record.ends_on <= record.starts_on
    ):
        wrong.setdefault("end", "It is over on a day after its first.")


def day_in(text: str, name: str, wrong: dict[str, str]) -> date | None:
    """Read a day; what is none is said in `wrong`."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day < LAST_DAY:
        wrong[name] = "It is a day, as 2026-11-30."
        return None
    return day


def _fill_shares(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    for name in ("allocation", "low", "high"):
        share = getattr(given, name)
        if share is None:
            continue
        if not math.isfinite(share) or not 0 <= share <= 1 or (name == "allocation" and not share):
            wrong[name] = "It is a share of everybody, up to 100%."
        else:
            setattr(record, name, share)
    if record.high <= record.low:
        wrong.setdefault("high", "The range ends after it begins.")
    change = given.traffic_change
    if change is not None:
        if math.isfinite(change) and -1 <= change <= 100:
            record.traffic_change = change
        else:
            wrong["traffic_change"] = "It is a share of the traffic, from −100%."


def _fill_people(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    for name in ("owner", "deputy"):
        email = getattr(given, name)
        if email is not None:
            person = member(record.site, email, name, wrong)
            if name not in wrong:
                setattr(record, name, person)


def member(site: Site, email: str, name: str, wrong: dict[str, str]) -> User | None:
    """Find somebody of the site by address; who is not there is said in `wrong`."""
    address = email.strip().lower()
    if not address:
        return None
    found = (
        User.objects.filter(email=address, is_active=True, memberships__site=site).first()
        if "\x00" not in address
        else None
    )
    if found is None:
        wrong[name] = "Nobody on this site has that address."
    return found


def priority_named(site: Site, key: str, wrong: dict[str, str]) -> CommercialPriorityRecord | None:
    """Find a priority of the newest register by its key; another is said in `wrong`."""
    number = key.strip().removeprefix("CP-")
    if not number:
        return None
    found = None
    if key.startswith("CP-") and number.isascii() and number.isdigit() and len(number) < 10:
        found = (
            CommercialPriorityRecord.objects.filter(register__site=site, number=int(number))
            .order_by("-register__version")
            .select_related("register")
            .first()
        )
    if found is None:
        wrong["priority"] = "The site has no such priority."
    return found


def _fill_audience(record: RoadmapItemRecord, given: ItemFields, wrong: dict[str, str]) -> None:
    if given.audience is None:
        return
    made: dict[str, dict[str, list[str]]] = {}
    for dimension, sets in given.audience.items():
        values = {way: [each.strip() for each in sets.get(way, ())] for way in ("allow", "deny")}
        listed = [dimension, *values["allow"], *values["deny"]]
        if any(not each or len(each) > LONGEST_NAME or not is_storable(each) for each in listed):
            wrong["audience"] = "Each line is a dimension and its values."
            return
        if values["allow"] or values["deny"]:
            made[dimension] = values
    if len(made) > MOST_NAMED:
        wrong["audience"] = f"It has at most {MOST_NAMED} dimensions."
    else:
        record.audience = made


def _fill_effort(
    record: RoadmapItemRecord, effort: Mapping[str, float], wrong: dict[str, str]
) -> None:
    fits = all(
        role.strip() and len(role) <= 40 and is_storable(role) and 0 <= days <= 1000
        for role, days in effort.items()
    )
    if fits and len(effort) <= MOST_NAMED:
        record.effort = {role.strip(): days for role, days in effort.items() if days}
    else:
        wrong["effort"] = "Each is a role and its working days, up to 1,000."
