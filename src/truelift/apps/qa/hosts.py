"""Which hosts a site has shown to be its own: pages are opened on no others."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from typing import Final

from django.conf import settings
from django.db import transaction
from typing_extensions import override

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.qa.models import HostRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.egress.fetching import Fetched, Limits, fetch
from truelift.egress.gate import BadAddress, Gate, parsed
from truelift.errors import Refusal


FILE: Final = "/.well-known/truelift-site.txt"
META: Final = "truelift-site"
MOST_HOSTS: Final = 50
HOST_CHECK: Final = "qa.host"

_LIMITS: Final = Limits(body=2_000_000, seconds=10, redirects=3)
_HOST: Final = re.compile(r"[^\s/@?#]{1,255}")


class BadHost(Refusal):
    """Something that is no host."""

    code = "qa.bad_host"

    def __init__(self, *, host: str) -> None:
        super().__init__(
            f"{host[:100]!r} is no host. Give it alone, as shop.example or stage.example:8443.",
            host=host[:100],
        )


class TooManyHosts(Refusal):
    """A site has as many hosts as it may."""

    code = "qa.too_many_hosts"

    def __init__(self) -> None:
        super().__init__(f"A site has at most {MOST_HOSTS} hosts. Remove one first.")


class NoSuchHost(Refusal):
    """The site has no such host."""

    code = "qa.no_such_host"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"The site has no host {number}; its page lists all.", number=number)


class AlreadyThere(Refusal):
    """The site has the host already."""

    code = "qa.host_already_there"

    def __init__(self, *, host: str) -> None:
        super().__init__(f"{host} is listed already. Check it there.", host=host)


def gate() -> Gate:
    """Give the installation's egress gate."""
    return Gate(allowed=settings.TRUELIFT.egress_allow)


def hosts_of(site: Site) -> tuple[HostRecord, ...]:
    """List a site's hosts, by name."""
    return tuple(HostRecord.objects.filter(site=site))


def verified_hosts(site: Site) -> tuple[str, ...]:
    """List the hosts on which pages of a site may be opened."""
    return tuple(
        HostRecord.objects.filter(site=site, verified_at__isnull=False).values_list(
            "host", flat=True
        )
    )


def checked_host(text: str) -> str:
    """Give a host as it is stored: small letters, with its port where it is unusual.

    Raises:
        BadHost: It is none.
    """
    given = text.strip()
    given = given.removeprefix("https://").removeprefix("http://").removesuffix("/")
    if not _HOST.fullmatch(given):
        raise BadHost(host=text)
    try:
        _, host, port = parsed(f"https://{given}")
    except BadAddress as error:
        raise BadHost(host=text) from error
    shown = f"[{host}]" if ":" in host else host
    # 443 stands for no port given; 80 is the same host without encryption.
    return shown if port in {80, 443} else f"{shown}:{port}"


@transaction.atomic
def add_host(site: Site, text: str, *, by: Actor, now: datetime) -> HostRecord:
    """Take down that a host is a site's own, and have it checked.

    Raises:
        BadHost: It is none.
        AlreadyThere: The site has it.
        TooManyHosts: The site has as many as it may.
    """
    host = checked_host(text)
    if HostRecord.objects.filter(site=site, host=host).exists():
        raise AlreadyThere(host=host)
    if HostRecord.objects.filter(site=site).count() >= MOST_HOSTS:
        raise TooManyHosts
    made = HostRecord.objects.create(
        site=site, host=host, token=secrets.token_urlsafe(24), made_by=by.user, made_at=now
    )
    audit(
        action="host.added",
        target=f"host:{host}",
        after={"host": host},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


@transaction.atomic
def remove_host(site: Site, number: int, *, by: Actor, now: datetime) -> None:
    """Take a host off the list.

    Raises:
        NoSuchHost: The site has none of this number.
    """
    found = host_of(site, number)
    audit(
        action="host.removed",
        target=f"host:{found.host}",
        before={"host": found.host, "verified": found.verified_at is not None},
        now=now,
        site=site.name,
        **by.audited,
    )
    found.delete()


@transaction.atomic
def ask_for_check(site: Site, number: int, *, by: Actor, now: datetime) -> HostRecord:
    """Have the worker look whether a host is the site's own.

    Raises:
        NoSuchHost: The site has none of this number.
    """
    found = host_of(site, number)
    found.checking = True
    found.save(update_fields=["checking"])
    queue(HOST_CHECK, f"qa-host:{found.pk}", by=by.user, now=now)
    return found


def host_of(site: Site, number: int) -> HostRecord:
    """Give a host of a site.

    Raises:
        NoSuchHost: The site has none of this number.
    """
    found = HostRecord.objects.filter(site=site, pk=number).first()
    if found is None:
        raise NoSuchHost(number=number)
    return found


Fetch = Callable[[str], Fetched]


def check_host(record: HostRecord, *, now: datetime, given: Gate | None = None) -> HostRecord:
    """Look whether what a host has to say stands there; call it from a job.

    What was verified and no longer says so is not verified any more.
    """
    way = given or gate()
    problem = ""
    how = ""
    for scheme in ("https", "http"):
        base = f"{scheme}://{record.host}"
        try:
            how = _how(record, base, way)
            problem = "" if how else _NOTHING
        except Refusal as error:
            # What the first way says is what people can put right.
            problem = problem or str(error)
        if how:
            problem = ""
            break
    was = record.verified_at
    record.how = how
    record.verified_at = (was or now) if how else None
    record.problem = problem[:500]
    record.checked_at = now
    record.checking = False
    with transaction.atomic():
        record.save()
        if bool(was) != bool(how):
            audit(
                action="host.verified" if how else "host.no_longer_verified",
                target=f"host:{record.host}",
                after={"how": how},
                now=now,
                site=record.site.name,
                actor="system",
            )
    return record


_NOTHING: Final = f"Neither {FILE} nor the start page says the text."


def _how(record: HostRecord, base: str, way: Gate) -> str:
    """Say how a host proves it; empty when it does not."""
    file = fetch(f"{base}{FILE}", gate=way, hosts=(record.host,), limits=_LIMITS)
    if file.status == 200 and record.token in file.body.decode("utf-8", "replace").split():
        return "file"
    page = fetch(f"{base}/", gate=way, hosts=(record.host,), limits=_LIMITS)
    reader = _Metas()
    reader.feed(page.body.decode("utf-8", "replace"))
    return "meta" if page.status == 200 and record.token in reader.found else ""


class _Metas(HTMLParser):
    """Reads what a page's own head says; nothing in its text counts, which others may write."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._in_body = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
        given = dict(attrs)
        if tag == "meta" and not self._in_body and given.get("name") == META:
            self.found.add((given.get("content") or "").strip())
