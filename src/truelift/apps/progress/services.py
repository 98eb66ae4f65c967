"""What may be done to a programme's progress: keep the figures of a day, say a reason."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.domain import day_at
from truelift.apps.progress.models import FiguresRecord, ReasonRecord
from truelift.apps.progress.reads import computed, figures_at, trouble_list
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.programme_causes import Reason, Trouble


class NotInTrouble(Refusal):
    """Nothing is wrong with the item, or not this."""

    code = "progress.not_in_trouble"

    def __init__(self, *, key: str, trouble: str) -> None:
        super().__init__(
            f"{key[:80]!r} is not {trouble[:20]!r} now; the page lists what is.",
            key=key[:80],
            trouble=trouble[:20],
        )


class BadReason(Refusal):
    """There is no such reason, or the note does not fit."""

    code = "progress.bad_reason"

    def __init__(self, *, why: str) -> None:
        super().__init__(why)


def keep_figures(site: Site, *, as_of: datetime, now: datetime) -> FiguresRecord:
    """Compute a programme's figures and keep them, once for each day; a day kept stays.

    Args:
        site: The site.
        as_of: The instant up to which the log is read; the day before it is over.
        now: When.
    """
    day = day_that_ended(site, as_of)
    kept = figures_at(site, day)
    if kept is not None:
        return kept
    document: dict[str, Any] = computed(site, now=as_of)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        with transaction.atomic():
            return FiguresRecord.objects.create(
                site=site,
                day=day,
                as_of=as_of,
                text=text,
                digest=hashlib.sha256(text.encode()).hexdigest(),
                made_at=now,
            )
    except IntegrityError:
        # Another worker kept the same day a moment ago.
        again = figures_at(site, day)
        if again is None:
            raise
        return again


def day_that_ended(site: Site, as_of: datetime) -> date:
    """Give the site's day that ended at an instant, or that was under way then."""
    return day_at(site, as_of - timedelta(microseconds=1))


@transaction.atomic
def say_reason(
    site: Site,
    trouble: str,
    key: str,
    reason: str,
    *,
    by: Actor,
    now: datetime,
    note: str = "",
) -> ReasonRecord:
    """Say why an item is in trouble; what was guessed is kept beside it.

    Raises:
        BadReason: There is no such reason, or the note is too long.
        NotInTrouble: The item is not, or not in this one.
    """
    if reason not in set(Reason):
        raise BadReason(why=f"The reason is one of {', '.join(Reason)}.")
    if len(note) > 500 or not is_storable(note):
        raise BadReason(why="A note is at most 500 letters long.")
    _, found = trouble_list(site, now=now)
    item = next((each for each in found if each.trouble == trouble and each.key == key), None)
    if item is None or trouble not in set(Trouble):
        raise NotInTrouble(key=key, trouble=trouble)
    row = ReasonRecord.objects.create(
        site=site,
        trouble=trouble,
        kind=item.kind,
        key=key,
        guessed=item.guess.value,
        reason=reason,
        note=note.strip(),
        by=by.user,
        made_at=now,
    )
    audit(
        action="trouble.reason_given",
        target=f"{item.kind}:{key}",
        before={"reason": item.reason.value, "guessed": item.said is None},
        after={"trouble": trouble, "reason": reason, "note": row.note},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row
