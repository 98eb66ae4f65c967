"""The codebook and the codes: versions, two people blind to each other, and who owns a source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, is_storable
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import (
    ClaimRecord,
    CodebookRecord,
    CodingRecord,
    Family,
    NoteRecord,
    OwnerRecord,
)
from truelift.apps.voice.notes import note_for_update
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import LISTENING


SAMPLE: Final = 15
"""Notes of each month that two people code; in a month with fewer it is all of them."""

MOST_CODES: Final = 80
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class NoCodebook(Refusal):
    """There are no codes yet, or none of this name."""

    code = "voice.no_such_code"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"The codebook has no code {key!r}. Choose one of its codes, or write a version.",
            key=key,
        )


@dataclass(frozen=True, slots=True)
class Code:
    """One code.

    Attributes:
        key: Stays the same from version to version.
        name: What people call it.
        family: A `Family`.
        meaning: When to use it, and when not.
    """

    key: str
    name: str
    family: str
    meaning: str = ""


def codebook_of(site: Site) -> CodebookRecord | None:
    """Give the newest version; None before there is one."""
    return CodebookRecord.objects.filter(site=site).order_by("-version").first()


def codes_in(codebook: CodebookRecord | None) -> tuple[Code, ...]:
    """Give the codes of a version."""
    return tuple(Code(**each) for each in codebook.codes) if codebook else ()


@transaction.atomic
def write_codebook(
    site: Site, codes: Sequence[Code], *, because: str = "", by: Actor, now: datetime
) -> CodebookRecord:
    """Write the next version of the codebook; notes keep the version that they were coded by.

    Raises:
        BadFields: A code has no name, a family that is unknown, or a key twice.
    """
    wrong = {}
    seen: set[str] = set()
    for place, each in enumerate(codes, start=1):
        name = f"code {place}"
        if not _KEY.fullmatch(each.key) or each.key in seen:
            wrong[name] = "Its key is small letters, and none is there twice."
        seen.add(each.key)
        if each.family not in Family.values:
            wrong[name] = f"Its family is one of {', '.join(Family.values)}."
        if not 0 < len(each.name.strip()) <= 80 or len(each.meaning) > 500:
            wrong[name] = "Its name has 1 to 80 letters, its meaning at most 500."
        if not is_storable(each.name + each.meaning):
            wrong[name] = "It has a character that cannot be stored."
    if not 1 <= len(codes) <= MOST_CODES:
        wrong["codes"] = f"A codebook has 1 to {MOST_CODES} codes."
    if len(because) > 300 or not is_storable(because):
        wrong["because"] = "It has more than 300 letters, or one that cannot be stored."
    if wrong:
        raise BadFields(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    highest = CodebookRecord.objects.filter(site=site).aggregate(top=models.Max("version"))["top"]
    made = CodebookRecord.objects.create(
        site=site,
        version=int(highest or 0) + 1,
        codes=[asdict(each) for each in codes],
        because=because.strip(),
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="codebook.written",
        target=f"codebook:{made.version}",
        after={"codes": [each.key for each in codes]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


@transaction.atomic
def code_note(
    site: Site,
    key: str,
    code: str,
    *,
    claim: ClaimRecord | None = None,
    by: Actor,
    now: datetime,
) -> CodingRecord:
    """Say what a note is about; what somebody said first, unseen by the other, stays for ever.

    Args:
        site: Where.
        key: Of the note.
        code: A key of the newest codebook; empty: none fits.
        claim: The promise that disappointed.
        by: Who codes; a named person.
        now: When.

    Raises:
        NoSuchNote: The site has none with this key.
        NoCodebook: The codebook has no such code.
        BadFields: Nobody is named.
    """
    note = note_for_update(site, key)
    if by.user is None:
        raise BadFields({"coder": "A code is given by a named person."})
    codebook = codebook_of(site)
    if codebook is None or (code and code not in {each.key for each in codes_in(codebook)}):
        raise NoCodebook(key=code[:40])
    others = note.codings.exclude(coder=by.user).exists()
    made, fresh = CodingRecord.objects.get_or_create(
        note=note,
        coder=by.user,
        defaults={
            "codebook": codebook,
            "code": code,
            "first": code,
            "blind": not others or in_sample(note),
            "claim": claim,
            "made_at": now,
        },
    )
    if not fresh:
        made.code, made.codebook, made.claim = code, codebook, claim
        made.save(update_fields=["code", "codebook", "claim"])
    audit(
        action="note.coded",
        target=f"note:{note.key}",
        after={"code": code, "codebook": codebook.version},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def month_of(day: date) -> date:
    """Give the first day of a month."""
    return day.replace(day=1)


def sample_of(site: Site, month: date) -> frozenset[int]:
    """Give the notes of a month that two people code, drawn by what nobody can choose."""
    after = month_of(month + timedelta(days=32))
    numbers = NoteRecord.objects.filter(
        site=site, day__gte=month, day__lt=after, erased_at=None
    ).values_list("number", flat=True)
    return drawn(site.name, numbers)


def drawn(name: str, numbers: Sequence[int] | models.QuerySet[NoteRecord, int]) -> frozenset[int]:
    """Draw the sample of a month's notes: the first by their digests, always the same."""
    digest = {each: hashlib.sha256(f"{name}:{each}".encode()).digest() for each in numbers}
    return frozenset(sorted(digest, key=lambda each: digest[each])[:SAMPLE])


def in_sample(note: NoteRecord) -> bool:
    """Whether the note is one of those that two people code without seeing each other's codes."""
    return note.number in sample_of(note.site, month_of(note.day))


def may_see_codes(note: NoteRecord, reader: User) -> bool:
    """Whether somebody may see what others said of a note: of the sample only who coded it."""
    if any(each.coder_id == reader.pk for each in note.codings.all()):
        return True
    return not in_sample(note)


@transaction.atomic
def name_owner(
    site: Site, function: Function, owner: User, *, by: Actor, now: datetime
) -> OwnerRecord:
    """Say who answers for what a function hears.

    Raises:
        BadFields: The function hears no customers, or the person has no role here.
    """
    if function not in LISTENING:
        raise BadFields({"function": "Owners are named for sales and for service."})
    role = role_of(owner, site)
    if role is None or not role.covers(Role.ANALYST):
        raise BadFields({"owner": "They have no role here that may write; ask an owner for one."})
    made, fresh = OwnerRecord.objects.select_for_update().get_or_create(
        site=site, function=function.value, defaults={"owner": owner, "since": now}
    )
    if not fresh and made.owner_id != owner.pk:
        made.owner, made.since = owner, now
        made.save(update_fields=["owner", "since"])
    audit(
        action="voice.owner_named",
        target=f"voice:{function.value}",
        after={"owner": owner.email},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made
