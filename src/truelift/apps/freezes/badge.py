"""The small picture that says in a readme whether a surface is frozen."""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import short_day
from truelift.apps.freezes.checking import decision_at
from truelift.apps.freezes.models import BadgeRecord
from truelift.apps.freezes.reads import deploy_policy_of, surface_names
from truelift.lifecycle.deploy_check import DeployRequest, Verdict


_LETTER = 6.6
"""How wide a letter is at this size, on the average; the text is fitted to it."""

_FREE, _FROZEN, _WARNED = "#2f6f4f", "#9c3a1c", "#7a5a00"


def said_by(badge: BadgeRecord, *, now: datetime) -> tuple[str, str]:
    """Give what a badge says, and its colour."""
    site = badge.site
    names = (badge.surface,) if badge.surface else surface_names(site)[:50]
    if not names:
        return "free", _FREE
    env = deploy_policy_of(site).environments[0]
    decision = decision_at(site, DeployRequest(surfaces=names, env=env), at=now, now=now)
    if decision.verdict not in {Verdict.DENY, Verdict.WARN}:
        return "free", _FREE
    word = "frozen" if decision.verdict is Verdict.DENY else "free, with care"
    colour = _FROZEN if decision.verdict is Verdict.DENY else _WARNED
    if decision.until is None or decision.verdict is Verdict.WARN:
        return word, colour
    return f"{word} until {short_day(decision.until.astimezone(ZoneInfo(site.time_zone)))}", colour


def badge_svg(label: str, said: str, colour: str) -> str:
    """Draw a badge: what it is about, and what it says."""
    left = round(len(label) * _LETTER) + 14
    right = round(len(said) * _LETTER) + 14
    title = escape(f"{label}: {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img">'
        f"<title>{title}</title>"
        f'<path fill="#33373d" d="M0 0h{left}v20H0z"/>'
        f'<path fill="{colour}" d="M{left} 0h{right}v20H{left}z"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="7" y="14" textLength="{left - 14}">{escape(label)}</text>'
        f'<text x="{left + 7}" y="14" textLength="{right - 14}">{escape(said)}</text>'
        "</g></svg>"
    )
