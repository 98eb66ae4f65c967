"""Everything that can be done to saved segments, each atomic and written down."""

from __future__ import annotations

import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.publish_segments import publish_segments_after_commit
from truelift.apps.measurement.segments_reads import context_of, versions_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.matching import BadQuestion
from truelift.questions.segment_form import NoSuchSegment, parse_segment


NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,59}")
LONGEST_DESCRIPTION: Final = 500


class BadSegment(Refusal):
    """A segment cannot be saved as it was given."""

    code = "segment.bad_segment"

    def __init__(self, *, wrong: dict[str, str]) -> None:
        self.wrong = wrong
        said = " ".join(f"{name}: {what}" for name, what in wrong.items())
        super().__init__(f"This segment cannot be saved. {said}", **wrong)


def wrong_with(
    site: Site,
    name: str,
    definition: object,
    *,
    now: datetime,
    description: str = "",
    owner: User | None = None,
) -> dict[str, str]:
    """Say everything that keeps a segment from being saved, by what was given; all at once."""
    wrong: dict[str, str] = {}
    if not NAME.fullmatch(name):
        wrong["name"] = "A small letter, then small letters, digits, `_` and `-`; 60 at most."
    if len(description) > LONGEST_DESCRIPTION or "\0" in description:
        wrong["description"] = f"At most {LONGEST_DESCRIPTION} characters of text."
    if owner is not None and role_of(owner, site) is None:
        wrong["owner"] = "The owner has no role on this site."
    if isinstance(definition, str):
        wrong["definition"] = "It is a condition, not the name of another segment."
        return wrong
    try:
        found = parse_segment(definition, context_of(site, now=now))
    except BadQuestion as refused:
        wrong["definition"] = str(refused)
    else:
        if "\\u0000" in json.dumps(found.condition.document()):
            wrong["definition"] = "It holds characters that no database keeps."
    return wrong


@transaction.atomic
def save_segment(
    site: Site,
    name: str,
    definition: object,
    *,
    by: Actor,
    now: datetime,
    description: str = "",
    owner: User | None = None,
) -> SegmentRecord:
    """Give the version of a segment that this definition is, and store it when it is new.

    The same definition twice is one version; answers keep naming the version that they
    were asked in. What was put away comes back.

    Args:
        site: Whose segment.
        name: A small letter, then small letters, digits, `_` and `-`.
        definition: Its condition, as `--segment-file` takes it.
        by: Who acts.
        now: When.
        description: In words.
        owner: Who answers for it; the one it had, or who makes it.

    Raises:
        BadSegment: Name, description or definition cannot be.
    """
    wrong = wrong_with(site, name, definition, description=description, owner=owner, now=now)
    if wrong:
        raise BadSegment(wrong=wrong)
    condition = dict(parse_segment(definition, context_of(site, now=now)).condition.document())
    Site.objects.select_for_update().get(pk=site.pk)
    latest = versions_of(site, name).first()
    holder = owner or (latest.owner if latest is not None else by.user)
    if (
        latest is not None
        and not latest.archived
        and (latest.definition, latest.description, latest.owner)
        == (condition, description, holder)
    ):
        return latest
    return _next_version(
        site, name, latest, condition, description=description, owner=holder, by=by, now=now
    )


@transaction.atomic
def archive_segment(site: Site, name: str, *, by: Actor, now: datetime) -> SegmentRecord:
    """Put a segment away: lists and new questions leave it out, old answers keep its name.

    Raises:
        NoSuchSegment: The site has none of this name, or it was put away before.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    latest = versions_of(site, name).first()
    if latest is None or latest.archived:
        raise NoSuchSegment(segment=name)
    return _next_version(
        site,
        name,
        latest,
        latest.definition,
        description=latest.description,
        owner=latest.owner,
        by=by,
        now=now,
        archived=True,
    )


def _next_version(
    site: Site,
    name: str,
    latest: SegmentRecord | None,
    definition: dict[str, Any],
    *,
    description: str,
    owner: User | None,
    by: Actor,
    now: datetime,
    archived: bool = False,
) -> SegmentRecord:
    segment = SegmentRecord.objects.create(
        site=site,
        name=name,
        version=latest.version + 1 if latest else 1,
        description=description,
        definition=definition,
        archived=archived,
        owner=owner,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="segment.archived" if archived else "segment.saved",
        target=f"segment:{segment}",
        before=None if latest is None else _facts(latest),
        after=_facts(segment),
        now=now,
        site=site.name,
        **by.audited,
    )
    publish_segments_after_commit()
    return segment


def _facts(segment: SegmentRecord) -> dict[str, Any]:
    return {
        "version": segment.version,
        "description": segment.description,
        # Its row keeps it; a condition may name a visitor, and the audit never does.
        "definition": sha256(json.dumps(segment.definition, sort_keys=True).encode()).hexdigest(),
        "owner": segment.owner.get_username() if segment.owner else None,
        "archived": segment.archived,
    }
