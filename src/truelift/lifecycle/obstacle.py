"""What stands in the way of a move, said so that a person can remove it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truelift.errors import Refusal


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why a move may not be made.

    Attributes:
        code: Stable and dotted; pages and scripts choose the link by it.
        sentence: What is the matter, as a full sentence.
        remedy: What removes it, as an order to the reader.
    """

    code: str
    sentence: str
    remedy: str


class MoveRefused(Refusal):
    """Something may not make the move that was asked of it, and here is every reason.

    Attributes:
        obstacles: The reasons, all of them, in the order of the guards.
    """

    code = "lifecycle.move_refused"

    def __init__(self, *, subject: str, action: str, obstacles: Sequence[Obstacle]) -> None:
        self.subject = subject
        self.action = action
        self.obstacles = tuple(obstacles)
        said = " ".join(f"{obstacle.sentence} {obstacle.remedy}" for obstacle in obstacles)
        super().__init__(
            f"{subject} cannot {action}. {said}",
            subject=subject,
            action=action,
            reasons=tuple(obstacle.sentence for obstacle in obstacles),
            codes=tuple(obstacle.code for obstacle in obstacles),
        )
