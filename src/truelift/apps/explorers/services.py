"""Everything that can be done to saved views and annotations, each atomic and written down."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Facts, User
from truelift.apps.explorers.catalogue import PLACES
from truelift.apps.explorers.models import Annotation, AnnotationKind, SavedView
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.matching import is_text


LONGEST_NAME = 120
LONGEST_QUERY = 4_000


class NoSuchView(Refusal):
    """Nobody saved a view with this number, or not for this person."""

    code = "explorers.no_such_view"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no saved view {number}; the list shows all.", number=number)


class BadView(Refusal):
    """A view cannot be saved like this."""

    code = "explorers.bad_view"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This view was not saved: {reason}.", reason=reason)


class BadAnnotation(Refusal):
    """An annotation cannot be written down like this."""

    code = "explorers.bad_annotation"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This was not written down: {reason}.", reason=reason)


class NoSuchAnnotation(Refusal):
    """The site has no annotation with this number."""

    code = "explorers.no_such_annotation"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no annotation {number}; the list shows all.", number=number)


@transaction.atomic
def save_view(
    site: Site, *, explorer: str, query: str, name: str, shared: bool, by: User, now: datetime
) -> SavedView:
    """Keep an address under a name; the same name again keeps the new address.

    Raises:
        BadView: It has no name, or leads nowhere.
    """
    name = _named(name)
    if explorer not in PLACES:
        raise BadView(reason="there is no such explorer")
    query = query.removeprefix("?")
    if len(query) > LONGEST_QUERY or not storable(query):
        raise BadView(reason=f"its address has more than {LONGEST_QUERY:,} letters")
    view, made = SavedView.objects.select_for_update().get_or_create(
        site=site,
        made_by=by,
        name=name,
        defaults={"explorer": explorer, "query": query, "shared": shared, "made_at": now},
    )
    if not made:
        view.explorer, view.query, view.shared = explorer, query, shared
        view.save(update_fields=["explorer", "query", "shared"])
    audit(
        by,
        "view.saved",
        f"view:{view.pk}",
        after={"name": name, "explorer": explorer, "query": query, "shared": shared},
        now=now,
        site=site.name,
    )
    return view


@transaction.atomic
def change_view(
    site: Site, number: int, *, name: str, shared: bool, by: User, now: datetime
) -> SavedView:
    """Give one's own view another name, or share it, or keep it to oneself again.

    Raises:
        NoSuchView: It is not there, or somebody else's.
        BadView: The name is empty, or another of one's views has it.
    """
    view = _own(site, number, by)
    name = _named(name)
    taken = SavedView.objects.filter(site=site, made_by=by, name=name).exclude(pk=view.pk)
    if taken.exists():
        raise BadView(reason=f"another of your views is called {name!r}")
    before: Facts = {"name": view.name, "shared": view.shared}
    view.name, view.shared = name, shared
    view.save(update_fields=["name", "shared"])
    audit(
        by,
        "view.changed",
        f"view:{view.pk}",
        before=before,
        after={"name": name, "shared": shared},
        now=now,
        site=site.name,
    )
    return view


@transaction.atomic
def delete_view(site: Site, number: int, *, by: User, now: datetime) -> None:
    """Delete one's own view.

    Raises:
        NoSuchView: It is not there, or somebody else's.
    """
    view = _own(site, number, by)
    before = {"name": view.name, "explorer": view.explorer, "query": view.query}
    view.delete()
    audit(by, "view.deleted", f"view:{number}", before=before, now=now, site=site.name)


@transaction.atomic
def annotate(
    site: Site, *, at: datetime | None, kind: str, text: str, by: User, now: datetime
) -> Annotation:
    """Write down what happened when.

    Raises:
        BadAnnotation: Something is missing or too long.
    """
    text = " ".join(text.split())
    if at is None:
        raise BadAnnotation(reason="it needs a day such as 2026-11-21")
    if kind not in AnnotationKind.values:
        raise BadAnnotation(reason="it is a release, a campaign or an incident")
    if not 0 < len(text) <= LONGEST_NAME or not storable(text):
        raise BadAnnotation(reason=f"it says what happened in 1 to {LONGEST_NAME} letters")
    found = Annotation.objects.create(site=site, at=at, kind=kind, text=text, by=by, made_at=now)
    audit(
        by,
        "annotation.added",
        f"annotation:{found.pk}",
        after={"at": at.isoformat(), "kind": kind, "text": text},
        now=now,
        site=site.name,
    )
    return found


@transaction.atomic
def remove_annotation(site: Site, number: int, *, by: User, now: datetime) -> None:
    """Take an annotation away.

    Raises:
        NoSuchAnnotation: The site has none with this number.
    """
    found = Annotation.objects.select_for_update().filter(site=site, pk=number).first()
    if found is None:
        raise NoSuchAnnotation(number=number)
    before = {"at": found.at.isoformat(), "kind": found.kind, "text": found.text}
    found.delete()
    audit(by, "annotation.removed", f"annotation:{number}", before=before, now=now, site=site.name)


def _own(site: Site, number: int, by: User) -> SavedView:
    view = SavedView.objects.select_for_update().filter(site=site, made_by=by, pk=number).first()
    if view is None:
        raise NoSuchView(number=number)
    return view


def storable(text: str) -> bool:
    """Say whether every database takes this text: PostgreSQL has no NUL."""
    return is_text(text) and "\0" not in text


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME or not storable(name):
        raise BadView(reason=f"its name has 1 to {LONGEST_NAME} letters")
    return name
