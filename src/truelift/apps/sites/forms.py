"""What people type about sites; every field says what holds when it is left alone."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from typing_extensions import override

from truelift.apps.sites.models import Site
from truelift.lake.home import SITE_NAME
from truelift.questions.metric_library import ROLES


_HOST: Final = re.compile(
    r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)
_MOST_LINES: Final = 200


@cache
def time_zones() -> list[tuple[str, str]]:
    """List the world's time zones by name, UTC first."""
    named = sorted(zone for zone in available_timezones() if "/" in zone and "Etc" not in zone)
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


class LinesField(forms.CharField):
    """A list, one entry a line; empty lines and repeats are left out.

    Attributes:
        what: How an entry is called in a complaint about it.
    """

    widget = forms.Textarea

    def __init__(self, *, what: str, label: str, help_text: str) -> None:
        self.what = what
        super().__init__(required=False, label=label, help_text=help_text)

    @override
    def prepare_value(self, value: object) -> object:
        """Show a stored list as lines."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    @override
    def clean(self, value: object) -> list[str]:
        """Give the entries, each checked.

        Raises:
            ValidationError: With every entry that is wrong.
        """
        lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        if len(lines) > _MOST_LINES:
            raise ValidationError(f"At most {_MOST_LINES} lines.")
        wrong = [line for line in lines if not self.accepts(line)]
        if wrong:
            raise ValidationError([f"{line[:80]} is no {self.what}." for line in wrong[:10]])
        return list(dict.fromkeys(map(self.kept, lines)))

    def accepts(self, line: str) -> bool:
        """Say whether an entry has the right form."""
        return len(line) <= 200

    def kept(self, line: str) -> str:
        """Give an entry in the form in which it is stored."""
        return line


class HostsField(LinesField):
    """A list of hosts."""

    @override
    def accepts(self, line: str) -> bool:
        """A host is a name with dots, without scheme, port or path."""
        return bool(_HOST.match(line.lower()))

    @override
    def kept(self, line: str) -> str:
        """Hosts are compared in small letters."""
        return line.lower().removeprefix("*.")


class NetworksField(LinesField):
    """A list of addresses and networks."""

    @override
    def accepts(self, line: str) -> bool:
        """An address is IPv4 or IPv6, a network has its mask behind a slash."""
        try:
            ipaddress.ip_network(line, strict=False)
        except ValueError:
            return False
        return True


class NewSiteForm(forms.Form):
    """What a site needs to be called and counted right from its first event."""

    title = forms.CharField(label="What people call the site", max_length=120)
    site_name = forms.CharField(
        label="Short name",
        max_length=40,
        help_text="Stands in addresses and commands and cannot be changed: 2 to 40 small"
        " letters, digits and hyphens.",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none"}),
    )
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=time_zones,
        initial="UTC",
        help_text="Whose days and weeks count.",
    )
    currency = forms.CharField(
        label="Currency",
        max_length=3,
        min_length=3,
        initial="EUR",
        help_text="Three letters. Money is reported in it.",
    )

    def clean_site_name(self) -> str:
        """Refuse what could not stand in a path."""
        name = str(self.cleaned_data["site_name"]).strip()
        if not SITE_NAME.fullmatch(name):
            raise ValidationError("2 to 40 small letters, digits and hyphens, a letter first.")
        return name

    def clean_currency(self) -> str:
        """Give the currency in capitals."""
        code = str(self.cleaned_data["currency"]).strip().upper()
        if not (code.isascii() and code.isalpha()):
            raise ValidationError("Three letters, like EUR.")
        return code

    @override
    def clean(self) -> dict[str, str]:
        """Give the fields under the names of `create_site`."""
        given = dict(self.cleaned_data)
        if "site_name" in given:
            given["name"] = given.pop("site_name")
        return given


class Section(forms.Form):
    """A part of a site's settings that is saved by itself.

    Attributes:
        heading: Its name on the page.
        says: What it is for, and what holds by default.
        holds: From when on a change does.
        pairs: Fields that stand side by side; the others have a row each.
    """

    heading: str = ""
    says: str = ""
    holds: str = "It holds for events from now on."
    pairs: tuple[tuple[str, ...], ...] = ()

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, site: Site) -> Section:
        """Fill the form with what holds now."""
        names = [name for name in cls.base_fields if name != "version"]
        return cls(
            initial={"version": site.version, **{name: getattr(site, name) for name in names}}
        )

    def rows(self) -> list[list[forms.BoundField]]:
        """Give the fields as the page lays them out."""
        paired = {name for pair in self.pairs for name in pair}
        rows: list[list[forms.BoundField]] = []
        for name in self.fields:
            pair = next((pair for pair in self.pairs if pair[0] == name), None)
            if pair:
                rows.append([self[each] for each in pair])
            elif name not in paired and name != "version":
                rows.append([self[name]])
        return rows

    def changes(self) -> dict[str, object]:
        """Give field → value for `change_settings`."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class About(Section):
    """Title, time zone, currency."""

    heading = "Name, time and money"
    says = (
        "By default UTC and EUR. Days, weeks and business weeks are the site’s; a change of the"
        " time zone moves the borders of days that have passed, too."
    )
    pairs = (("time_zone", "currency"),)
    title = forms.CharField(label="Title", max_length=120, required=False)
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zones)
    currency = forms.CharField(label="Currency", max_length=3, min_length=3)

    def clean_currency(self) -> str:
        """Give the currency in capitals."""
        code = str(self.cleaned_data["currency"]).strip().upper()
        if not (code.isascii() and code.isalpha()):
            raise ValidationError("Three letters, like EUR.")
        return code


