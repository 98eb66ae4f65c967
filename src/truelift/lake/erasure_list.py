"""Who is to be erased and who was: requests that name somebody, and keyed digests afterwards."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from truelift.errors import Refusal
from truelift.events.identity import identifies
from truelift.lake.durable import sync_folder, write_durably
from truelift.lake.home import Home, checked_site


_HANDED_OVER: Final = ".rows"


class Who(StrEnum):
    """What a person is named by."""

    VISITOR = "visitor"
    USER = "user"
    PERSON = "person"


class NamesNobody(Refusal):
    """An erasure was asked for an id that never names anybody."""

    code = "erasure.names_nobody"

    def __init__(self, *, kind: Who, given: str) -> None:
        wants = "a whole number of 64 bits" if kind is Who.PERSON else "an id that names somebody"
        super().__init__(
            f"{given[:60]!r} is not {wants}, so nothing can be erased for it. Give the id as"
            " your site sends it.",
            kind=kind.value,
            given=given[:60],
        )


class OtherKey(Refusal):
    """An erasure list was made with another installation's secret."""

    code = "erasure.other_key"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} was written with another secret.key than this home's, so its digests match"
            " nobody here. Copy the secret.key of the installation that wrote it into this home.",
            path=str(path),
        )


class BadList(Refusal):
    """A file is not an erasure list."""

    code = "erasure.bad_list"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} is no erasure list. `truelift erase --list` writes one: one JSON object a"
            " line.",
            path=str(path),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that leads to one person of one site.

    Attributes:
        site: The site.
        visitors: Visitor ids that are this person's.
        users: User ids that are.
        persons: The person's number, and those that it had before.
        until_ms: Only what arrived until then is removed; None for everything.
        erased_before: The ledger's count when its removal was planned; None before that.
        stored: Stored rows that were removed.
        quarantined: Quarantined rows that were.
        unnamed: Rows of others that named this person and stayed without the name.
        addresses: E-mail addresses that the site has told of this person; texts may name them.
    """

    site: str
    visitors: tuple[str, ...]
    users: tuple[str, ...]
    persons: tuple[int, ...]
    until_ms: int | None = None
    erased_before: int | None = None
    stored: int = 0
    quarantined: int = 0
    unnamed: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Everything that names the person in rows and texts."""
        return tuple(sorted({*self.visitors, *self.users, *self.addresses}))

    def document(self) -> dict[str, object]:
        """Write it as it stands in a request."""
        return {
            "site": self.site,
            "visitors": list(self.visitors),
            "users": list(self.users),
            "persons": list(self.persons),
            "until_ms": self.until_ms,
            "erased_before": self.erased_before,
            "stored": self.stored,
            "quarantined": self.quarantined,
            "unnamed": self.unnamed,
            "addresses": list(self.addresses),
        }


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; on disk until it is done, because a crash must not lose it.

    Attributes:
        key: Names the request; random.
        site: Whose visitor; empty with `again`, which is about all sites.
        kind: What `who` is; None with `again`.
        who: The id.
        again: Apply the erasure list to the data that is there now.
        targets: Whom it is about; None until that was found out.
    """

    key: str
    site: str
    kind: Who | None
    who: str
    again: bool = False
    targets: tuple[Target, ...] | None = None

    def write(self, home: Home) -> None:
        """Put it on disk, durably."""
        path = _request_path(home, self.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "key": self.key,
            "site": self.site,
            "kind": self.kind,
            "who": self.who,
            "again": self.again,
            "targets": None if self.targets is None else [one.document() for one in self.targets],
        }
        write_durably(path, json.dumps(document).encode())

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that it is about."""
        return tuple(sorted({name for target in self.targets or () for name in target.ids}))

    def hand_over(self, home: Home) -> None:
        """Say that the lake has done its part; the rows of the web application are left."""
        path = _request_path(home, self.key)
        path.replace(path.with_suffix(_HANDED_OVER))
        sync_folder(path.parent)

    def forget(self, home: Home) -> None:
        """Remove it: it is done, and it holds the ids."""
        path = _request_path(home, self.key)
        path.with_suffix(_HANDED_OVER).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def ask_to_erase(home: Home, site: str, kind: Who, who: str) -> Request:
    """Write down whom to erase; the loader does it.

    Raises:
        BadSiteName: No site can have this name.
        NamesNobody: The id never names anybody.
    """
    checked_site(site)
    if kind is Who.PERSON:
        try:
            good = -(1 << 63) <= int(who) < 1 << 63
        except ValueError:
            good = False
    else:
        good = identifies(who)
    if not good:
        raise NamesNobody(kind=kind, given=who)
    request = Request(key=secrets.token_hex(12), site=site, kind=kind, who=who)
    request.write(home)
    return request


