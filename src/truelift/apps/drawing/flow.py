"""Where people go from step to step: nodes in columns, ribbons as wide as the people in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.wording import count, percent


HEIGHT_PX: Final = 380
"""Height of the nodes' columns; their heads stand above."""

HEAD_PX: Final = 24
LABEL_PX: Final = 30
"""Room that a node takes at least: two lines of words."""

NODE_PX: Final = 8
WIDE: Final = 1000
"""Width of the stretched drawing in its own units."""


@dataclass(frozen=True, slots=True)
class FlowNode:
    """One place that people are at.

    Attributes:
        key: Tells it from its neighbours.
        label: What it is called.
        units: How many are there.
        rest: Whether it is many smaller ones together.
    """

    key: str
    label: str
    units: int
    rest: bool = False


@dataclass(frozen=True, slots=True)
class FlowLink:
    """People who go from a node to one of the next column."""

    column: int
    source: str
    target: str
    units: int


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node as the template draws it: x in per cent, y in px."""

    node: FlowNode
    css: str
    x: str
    y: float
    height: float
    said: str


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A path of the stretched drawing, and what it says."""

    path: str
    words: str


@dataclass(frozen=True, slots=True)
class Flow:
    """People over steps.

    Attributes:
        columns: The nodes of each step, in the order in which they stand.
        links: Between neighbouring columns.
        heads: Above the columns.
        unit: Who is counted, in the plural.
    """

    columns: tuple[tuple[FlowNode, ...], ...]
    links: tuple[FlowLink, ...]
    heads: tuple[str, ...]
    unit: str = "sessions"

    @property
    def height(self) -> int:
        """Height of the whole drawing in px."""
        return HEAD_PX + round(max((self.tall(column) for column in self.columns), default=0))

    @property
    def scale(self) -> float:
        """Pixels for one unit."""
        most = max((sum(node.units for node in column) for column in self.columns), default=0)
        return (HEIGHT_PX - 80) / most if most else 0.0

    @property
    def step(self) -> float:
        """Per cent from one column to the next."""
        return 100 / max(1, len(self.columns))

    @property
    def titles(self) -> tuple[tuple[str, str], ...]:
        """Heads of the columns and where they stand."""
        return tuple((self.x(at), head) for at, head in enumerate(self.heads))

    @property
    def nodes(self) -> tuple[PlacedNode, ...]:
        """Every node in its place."""
        placed = self.placed()
        return tuple(
            PlacedNode(
                node=node,
                css="node node--rest" if node.rest else "node",
                x=self.x(at),
                y=placed[at, node.key],
                height=max(1.5, round(node.units * self.scale, 1)),
                said=f"{count(node.units)}, {percent(node.units / self.everybody)}",
            )
            for at, column in enumerate(self.columns)
            for node in column
        )

    @property
    def everybody(self) -> int:
        """The units of the largest column: those at the place that the question is about."""
        sizes = [sum(node.units for node in column) for column in self.columns]
        return max(sizes, default=0) or 1

    @property
    def ribbons(self) -> tuple[Ribbon, ...]:
        """The links as bands between their nodes, wide ones first so that narrow ones show."""
        placed = self.placed()
        leaves: dict[tuple[int, str], float] = {}
        arrives: dict[tuple[int, str], float] = {}
        found = []
        for link in sorted(self.links, key=lambda each: (each.column, -each.units)):
            here, there = (link.column, link.source), (link.column + 1, link.target)
            if here not in placed or there not in placed:
                continue
            width = link.units * self.scale
            top = placed[here] + leaves.get(here, 0.0)
            end = placed[there] + arrives.get(there, 0.0)
            leaves[here] = leaves.get(here, 0.0) + width
            arrives[there] = arrives.get(there, 0.0) + width
            found.append(Ribbon(self.band(link.column, top, end, width), self.said(link)))
        return tuple(found)

    @property
    def sentence(self) -> str:
        """Say in one sentence where most go."""
        named = [link for link in self.links if not self.is_rest(link)] or self.links
        widest = max(
            named,
            key=lambda link: (link.units, -link.column),
            default=None,
        )
        return "Nobody goes on from here." if widest is None else f"{self.said(widest)}."

    @property
    def description(self) -> str:
        """Say what the drawing shows."""
        widest = sorted(self.links, key=lambda link: -link.units)[:5]
        return " ".join(f"{self.said(link)}." for link in widest) or self.sentence

    def said(self, link: FlowLink) -> str:
        """Say one link in words."""
        source = self.label(link.column, link.source)
        target = self.label(link.column + 1, link.target)
        return f"{count(link.units)} {self.unit} go from {source} to {target}"

    def is_rest(self, link: FlowLink) -> bool:
        """Say whether a link begins or ends at many places together."""
        ends = {(link.column, link.source), (link.column + 1, link.target)}
        return any(
            (at, node.key) in ends and node.rest
            for at, column in enumerate(self.columns)
            for node in column
        )

    def label(self, column: int, key: str) -> str:
        """Give a node's name."""
        found = self.columns[column] if column < len(self.columns) else ()
        return next((node.label for node in found if node.key == key), key)

    def x(self, column: int) -> str:
        """Give a column's place in per cent."""
        return f"{column * self.step:.2f}%"

    def tall(self, column: tuple[FlowNode, ...]) -> float:
        """Give a column's height: each node has room for its words."""
        return sum(max(node.units * self.scale + 10, LABEL_PX) for node in column)

    def placed(self) -> Mapping[tuple[int, str], float]:
        """Give each node's upper edge."""
        found: dict[tuple[int, str], float] = {}
        for at, column in enumerate(self.columns):
            y = float(HEAD_PX)
            for node in column:
                found[at, node.key] = round(y, 1)
                y += max(node.units * self.scale + 10, LABEL_PX)
        return found

    def band(self, column: int, top: float, end: float, width: float) -> str:
        """Give a ribbon's outline in the stretched drawing's units."""
        x1 = WIDE * column * self.step / 100
        x2 = WIDE * (column + 1) * self.step / 100
        middle = (x1 + x2) / 2
        return (
            f"M{x1:.1f} {top:.1f}C{middle:.1f} {top:.1f} {middle:.1f} {end:.1f} {x2:.1f} {end:.1f}"
            f"V{end + width:.1f}C{middle:.1f} {end + width:.1f} {middle:.1f} {top + width:.1f}"
            f" {x1:.1f} {top + width:.1f}Z"
        )
