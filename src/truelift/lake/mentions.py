"""Where an id stands inside other text: as a whole word, in the ways in which it may be written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus


_LETTER: Final = "A-Za-z0-9_-"
_BEFORE: Final = rf"(^|[^{_LETTER}]|%[0-9A-Fa-f][0-9A-Fa-f]|\\[nrtbf]|\\u[0-9a-fA-F]{{4}})"
_AFTER: Final = rf"([^{_LETTER}]|$)"
_FIELD: Final = r"(?:visitor|anonymous|user|previous)_?[iI]d[^A-Za-z0-9]{1,12}"
_WORD: Final = re.compile(r"[^\s\"',;:{}\[\]()<>=&?|\\]+")

SHORTEST: Final = 6
"""A shorter id may be a word or a number that has nothing to do with anybody."""


def telling(name: str) -> bool:
    """Say whether an id names somebody wherever it stands, and is no common word or number."""
    if len(name) < SHORTEST:
        return False
    if name.isdigit():
        return len(name) >= SHORTEST + 2
    return not name.isalpha() or len(name) >= 4 * SHORTEST


def pattern_of(ids: Iterable[str]) -> str | None:
    """Write the expression that finds telling ids in text, for Python and DuckDB alike.

    Groups 1 and 2 are what stands around the id; None where no id is telling.
    """
    named = [name for name in ids if telling(name)]
    forms = {form for name in named if "@" not in name for form in _forms(name)}
    # One writes one's address with capitals here and without them there.
    addresses = {form for name in named if "@" in name for form in _forms(name)}
    found = [_any(forms)] if forms else []
    found += [f"(?i:{_any(addresses)})"] if addresses else []
    return f"{_BEFORE}(?:{'|'.join(found)}){_AFTER}" if found else None


def bad_item_pattern(ids: Iterable[str]) -> str | None:
    """Write the expression that finds ids in items that could not be read.

    There a short id counts as well where it stands as the value of an id.
    """
    named = list(ids)
    everywhere = pattern_of(named)
    forms = {form for name in named if not telling(name) for form in _forms(name)}
    as_value = f"{_FIELD}(?:{_any(forms)}){_AFTER}" if forms else None
    found = [f"(?:{each})" for each in (everywhere, as_value) if each is not None]
    return "|".join(found) or None


def words_of(text: str) -> Iterator[str]:
    """Give everything in a text that may be an id."""
    for found in _WORD.finditer(text):
        yield found[0]


def _forms(name: str) -> set[str]:
    escaped = {json.dumps(name, ensure_ascii=flag)[1:-1] for flag in (True, False)}
    twice = {json.dumps(form)[1:-1] for form in escaped}
    return {name, quote(name, safe=""), quote_plus(name), *escaped, *twice}


def _any(forms: Iterable[str]) -> str:
    return "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
