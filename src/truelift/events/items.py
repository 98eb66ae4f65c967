"""One item of a request, read in full and written down again in one canonical form.

Nothing that a client sent goes further verbatim: every item is decoded, looked
at and encoded anew, so a line of the journal always is valid JSON in UTF-8 with
no key twice, no lone surrogate, no more than 32 levels and no number that a
double cannot hold. An item that cannot be is kept as text with the reason.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from truelift.events.identity import NOBODY
from truelift.events.money import amount_of, currency_code
from truelift.events.reasons import Reason


MAX_ITEM_BYTES: Final = 32 * 1024
MAX_DEPTH: Final = 32
MAX_NAME: Final = 512
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: nothing on the web that is measured here happened before."""

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

EVENT_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "page": "page_view",
        "screen": "screen_view",
        "identify": "identify",
        "group": "group",
        "alias": "alias",
    }
)
"""What an event is called whose type says it all."""

_TYPES: Final = frozenset({"track", *EVENT_OF})
_READ: Final = frozenset(
    {
        "type", "event", "messageId", "anonymousId", "userId", "previousId", "groupId",
        "timestamp", "originalTimestamp", "sentAt", "receivedAt", "properties", "traits",
        "context", "name", "category", "writeKey", "integrations", "_metadata",
    }
)  # fmt: skip
"""Keys of an item that have a place of their own, or none; any other goes into its context."""

_UTC_ZONES: Final = ("Z", "+00:00")
_SECONDS: Final = {f"{second:02d}.": 1000 * second for second in range(60)}
_FRACTIONS: Final = {f"{ms:03d}{zone}": ms for ms in range(1000) for zone in _UTC_ZONES}
_REMEMBERED_MINUTES: Final = 4096
_minutes: dict[str, int] = {}

_DIGITS: Final = bytes(ord("0") if 48 <= code <= 57 else 32 for code in range(256))
_LONG_NUMBER: Final = b"0" * 308
_LONG_NUMBER_SEEN: Final = b"0000"
"""Of 308 digits in a row every 64th byte shows at least four."""

TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},:]', re.DOTALL)
"""Brackets, commas, colons and whole strings of JSON text that need not be valid.

A string without an end goes to the end of the text: were it no match, every quote
in it would be tried anew, a minute's work for 500 KB of them.
"""

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class Arrival(msgspec.Struct, frozen=True, gc=False):
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


