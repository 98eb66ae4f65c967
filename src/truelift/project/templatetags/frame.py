"""Small marks that every page uses: status glyphs, the mark of the product."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from truelift.lifecycle.stage_words import stage_within


register = template.Library()

_TICK: Final = (
    '<circle cx="6" cy="6" r="5" fill="currentColor"/>'
    '<path d="M3.6 6.1 5.3 7.8 8.5 4.4" fill="none" stroke="var(--surface)" stroke-width="1.4"/>'
)
_TRIANGLE: Final = (
    '<path d="M6 .8 11.6 11H.4Z" fill="currentColor"/>'
    '<path d="M6 4.2v3.2M6 8.6v1" stroke="var(--surface)" stroke-width="1.3"/>'
)
_OCTAGON: Final = (
    '<path d="M3.6.6h4.8l3 3v4.8l-3 3H3.6l-3-3V3.6Z" fill="currentColor"/>'
    '<path d="m4 4 4 4m0-4-4 4" stroke="var(--surface)" stroke-width="1.4"/>'
)
_CLOCK: Final = (
    '<circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.4"/>'
    '<path d="M6 3.4V6l1.8 1.2" fill="none" stroke="currentColor" stroke-width="1.3"/>'
)
_DASHED: Final = (
    '<circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-width="1.4"'
    ' stroke-dasharray="2 1.6"/>'
)
_HATCHED: Final = (
    '<rect x=".8" y=".8" width="10.4" height="10.4" fill="url(#hatch)" stroke="currentColor"'
    ' stroke-width="1.3"/>'
)
_UP: Final = '<path d="M6 1 11 7H8v4H4V7H1Z" fill="currentColor"/>'
_DOWN: Final = '<path d="M6 11 1 5h3V1h4v4h3Z" fill="currentColor"/>'
_EQUAL: Final = '<path d="M1 4.2h10M1 7.8h10" stroke="currentColor" stroke-width="1.8"/>'
_RING: Final = (
    '<circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-width="1.6"/>'
)

_GLYPHS: Final = MappingProxyType(
    {
        "passed": ("better", _TICK),
        "watch": ("watch", _TRIANGLE),
        "failed": ("worse", _OCTAGON),
        "waiting": ("none", _CLOCK),
        "missing": ("none", _DASHED),
        "invalid": ("none", _HATCHED),
        "win": ("better", _UP),
        "loss": ("worse", _DOWN),
        "null": ("none", _EQUAL),
        "inconclusive": ("none", _RING),
    }
)
"""Status → meaning of its colour and its shape; the shape comes first, the word beside it."""


@register.simple_tag
def glyph(status: str) -> SafeString:
    """Draw the shape of a status, without words: the words stand beside it."""
    return format_html(
        '<svg class="g" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">{}</svg>',
        mark_safe(_GLYPHS[status][1]),  # noqa: S308 - a constant of this file
    )


@register.simple_tag
def status(kind: str, words: str) -> SafeString:
    """Draw a status: its shape, its word, its colour, in this order of importance."""
    return format_html('<span class="st st--{}">{}{}</span>', _GLYPHS[kind][0], glyph(kind), words)


@register.filter
def meaning(kind: str) -> str:
    """Name the colour of a status, for a class attribute: better, worse, watch or none."""
    return _GLYPHS[kind][0]


@register.filter
def stage_of(stage: str, item: str) -> str:
    """Name the stage of an item inside a sentence: `{{ stage|stage_of:"idea" }}`."""
    return stage_within(item, stage)


@register.filter
def in_zone(instant: datetime, zone: str) -> str:
    """Say an instant as a person at the site would: `Tue 24 Nov 2026, 09:38`."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


@register.filter
def place(zone: str) -> str:
    """Name a time zone as people do: `Berlin time`."""
    return "UTC" if zone == "UTC" else f"{zone.rpartition('/')[2].replace('_', ' ')} time"


@register.filter
def code_words(text: str) -> SafeString:
    """Set words between backticks as code; everything else is escaped as ever."""
    parts = str(text).split("`")
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if number % 2 else part,)
            for number, part in enumerate(parts)
        ),
    )
