"""Reads a folder that was written before, and stores what is not there yet."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.memory.index import catch_up, reindex
from truelift.apps.memory.tables import (
    TABLES,
    Document,
    Names,
    Table,
    people_named,
    ref_of,
    rows_of,
)
from truelift.apps.memory.tables import target_of as _target
from truelift.apps.memory.taking_out import ENDINGS, FORMAT, VERSION
from truelift.apps.qa.pictures import MOST_BYTES, path_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


class BadExport(Refusal):
    """A folder is no export, or a part of it is broken."""

    code: ClassVar[str] = "memory.bad_export"

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read: {reason}.", path=str(path), reason=reason)


class DiffersHere(Refusal):
    """The site has other things under the same names, so nothing was brought in."""

    code: ClassVar[str] = "memory.differs_here"

    def __init__(self, *, rows: tuple[str, ...], many: int) -> None:
        said = ", ".join(rows)
        super().__init__(
            f"Nothing was brought in: {many} things are different here under the same name"
            f" ({said}). Bring it into a site without them.",
            rows=rows,
            many=many,
        )


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of an import.

    Attributes:
        stored: Rows that were not there, by table.
        known: Rows that were there already, just so.
        people: Addresses for which an account was made, without a way to sign in.
    """

    stored: Mapping[str, int]
    known: int
    people: tuple[str, ...]


MOST_NAMED: Final = 10


@transaction.atomic
def bring_in(site: Site, folder: Path, *, by: Actor, now: datetime) -> Brought:
    """Store what a folder holds and the site does not; a second time changes nothing.

    Whoever is named and has no account gets one that nobody can sign in to and that belongs to
    no site: names stay what they were, and no right comes in with a file.

    Raises:
        BadExport: The folder is no export, or a part of it is broken.
        DiffersHere: The site has other things under the same names.
    """
    documents = _documents(folder)
    names = Names()
    people_named(site, names)
    made = _people(documents)
    by_email = dict(User.objects.values_list("email", "pk"))
    names.people |= {pk: email for email, pk in by_email.items()}
    stored: dict[str, int] = {}
    differing: list[str] = []
    known = 0
    pks: dict[type[models.Model], dict[str, int]] = {}
    for table in TABLES:
        here = {row.ref: row for row in rows_of(site, table, names)}
        places = pks.setdefault(table.model, {ref: row.pk for ref, row in here.items()})
        new: list[tuple[str, models.Model]] = []
        counts: dict[str, int] = {}
        path = folder / "json" / f"{table.name}.json"
        for given in documents[table.name]:
            document = _completed(table, given, path)
            ref = ref_of(table, document, counts)
            if ref in here:
                known += 1
                if here[ref].document != document:
                    differing.append(f"{table.name} {ref}")
                continue
            new.append((ref, _row(site, table, document, pks, by_email, path)))
        if differing:
            continue
        try:
            with transaction.atomic():
                kept = table.model._default_manager.bulk_create([row for _, row in new])  # noqa: SLF001
        except (IntegrityError, ValueError) as error:
            raise BadExport(path=path, reason=f"the database refuses it ({error})") from error
        for (ref, _), row in zip(new, kept, strict=True):
            places[ref] = row.pk
            names.refs[table.model][row.pk] = ref
        if new:
            stored[table.name] = len(new)
    if differing:
        raise DiffersHere(rows=tuple(differing[:MOST_NAMED]), many=len(differing))
    _keep_pictures(site, folder, documents["pictures"])
    if stored:
        audit(
            action="memory.brought_in",
            target=f"site:{site.name}",
            after={"rows": dict(stored)},
            now=now,
            site=site.name,
            **by.audited,
        )
    catch_up(site, most=None)
    reindex(site)
    return Brought(stored, known, made)


