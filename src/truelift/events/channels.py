"""Which channel brought a visitor: GA4's default channel groups, first match wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from truelift.events.addresses import address_of, bare_host
from truelift.events.sources import SourceKind, kind_of, own_label


class Channel(StrEnum):
    """GA4's default channels, by the names they have there."""

    DIRECT = "Direct"
    CROSS_NETWORK = "Cross-network"
    PAID_SHOPPING = "Paid Shopping"
    PAID_SEARCH = "Paid Search"
    PAID_SOCIAL = "Paid Social"
    PAID_VIDEO = "Paid Video"
    DISPLAY = "Display"
    PAID_OTHER = "Paid Other"
    ORGANIC_SHOPPING = "Organic Shopping"
    ORGANIC_SOCIAL = "Organic Social"
    ORGANIC_VIDEO = "Organic Video"
    ORGANIC_SEARCH = "Organic Search"
    AI_ASSISTANT = "AI Assistant"
    REFERRAL = "Referral"
    EMAIL = "Email"
    AFFILIATES = "Affiliates"
    AUDIO = "Audio"
    SMS = "SMS"
    MOBILE_PUSH = "Mobile Push Notifications"
    UNASSIGNED = "Unassigned"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where a visit came from; all None where an event does not say (it is no landing).

    Attributes:
        source: `utm_source`, or the referring site, or `(direct)`.
        medium: `utm_medium`, or `organic`, `referral`, `cpc`, ..., or `(none)`.
        campaign: `utm_campaign`, or None.
        term: `utm_term`, or None.
        content: `utm_content`, or None.
        channel: One of `Channel`.
    """

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class _Marks:
    """What the rules look at, in small letters."""

    source: str
    medium: str
    campaign: str
    kind: SourceKind | None

    @property
    def paid(self) -> bool:
        return _PAID.match(self.medium) is not None

    @property
    def shopping(self) -> bool:
        return self.kind is SourceKind.SHOPPING or _SHOP_CAMPAIGN.match(self.campaign) is not None


_PAID: Final = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
_SHOP_CAMPAIGN: Final = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
_EMAIL: Final = frozenset({"email", "e-mail", "e_mail", "e mail"})
_SOCIAL: Final = frozenset(
    {"social", "social-network", "social-media", "sm", "social network", "social media"}
)

_RULES: Final[tuple[tuple[Channel, Callable[[_Marks], bool]], ...]] = (
    (
        Channel.DIRECT,
        lambda m: m.source in {"(direct)", ""} and m.medium in {"(none)", "(not set)", ""},
    ),
    (Channel.CROSS_NETWORK, lambda m: "cross-network" in m.campaign),
    (Channel.PAID_SHOPPING, lambda m: m.shopping and m.paid),
    (Channel.PAID_SEARCH, lambda m: m.kind is SourceKind.SEARCH and m.paid),
    (Channel.PAID_SOCIAL, lambda m: m.kind is SourceKind.SOCIAL and m.paid),
    (Channel.PAID_VIDEO, lambda m: m.kind is SourceKind.VIDEO and m.paid),
    (
        Channel.DISPLAY,
        lambda m: m.medium in {"display", "banner", "expandable", "interstitial", "cpm"},
    ),
    (Channel.PAID_OTHER, lambda m: m.paid),
    (Channel.ORGANIC_SHOPPING, lambda m: m.shopping),
    (Channel.ORGANIC_SOCIAL, lambda m: m.kind is SourceKind.SOCIAL or m.medium in _SOCIAL),
    (Channel.ORGANIC_VIDEO, lambda m: m.kind is SourceKind.VIDEO or "video" in m.medium),
    (Channel.ORGANIC_SEARCH, lambda m: m.kind is SourceKind.SEARCH or m.medium == "organic"),
    (
        Channel.AI_ASSISTANT,
        lambda m: m.kind is SourceKind.ASSISTANT or m.medium == "ai-assistant",
    ),
    (Channel.REFERRAL, lambda m: m.medium in {"referral", "app", "link"}),
    (Channel.EMAIL, lambda m: m.source in _EMAIL or m.medium in _EMAIL),
    (Channel.AFFILIATES, lambda m: m.medium == "affiliate"),
    (Channel.AUDIO, lambda m: m.medium == "audio"),
    (Channel.SMS, lambda m: "sms" in {m.source, m.medium}),
    (
        Channel.MOBILE_PUSH,
        lambda m: (
            m.medium.endswith("push")
            or "mobile" in m.medium
            or "notification" in m.medium
            or m.source == "firebase"
        ),
    ),
)
"""GA4's order, with AI Assistant just before Referral; `fbclid` pays for nothing."""

