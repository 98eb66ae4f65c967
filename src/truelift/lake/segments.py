"""The segments that the web application published, as questions without it find them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from truelift.errors import Outage
from truelift.lake.home import Home
from truelift.questions.forms import SavedSegment


class UnreadableSegments(Outage):
    """The published segments are not what the web application writes."""

    code = "lake.unreadable_segments"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} cannot be read. Save any segment to publish it again, or restart.",
            path=str(path),
        )


def saved_segments(home: Home, site: str) -> Callable[[str], SavedSegment | None]:
    """Give what finds a site's segment by `name` (its newest version) or `name@version`.

    The file is read when the first name is asked for; a question without a segment
    does not need it. A segment that was put away is found by its version alone.
    """

    def find(wanted: str) -> SavedSegment | None:
        name, _, version = wanted.partition("@")
        versions = _versions(home.segments_file, site, name)
        if not versions or "@" not in wanted:
            return versions[-1][0] if versions and not versions[-1][1] else None
        return next((each for each, _ in versions if str(each.version) == version), None)

    return find


def _versions(path: Path, site: str, name: str) -> list[tuple[SavedSegment, bool]]:
    """Read the versions of a segment, and of each whether it was put away with it.

    Raises:
        UnreadableSegments: The file is not JSON of the published form.
    """
    try:
        found = json.loads(path.read_bytes())["segments"].get(site, {}).get(name, [])
        return [_version(name, each) for each in found]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnreadableSegments(path=path) from error


def _version(name: str, entry: Mapping[str, object]) -> tuple[SavedSegment, bool]:
    version, definition = entry["version"], entry["definition"]
    if not isinstance(version, int) or not isinstance(definition, dict):
        raise TypeError("a version is a number with an object")
    return SavedSegment(name, version, definition), bool(entry.get("archived"))
