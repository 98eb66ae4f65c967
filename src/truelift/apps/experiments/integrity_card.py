"""The integrity card: every check of a snapshot as a light with its number and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from truelift.apps.experiments.checks import NOT_YET
from truelift.apps.experiments.methods import CHECK_PAGES, method_href
from truelift.apps.experiments.wording import counted, listed, sentence_case


TITLES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "srm": ("Split as planned", "Split looks uneven", "Split is not as planned"),
        "srm_daily": ("Split kept every day", "Split wandered", "Split left the plan"),
        "srm_segments": ("Split in each segment", "Segments split unevenly", "Segments split"),
        "covariate_balance": ("Alike before", "Some difference before", "Not alike before"),
        "power": ("Power reached", "Less power than planned", "Too little power"),
        "crossovers": ("Few saw both", "Some saw more than one", "Too many saw more than one"),
        "quarantine": ("Events could be read", "Some events unreadable", "Events unreadable"),
        "bots": ("No robots counted", "No robots counted", "Robots counted"),
        "sample_size": ("Enough visitors", "Fewer visitors than planned", "Too few visitors"),
        "planned_end": ("Read by the plan", "No end was planned", "Read too early"),
        "primary_metric": ("Metric computed", "Metric not computed yet", "Metric not computed"),
        "unplanned_variants": ("No stray variant", "A variant nobody planned", "Stray variants"),
        "maturity": ("Everyone’s time is over", "Some still have time", "Some still have time"),
        "plan": ("Plan unchanged", "Plan not recorded", "Plan was changed"),
        "srm_phases": ("Split in each phase", "An early phase was uneven", "A phase is uneven"),
        "novelty": ("Effect stays", "Effect moves", "Effect moves"),
        "outliers": ("Not made by a few", "Made by a few", "Made by a few"),
        "contamination": (
            "What changed did no harm",
            "Something changed meanwhile",
            "Spoiled by a change",
        ),
        "confounders": (
            "Nothing else happened",
            "Something else happened",
            "Something hit one variant",
        ),
        "tracking": ("Measured alike", "Not measured alike", "Not measured alike"),
    }
)
"""Check → its name when it passed, deserves a look, or failed."""

OPEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "srm_daily": "Split by day",
        "srm_segments": "Split by segment",
        "covariate_balance": "Alike before?",
        "power": "Power reached?",
        "srm_phases": "Split by phase",
        "novelty": "Effect over time",
        "outliers": "Largest visitors",
        "plan": "Plan unchanged?",
    }
)
"""Check → its name when it could not be made yet."""

TO_DO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "srm": "Look for what loses or doubles visitors of one variant: a redirect, an error, a"
        " robot filter. Repeat the test when it is found.",
        "srm_daily": "Look at what was released or changed on the day from which it left.",
        "srm_phases": "Look at what differed in that phase; visitors of the latest one decide.",
        "srm_segments": "Look at the variant in the segments that the table names.",
        "crossovers": "Check that a variant is kept with the visitor, and that logging in or a"
        " second device does not draw again.",
        "quarantine": "Look at the reasons on the data page, and correct what sends the events.",
        "sample_size": "Read “no difference” as “not known”.",
        "planned_end": "Take this as a first look; decide at an end that was set beforehand.",
        "primary_metric": "Check that its event is sent, under the name of the metric.",
        "unplanned_variants": "Name the variants in the test tool as the plan does.",
        "maturity": "Analyse again when everybody’s time is over.",
        "covariate_balance": "Draw the variants anew, with another seed, and adjust by the past.",
        "power": "Run longer next time, or look for a larger effect.",
        "plan": "Restore the plan, or mark the experiment invalid and launch a new one.",
        "novelty": "Look at the effect over time; run on until it is level, or repeat the test"
        " with new visitors.",
        "outliers": "Look at who they are, and cap the metric in the next plan.",
        "contamination": "Let engineering and analytics say what it did, or take one of the three"
        " ways out: repeat the test, read the part before, or discard it.",
        "confounders": "Say in the learning for which times it holds; repeat the test when one"
        " variant was hit.",
        "tracking": "Find out what changed on that day, and whether both variants had it.",
    }
)
"""Check → what to do about it when it deserves a look or failed."""

_PLACE: Final = MappingProxyType({"ok": 0, "warn": 1, "fail": 2})
_GLYPHS: Final = MappingProxyType({"ok": "passed", "warn": "watch", "fail": "failed"})
_SAID: Final = MappingProxyType({"ok": "passed", "warn": "look at it", "fail": "failed"})


@dataclass(frozen=True, slots=True)
class Light:
    """One check.

    Attributes:
        glyph: Its shape.
        said: The status in a word, for who cannot see the shape.
        title: What it is, in words that fit the status.
        detail: Its number and what it means.
        to_do: What to do about it; empty when it passed.
        href: Where it is told how the check is made; empty when nowhere.
    """

    glyph: str
    said: str
    title: str
    detail: str
    to_do: str
    href: str


@dataclass(frozen=True, slots=True)
class IntegrityCard:
    """Whether a result may be believed.

    Attributes:
        headline: The finding.
        lights: Every check, passed ones too.
        broken: Details of the failed ones; any makes the result invalid.
    """

    headline: str
    lights: tuple[Light, ...]
    broken: tuple[str, ...]


def integrity_card(checks: Sequence[Mapping[str, Any]], *, home: str) -> IntegrityCard:
    """Lay out the checks of a snapshot, the failed first.

    Args:
        checks: As the snapshot keeps them.
        home: Address of the site's pages, with its slash.
    """
    ordered = sorted(checks, key=lambda check: -_PLACE[check["status"]])
    lights = tuple(
        Light(
            glyph="waiting" if _is_open(check) else _GLYPHS[check["status"]],
            said="not yet" if _is_open(check) else _SAID[check["status"]],
            title=_title(check),
            detail=_kept_together(check["detail"]),
            to_do="" if check["status"] == "ok" else TO_DO.get(check["check"], ""),
            href=method_href(home, CHECK_PAGES.get(check["check"], "integrity-checks")),
        )
        for check in ordered
    )
    broken = tuple(check["detail"] for check in ordered if check["status"] == "fail")
    return IntegrityCard(headline=_headline(ordered), lights=lights, broken=broken)


def _is_open(check: Mapping[str, Any]) -> bool:
    """Whether a check could not be made yet: it has neither passed nor failed."""
    return check["value"] is None and str(check["detail"]).startswith(NOT_YET)


def _title(check: Mapping[str, Any]) -> str:
    name = str(check["check"])
    if name == "crossovers" and check["value"] == 0:
        return "Nobody saw both"
    spare = sentence_case(name.replace("_", " "))
    if _is_open(check):
        return OPEN.get(name, spare)
    return TITLES.get(name, (spare, spare, spare))[_PLACE[check["status"]]]


def _headline(checks: Sequence[Mapping[str, Any]]) -> str:
    failed = [_title(check).lower() for check in checks if check["status"] == "fail"]
    warned = [_title(check).lower() for check in checks if check["status"] == "warn"]
    waiting = sum(_is_open(check) for check in checks)
    passed = len(checks) - len(failed) - len(warned) - waiting
    if failed:
        return f"The measurement cannot be trusted: {listed(failed)}"
    if warned:
        verb = "deserves" if len(warned) == 1 else "deserve"
        return (
            f"{sentence_case(counted(len(warned), 'check'))} {verb} a look before this is"
            f" believed; {counted(passed, 'check')} passed"
        )
    return f"The measurement can be trusted: {counted(passed, 'check')} passed"


def _kept_together(detail: str) -> str:
    """Keep `p = 0.37` on one line."""
    return detail.replace("p = ", "p\u00a0=\u00a0")