class InternalTraffic(Section):
    """What the company's own people do, which no answer may count."""

    heading = "Internal traffic"
    says = (
        "By default nothing is internal. Events that match any of these are kept, marked, and"
        " left out of every answer; the ledger counts them."
    )
    pairs = (
        ("internal_hosts", "internal_addresses", "internal_user_agents"),
        ("internal_property", "internal_value"),
    )
    internal_hosts = HostsField(
        what="host",
        label="Pages on these hosts",
        help_text="One a line, such as staging.shop.example.",
    )
    internal_addresses = NetworksField(
        what="address or network",
        label="Visitors from these addresses",
        help_text="One a line, such as 203.0.113.7 or 203.0.113.0/24.",
    )
    internal_user_agents = LinesField(
        what="word",
        label="Browsers that say",
        help_text="A word of the user agent a line, such as UptimeRobot.",
    )
    internal_property = forms.CharField(
        label="Events with the property",
        max_length=80,
        required=False,
        help_text="Such as internal; leave it empty to use none.",
    )
    internal_value = forms.CharField(
        label="that has the value", max_length=80, required=False, help_text="Such as true."
    )


class TestOrders(Section):
    """How a test order is known."""

    heading = "Test orders"
    says = "By default every order is real. Orders that match are left out like internal traffic."
    pairs = (("test_order_property", "test_order_value"),)
    test_order_property = forms.CharField(
        label="Orders with the property", max_length=80, required=False, help_text="Such as test."
    )
    test_order_value = forms.CharField(
        label="that has the value", max_length=80, required=False, help_text="Such as true."
    )


class Hosts(Section):
    """Between which hosts a visitor stays the same one."""

    heading = "Own hosts and payment providers"
    says = (
        "By default a link from another host is a referral, and returns from the payment"
        " providers below are not: they do not start a session or a channel."
    )
    pairs = (("own_hosts", "payment_referrers"),)
    own_hosts = HostsField(
        what="host",
        label="Hosts that are this site",
        help_text="One a line; subdomains are included. Visitors keep one identity on all"
        " subdomains of one domain; between different domains, sign-in connects them.",
    )
    payment_referrers = HostsField(
        what="host", label="Payment providers", help_text="One a line; subdomains are included."
    )


