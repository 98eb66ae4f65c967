"""Which channel a visit is put down to."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from truelift.events.channels import Channel, Traffic, channel_of, traffic_of
from truelift.events.sources import SourceKind, kind_of


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "channel"),
    [
        ("(direct)", "(none)", None, Channel.DIRECT),
        ("(direct)", "(not set)", None, Channel.DIRECT),
        (None, None, None, Channel.DIRECT),
        ("google", "cpc", "Cross-Network spring", Channel.CROSS_NETWORK),
        ("google", "cpc", "shopping_de", Channel.PAID_SHOPPING),
        ("google", "cpc", "autumn workshop", Channel.PAID_SEARCH),
        ("google", "cpc", "seshop", Channel.PAID_SHOPPING),
        ("google", "cpc", "geshop", Channel.PAID_SHOPPING),
        ("amazon.de", "paid", None, Channel.PAID_SHOPPING),
        ("google", "cpc", None, Channel.PAID_SEARCH),
        ("Google", "CPM", None, Channel.PAID_SEARCH),
        ("bing", "ppc", None, Channel.PAID_SEARCH),
        ("facebook", "paid_social", None, Channel.PAID_SOCIAL),
        ("ig", "paidsocial", None, Channel.PAID_SOCIAL),
        ("youtube.com", "cpv", None, Channel.PAID_VIDEO),
        ("youtube.com", "paid", None, Channel.PAID_VIDEO),
        ("dv360", "cpm", None, Channel.DISPLAY),
        ("x", "banner", None, Channel.DISPLAY),
        ("newsletter", "retargeting", None, Channel.PAID_OTHER),
        ("etsy.com", "referral", None, Channel.ORGANIC_SHOPPING),
        ("m.facebook.com", "referral", None, Channel.ORGANIC_SOCIAL),
        ("acme", "Social Network", None, Channel.ORGANIC_SOCIAL),
        ("vimeo.com", "referral", None, Channel.ORGANIC_VIDEO),
        ("acme", "video-feed", None, Channel.ORGANIC_VIDEO),
        ("google", "organic", None, Channel.ORGANIC_SEARCH),
        ("ecosia.org", "referral", None, Channel.ORGANIC_SEARCH),
        ("chatgpt.com", None, None, Channel.AI_ASSISTANT),
        ("claude.ai", "referral", None, Channel.AI_ASSISTANT),
        ("acme", "ai-assistant", "(ai-assistant)", Channel.AI_ASSISTANT),
        ("blog.example", "referral", None, Channel.REFERRAL),
        ("acme", "link", None, Channel.REFERRAL),
        ("newsletter", "e-mail", None, Channel.EMAIL),
        ("email", "may", None, Channel.EMAIL),
        ("acme", "affiliate", None, Channel.AFFILIATES),
        ("acme", "audio", None, Channel.AUDIO),
        ("sms", "x", None, Channel.SMS),
        ("acme", "webpush", None, Channel.MOBILE_PUSH),
        ("firebase", "x", None, Channel.MOBILE_PUSH),
        ("acme", "podcast", None, Channel.UNASSIGNED),
        ("acme", "push-notice", None, Channel.UNASSIGNED),
    ],
)
def test_the_first_rule_that_holds_names_the_channel(
    source: str | None, medium: str | None, campaign: str | None, channel: Channel
) -> None:
    assert channel_of(source, medium, campaign) is channel


@pytest.mark.parametrize(
    ("url", "referrer", "expected"),
    [
        ("https://x.test/", None, ("(direct)", "(none)", Channel.DIRECT)),
        ("https://x.test/", "", ("(direct)", "(none)", Channel.DIRECT)),
        ("https://x.test/?gclid=1", None, ("google", "cpc", Channel.PAID_SEARCH)),
        (
            "https://x.test/?gclid=1",
            "https://www.google.com/",
            ("google", "cpc", Channel.PAID_SEARCH),
        ),
        ("https://x.test/?msclkid=1", None, ("bing", "cpc", Channel.PAID_SEARCH)),
        ("https://x.test/?utm_source=google&gclid=1", None, ("google", "cpc", Channel.PAID_SEARCH)),
        (
            "https://x.test/?fbclid=1",
            "https://l.facebook.com/",
            ("l.facebook.com", "referral", Channel.ORGANIC_SOCIAL),
        ),
        ("https://x.test/?fbclid=1", None, ("facebook", "social", Channel.ORGANIC_SOCIAL)),
        (
            "https://x.test/?utm_source=fb&utm_medium=paid&fbclid=1",
            None,
            ("fb", "paid", Channel.PAID_SOCIAL),
        ),
        (
            "https://x.test/",
            "https://www.google.de/",
            ("google", "organic", Channel.ORGANIC_SEARCH),
        ),
        (
            "https://x.test/",
            "https://de.search.yahoo.com/x",
            ("yahoo", "organic", Channel.ORGANIC_SEARCH),
        ),
        (
            "https://x.test/",
            "android-app://com.google.android.googlequicksearchbox/",
            ("google", "organic", Channel.ORGANIC_SEARCH),
        ),
        (
            "https://x.test/",
            "https://mail.google.com/",
            ("mail.google.com", "referral", Channel.REFERRAL),
        ),
        (
            "https://x.test/",
            "https://chatgpt.com/",
            ("chatgpt.com", "ai-assistant", Channel.AI_ASSISTANT),
        ),
        (
            "https://x.test/?utm_source=news&utm_medium=email",
            "https://mail.example/",
            ("news", "email", Channel.EMAIL),
        ),
        (
            "https://x.test/",
            "https://blog.example/a",
            ("blog.example", "referral", Channel.REFERRAL),
        ),
        ("https://x.test/cart", "https://www.x.test/", (None, None, None)),
        ("https://x.test/thanks", "https://www.paypal.com/pay", (None, None, None)),
        ("https://x.test/", "https://pay.shop.example/", (None, None, None)),
        (None, None, (None, None, None)),
        ("https://[broken", "https://[broken", (None, None, None)),
    ],
)
def test_a_visit_is_read_from_campaign_then_click_id_then_referrer(
    url: str | None, referrer: str | None, expected: tuple[str | None, str | None, Channel | None]
) -> None:
    found = traffic_of(
        url, referrer, own_hosts=["shop.example"], payment_referrers=["paypal.com", "stripe.com"]
    )

    assert (found.source, found.medium, found.channel) == expected


def test_a_stated_campaign_goes_before_the_addresss() -> None:
    found = traffic_of("https://x.test/?utm_source=a&utm_term=t", None, source="b", medium="sms")

    assert found == Traffic("b", "sms", None, "t", None, Channel.SMS)


def test_no_source_of_googles_own_list_is_taken_for_another_kind(shared: Path) -> None:
    path = shared / "data" / "refdata" / "ga4_source_categories.csv"
    kinds: dict[str, set[str]] = {}
    for row in csv.DictReader(path.open(encoding="utf-8")):
        kind = row["source_category"].removeprefix("SOURCE_CATEGORY_").lower()
        kinds.setdefault(row["source"], set()).add(kind)

    found = {source: kind_of(source) for source in kinds}
    wrong = {s: k for s, k in found.items() if k is not None and k.value not in kinds[s]}
    known = sum(kind is not None for kind in found.values())

    assert wrong == {}
    assert known / len(kinds) > 0.6


def test_the_hosts_of_assistants_are_known(shared: Path) -> None:
    text = (shared / "data" / "refdata" / "AIAssistants.yml").read_text(encoding="utf-8")
    hosts = [host for host in re.findall(r"- (\S+)", text) if "/" not in host]

    assert [host for host in hosts if kind_of(host) is not SourceKind.ASSISTANT] == []
