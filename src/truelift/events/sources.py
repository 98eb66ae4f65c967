"""Who sends visitors: the main search engines, social networks, video, shops and assistants."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SourceKind(StrEnum):
    """What a source is, where that decides the channel."""

    SEARCH = "search"
    SOCIAL = "social"
    VIDEO = "video"
    SHOPPING = "shopping"
    ASSISTANT = "assistant"


_NAMES: Final = {
    SourceKind.SEARCH: """
        alice aol ask auone avg babylon baidu biglobe bing brave centrum comcast conduit daum
        dogpile duckduckgo ecosia eniro exalead excite globo google incredimail kagi kvasir
        lycos mojeek msn najdi naver onet qwant rakuten rambler seznam sogou startpage
        startsiden swisscows terra ukr virgilio yahoo yandex google-play search-results cnn
    """,
    SourceKind.SOCIAL: """
        43things academia activerain addthis allnurses allrecipes ameblo ancestry answerbag
        artstation badoo bebo bereal bilibili blogger blogspot bluesky bsky buzzfeed cafemom
        chegg classmates crunchyroll cyworld deviantart diaspora digg diigo discord discordapp
        disqus douban douyin dribbble dzone ello facebook fandom fanpop fark fb fetlife flickr
        flipboard foursquare friendster getpocket gab gaiaonline glassdoor goodreads gree
        gutefrage habbo hatena hi5 hootsuite houzz hubpages ig imageshack imgur instagram
        instapaper kakao kakaocorp lemmy line linkedin linktr livejournal mastodon medium meetup
        meneame messenger mix mixi myheritage myspace netvibes nextdoor niconico ning nicovideo
        odnoklassniki okwave parler patreon photobucket pinboard pinterest pixiv plurk pocket
        qzone quora ravelry reddit renren reverbnation scoop scribd serverfault sharethis skype
        skyrock slashdot slideshare smartnews snapchat soundcloud stackapps stackexchange
        stackoverflow stumbleupon substack superuser tagged taringa telegram threads tiktok
        tripadvisor tumblr twitter typepad viadeo vk vkontakte wattpad wechat weebly weheartit
        weibo whatsapp wordpress xanga xing yammer yelp zalo googleplus google+ researchgate
        social
    """,
    SourceKind.VIDEO: """
        crackle curiositystream dailymotion disneyplus hulu iq iqiyi netflix odysee rumble ted
        twitch utreon veoh vimeo wistia youku youtube
    """,
    SourceKind.SHOPPING: """
        alibaba aliexpress amazon ebay etsy idealo googleshopping igshopping mercadolibre
        mercadolivre pricerunner shopify shopping shopzilla simplycodes stripe walmart
    """,
    SourceKind.ASSISTANT: "chatgpt claude copilot deepseek gemini grok perplexity openai",
}
"""The label of a site's own domain, whatever its ending (`amazon.de`, `www.amazon.co.uk`), or the
word that stands in `utm_source`."""

_HOSTS: Final = {
    SourceKind.SEARCH: """
        360.cn so.com tut.by ya.ru search.docomo.ne.jp search.smt.docomo.ne.jp go.mail.ru
        news.google.com lens.google.com search.google.com play.google.com images.google.com
        search.brave.com com.google.android.googlequicksearchbox firmy.cz cn.bing.com
    """,
    SourceKind.SOCIAL: """
        t.co x.com t.me lnkd.in fb.me fb.com m.me wa.me bit.ly goo.gl is.gd ow.ly
        news.ycombinator.com plus.google.com plus.url.google.com groups.google.com
        sites.google.com messages.google.com answers.yahoo.com pulse.yahoo.com
        bookmarks.yahoo.com bookmarks.yahoo.co.jp chiebukuro.yahoo.co.jp blog.yahoo.co.jp
        messages.yahoo.co.jp blog.naver.com m.blog.naver.com cafe.naver.com m.cafe.naver.com
        kin.naver.com m.kin.naver.com weixin.qq.com line.me last.fm vk.com ok.ru 51.com 5ch.net
        paper.li scoop.it mubi.com gather.com mix.com github.com telegram.org zhihu.com
        xiaohongshu.com truthsocial.com threads.net threads.com spaces.live.com my.opera.com
        lifestream.aol.com qzone.qq.com blog.goo.ne.jp oshiete.goo.ne.jp
        copainsdavant.linternaute.com video.ibm.com com.linkedin.android com.facebook.katana
        com.instagram.android com.twitter.android com.reddit.frontpage com.pinterest
    """,
    SourceKind.VIDEO: "youtu.be d.tube justin.tv com.google.android.youtube",
    SourceKind.SHOPPING: """
        shop.app s3.amazonaws.com shopping.google.com shopping.yahoo.com shopping.yahoo.co.jp
        shopping.naver.com checkout.stripe.com amazon-adsystem.com
    """,
    SourceKind.ASSISTANT: """
        chatgpt.com chat.openai.com openai.com claude.ai gemini.google.com bard.google.com
        notebooklm.google.com copilot.microsoft.com perplexity.ai chat.deepseek.com deepseek.com
        grok.com meta.ai chat.mistral.ai duck.ai iask.ai you.com chat.qwen.ai chatglm.cn
        yiyan.baidu.com ai.baidu.com app.jasper.ai app.writesonic.com chatplus.com chat-gpt.org
        poe.com phind.com
    """,
}
"""Domains that a label alone does not tell; they hold for their sub-domains too."""

_PORTALS: Final = frozenset({"google", "yahoo", "bing", "yandex", "baidu", "naver", "msn", "aol"})
"""Search engines whose mail, documents and sign-in send visitors that did not search."""

_WORDS_ONLY: Final = frozenset({"fb", "ig", "social"})
"""Words of `utm_source` that as a domain's label would mean somebody else."""

_SEARCH_PREFIXES: Final = frozenset({"", "www", "m", "search", "wap", "cn", "ntp", "www2"})

_BY_NAME: Final = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_BY_HOST: Final = {host: kind for kind, hosts in _HOSTS.items() for host in hosts.split()}
_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"})


def kind_of(source: str) -> SourceKind | None:
    """Say what a source is, from a host (`m.facebook.com`) or a word (`facebook`)."""
    name = source.strip().lower().rstrip(".")
    if "." not in name:
        return _BY_NAME.get(name.replace(" ", ""))
    labels = name.split(".")
    for start in range(len(labels) - 1):
        kind = _BY_HOST.get(".".join(labels[start:]))
        if kind is not None:
            return kind
    own, prefix = own_label(name)
    kind = None if own in _WORDS_ONLY else _BY_NAME.get(own)
    if kind is SourceKind.SEARCH and own in _PORTALS and not _searches(prefix):
        return None
    return kind


def own_label(host: str) -> tuple[str, str]:
    """Split a host into its own domain's label and what stands before it.

    `de.search.yahoo.com` is `("yahoo", "de.search")`, `shop.example.co.uk` is
    `("example", "shop")`.
    """
    labels = host.split(".")
    ending = 2 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else 1
    if len(labels) <= ending:
        return host, ""
    return labels[-ending - 1], ".".join(labels[: -ending - 1])


def _searches(prefix: str) -> bool:
    return prefix in _SEARCH_PREFIXES or prefix.endswith("search") or prefix.startswith("search")