def ask_again(home: Home) -> Request:
    """Write down that the erasure list is to be applied to what is there."""
    request = Request(key=secrets.token_hex(12), site="", kind=None, who="", again=True)
    request.write(home)
    return request


def requests(home: Home) -> list[Request]:
    """List what was asked for and is not done."""
    return [_read(path) for path in sorted((home.loader / "erasures").glob("*.json"))]


def handed_over(home: Home) -> list[Request]:
    """List those that the lake has done and the web application has not."""
    return [_read(path) for path in sorted((home.loader / "erasures").glob(f"*{_HANDED_OVER}"))]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, without saying who it was: also an entry of the erasure list.

    Attributes:
        key: Of the request.
        site: The site; empty where the list was applied again.
        erased_at_ms: When.
        secret: Which secret the digests were made with, as a short digest of it.
        visitors: Keyed digests of visitor ids.
        users: Of user ids.
        persons: Of person numbers.
        stored: Stored rows that were removed.
        quarantined: Quarantined rows that were.
        unnamed: Rows of others that named the person and stayed without the name.
        rejected: Lines of reject files that were removed.
        again: The list was applied again; `applied` of its entries matched something.
        applied: How many.
    """

    key: str
    site: str
    erased_at_ms: int
    secret: str
    visitors: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    stored: int = 0
    quarantined: int = 0
    unnamed: int = 0
    rejected: int = 0
    again: bool = False
    applied: int = 0

    @property
    def digest(self) -> str:
        """One digest of everything that was erased, for the answer to the person who asked."""
        parts = (self.site, *self.visitors, "", *self.users, "", *self.persons)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def document(self) -> dict[str, object]:
        """Write the receipt."""
        return {
            "receipt": self.digest,
            "request": self.key,
            "site": self.site,
            "erased_at": datetime.fromtimestamp(self.erased_at_ms / 1000, UTC).isoformat(),
            "erased_at_ms": self.erased_at_ms,
            "secret": self.secret,
            "visitors": list(self.visitors),
            "users": list(self.users),
            "persons": list(self.persons),
            "stored": self.stored,
            "quarantined": self.quarantined,
            "unnamed": self.unnamed,
            "rejected": self.rejected,
            "again": self.again,
            "applied": self.applied,
        }

    def write(self, home: Home) -> None:
        """Keep it, durably; it stays in the home and belongs beside every backup."""
        home.erasures.mkdir(parents=True, exist_ok=True)
        write_durably(_receipt_path(home, self.key), json.dumps(self.document(), indent=1).encode())


def receipt_of(home: Home, key: str) -> Receipt | None:
    """Give the receipt of a request, once it is done."""
    try:
        return _receipt(json.loads(_receipt_path(home, key).read_bytes()))
    except FileNotFoundError:
        return None


def receipts(home: Home) -> list[Receipt]:
    """Give the erasure list: what was erased here, oldest first."""
    found = [_receipt(json.loads(path.read_bytes())) for path in home.erasures.glob("*.json")]
    return sorted(found, key=lambda one: (one.erased_at_ms, one.key))


def take_list(home: Home, path: Path) -> int:
    """Add the entries of a saved erasure list that this home does not know; say how many.

    Raises:
        BadList: The file is none.
        OtherKey: It was made with another secret.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        entries = [_receipt(json.loads(line)) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadList(path=path) from error
    mine = Digests.of(home).secret
    if any(entry.secret != mine for entry in entries):
        raise OtherKey(path=path)
    new = [entry for entry in entries if not _receipt_path(home, entry.key).exists()]
    for entry in new:
        entry.write(home)
    return len(new)


@dataclass(slots=True)
class Digests:
    """Makes the keyed digests by which an erased id is recognised and from which none is read."""

    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, home: Home) -> Digests:
        """Take the home's secret."""
        return cls(home.secret_key_file.read_bytes())

    @property
    def secret(self) -> str:
        """Tell this secret from others."""
        return hmac.new(self._key, b"truelift erasure list", hashlib.sha256).hexdigest()[:16]

    def digest(self, site: str, kind: Who, who: str | int) -> str:
        """Give the digest of one id of a site."""
        named = f"{site}\x00{kind.value}\x00{who}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, named, hashlib.sha256).hexdigest()

    def all(self, site: str, kind: Who, ids: Iterable[str | int]) -> tuple[str, ...]:
        """Give the digests of some ids, in an order that tells nothing."""
        return tuple(sorted(self.digest(site, kind, one) for one in ids))

    def receipt(self, request: Request, *, rejected: int, now: datetime) -> Receipt:
        """Write the receipt of a request whose targets are gone."""
        targets = request.targets or ()
        made = Receipt(
            key=request.key,
            site=request.site,
            erased_at_ms=int(now.timestamp() * 1000),
            secret=self.secret,
            stored=sum(one.stored for one in targets),
            quarantined=sum(one.quarantined for one in targets),
            unnamed=sum(one.unnamed for one in targets),
            rejected=rejected,
            again=request.again,
            applied=len(targets),
        )
        if request.again or not targets:
            return made
        target = targets[0]
        return replace(
            made,
            visitors=self.all(target.site, Who.VISITOR, target.visitors),
            users=self.all(target.site, Who.USER, target.users),
            persons=self.all(target.site, Who.PERSON, target.persons),
        )


