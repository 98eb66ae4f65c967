"""What may be done about sites: create one, change its settings, make and revoke keys."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Final, cast
from zoneinfo import available_timezones

from django.db import transaction

from truelift.apps.accounts.audit import record
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import give_role
from truelift.apps.sites.models import Site, WriteKey
from truelift.apps.sites.publish import publish_after_commit
from truelift.errors import Refusal
from truelift.lake.home import checked_site
from truelift.questions.matching import is_text
from truelift.questions.metric_library import ROLES


KEY_FORM: Final = re.compile(r"[A-Za-z0-9._~:+/=-]{4,120}")
"""What a given key may be: it stands in an attribute of a script element and in addresses."""


MOST_DAYS: Final = 36_500
"""The longest retention, a hundred years; not to name an event keeps it for ever."""

MOST_NAMES: Final = 20
"""Names of one event of the built-in metrics; a site that renames its events has a few."""


class SiteExists(Refusal):
    """A site has this name already."""

    code = "sites.exists"

    def __init__(self, *, site: str) -> None:
        super().__init__(f"There is already a site {site}. Choose another name.", site=site)


class NoSuchSite(Refusal):
    """No site has this name."""

    code = "sites.no_such_site"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            f"There is no site {site}. `truelift sites list` shows what there is.", site=site
        )


class BadTimeZone(Refusal):
    """A time zone is not in the world's list."""

    code = "sites.bad_time_zone"

    def __init__(self, *, time_zone: str) -> None:
        super().__init__(
            f"{time_zone!r} is no time zone. Give one like Europe/Berlin.", time_zone=time_zone
        )


class BadCurrency(Refusal):
    """A currency is not three capital letters."""

    code = "sites.bad_currency"

    def __init__(self, *, currency: str) -> None:
        super().__init__(
            f"{currency!r} is no currency. Give three letters like EUR.", currency=currency
        )


class BadRetention(Refusal):
    """A retention is not a number of days for each of some events."""

    code = "sites.bad_retention"

    def __init__(self, *, event: str, days: object) -> None:
        super().__init__(
            f"{event[:60]!r} cannot be kept for {str(days)[:20]!r} days. Give 1 to {MOST_DAYS}"
            " whole days for the name of an event, or for * to mean every other event.",
            event=event[:60],
        )


class BadEventNames(Refusal):
    """What a site calls its events is not names for events of the built-in metrics."""

    code = "sites.bad_event_names"

    def __init__(self, *, event: str) -> None:
        super().__init__(
            f"{event[:60]!r} cannot be called so. Give 1 to {MOST_NAMES} names of at most 200"
            f" characters for one of {', '.join(ROLES)}.",
            event=event[:60],
        )


class BadKey(Refusal):
    """A key that was asked for cannot be used."""

    code = "sites.bad_key"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The write key {why}.")