class Revenue(Section):
    """What counts as revenue."""

    heading = "Revenue"
    says = (
        "By default an order counts as it is sent, with tax and shipping, from browsers and"
        " servers. “Out” takes the order’s own property tax or shipping off its revenue or total;"
        " leave it “in” if your shop sends them without. An amount sent as “value” stays"
        " as it is, and so does a revenue below its own tax and shipping: the connect page counts"
        " such orders."
    )
    pairs = (("revenue_tax", "revenue_shipping"),)
    revenue_tax = forms.ChoiceField(
        label="Tax",
        choices=[("in", "In revenue"), ("out", "Out of revenue")],
        widget=forms.RadioSelect,
    )
    revenue_shipping = forms.ChoiceField(
        label="Shipping",
        choices=[("in", "In revenue"), ("out", "Out of revenue")],
        widget=forms.RadioSelect,
    )
    server_orders_only = forms.BooleanField(
        label="Only orders sent by a server with a secret key count as money",
        required=False,
        help_text="Anybody can send events with the public key; use this when your shop can send"
        " orders itself.",
    )


class EventNames(Section):
    """What the site calls the events that the built-in metrics are made of."""

    heading = "Event names"
    says = (
        "By default the built-in metrics look for the names below, which are GA4’s. Where your"
        " site sends others, enter them: one a line, each of them counts. This holds for every"
        " question at once, for events of the past as well; metrics that were already taken for"
        " experiments keep their definition until you take them again."
    )
    holds = "It holds for every question from now on."
    pairs = tuple(zip(tuple(ROLES)[::2], tuple(ROLES)[1::2], strict=False))

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        for event, happens in ROLES.items():
            self.fields[event] = LinesField(
                what="name of an event of at most 200 characters",
                label=event,
                help_text=f"When {happens}.",
            )

    @classmethod
    @override
    def of(cls, site: Site) -> EventNames:
        """Fill the form with what holds now."""
        return cls(initial={"version": site.version, **site.event_names})

    @override
    def changes(self) -> dict[str, object]:
        """Give the names that are not the usual one."""
        given = {event: self.cleaned_data[event] for event in ROLES}
        return {
            "event_names": {
                event: names for event, names in given.items() if names and names != [event]
            }
        }


class Limits(Section):
    """How much may come in."""

    heading = "Limits"
    says = "By default 6,000 requests a minute per key and address, and 5 million events a day."
    pairs = (("rate_limit_per_minute", "daily_quota"),)
    rate_limit_per_minute = forms.IntegerField(
        label="Requests a minute, per key and address", min_value=10, max_value=1_000_000
    )
    daily_quota = forms.IntegerField(label="Events a day", min_value=1000, max_value=10_000_000_000)


class Privacy(Section):
    """Who may see who visitors are."""

    heading = "Privacy"
    says = (
        "By default every page shows numbers only, never who somebody is. A list of people holds"
        " visitor and user ids, which are personal data: switch it on only where your grounds for"
        " processing cover it."
    )
    people_lists = forms.BooleanField(
        label="Analysts, editors and owners may list and export the people behind a number",
        required=False,
        help_text="Such as who did not go on at a step of a funnel. Every look and every file is"
        " written into the audit.",
    )


SECTIONS: Final[dict[str, type[Section]]] = {
    "about": About,
    "revenue": Revenue,
    "internal": InternalTraffic,
    "test-orders": TestOrders,
    "hosts": Hosts,
    "event-names": EventNames,
    "limits": Limits,
    "privacy": Privacy,
}
"""The sections of the settings page in their order; the key stands in the address."""


class RuleForm(forms.Form):
    """How one event of another test tool says who saw which variant."""

    event = forms.CharField(label="Event", max_length=200, strip=True)
    experiment = forms.CharField(label="Property with the experiment", max_length=100)
    variant = forms.CharField(label="Property with the variant", max_length=100)


def rules_from(data: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    """Read exposure rules from the rows of the page; a row left empty is no rule.

    Raises:
        ValidationError: A row is half filled in.
    """
    rules = []
    for number, row in enumerate(data, start=1):
        if not any(cell.strip() for cell in row):
            continue
        form = RuleForm(dict(zip(("event", "experiment", "variant"), row, strict=True)))
        if not form.is_valid():
            missing = ", ".join(str(form.fields[name].label) for name in form.errors)
            raise ValidationError(f"Rule {number} lacks: {missing}.")
        rules.append({key: str(value) for key, value in form.cleaned_data.items()})
    return rules
