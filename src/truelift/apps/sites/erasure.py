"""Takes the ids of somebody who was erased out of the rows of the web application."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from truelift.lake.erasure_list import handed_over
from truelift.lake.home import Home
from truelift.lake.mentions import pattern_of


log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done to the rows of the web application.

    Attributes:
        changed: Rows in which an id was masked.
        kept: Tables with rows that name one and may not be changed: an audit, an analysis.
    """

    changed: int
    kept: tuple[str, ...]


def finish_erasures(home: Home) -> dict[str, Cleaned]:
    """Do what the lake has handed over, by the key of the request; twice changes nothing."""
    done = {}
    for request in handed_over(home):
        try:
            done[request.key] = erase_mentions(request.ids)
        except DatabaseError:
            # Somebody else holds the database: the next look tries again.
            log.exception("rows of the web application still name somebody who was erased")
            continue
        request.forget(home)
    return done


def erase_mentions(ids: Sequence[str]) -> Cleaned:
    """Mask ids wherever people or programs wrote them down.

    No row is about a visitor, but a saved view's address, a segment's condition or a note
    may name one.
    """
    pattern = pattern_of(ids)
    changed = 0
    kept: set[str] = set()
    if pattern is not None:
        names = re.compile(pattern)
        for model in apps.get_models():
            changed += _clean(model, names, kept)
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            for statement in _FORGET_FREE_PAGES:
                cursor.execute(statement)
    return Cleaned(changed, tuple(sorted(kept)))


def _clean(model: type[models.Model], names: re.Pattern[str], kept: set[str]) -> int:
    about, rows = model._meta, model._base_manager  # noqa: SLF001 - Django's own public names
    if about.proxy or not about.managed:
        return 0
    kinds = (models.CharField, models.TextField, models.JSONField)
    fields = [
        field.attname
        for field in about.concrete_fields
        if isinstance(field, kinds) and not field.primary_key and not field.unique
    ]
    changed = 0
    for row in rows.values("pk", *fields) if fields else ():
        masked = {name: _masked(row[name], names) for name in fields}
        found = {name: value for name, value in masked.items() if value != row[name]}
        if not found:
            continue
        if _write(rows.filter(pk=row["pk"]), found):
            changed += 1
        else:
            kept.add(about.db_table)
    return changed


def _write(row: models.QuerySet[models.Model], masked: dict[str, object]) -> bool:
    """Change a row, unless it may only be added to; say whether."""
    try:
        with transaction.atomic():
            row.update(**masked)
    except IntegrityError:
        # Two that must differ would be the same: each is erased in a way of its own.
        mark = f"erased-{secrets.token_hex(4)}"
        own = {
            name: value.replace("erased", mark) if isinstance(value, str) else value
            for name, value in masked.items()
        }
        try:
            with transaction.atomic():
                row.update(**own)
        except DatabaseError:
            return False
    except DatabaseError:
        return False
    return True


def _masked(value: object, names: re.Pattern[str]) -> object:
    if isinstance(value, str):
        # Twice, because two that stand side by side share what is between them.
        return names.sub(r"\1erased\2", names.sub(r"\1erased\2", value))
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
        masked = _masked(text, names)
        return value if masked == text else json.loads(str(masked))
    return value


_FORGET_FREE_PAGES: Final = (
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "VACUUM",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)