class ChangedMeanwhile(Refusal):
    """Somebody else changed the settings after this person had opened them."""

    code = "sites.changed_meanwhile"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            "Somebody else changed these settings after you opened them. What you entered is"
            " kept below; compare it with theirs and save again.",
            site=site,
        )


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key in clear, which for a secret key is known at this moment only."""

    row: WriteKey
    key: str


@dataclass(frozen=True, slots=True)
class NewSite:
    """A site that was made, with its first two keys in clear."""

    site: Site
    write_key: str
    secret_key: str


@transaction.atomic
def create_site(
    name: str,
    *,
    by: User | str,
    now: datetime,
    title: str = "",
    time_zone: str = "UTC",
    currency: str = "EUR",
    write_key: str = "",
) -> NewSite:
    """Make a site with a public and a secret key; the person who makes it owns it.

    Args:
        name: In paths and addresses; cannot be changed.
        by: A person, or `operator` from the command line.
        now: When.
        title: What people call it.
        time_zone: Whose days and weeks count.
        currency: In which money is reported.
        write_key: The public key, when it shall be a given one.

    Raises:
        BadSiteName: The name could not stand in a path.
        SiteExists: The name is taken.
        BadTimeZone: The time zone is unknown.
        BadCurrency: The currency is not three letters.
        BadKey: The given key is too short or taken.
    """
    checked_site(name)
    if Site.objects.filter(name=name).exists():
        raise SiteExists(site=name)
    checked_time_zone(time_zone)
    site = Site.objects.create(
        name=name,
        title=title.strip(),
        time_zone=time_zone,
        currency=checked_currency(currency),
        created_at=now,
    )
    if isinstance(by, User):
        give_role(site, by, Role.OWNER, by=by, now=now)
    record(
        by,
        "site.created",
        f"site:{name}",
        after={"title": site.title, "time_zone": time_zone, "currency": site.currency},
        site=name,
        now=now,
    )
    public = make_key(site, kind="public", by=by, now=now, key=write_key)
    secret = make_key(site, kind="secret", by=by, now=now)
    publish_after_commit()
    transaction.on_commit(partial(_plan_nights, now))
    return NewSite(site, public.key, secret.key)


def _plan_nights(now: datetime) -> None:
    # The backlog knows sites; loading it at once would close a circle.
    from truelift.apps.backlog.nightly import plan_nights

    plan_nights(now)


@transaction.atomic
def make_key(site: Site, *, kind: str, by: User | str, now: datetime, key: str = "") -> NewKey:
    """Make a key; a secret one can be read from the answer and never again.

    Raises:
        BadKey: The given key is too short, has odd characters or is taken.
    """
    if key and not KEY_FORM.fullmatch(key):
        raise BadKey(why="needs 4 to 120 letters, digits and . _ ~ : + / = -")
    key = key or ("pk_" if kind == "public" else "sk_") + secrets.token_urlsafe(24)
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    if WriteKey.objects.filter(sha256=sha256).exists():
        raise BadKey(why="is in use already; choose another")
    row = WriteKey.objects.create(
        site=site,
        kind=kind,
        sha256=sha256,
        plain=key if kind == "public" else "",
        hint=key[-4:],
        created_at=now,
        created_by=by if isinstance(by, str) else by.email,
    )
    record(
        by,
        "key.created",
        f"key:{row.key_id}",
        after={"kind": kind, "hint": row.hint},
        site=site.name,
        now=now,
    )
    publish_after_commit()
    return NewKey(row, key)


@transaction.atomic
def revoke_key(site: Site, key_id: int, *, by: User | str, now: datetime) -> None:
    """Make a key worthless; the collector refuses it within seconds."""
    revoked = WriteKey.objects.filter(site=site, pk=key_id, revoked_at=None).update(revoked_at=now)
    if revoked:
        record(by, "key.revoked", f"key:k{key_id}", site=site.name, now=now)
        publish_after_commit()


@transaction.atomic
def change_settings(
    site: Site, changes: Mapping[str, Json], *, version: int, by: User | str, now: datetime
) -> Site:
    """Change settings of a site, all or none, and publish them.

    Args:
        site: The site as the person saw it.
        changes: Field of `Site` → its new value, already checked by the form.
        version: The version that the person saw.
        by: Who changes.
        now: When.

    Raises:
        ChangedMeanwhile: The site has moved on since.
        BadTimeZone: The time zone is unknown.
        BadCurrency: The currency is not three letters.
        BadRetention: An event is to be kept for no number of days.
        BadEventNames: What events are called are no names.
    """
    row = Site.objects.select_for_update().get(pk=site.pk)
    if row.version != version:
        raise ChangedMeanwhile(site=site.name)
    if "time_zone" in changes:
        checked_time_zone(str(changes["time_zone"]))
    if "currency" in changes:
        checked_currency(str(changes["currency"]))
    if "retention" in changes:
        checked_retention(changes["retention"])
    if "event_names" in changes:
        checked_event_names(changes["event_names"])
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    for field, value in changes.items():
        old = getattr(row, field)
        if old != value:
            before[field], after[field] = old, value
            setattr(row, field, value)
    if not after:
        return row
    row.version += 1
    row.save()
    record(
        by,
        "site.settings_changed",
        f"site:{site.name}",
        before=before,
        after=after,
        site=site.name,
        now=now,
    )
    publish_after_commit()
    return row


def checked_retention(retention: Json) -> Json:
    """Give a retention back when it names events and days.

    Raises:
        BadRetention: It does not.
    """
    if not isinstance(retention, dict) or len(retention) > 200:
        raise BadRetention(event="", days=retention)
    for event, days in retention.items():
        good = isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= MOST_DAYS
        if not good or not 1 <= len(event) <= 200:
            raise BadRetention(event=event, days=days)
    return retention


def checked_event_names(event_names: Json) -> Json:
    """Give what a site calls its events back when each is an event of the built-in metrics.

    Raises:
        BadEventNames: One is not, or has no names.
    """
    if not isinstance(event_names, dict):
        raise BadEventNames(event=str(event_names))
    for event, names in event_names.items():
        good = event in ROLES and isinstance(names, list) and 1 <= len(names) <= MOST_NAMES
        if not good or not all(map(_is_event_name, cast("list[object]", names))):
            raise BadEventNames(event=event)
    return event_names


def _is_event_name(name: object) -> bool:
    return isinstance(name, str) and 1 <= len(name) <= 200 and name.isprintable() and is_text(name)


def checked_time_zone(time_zone: str) -> str:
    """Give the time zone back when the world knows it.

    Raises:
        BadTimeZone: It does not.
    """
    if time_zone not in _time_zones():
        raise BadTimeZone(time_zone=time_zone)
    return time_zone


@cache
def _time_zones() -> frozenset[str]:
    # Hundreds of files are looked at for them.
    return frozenset(available_timezones())


def checked_currency(currency: str) -> str:
    """Give the currency back in capitals when it has a currency's form.

    Raises:
        BadCurrency: It has not.
    """
    code = currency.strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise BadCurrency(currency=currency)
    return code