class Refused(Exception):
    """An item is to be quarantined; this never leaves the room."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def event_or_reason(
    raw: bytes, arrival: Arrival, kind: str | None, late: int, shared: Mapping[str, object]
) -> Line:
    """Read one item, as an event or as a bad item with its reason.

    Args:
        raw: Its JSON text.
        arrival: What the server knows about its request.
        kind: The type that the address takes, or None.
        late: What to add to the client's times, ms.
        shared: What the batch says about all its items.
    """
    received = arrival.received_at_ms
    if arrival.private:
        return Line(reason=Reason.PRIVACY_SIGNAL, occurred_at=received)
    try:
        return event_line(raw, arrival, kind, late, shared)
    except Refused as bad:
        return _quarantined(raw, bad.reason, received)


def instant_ms(value: object) -> int | None:
    """Read a time as epoch milliseconds: ISO 8601 (UTC when it says no zone) or a number.

    A number below 10¹¹ is taken as seconds. Anything else is None.
    """
    if type(value) is str:
        try:
            # Of the usual forms only the first of a minute is parsed in full.
            return _minutes[value[:17]] + _SECONDS[value[17:20]] + _FRACTIONS[value[20:]]
        except KeyError:
            return _instant_of_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not abs(value) < 1e15:
        return None
    return int(value * 1000) if abs(value) < 1e11 else int(value)


def _instant_of_text(text: str) -> int | None:
    """Read ISO 8601, and remember its minute where the form is usual."""
    if not 8 <= len(text) <= 64:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    if text[17:20] in _SECONDS and text[20:] in _FRACTIONS and text[10] == "T" and text[16] == ":":
        if len(_minutes) >= _REMEMBERED_MINUTES:
            _minutes.clear()
        _minutes[text[:17]] = since.days * DAY_MS + since.seconds // 60 * 60_000
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def event_line(
    raw: bytes, arrival: Arrival, kind: str | None, late: int, shared: Mapping[str, object]
) -> Line:
    """Read one item as a canonical line.

    Raises:
        Refused: It has to be quarantined.
    """
    item = checked_item(raw)
    get = item.get
    kind = kind or get("type")
    if type(kind) is not str or kind not in _TYPES:
        raise Refused(Reason.UNKNOWN_TYPE)
    context = _object(get("context"))
    if shared:
        context = {**shared, **context}
    properties = _object(get("traits" if kind in {"identify", "group"} else "properties"))
    if kind == "track":
        event = get("event")
        if type(event) is not str:
            raise Refused(Reason.NO_EVENT_NAME if event is None else Reason.WRONG_TYPE)
        if not event or event.isspace():
            raise Refused(Reason.NO_EVENT_NAME)
        if len(event) > MAX_NAME:
            raise Refused(Reason.FIELD_TOO_LONG)
    else:
        event = EVENT_OF[kind]
        if kind in {"page", "screen"}:
            for name in ("name", "category"):
                if get(name) is not None:
                    properties.setdefault(name, item[name])
        elif kind == "alias" and not arrival.trusted:
            raise Refused(Reason.ALIAS_NEEDS_SECRET_KEY)
    if "groupId" in item:
        context["groupId"] = item["groupId"]
    for name in item.keys() - _READ:
        context.setdefault(name, item[name])
    if arrival.internal:
        context["internal"] = True
    visitor = _named(get("anonymousId"))
    user = _named(get("userId"))
    if visitor is None and user is None:
        raise Refused(Reason.NO_IDENTITY)
    return line_of(
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
        sender_of(arrival),
    )


def sender_of(arrival: Arrival) -> str | None:
    """Say what browser sent a request, None where it is a library and says nothing of one."""
    agent = arrival.user_agent
    return agent if agent and agent.startswith("Mozilla/") else None


def line_of(
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
    if agent is None:
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


def checked_item(raw: bytes) -> dict[str, Any]:
    """Decode one item and make sure that it may stand in the journal.

    Duplicate keys cannot be seen in what msgspec decodes. What `JSON.stringify`
    wrote is the same text when encoded anew, so it has none; otherwise colons are
    counted, of which a dropped key takes one along. (Two-byte searches over the
    text took four times as long as decoding it.)

    Raises:
        Refused: It may not.
    """
    if len(raw) > MAX_ITEM_BYTES:
        raise Refused(Reason.TOO_LARGE)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise Refused(Reason.TOO_DEEP)
    try:
        item = _decode(raw)
        again = _encode(item)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise Refused(_why(raw, error)) from None
    if type(item) is not dict:
        raise Refused(Reason.NOT_AN_OBJECT)
    if again != raw and not as_many_keys(raw, again):
        _refuse_duplicates(raw)
    if may_hold_long_number(again):
        _refuse_big_numbers(item)
    if b"\\" in again and b"\\u0000" in again:
        return cast("dict[str, Any]", _without_nul(item))
    return cast("dict[str, Any]", item)


def as_many_keys(raw: bytes, again: bytes) -> bool:
    """Tell whether an item lost no key when it was decoded: a key takes its colon along."""
    return again.count(b":") == raw.count(b":") and not (b"\\" in raw and b"\\u003" in raw)


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
            raise Refused(Reason.DUPLICATE_KEY)
        return found

    try:
        json.loads(raw, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refused(Reason.BAD_JSON) from None


def may_hold_long_number(text: bytes) -> bool:
    """Look for a row of digits so long that no double holds the number.

    Reading every byte cost as much as encoding the item.
    """
    return _LONG_NUMBER_SEEN in text[::64].translate(_DIGITS) and _LONG_NUMBER in text.translate(
        _DIGITS
    )


def _refuse_big_numbers(value: object) -> None:
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise Refused(Reason.NUMBER_OUT_OF_RANGE)
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
    for token in TOKEN.finditer(raw):
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
        item = _without_nul(_decode(raw))
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
        raise Refused(Reason.BAD_TIMESTAMP)
    occurred = stated + late
    if not EARLIEST_MS <= occurred <= received + DAY_MS:
        raise Refused(Reason.TIMESTAMP_OUT_OF_RANGE)
    return min(occurred, received)


def _object(value: object) -> dict[str, Any]:
    if type(value) is dict:
        return value
    if value is None:
        return {}
    raise Refused(Reason.WRONG_TYPE)


def _text(value: object) -> str | None:
    return value if type(value) is str and value else None


def _id(value: object) -> str | None:
    """Read an id as text; numbers are common and taken as written."""
    if type(value) is not str:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Refused(Reason.WRONG_TYPE)
        value = str(value)
    if len(value) > MAX_NAME:
        raise Refused(Reason.FIELD_TOO_LONG)
    return value or None


def _named(value: object) -> str | None:
    """Read the id of a visitor or user, None where it names nobody."""
    text = _id(value)
    return None if text is None or text.strip().lower() in NOBODY else text
