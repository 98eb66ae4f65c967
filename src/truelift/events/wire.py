"""Segment's HTTP requests read in full and written down again in one canonical form.

Nothing that a client sent goes further verbatim: every item is decoded, looked
at and encoded anew, so a line of the journal always is valid JSON in UTF-8 with
no key twice, no lone surrogate, no more than 32 levels and no number that a
double cannot hold. An item that cannot be is kept as text with the reason.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from truelift.errors import Refusal
from truelift.events.identity import NOBODY
from truelift.events.money import amount_of, currency_code
from truelift.events.reasons import Reason


MAX_REQUEST_BYTES: Final = 500 * 1024
MAX_ITEM_BYTES: Final = 32 * 1024
MAX_ITEMS: Final = 2500
MAX_DEPTH: Final = 32
MAX_NAME: Final = 512
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: nothing on the web that is measured here happened before."""

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "track": "track", "page": "page", "screen": "screen",
        "identify": "identify", "group": "group", "alias": "alias",
        "t": "track", "p": "page", "s": "screen",
        "i": "identify", "g": "group", "a": "alias",
    }
)  # fmt: skip
"""The last word of a single call's path, and the type of item that it carries."""

BATCHES: Final = frozenset({"batch", "b", "import"})
"""The last word of a path that carries many items."""

_EVENT_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "page": "page_view",
        "screen": "screen_view",
        "identify": "identify",
        "group": "group",
        "alias": "alias",
    }
)
_TYPES: Final = frozenset({"track", *_EVENT_OF})
_READ: Final = frozenset(
    {
        "type", "event", "messageId", "anonymousId", "userId", "previousId", "groupId",
        "timestamp", "originalTimestamp", "sentAt", "receivedAt", "properties", "traits",
        "context", "name", "category", "writeKey", "integrations", "_metadata",
    }
)  # fmt: skip
"""Keys of an item that have a place of their own, or none; any other goes into its context."""

_PAGE_WORDS: Final = frozenset({"url", "referrer", "title"})
_REMEMBERED_CONTEXTS: Final = 4096
_REMEMBERED_BYTES: Final = 4096
_DIGITS: Final = bytes(ord("0") if 48 <= code <= 57 else 32 for code in range(256))
_LONG_NUMBER: Final = b"0" * 308
_LONG_NUMBER_SEEN: Final = b"0000"
"""Of 308 digits in a row every 64th byte shows at least four."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class MalformedRequest(Refusal):
    """A request's body is not what this address takes."""

    code = "collector.bad_request"

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem} Correct the request; sending it again does not help.")