def _documents(folder: Path) -> dict[str, list[Document]]:
    manifest = _read(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadExport(path=folder / "manifest.json", reason="it is no export of a memory")
    if manifest.get("version") != VERSION:
        raise BadExport(
            path=folder / "manifest.json", reason="another version of the program wrote it"
        )
    found = {}
    for table in TABLES:
        path = folder / "json" / f"{table.name}.json"
        rows = _read(path) if path.is_file() else []
        if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
            raise BadExport(path=path, reason="it is no list of documents")
        found[table.name] = rows
    return found


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON from outside is checked by who reads it
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadExport(path=path, reason=str(error)[:200] or "it is too deep") from error


def _people(documents: Mapping[str, list[Document]]) -> tuple[str, ...]:
    """Make accounts without any right for whoever is named and unknown."""
    named: set[str] = set()
    for table in TABLES:
        columns = [each.name for each in table.columns if _target(each) is User]
        for document in documents[table.name]:
            named |= {str(document[name]) for name in columns if document.get(name)}
    known = set(User.objects.filter(email__in=named).values_list("email", flat=True))
    made = sorted(named - known)
    for email in made:
        if email != email.lower() or "@" not in email or len(email) > 254 or not is_storable(email):
            raise BadExport(path=Path("json"), reason=f"{email[:80]!r} is no e-mail address")
        user = User(email=email, is_active=False)
        user.set_unusable_password()
        user.save()
    return tuple(made)


def _completed(table: Table, given: Document, path: Path) -> Document:
    """Give a document with every field there is now; what it does not say is as usual."""
    document: Document = {}
    for column in table.columns:
        if column.name in given:
            document[column.name] = given[column.name]
        elif column.has_default():
            document[column.name] = column.get_default()
        elif column.null or column.empty_strings_allowed:
            document[column.name] = None if column.null else ""
        else:
            raise BadExport(path=path, reason=f"a row lacks {column.name}")
    return document


def _row(
    site: Site,
    table: Table,
    document: Document,
    pks: Mapping[type[models.Model], Mapping[str, int]],
    by_email: Mapping[str, int],
    path: Path,
) -> models.Model:
    values: dict[str, Any] = {"site": site} if table.site == "site" else {}
    for column in table.columns:
        value = document[column.name]
        target = _target(column)
        if value is None:
            values[column.attname] = None
        elif target is User:
            values[column.attname] = by_email.get(str(value)) or User.objects.get(email=value).pk
        elif target is not None:
            pk = pks.get(target, {}).get(str(value))
            if pk is None:
                raise BadExport(path=path, reason=f"a row points to {value!s:.80}, which is absent")
            values[column.attname] = pk
        else:
            values[column.attname] = _value(column, value, path)
    return table.model(**values)


def _value(column: models.Field[Any, Any], value: Any, path: Path) -> Any:  # noqa: ANN401
    def refused(reason: str) -> BadExport:
        return BadExport(path=path, reason=f"{column.name}: {reason}")

    if isinstance(column, models.JSONField):
        return value
    try:
        found = column.to_python(value)
    except (ValidationError, ValueError, TypeError) as error:
        raise refused("it has the wrong form") from error
    if isinstance(column, models.CharField | models.TextField):
        if not isinstance(value, str) or not is_storable(value):
            raise refused("it is no text")
        if column.max_length is not None and len(value) > column.max_length:
            raise refused(f"it has more than {column.max_length} letters")
    if isinstance(found, float) and not math.isfinite(found):
        raise refused("it is no number")
    if isinstance(found, int) and not isinstance(found, bool) and not -(2**63) <= found < 2**63:
        raise refused("it is too large")
    choices = {each for each, _ in column.flatchoices}
    if choices and found not in {*choices, ""}:
        raise refused(f"{value!s:.40} is not known")
    return found


def _keep_pictures(site: Site, folder: Path, documents: list[Document]) -> None:
    """Copy the pictures; each is what its name says, or it is refused."""
    for each in documents:
        digest, ending = str(each.get("sha256", "")), ENDINGS.get(str(each.get("kind", "")), "")
        if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):
            raise BadExport(path=folder / "pictures", reason="a picture has no proper name")
        source, target = folder / "pictures" / f"{digest}.{ending}", path_of(site, digest)
        if target.is_file() or not source.is_file():
            continue
        if source.stat().st_size > MOST_BYTES:
            raise BadExport(path=source, reason="it is too large")
        content = source.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise BadExport(path=source, reason="it is not the picture that its name says")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{digest}.brought")
        partial.write_bytes(content)
        partial.replace(target)
