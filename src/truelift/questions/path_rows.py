"""What an answer about paths is made of: nodes at steps, links, whole paths and loops."""

from __future__ import annotations

from dataclasses import dataclass

from truelift.questions.document import Json


@dataclass(frozen=True, slots=True)
class NodeCount:
    """A node at one step; the units that stand there add up from the rest.

    Attributes:
        node: Its name; None for all others together.
        onward: Units that went on; backwards: that came from somewhere.
        exits: Whose session ends there; backwards: begins.
        cut: For whom the window was over while their session went on.
        immature: Of whom nobody knows yet.
        others: How many more nodes this holds together; 0 for one node.
    """

    node: str | None
    onward: int
    exits: int
    cut: int
    immature: int
    others: int = 0

    @property
    def units(self) -> int:
        """Units at this node at this step."""
        return self.onward + self.ended + self.immature

    @property
    def ended(self) -> int:
        """Units whose path ends there for good."""
        return self.exits + self.cut

    def document(self, whole: int) -> dict[str, Json]:
        """Write it; shares are of all units."""
        entry: dict[str, Json] = {"node": self.node}
        if self.others:
            entry["others"] = self.others
        return {
            **entry,
            "units": self.units,
            "share": self.units / whole if whole else None,
            "onward": self.onward,
            "ended": self.ended,
            "exits": self.exits,
            "immature": self.immature,
        }


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of all paths: everybody there together, and node by node."""

    step: int
    whole: NodeCount
    nodes: tuple[NodeCount, ...]

    def document(self, units: int) -> dict[str, Json]:
        """Write it as a row of the answer."""
        together = self.whole.document(units)
        del together["node"]
        return {
            "step": self.step,
            **together,
            "nodes": [node.document(units) for node in self.nodes],
        }


@dataclass(frozen=True, slots=True)
class Link:
    """Units that went from one node to another, in the order of time; None: from or to others.

    Attributes:
        step: Of the two that it joins the one nearer the anchor.
        source: Where they came from.
        target: Where they went.
        units: How many.
    """

    step: int
    source: str | None
    target: str | None
    units: int

    def document(self) -> dict[str, Json]:
        """Write it as a member of the answer."""
        return {"step": self.step, "from": self.source, "to": self.target, "units": self.units}


@dataclass(frozen=True, slots=True)
class Reached:
    """How many reached the goal.

    Attributes:
        units: All.
        converted: Who reached it.
        is_open: Whose session or window is not over.
        converted_open: Who reached it, of those.
    """

    units: int
    converted: int
    is_open: int
    converted_open: int

    def document(self) -> dict[str, Json]:
        """Write it; the rate is over those whose session or window is over."""
        over = self.units - self.is_open
        return {
            "converted": self.converted,
            "undecided": self.is_open - self.converted_open,
            "conversion": (self.converted - self.converted_open) / over if over else None,
        }


@dataclass(frozen=True, slots=True)
class FullPath:
    """One path, or all others together.

    Attributes:
        nodes: In the order of time; empty for the others.
        units: Who went it.
        immature: Of whom it may still grow.
        goal: How many of them reached the goal.
        others: How many more paths this holds together; 0 for one path.
    """

    nodes: tuple[str, ...]
    units: int
    immature: int
    goal: Reached
    others: int = 0


@dataclass(frozen=True, slots=True)
class Loop:
    """Going from a node to another and straight back; between pages, or between events.

    What pages are made to send while somebody is on them is no going away: where pages
    are nodes, loops are of pages only.

    Attributes:
        node: What was left and come back to; None for all other pairs together.
        between: What lay between.
        count: How often.
        units: How many units did it; None for pairs together, whose units may be the same.
        repeated: How many did it more than once; None likewise.
        others: How many more pairs this holds together.
    """

    node: str | None
    between: str | None
    count: int
    units: int | None
    repeated: int | None
    others: int = 0

    def document(self, whole: int) -> dict[str, Json]:
        """Write it; the share is of all units."""
        entry: dict[str, Json] = {"node": self.node, "between": self.between}
        if self.others:
            entry["others"] = self.others
        share = None if self.units is None or not whole else self.units / whole
        return {
            **entry,
            "count": self.count,
            "units": self.units,
            "share": share,
            "repeated": self.repeated,
        }