class RequestTooLarge(Refusal):
    """A request's body is larger than 500 KB, compressed or not."""

    code = "collector.too_large"

    def __init__(self) -> None:
        super().__init__(
            f"A request may have {MAX_REQUEST_BYTES} bytes, also when decompressed. Send less"
            " at once."
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request's body, opened but not yet looked at item by item.

    Attributes:
        items: Each item's own JSON text, as sent.
        sent_at: What the client says it sent the request at, as sent.
        write_key: The key in the body, or None.
        context: What a batch says about all its items, or empty.
    """

    items: tuple[bytes, ...]
    sent_at: object = None
    write_key: str | None = None
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the server knows about a request that its items do not say.

    Attributes:
        received_at_ms: Arrival, epoch milliseconds.
        trusted: It came with a secret key.
        user_agent: The request's own agent, for browsers whose items name none.
        internal: The address is one of the site's own people.
        private: The browser asked not to be tracked (`Sec-GPC: 1`, `DNT: 1`).
    """

    received_at_ms: int
    trusted: bool = False
    user_agent: str | None = None
    internal: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request's items as lines of the journal.

    Attributes:
        lines: Canonical JSON, one object each, in the order sent.
        quarantined: How many of them carry a reason instead of an event.
    """

    lines: list[bytes]
    quarantined: int


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """One canonical item; its keys are columns of `lake.schema.ARRIVED`."""

    reason: str | None = None
    type: str | None = None
    event: str | None = None
    message_id: str | None = None
    visitor_id: str | None = None
    user_id: str | None = None
    previous_id: str | None = None
    occurred_at: int | None = None
    url: str | None = None
    referrer: str | None = None
    title: str | None = None
    user_agent: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    value: float | None = None
    currency: str | None = None
    properties: dict[str, Any] | msgspec.Raw | None = None
    context: dict[str, Any] | msgspec.Raw | None = None


_Text = str | msgspec.UnsetType | None


class _Usual(msgspec.Struct, forbid_unknown_fields=True):
    """An item as nearly all are: every field known and of its usual type."""

    type: _Text = msgspec.UNSET
    event: _Text = msgspec.UNSET
    messageId: _Text = msgspec.UNSET  # noqa: N815 - the client's words
    anonymousId: _Text = msgspec.UNSET  # noqa: N815
    userId: _Text = msgspec.UNSET  # noqa: N815
    timestamp: _Text = msgspec.UNSET
    sentAt: Any = msgspec.UNSET  # noqa: N815
    writeKey: Any = msgspec.UNSET  # noqa: N815
    properties: Any = msgspec.UNSET
    context: msgspec.Raw = msgspec.Raw()
    integrations: Any = msgspec.UNSET
    metadata: Any = msgspec.field(default=msgspec.UNSET, name="_metadata")


class _Own(msgspec.Struct, omit_defaults=True, gc=False):
    """What a line says of its own, apart from what its context says."""

    type: str
    event: str
    message_id: str | None = None
    visitor_id: str | None = None
    user_id: str | None = None
    occurred_at: int = 0
    value: float | None = None
    currency: str | None = None
    properties: msgspec.Raw | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a context comes to.

    Attributes:
        columns: The end of a line: every column that the context fills, and itself.
        needs_page: An item's properties may say more about the page.
        needs_sender: The request's own agent may stand in.
    """

    columns: bytes
    needs_page: bool
    needs_sender: bool


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: Any = None  # noqa: N815 - the client's word
    writeKey: Any = None  # noqa: N815
    context: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class _Single(msgspec.Struct):
    sentAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


class _Bad(Exception):
    """An item is to be quarantined; never leaves this module."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


_decode_batch: Final = msgspec.json.Decoder(_Batch).decode
_decode_single: Final = msgspec.json.Decoder(_Single).decode
_decode: Final = msgspec.json.Decoder().decode
_decode_usual: Final = msgspec.json.Decoder(_Usual).decode
_encode: Final = msgspec.json.Encoder().encode


_SAID_NOTHING: Final = _Said(columns=b"}", needs_page=True, needs_sender=True)
_remembered: dict[bytes, _Said | None] = {}


def unpacked(body: bytes) -> bytes:
    """Decompress a body that is gzip, whatever its headers say; give any other back.

    Raises:
        RequestTooLarge: It is, or becomes, larger than a request may be.
        MalformedRequest: It begins like gzip and is not.
    """
    if body[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(31)
        try:
            body = stream.decompress(body, MAX_REQUEST_BYTES + 1)
        except zlib.error as error:
            raise MalformedRequest(problem="The body begins like gzip and is not.") from error
        if len(body) <= MAX_REQUEST_BYTES and not stream.eof:
            raise MalformedRequest(problem="The compressed body ends too early.")
    if len(body) > MAX_REQUEST_BYTES:
        raise RequestTooLarge
    return body[3:] if body[:3] == b"\xef\xbb\xbf" else body


def opened(body: bytes, *, batch: bool) -> Envelope:
    """Find a request's items without reading them yet.

    Args:
        body: Decompressed.
        batch: The address takes `{"batch": [...]}`; otherwise the body is the item.

    Raises:
        MalformedRequest: The body is not JSON of that shape.
    """
    return _opened_batch(body) if batch else _opened_single(body)


def accepted(envelope: Envelope, arrival: Arrival, *, kind: str | None = None) -> Accepted:
    """Read every item of a request; a bad one is kept with its reason, the others as events.

    Args:
        envelope: The opened request.
        arrival: What the server knows about it.
        kind: The type of item that the address takes, or None for a batch.
    """
    received = arrival.received_at_ms
    sent = instant_ms(envelope.sent_at)
    late = 0 if sent is None else received - sent
    lines = []
    quarantined = 0
    usual = not (arrival.private or arrival.internal or envelope.context)
    for raw in envelope.items:
        line = _usual_line(raw, arrival, kind, late) if usual else None
        if line is None:
            found = _event_or_reason(raw, arrival, kind, late, envelope.context)
            quarantined += found.reason is not None
            line = _encode(found)
        lines.append(line)
    return Accepted(lines=lines, quarantined=quarantined)


def instant_ms(value: object) -> int | None:
    """Read a time as epoch milliseconds: ISO 8601 (UTC when it says no zone) or a number.

    A number below 10¹¹ is taken as seconds. Anything else is None.
    """
    if isinstance(value, str):
        if not 8 <= len(value) <= 64:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
        return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not abs(value) < 1e15:
        return None
    return int(value * 1000) if abs(value) < 1e11 else int(value)


def _event_or_reason(
    raw: bytes, arrival: Arrival, kind: str | None, late: int, shared: Mapping[str, object]
) -> Line:
    received = arrival.received_at_ms
    if arrival.private:
        return Line(reason=Reason.PRIVACY_SIGNAL, occurred_at=received)
    try:
        return _event(raw, arrival, kind, late, shared)
    except _Bad as bad:
        return _quarantined(raw, bad.reason, received)


def _usual_line(raw: bytes, arrival: Arrival, kind: str | None, late: int) -> bytes | None:
    """Write an item without surprises down as `_event` would, in half of its time; else None.

    The items of a batch mostly share their context to the byte, so what it comes
    to is remembered. That the item encoded anew is as long as what was sent, or
    has as many colons, shows that no key was dropped. A test holds this against
    `_event`.
    """
    if len(raw) > MAX_ITEM_BYTES:
        return None
    try:
        item = _decode_usual(raw)
        context = bytes(item.context)
        said = _said_by(context)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if said is None or (said.needs_sender and arrival.user_agent):
        return None
    kind = kind or item.type or None
    if kind == "track":
        event = item.event
        if not event or len(event) > MAX_NAME or event.isspace():
            return None
    elif kind == "page" or kind == "screen":
        event = _EVENT_OF[kind]
    else:
        return None
    message = item.messageId or None
    visitor = item.anonymousId or None
    user = item.userId or None
    if visitor and visitor.strip().lower() in NOBODY:
        visitor = None
    if user and user.strip().lower() in NOBODY:
        user = None
    longest = max(len(message or ""), len(visitor or ""), len(user or ""))
    if longest > MAX_NAME or not (visitor or user):
        return None

    properties = item.properties
    value = currency = packed = None
    if properties:
        if type(properties) is not dict or (
            said.needs_page and not _PAGE_WORDS.isdisjoint(properties)
        ):
            return None
        text = _encode(properties)
        if text.count(b"{") + (text.count(b"[") if b"[" in text else 0) >= MAX_DEPTH:
            return None
        item.properties = packed = msgspec.Raw(text)
        value = amount_of(properties)
        if value is not None:
            currency = currency_code(properties.get("currency"))
    elif properties is not msgspec.UNSET and properties != {}:
        return None
    if not context:
        # An empty Raw would be encoded as a key without a value.
        item.context = msgspec.UNSET  # type: ignore[assignment]
    again = _encode(item)
    if len(again) != len(raw) and not _as_many_keys(raw, again):
        return None
    if (b"\\" in again and b"\\u0000" in again) or _may_hold_long_number(again):
        return None

    occurred = received = arrival.received_at_ms
    stamp = item.timestamp
    if stamp:
        stated = instant_ms(stamp)
        if stated is None or not EARLIEST_MS <= stated + late <= received + DAY_MS:
            return None
        occurred = min(stated + late, received)
    elif stamp == "":
        return None
    line = _Own(kind, event, message, visitor, user, occurred, value, currency, packed)
    return _encode(line)[:-1] + said.columns


def _said_by(context: bytes) -> _Said | None:
    """Work out what a context comes to, once for each text; None where that takes `_event`."""
    try:
        return _remembered[context]
    except KeyError:
        pass
    said = _said_first_time(context)
    if len(_remembered) >= _REMEMBERED_CONTEXTS:
        _remembered.clear()
    if len(context) <= _REMEMBERED_BYTES:
        _remembered[context] = said
    return said


def _said_first_time(text: bytes) -> _Said | None:
    if not text:
        return _SAID_NOTHING
    context = _decode(text)
    if type(context) is not dict:
        return None
    if not context:
        return _SAID_NOTHING
    again = _encode(context)
    if again.count(b"{") + again.count(b"[") >= MAX_DEPTH or b"\\u0000" in again:
        return None
    if (again != text and not _as_many_keys(text, again)) or _may_hold_long_number(again):
        return None
    line = _line("", "", None, None, None, None, 0, {}, context, None, msgspec.Raw(again), None)
    line.type = line.event = line.occurred_at = None
    return _Said(
        columns=b"," + _encode(line)[1:],
        needs_page=type(context.get("page")) is not dict
        or not (line.url and line.referrer and line.title),
        needs_sender=line.user_agent is None,
    )


def _as_many_keys(raw: bytes, again: bytes) -> bool:
    """Tell whether an item lost no key when it was decoded: a key takes its colon along."""
    return again.count(b":") == raw.count(b":") and not (b"\\" in raw and b"\\u003" in raw)


def _event(
    raw: bytes, arrival: Arrival, kind: str | None, late: int, shared: Mapping[str, object]
) -> Line:
    """Read one item as a canonical line.

    Raises:
        _Bad: It has to be quarantined.
    """
    item = _item(raw)
    get = item.get
    kind = kind or get("type")
    if type(kind) is not str or kind not in _TYPES:
        raise _Bad(Reason.UNKNOWN_TYPE)
    context = _object(get("context"))
    if shared:
        context = {**shared, **context}
    properties = _object(get("traits" if kind in {"identify", "group"} else "properties"))
    if kind == "track":
        event = get("event")
        if type(event) is not str:
            raise _Bad(Reason.NO_EVENT_NAME if event is None else Reason.WRONG_TYPE)
        if not event or event.isspace():
            raise _Bad(Reason.NO_EVENT_NAME)
        if len(event) > MAX_NAME:
            raise _Bad(Reason.FIELD_TOO_LONG)
    else:
        event = _EVENT_OF[kind]
        if kind in {"page", "screen"}:
            for name in ("name", "category"):
                if get(name) is not None:
                    properties.setdefault(name, item[name])
        elif kind == "alias" and not arrival.trusted:
            raise _Bad(Reason.ALIAS_NEEDS_SECRET_KEY)
    if "groupId" in item:
        context["groupId"] = item["groupId"]
    for name in item.keys() - _READ:
        context.setdefault(name, item[name])
    if arrival.internal:
        context["internal"] = True
    visitor = _named(get("anonymousId"))
    user = _named(get("userId"))
    if visitor is None and user is None:
        raise _Bad(Reason.NO_IDENTITY)
    return _line(
        kind,
        event,
        _id(get("messageId")),
        visitor,
        user,
        _named(get("previousId")),
        _occurred_at(item, arrival.received_at_ms, late),
        properties,
        context,
        properties or None,
        context or None,
        arrival.user_agent,
    )


def _line(
    kind: str,
    event: str,
    message: str | None,
    visitor: str | None,
    user: str | None,
    previous: str | None,
    occurred: int,
    properties: dict[str, Any],
    context: dict[str, Any],
    kept_properties: dict[str, Any] | msgspec.Raw | None,
    kept_context: dict[str, Any] | msgspec.Raw | None,
    sender: str | None,
) -> Line:
    """Lift out of properties and context what has a column of its own."""
    page = context.get("page")
    if type(page) is not dict:
        page = properties
    url = _text(page.get("url"))
    referrer = _text(page.get("referrer"))
    title = _text(page.get("title"))
    if page is not properties and properties:
        url = url or _text(properties.get("url"))
        referrer = referrer or _text(properties.get("referrer"))
        title = title or _text(properties.get("title"))
    agent = _text(context.get("userAgent"))
    if agent is None and sender and sender.startswith("Mozilla/"):
        agent = sender
    source = medium = campaign = term = content = None
    stated = context.get("campaign")
    if type(stated) is dict:
        source = _text(stated.get("source"))
        medium = _text(stated.get("medium"))
        campaign = _text(stated.get("name"))
        term = _text(stated.get("term"))
        content = _text(stated.get("content"))
    value = amount_of(properties) if properties else None
    return Line(
        None,
        kind,
        event,
        message,
        visitor,
        user,
        previous,
        occurred,
        url,
        referrer,
        title,
        agent,
        source,
        medium,
        campaign,
        term,
        content,
        value,
        None if value is None else currency_code(properties.get("currency")),
        kept_properties,
        kept_context,
    )


def _item(raw: bytes) -> dict[str, Any]:
    """Decode one item and make sure that it may stand in the journal.

    Duplicate keys cannot be seen in what msgspec decodes. What `JSON.stringify`
    wrote is the same text when encoded anew, so it has none; otherwise colons are
    counted, of which a dropped key takes one along. (Two-byte searches over the
    text took four times as long as decoding it.)

    Raises:
        _Bad: It may not.
    """
    if len(raw) > MAX_ITEM_BYTES:
        raise _Bad(Reason.TOO_LARGE)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise _Bad(Reason.TOO_DEEP)
    try:
        item = _decode(raw)
        again = _encode(item)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise _Bad(_why(raw, error)) from None
    if type(item) is not dict:
        raise _Bad(Reason.NOT_AN_OBJECT)
    if again != raw and not _as_many_keys(raw, again):
        _refuse_duplicates(raw)
    if _may_hold_long_number(again):
        _refuse_big_numbers(item)
    if b"\\" in again and b"\\u0000" in again:
        return cast("dict[str, Any]", _without_nul(item))
    return cast("dict[str, Any]", item)


def _why(raw: bytes, error: Exception) -> Reason:
    """Name the reason why an item did not decode."""
    if isinstance(error, RecursionError):
        return Reason.TOO_DEEP
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Reason.BAD_ENCODING
    if "out of range" in str(error):
        return Reason.NUMBER_OUT_OF_RANGE
    if _SURROGATE.search(raw):
        try:
            json.dumps(json.loads(raw), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return Reason.LONE_SURROGATE
        except (ValueError, RecursionError):
            return Reason.BAD_JSON
    return Reason.BAD_JSON


def _refuse_duplicates(raw: bytes) -> None:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _Bad(Reason.DUPLICATE_KEY)
        return found

    try:
        json.loads(raw, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise _Bad(Reason.BAD_JSON) from None


def _may_hold_long_number(text: bytes) -> bool:
    """Look for a row of digits so long that no double holds the number.

    Reading every byte cost as much as encoding the item.
    """
    return _LONG_NUMBER_SEEN in text[::64].translate(_DIGITS) and _LONG_NUMBER in text.translate(
        _DIGITS
    )


def _refuse_big_numbers(value: object) -> None:
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise _Bad(Reason.NUMBER_OUT_OF_RANGE)
    if isinstance(value, dict):
        for part in value.values():
            _refuse_big_numbers(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_big_numbers(part)


def _without_nul(value: object) -> object:
    """Put U+FFFD where a text holds NUL, which databases take for its end."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nul(part) for part in value]
    return value


def _depth(raw: bytes) -> int:
    """Count the levels of nesting in JSON text, which need not be valid."""
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        first = raw[token.start()]
        if first in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"}]":
            depth -= 1
    return deepest


def _quarantined(raw: bytes, reason: Reason, received_at_ms: int) -> Line:
    """Keep a bad item as text, with whose it is where that can be read.

    The ids let a repeat be recognised, and a person's erasure reach it.
    """
    ids: dict[str, str] = {}
    try:
        item = _without_nul(_decode(raw)) if len(raw) <= MAX_REQUEST_BYTES else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        item = None
    if isinstance(item, dict):
        for column, name in (
            ("message_id", "messageId"),
            ("visitor_id", "anonymousId"),
            ("user_id", "userId"),
        ):
            value = item.get(name)
            if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
                ids[column] = value
    text = raw[:MAX_ITEM_BYTES].decode(errors="replace").replace("\0", "\ufffd")
    return Line(
        reason=reason,
        message_id=ids.get("message_id"),
        visitor_id=ids.get("visitor_id"),
        user_id=ids.get("user_id"),
        occurred_at=received_at_ms,
        properties={"raw": text},
    )


def _occurred_at(item: Mapping[str, Any], received: int, late: int) -> int:
    """Correct an item's time by the difference of the two clocks.

    What the client's clock puts after the arrival happened at the arrival.
    """
    stamp = item.get("timestamp")
    if stamp is None:
        stamp = item.get("originalTimestamp")
    if stamp is None:
        return received
    stated = instant_ms(stamp)
    if stated is None:
        raise _Bad(Reason.BAD_TIMESTAMP)
    occurred = stated + late
    if not EARLIEST_MS <= occurred <= received + DAY_MS:
        raise _Bad(Reason.TIMESTAMP_OUT_OF_RANGE)
    return min(occurred, received)


def _object(value: object) -> dict[str, Any]:
    if type(value) is dict:
        return value
    if value is None:
        return {}
    raise _Bad(Reason.WRONG_TYPE)


def _text(value: object) -> str | None:
    return value if type(value) is str and value else None


def _id(value: object) -> str | None:
    """Read an id as text; numbers are common and taken as written."""
    if type(value) is not str:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Bad(Reason.WRONG_TYPE)
        value = str(value)
    if len(value) > MAX_NAME:
        raise _Bad(Reason.FIELD_TOO_LONG)
    return value or None


def _named(value: object) -> str | None:
    """Read the id of a visitor or user, None where it names nobody."""
    text = _id(value)
    return None if text is None or text.strip().lower() in NOBODY else text


def _opened_batch(body: bytes) -> Envelope:
    try:
        found = _decode_batch(body)
        items = tuple(bytes(item) for item in found.batch)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        items, shell = _split(body)
        try:
            found = _decode_batch(shell)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise MalformedRequest(
                problem=f'The body is not JSON of the form {{"batch": [...]}}: {error}.'
            ) from None
    if len(items) > MAX_ITEMS:
        raise MalformedRequest(problem=f"A batch may have {MAX_ITEMS} items.")
    context: Mapping[str, object] = {}
    stated = bytes(found.context)
    if stated not in {b"", b"null"}:
        try:
            context = _item(stated)
        except _Bad as bad:
            raise MalformedRequest(problem=f"The batch's context is refused: {bad}.") from None
    return Envelope(
        items=items,
        sent_at=found.sentAt,
        write_key=found.writeKey if isinstance(found.writeKey, str) else None,
        context=context,
    )


def _opened_single(body: bytes) -> Envelope:
    try:
        found = _decode_single(body)
    except RecursionError:
        found = _Single()
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise MalformedRequest(problem=f"The body is not a JSON object: {error}.") from None
    return Envelope(
        items=(body,),
        sent_at=found.sentAt,
        write_key=found.writeKey if isinstance(found.writeKey, str) else None,
    )


def _split(body: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Cut a batch that does not decode as a whole into its items, by brackets and strings alone.

    One item with `NaN` in it, or nested a thousand levels deep, must not cost the
    others of its batch.

    Returns:
        The items' texts, and the body with an empty batch, to be decoded on its own.

    Raises:
        MalformedRequest: There is no one list named `batch`, or it has no end.
    """
    depth = 0
    last = key = b""
    items: list[bytes] = []
    begin = end = item_from = 0
    for token in _TOKEN.finditer(body):
        mark = token.group()
        if mark in {b"{", b"["}:
            depth += 1
            if depth == 2 and mark == b"[" and key == b'"batch"' and not begin:
                begin = item_from = token.end()
        elif mark in {b"}", b"]"}:
            depth -= 1
            if depth == 1 and begin and not end:
                end = token.start()
                items.append(body[item_from:end].strip())
        elif depth == 1 and mark == b":":
            key = last
        elif depth == 1:
            last = mark
            key = b"" if mark == b"," else key
        elif depth == 2 and mark == b"," and begin and not end:
            items.append(body[item_from : token.start()].strip())
            item_from = token.end()
    if not end:
        raise MalformedRequest(problem='The body is not JSON of the form {"batch": [...]}.')
    return tuple(items if items != [b""] else ()), body[:begin] + body[end:]
