"""Segment's HTTP requests: opened, decompressed, and taken apart into canonical lines."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from truelift.errors import Refusal
from truelift.events.items import (
    MAX_ITEM_BYTES,
    TOKEN,
    Arrival,
    Refused,
    checked_item,
    event_or_reason,
    instant_ms,
)
from truelift.events.usual import Usual, UsualBatch, Written, usual_lines


MAX_REQUEST_BYTES: Final = 500 * 1024
MAX_ITEMS: Final = 2500

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


@dataclass(slots=True)
class Envelope:
    """A request's body, opened but not yet looked at item by item.

    Attributes:
        body: Decompressed.
        batch: It holds a list of items; otherwise it is one.
        sent_at: When the client says that it sent the request, as sent.
        write_key: The key in the body, or None.
        context: What a batch says about all its items, or empty.
        usual: The body in the form that nearly all have, or None.
    """

    body: bytes
    batch: bool
    sent_at: object
    write_key: str | None
    context: Mapping[str, object]
    usual: UsualBatch | Usual | None
    _items: tuple[bytes, ...] | None = None

    @property
    def items(self) -> tuple[bytes, ...]:
        """Each item's own JSON text, as sent."""
        if self._items is None:
            self._items = _batch_of(self.body)[0] if self.batch else (self.body,)
        return self._items


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """A request's items as lines of the journal.

    Attributes:
        text: Canonical JSON, one object a line, each with its line end, in the order sent.
        items: How many lines these are.
        quarantined: How many of them carry a reason instead of an event.
    """

    text: bytes
    items: int
    quarantined: int

    @property
    def lines(self) -> list[bytes]:
        """Each line without its end."""
        return self.text.split(b"\n")[:-1]


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: Any = None  # noqa: N815 - the client's word
    writeKey: Any = None  # noqa: N815
    context: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class _Single(msgspec.Struct):
    sentAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


_decode_usual_batch: Final = msgspec.json.Decoder(UsualBatch).decode
_decode_usual: Final = msgspec.json.Decoder(Usual).decode
_decode_batch: Final = msgspec.json.Decoder(_Batch).decode
_decode_single: Final = msgspec.json.Decoder(_Single).decode
_encode: Final = msgspec.json.Encoder().encode
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


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
    """Find out who sent a request and when, without judging its items yet.

    Args:
        body: Decompressed.
        batch: The address takes `{"batch": [...]}`; otherwise the body is the item.

    Raises:
        MalformedRequest: The body is not JSON of that shape.
    """
    usual: UsualBatch | Usual
    try:
        usual = _decode_usual_batch(body) if batch else _decode_usual(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _opened_batch(body) if batch else _opened_single(body)
    if isinstance(usual, UsualBatch) and len(usual.batch) > MAX_ITEMS:
        raise MalformedRequest(problem=f"A batch may have {MAX_ITEMS} items.")
    return Envelope(body, batch, usual.sentAt, _key(usual.writeKey), _NOTHING, usual)


def accepted(envelope: Envelope, arrival: Arrival, *, kind: str | None = None) -> Accepted:
    """Read every item of a request; a bad one is kept with its reason, the others as events.

    Args:
        envelope: The opened request.
        arrival: What the server knows about it.
        kind: The type of item that the address takes, or None for a batch.
    """
    sent = instant_ms(envelope.sent_at)
    late = 0 if sent is None else arrival.received_at_ms - sent
    written = None
    if not (arrival.private or arrival.internal):
        small = len(envelope.body) <= MAX_ITEM_BYTES or all(
            len(raw) <= MAX_ITEM_BYTES for raw in envelope.items
        )
        if envelope.usual is not None and small:
            written = usual_lines(envelope.usual, envelope.body, arrival, kind, late)
        elif envelope.batch and not envelope.context:
            written = _usual_among(envelope.items, arrival, late)
    if written is not None and not written.left:
        return Accepted(written.text, written.items, 0)
    lines = [] if written is None else written.text.split(b"\n")[:-1]
    quarantined = 0
    for place in range(len(envelope.items)) if written is None else written.left:
        raw = envelope.items[place]
        thorough = event_or_reason(raw, arrival, kind, late, envelope.context)
        quarantined += thorough.reason is not None
        lines.insert(place, _encode(thorough))
    return Accepted(b"".join(line + b"\n" for line in lines), len(lines), quarantined)


def _usual_among(items: Sequence[bytes], arrival: Arrival, late: int) -> Written | None:
    """Write down what is usual in a batch that as a whole is not: one `identify` is enough."""
    usual: list[Usual] = []
    places: list[int] = []
    for place, raw in enumerate(items):
        try:
            item = _decode_usual(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        if len(raw) <= MAX_ITEM_BYTES:
            usual.append(item)
            places.append(place)
    body = b'{"batch":[' + b",".join([items[place] for place in places]) + b"]}"
    written = usual_lines(UsualBatch(usual), body, arrival, None, late)
    if written is None:
        return None
    found = set(places) - {places[at] for at in written.left}
    left = [place for place in range(len(items)) if place not in found]
    return Written(written.text, written.items, left)


def _opened_batch(body: bytes) -> Envelope:
    items, found = _batch_of(body)
    if len(items) > MAX_ITEMS:
        raise MalformedRequest(problem=f"A batch may have {MAX_ITEMS} items.")
    context = _NOTHING
    stated = bytes(found.context)
    if stated not in {b"", b"null"}:
        try:
            context = checked_item(stated)
        except Refused as bad:
            raise MalformedRequest(problem=f"The batch's context is refused: {bad}.") from None
    return Envelope(body, True, found.sentAt, _key(found.writeKey), context, None, items)  # noqa: FBT003


def _opened_single(body: bytes) -> Envelope:
    try:
        found = _decode_single(body)
    except RecursionError:
        found = _Single()
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise MalformedRequest(problem=f"The body is not a JSON object: {error}.") from None
    return Envelope(body, False, found.sentAt, _key(found.writeKey), _NOTHING, None, (body,))  # noqa: FBT003


def _batch_of(body: bytes) -> tuple[tuple[bytes, ...], _Batch]:
    """Take a batch apart into its items' texts and the rest."""
    try:
        found = _decode_batch(body)
        return tuple(bytes(item) for item in found.batch), found
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        items, shell = _split(body)
    try:
        return items, _decode_batch(shell)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MalformedRequest(
            problem=f'The body is not JSON of the form {{"batch": [...]}}: {error}.'
        ) from None


def _key(stated: object) -> str | None:
    return stated if isinstance(stated, str) else None


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
    for token in TOKEN.finditer(body):
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
