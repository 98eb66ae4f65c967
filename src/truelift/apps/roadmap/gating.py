"""What the gate *roadmap* misses of an experiment, and which of its conflicts wait for a person."""

from __future__ import annotations

from datetime import datetime

from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.reads import freeze_obstacles_of
from truelift.apps.roadmap.colliding import scene_of
from truelift.lifecycle.obstacle import Obstacle


def roadmap_obstacles(record: ExperimentRecord, *, now: datetime) -> tuple[Obstacle, ...]:
    """Say what collides with an experiment and is not settled, and whether its freeze is agreed.

    The rules are asked anew: what somebody moved a moment ago counts.
    """
    scene = scene_of(record.site, now=now)
    return (*scene.obstacles(record.key), *freeze_obstacles_of(record, now=now))