def _request_path(home: Home, key: str) -> Path:
    return home.loader / "erasures" / f"{key}.json"


def _receipt_path(home: Home, key: str) -> Path:
    return home.erasures / f"{key}.json"


def _read(path: Path) -> Request:
    document = json.loads(path.read_bytes())
    targets = document["targets"]
    return Request(
        key=document["key"],
        site=document["site"],
        kind=None if document["kind"] is None else Who(document["kind"]),
        who=document["who"],
        again=document["again"],
        targets=None if targets is None else tuple(_target(one) for one in targets),
    )


def _target(document: Mapping[str, object]) -> Target:
    plain = {key: tuple(each) if isinstance(each, list) else each for key, each in document.items()}
    return Target(**plain)  # type: ignore[arg-type]


_COUNTS: Final = ("stored", "quarantined", "unnamed", "rejected", "applied")


def _receipt(document: Mapping[str, object]) -> Receipt:
    def texts(name: str) -> tuple[str, ...]:
        found = document[name]
        if not isinstance(found, list):
            raise TypeError(name)
        return tuple(str(each) for each in found)

    return Receipt(
        key=_name(document["request"]),
        site=str(document["site"]),
        erased_at_ms=int(str(document["erased_at_ms"])),
        secret=str(document["secret"]),
        visitors=texts("visitors"),
        users=texts("users"),
        persons=texts("persons"),
        again=bool(document["again"]),
        **{name: int(str(document[name])) for name in _COUNTS},
    )


def _name(key: object) -> str:
    # It becomes a file's name, and a list may come from anywhere.
    named = str(key)
    if not named.isalnum() or len(named) > 64:
        raise ValueError(named)
    return named
