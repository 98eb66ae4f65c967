"""Where on its journey a company loses money, and which of it a programme may change (R016)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """A place that visitors meet.

    Attributes:
        surface: Its name.
        team: Who owns it; empty while nobody has said.
        step: Its place on the journey, from 1; 0 where it is on none.
        loss_minor: Money a week that is lost there; None where nobody knows.
        cadence_days: Days between releases.
        incentive: The metric that its team is measured by.
    """

    surface: str
    team: str = ""
    step: int = 0
    loss_minor: float | None = None
    cadence_days: int | None = None
    incentive: str = ""


@dataclass(frozen=True, slots=True)
class RemitGap:
    """How much of the loss is where a programme may change nothing.

    Attributes:
        total_minor: Loss a week on all surfaces where it is known.
        outside_minor: Of that, on surfaces that the programme may not change.
        outside: Those surfaces, the costliest first.
    """

    total_minor: float
    outside_minor: float
    outside: tuple[Touchpoint, ...]

    @property
    def share(self) -> float | None:
        """The remit gap; None where nothing is lost anywhere."""
        return self.outside_minor / self.total_minor if self.total_minor > 0 else None


def remit_gap(points: Sequence[Touchpoint], remit: Collection[str]) -> RemitGap | None:
    """Say how much of the loss is outside the remit.

    Args:
        points: The surfaces.
        remit: Teams whose surfaces the programme may change; case does not matter.

    Returns:
        None while nobody has said what the remit is, or no loss is known. A surface that
        nobody owns is outside: there is nobody to ask.
    """
    inside = {each.strip().casefold() for each in remit if each.strip()}
    known = [each for each in points if each.loss_minor is not None]
    if not inside or not known:
        return None
    outside = [each for each in known if each.team.strip().casefold() not in inside]
    outside.sort(key=lambda each: (-(each.loss_minor or 0.0), each.surface))
    return RemitGap(
        total_minor=sum(each.loss_minor or 0.0 for each in known),
        outside_minor=sum(each.loss_minor or 0.0 for each in outside),
        outside=tuple(each for each in outside if each.loss_minor),
    )


def journey(points: Sequence[Touchpoint]) -> tuple[Touchpoint, ...]:
    """Put surfaces in the order in which people meet them; those on no funnel come last."""
    return tuple(sorted(points, key=lambda each: (each.step or 1_000, each.surface.casefold())))


def placed_losses(
    by_step: Mapping[int, float], points: Sequence[tuple[str, int, float | None]]
) -> tuple[dict[str, float], float]:
    """Lay what is lost after each step on the surfaces that are this step.

    Args:
        by_step: Step → money a week that is lost between it and the next one.
        points: Name, step and people a week of every surface.

    Returns:
        Surface → its loss, and what is lost at steps that no surface is. Surfaces of the same
        step share by the people that come there.
    """
    found: dict[str, float] = {}
    nowhere = 0.0
    for step, loss in by_step.items():
        here = [(name, people or 0.0) for name, at, people in points if at == step]
        if not here:
            nowhere += loss
            continue
        people = sum(many for _, many in here)
        for name, many in here:
            share = many / people if people > 0 else 1 / len(here)
            found[name] = found.get(name, 0.0) + loss * share
    return found, nowhere
