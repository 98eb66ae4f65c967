"""Which user agents are programs rather than people's browsers and apps."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final


_BROWSER: Final = re.compile(
    r"^(mozilla/[1-5]\.\d+ ?[(\[]|opera/\d|dalvik/\d|j2me/ucweb|iuc\(|ucweb|qqbrowser"
    r"|nokia|samsung|lg[-e]|sonyericsson|blackberry|mot-|htc|\[fban)"
)
"""How the agents of browsers begin; what begins otherwise is a program, unless it is an app."""

_APP: Final = re.compile(r"cfnetwork/[\d.]+ darwin|\((?:iphone|ipad|android)| android \(|; ios \d")
"""An app on a phone whose events come in through a mobile library."""

_SAYS_SO: Final = re.compile(
    r"(?<!cu)bot(?![a-z])|\bbots\b|crawl|spider|slurp|scrap|https?:|www\.|mailto:|@[a-z]"
    r"|[a-z0-9-]\.(?:com|io|gy|org|net)\b|\(compatible[;)](?! ?(?:msie [\d.]+[b;]|konqueror))"
    r"|compatible; ?google|agent\b|httpclient|headless|phantom|puppeteer|playwright|selenium"
    r"|lighthouse|page ?speed|preview|monitor|archive|python|fetch|scan(?!ia)|validator|synthetic"
    r"|uptime|screenshot|checker|audit|inspect|feed(?!back)|seo(?!ul)|probe|favicon|verif|\btest"
    r"|mediapartners|google-|googleother|google favicon|imageproxy|facebookexternalhit|mutant"
    r"|ptst|gtmetrix|pingdom|site ?(?:24|improve|lock|suck)|appinsights|dareboost|outbrain"
    r"|datanyze|nikto|newsai|collapsify|hardenize|manus|netcraft|optimizer|silktide|sindup"
    r"|watcher|turingos|criticalcss|foregenix|hotjar version|linktiger|marketgoo|newsnow"
    r"|openvas|playstore|readable/|securityheaders|\bsplash\b|\brigor\b|translationserver"
    r"|\bylt\b|watchtowr|abuse|productfinder|\bdlc/|\bwhatweb|httrack|libww|\bjava/|okhttp|curl|wget"
)
"""Words of crawlers, monitors, previews, scripts and test robots that pose as browsers."""


@lru_cache(maxsize=16_384)
def is_bot(user_agent: str) -> bool:
    """Tell whether an agent is a crawler, a monitor, a preview, a script or a test robot.

    An empty agent says nothing: events sent by a shop's own server have none.
    """
    agent = user_agent.strip()[:1024].lower()
    if not agent:
        return False
    if " " not in agent:
        agent = agent.replace("+", " ")  # log pipelines write blanks as plus signs
    if _SAYS_SO.search(agent):
        return True
    return not (_BROWSER.match(agent) or _APP.search(agent))
