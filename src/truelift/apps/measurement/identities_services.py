"""What can be done about who is who: a merge of persons is undone, and written down."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.merges import UndoRequest, request_undo


@transaction.atomic
def undo_merge(site: Site, merge: str, *, by: Actor, now: datetime) -> UndoRequest:
    """Ask the loader to take a merge back; it does before it loads anything else.

    Args:
        site: Whose.
        merge: Its name, as `merges_of` lists it.
        by: Who undoes it.
        now: When.

    Raises:
        NoSuchMerge: There is none of that name.
        UndoneAlready: It was undone before.
    """
    audited = by.audited
    actor = audited["actor"]
    who = audited["on_behalf_of"] or (actor if isinstance(actor, str) else actor.get_username())
    home = Home.of(settings.TRUELIFT)
    request = request_undo(home, site.name, merge, by=who, now=now)
    try:
        audit(
            **audited,
            action="identity.merge_undone",
            target=f"merge:{merge}",
            after={"merge": merge},
            now=now,
            site=site.name,
        )
    except BaseException:
        request.finish()
        raise
    return request