_PAID_CLICKS: Final = {
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "gad_source": "google",
    "msclkid": "bing",
}


def channel_of(source: str | None, medium: str | None, campaign: str | None) -> Channel:
    """Say which channel a source, medium and campaign belong to.

    Source:
        GA4 default channel group, support.google.com/analytics/answer/9756891.
    """
    marks = _Marks(
        source=(source or "").strip().lower(),
        medium=(medium or "").strip().lower(),
        campaign=(campaign or "").strip().lower(),
        kind=kind_of(source) if source else None,
    )
    return next((channel for channel, holds in _RULES if holds(marks)), Channel.UNASSIGNED)


def traffic_of(
    url: str | None,
    referrer: str | None,
    *,
    source: str | None = None,
    medium: str | None = None,
    campaign: str | None = None,
    term: str | None = None,
    content: str | None = None,
    own_hosts: Collection[str] = (),
    payment_referrers: Collection[str] = (),
) -> Traffic:
    """Work out where a visit came from, from an event's address and referrer.

    Campaign parameters come first, stated ones (`context.campaign`) before those
    of the address; then a paid click id, then the referrer. A referrer on the
    page's own host, on one of `own_hosts` or of `payment_referrers` begins no visit,
    and neither does an event without an address.

    Args:
        url: The page's address, or None.
        referrer: The page's referrer; None and empty mean that there was none.
        source: A stated `utm_source`, like the four after it.
        medium: See above.
        campaign: See above.
        term: See above.
        content: See above.
        own_hosts: Hosts of the site itself, without `www.`; sub-domains count as well.
        payment_referrers: Hosts that a buyer comes back from.
    """
    page = address_of(url) if url else address_of("")
    source = source or page.utm_source
    medium = medium or page.utm_medium
    campaign = campaign or page.utm_campaign
    term = term or page.utm_term
    content = content or page.utm_content
    if not (source or medium or campaign):
        from_host = address_of(referrer).host if referrer else None
        found = _unmarked(page.click_id, from_host)
        if found is None:
            if not page.host and not page.path:
                return Traffic()
            if from_host is not None:
                own = page.host == from_host or _within(from_host, own_hosts)
                if own or _within(from_host, payment_referrers):
                    return Traffic()
                found = _referred(from_host)
            else:
                found = ("(direct)", "(none)", None)
        source, medium, campaign = found
    elif medium is None and page.click_id in _PAID_CLICKS:
        medium = "cpc"
    return Traffic(
        source=source,
        medium=medium,
        campaign=campaign,
        term=term,
        content=content,
        channel=channel_of(source, medium or "(not set)", campaign),
    )


def _unmarked(click: str | None, from_host: str | None) -> tuple[str, str, str | None] | None:
    """Read a click id where no campaign parameter says anything."""
    if click in _PAID_CLICKS:
        return _PAID_CLICKS[click], "cpc", None
    if click == "fbclid" and from_host is None:
        return "facebook", "social", None
    return None


def _referred(host: str) -> tuple[str, str, str | None]:
    kind = kind_of(host)
    if kind is SourceKind.SEARCH:
        return own_label(host)[0] if not host.startswith("com.") else "google", "organic", None
    if kind is SourceKind.ASSISTANT:
        return host, "ai-assistant", "(ai-assistant)"
    return host, "referral", None


def _within(host: str, domains: Collection[str]) -> bool:
    """Tell whether a host is one of these domains or below one."""
    return any(
        host == domain or host.endswith(f".{domain}")
        for domain in (bare_host(domain) for domain in domains)
    )
