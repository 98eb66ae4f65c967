"""What the web application published about each site, as the loader and questions read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from truelift.errors import Outage
from truelift.lake.home import Home


class UnreadableSites(Outage):
    """The published settings of the sites are not what the web application writes."""

    code = "lake.unreadable_sites"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} cannot be read. Save any site's settings page to publish it again.",
            path=str(path),
        )


@dataclass(frozen=True, slots=True)
class ExposureRule:
    """How another test tool's event says who saw which variant.

    Attributes:
        event: Name of the event, as stored.
        experiment: Properties that may hold the experiment's key, first one found wins.
        variant: Properties that may hold the variant.
    """

    event: str
    experiment: tuple[str, ...]
    variant: tuple[str, ...]


BUILT_IN_EXPOSURES: Final = (
    ExposureRule(
        "Experiment Viewed",
        ("experiment_id", "experimentId", "experiment"),
        ("variation_id", "variationId", "variation", "variant"),
    ),
    ExposureRule("$feature_flag_called", ("$feature_flag",), ("$feature_flag_response",)),
    ExposureRule(
        "experience_impression",
        ("experience_id", "experienceId", "experience"),
        ("variant", "variant_id", "variantId"),
    ),
    ExposureRule("exposure", ("experiment",), ("variant",)),
    ExposureRule(
        "experiment_viewed",
        ("experiment_id", "experimentId", "experiment"),
        ("variation_id", "variationId", "variation", "variant"),
    ),
)
"""Rules that hold for every site, after the site's own."""


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What a site decided about its events; the defaults are what holds until it does.

    Attributes:
        time_zone: IANA name; days and weeks of the site's reports.
        currency: Reporting currency, ISO 4217; also meant where an event names none.
        exposure_rules: The site's own rules, then the built-in ones.
        internal_hosts: Pages on these hosts are the company's own traffic.
        internal_addresses: Visitors from these addresses or networks are.
        internal_user_agents: Agents that contain one of these words are.
        internal_property: A property and the value that marks internal events, or None.
        test_orders: A property and the value that marks test orders, or None.
        payment_referrers: Hosts that visitors come back from after paying.
        own_hosts: Hosts of the site itself; coming from one is not a referral.
        tax_in_revenue: Whether an order's tax counts as revenue; if not, it is taken off.
        shipping_in_revenue: Whether its shipping does.
        server_orders_only: Money counts only when a secret key sent it.
        retention: Events and the days that they are kept; `*` names all others. What is not
            named is kept.
        event_names: Events of the built-in metrics, and what the site calls each instead.
    """

    time_zone: str = "UTC"
    currency: str = "EUR"
    exposure_rules: tuple[ExposureRule, ...] = BUILT_IN_EXPOSURES
    internal_hosts: tuple[str, ...] = ()
    internal_addresses: tuple[str, ...] = ()
    internal_user_agents: tuple[str, ...] = ()
    internal_property: tuple[str, str] | None = None
    test_orders: tuple[str, str] | None = None
    payment_referrers: tuple[str, ...] = ()
    own_hosts: tuple[str, ...] = ()
    tax_in_revenue: bool = True
    shipping_in_revenue: bool = True
    server_orders_only: bool = False
    retention: tuple[tuple[str, int], ...] = ()
    event_names: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def deducted(self) -> tuple[str, ...]:
        """Which properties of an order are taken off its revenue."""
        stays = {"tax": self.tax_in_revenue, "shipping": self.shipping_in_revenue}
        return tuple(name for name, stay in stays.items() if not stay)


@dataclass(slots=True)
class PublishedSites:
    """The published file, read again only when it was replaced."""

    home: Home
    _stamp: tuple[int, int, int] | None = None
    _sites: Mapping[str, SiteSettings] = field(default_factory=dict)

    def of(self, site: str) -> SiteSettings:
        """Give one site's settings, the defaults when nothing was published.

        Raises:
            UnreadableSites: The file is not JSON of the published form.
        """
        return self.all().get(site) or SiteSettings()

    def all(self) -> Mapping[str, SiteSettings]:
        """Give every published site.

        Raises:
            UnreadableSites: The file is not JSON of the published form.
        """
        path = self.home.sites_file
        try:
            status = path.stat()
        except FileNotFoundError:
            return {}
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            try:
                document = json.loads(path.read_bytes())
                sites = {name: parse_site(entry) for name, entry in document["sites"].items()}
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                raise UnreadableSites(path=path) from error
            self._sites = MappingProxyType(sites)
            self._stamp = stamp
        return self._sites


def site_settings(home: Home, site: str) -> SiteSettings:
    """Read one site's settings, once; keep a `PublishedSites` to ask again and again."""
    return PublishedSites(home).of(site)


def parse_site(entry: Mapping[str, object]) -> SiteSettings:
    """Turn a published entry into settings; what it leaves out keeps its default."""
    internal = _mapping(entry.get("internal"))
    revenue = _mapping(entry.get("revenue"))
    rules = tuple(
        ExposureRule(str(rule["event"]), (str(rule["experiment"]),), (str(rule["variant"]),))
        for rule in map(_mapping, _list(entry.get("exposure_rules")))
    )
    return SiteSettings(
        time_zone=str(entry.get("time_zone") or "UTC"),
        currency=str(entry.get("currency") or "EUR").upper(),
        exposure_rules=rules + BUILT_IN_EXPOSURES,
        internal_hosts=_words(internal.get("hosts")),
        internal_addresses=_words(internal.get("addresses")),
        internal_user_agents=_words(internal.get("user_agents")),
        internal_property=_marker(internal.get("property"), key="name"),
        test_orders=_marker(entry.get("test_orders"), key="property"),
        payment_referrers=_words(entry.get("payment_referrers")),
        own_hosts=_words(entry.get("own_hosts")),
        tax_in_revenue=revenue.get("tax", "in") == "in",
        shipping_in_revenue=revenue.get("shipping", "in") == "in",
        server_orders_only=bool(entry.get("server_orders_only", False)),
        retention=tuple(
            (str(event), days)
            for event, days in sorted(_mapping(entry.get("retention")).items())
            if isinstance(days, int) and days > 0
        ),
        event_names=tuple(
            (str(event), tuple(map(str, _list(names))))
            for event, names in sorted(_mapping(entry.get("event_names")).items())
            if _list(names)
        ),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word).strip().lower() for word in _list(value) if str(word).strip())


def _marker(value: object, *, key: str) -> tuple[str, str] | None:
    marker = _mapping(value)
    name = marker.get(key)
    if not name:
        return None
    meant = marker.get("value", "true")
    return str(name), str(meant).lower() if isinstance(meant, bool) else str(meant)
