"""Tells the other processes about sites and keys, through files that are replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import transaction

from truelift.apps.sites.models import Site, WriteKey
from truelift.errors import Outage
from truelift.lake.home import Home


class CannotPublish(Outage):
    """Keys and settings are stored, but the other processes could not be told."""

    code = "sites.cannot_publish"

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(
            f"The change is stored, but {path} could not be written ({reason}), so the collector"
            " works with what was published before. Put that right, then save any setting again"
            " or restart.",
            path=str(path),
            reason=reason,
        )


def publish_after_commit() -> None:
    """Publish once the change that is being made is certain."""
    transaction.on_commit(publish)


def publish() -> None:
    """Write keys and settings of every site to the home's `published/` folder.

    One publisher at a time reads the rows and replaces the files; without the lock an
    older state that was read first could land on top of a newer one.

    Raises:
        CannotPublish: The folder cannot be written.
    """
    home = Home.of(settings.TRUELIFT)
    try:
        _publish_to(home)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotPublish(path=home.published, reason=reason) from error


def _publish_to(home: Home) -> None:
    home.published.mkdir(parents=True, exist_ok=True)
    with alone(home.published / ".lock"):
        version = 1 + max(_version_of(home.keys_file), _version_of(home.sites_file))
        sites = {site.name: settings_of(site) for site in Site.objects.order_by("name")}
        replace_whole(home.sites_file, {"version": version, "sites": sites})
        keys = [
            {
                "key_id": key.key_id,
                "site": key.site.name,
                "kind": key.kind,
                "sha256": key.sha256,
            }
            for key in WriteKey.objects.filter(revoked_at=None)
            .select_related("site")
            .order_by("pk")
        ]
        replace_whole(home.keys_file, {"version": version, "keys": keys})


def settings_of(site: Site) -> dict[str, object]:
    """Give a site's settings in the shape in which the lake and the collector read them."""
    return {
        "time_zone": site.time_zone,
        "currency": site.currency,
        "exposure_rules": site.exposure_rules,
        "internal": {
            "hosts": site.internal_hosts,
            "addresses": site.internal_addresses,
            "user_agents": site.internal_user_agents,
            "property": _pair(site.internal_property, site.internal_value),
        },
        "test_orders": _pair(site.test_order_property, site.test_order_value, name="property"),
        "payment_referrers": site.payment_referrers,
        "own_hosts": site.own_hosts,
        "revenue": {"tax": site.revenue_tax, "shipping": site.revenue_shipping},
        "server_orders_only": site.server_orders_only,
        "retention": site.retention,
        "event_names": site.event_names,
        "rate_limit_per_minute": site.rate_limit_per_minute,
        "daily_quota": site.daily_quota,
    }


def replace_whole(path: Path, document: Mapping[str, object]) -> None:
    """Put a document in place of a file so that a reader sees the old or the new, never half."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _pair(property_name: str, value: str, *, name: str = "name") -> dict[str, str] | None:
    return {name: property_name, "value": value} if property_name else None


def _version_of(path: Path) -> int:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep other publishers out meanwhile."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
