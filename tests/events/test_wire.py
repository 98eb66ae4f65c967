"""How a request's body becomes lines of the journal."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from truelift.events.items import Arrival, event_or_reason, instant_ms
from truelift.events.reasons import MEANING, Reason
from truelift.events.wire import (
    MAX_ITEMS,
    MAX_REQUEST_BYTES,
    Accepted,
    Envelope,
    MalformedRequest,
    RequestTooLarge,
    accepted,
    opened,
    unpacked,
)


NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)
SERVER = Arrival(received_at_ms=NOON, trusted=True)
BROWSER = Arrival(received_at_ms=NOON, trusted=False)
WITH = b'{"type":"track","event":"a","userId":"u","p":%s}'
TRACK = {"type": "track", "event": "add_to_cart", "anonymousId": "v1", "messageId": "m1"}


def one(item: object, arrival: Arrival = BROWSER, **envelope: object) -> dict[str, Any]:
    text = item if isinstance(item, bytes) else json.dumps(item).encode()
    rest = b"".join(b',"%s":%s' % (k.encode(), json.dumps(v).encode()) for k, v in envelope.items())
    return lines(b'{"batch":[' + text + b"]" + rest + b"}", arrival)[0]


def lines(body: bytes, arrival: Arrival = BROWSER) -> list[dict[str, Any]]:
    return [json.loads(line) for line in accepted(opened(body, batch=True), arrival).lines]


def reason(item: object, arrival: Arrival = BROWSER) -> str | None:
    found: str | None = one(item, arrival).get("reason")
    return found


def test_a_track_item_becomes_a_line_with_the_names_of_columns() -> None:
    item = {
        **TRACK,
        "userId": "u1",
        "timestamp": "2026-11-21T11:59:58.500Z",
        "properties": {"sku": "a", "revenue": "12.50", "currency": "usd"},
        "context": {
            "page": {"url": "https://x.test/p", "referrer": "https://y.test/", "title": "P"},
            "campaign": {"source": "news", "medium": "email", "name": "may"},
            "userAgent": "Mozilla/5.0",
        },
    }

    line = one(item)

    assert line == {
        "type": "track",
        "event": "add_to_cart",
        "message_id": "m1",
        "visitor_id": "v1",
        "user_id": "u1",
        "occurred_at": NOON - 1500,
        "url": "https://x.test/p",
        "referrer": "https://y.test/",
        "title": "P",
        "user_agent": "Mozilla/5.0",
        "utm_source": "news",
        "utm_medium": "email",
        "utm_campaign": "may",
        "value": 12.5,
        "currency": "USD",
        "properties": {"sku": "a", "revenue": "12.50", "currency": "usd"},
        "context": item["context"],
    }


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("page", "page_view"),
        ("screen", "screen_view"),
        ("identify", "identify"),
        ("group", "group"),
        ("alias", "alias"),
    ],
)
def test_every_other_type_has_an_event_name_of_its_own(kind: str, event: str) -> None:
    assert one({"type": kind, "userId": "u1"}, SERVER)["event"] == event


def test_the_address_says_what_a_single_call_carries() -> None:
    body = json.dumps({"userId": "u1", "name": "Home", "type": "nonsense"}).encode()

    found = accepted(opened(body, batch=False), BROWSER, kind="page")

    assert json.loads(found.lines[0])["event"] == "page_view"
    assert json.loads(found.lines[0])["properties"] == {"name": "Home"}


def test_traits_are_the_properties_of_identify_and_a_group_id_goes_into_the_context() -> None:
    identify = one({"type": "identify", "userId": "u1", "traits": {"plan": "pro"}})
    group = one({"type": "group", "userId": "u1", "groupId": "g1", "traits": {"name": "Acme"}})

    assert identify["properties"] == {"plan": "pro"}
    assert group["properties"] == {"name": "Acme"}
    assert group["context"] == {"groupId": "g1"}


def test_a_key_without_a_place_of_its_own_is_kept_in_the_context() -> None:
    line = one({**TRACK, "channel": "server", "integrations": {"All": True}})

    assert line["context"] == {"channel": "server"}


def test_what_a_batch_says_about_all_its_items_is_said_of_each() -> None:
    line = one({**TRACK, "context": {"locale": "de"}}, context={"locale": "en", "ip": "1.2.3.4"})

    assert line["context"] == {"locale": "de", "ip": "1.2.3.4"}


def test_the_time_is_corrected_by_the_difference_of_the_clocks() -> None:
    item = {**TRACK, "timestamp": "2025-11-21T11:00:00.000Z"}

    wrong_by_a_year = one(item, sentAt="2025-11-21T11:00:10.000Z")

    assert wrong_by_a_year["occurred_at"] == NOON - 10_000


def test_what_the_clients_clock_puts_after_the_arrival_happened_at_the_arrival() -> None:
    assert one({**TRACK, "timestamp": "2026-11-21T13:00:00Z"})["occurred_at"] == NOON


@pytest.mark.parametrize(
    "stamp", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", 1, -5e14]
)
def test_a_time_outside_of_the_webs_life_is_quarantined(stamp: object) -> None:
    assert reason({**TRACK, "timestamp": stamp}) == Reason.TIMESTAMP_OUT_OF_RANGE


@pytest.mark.parametrize("stamp", ["yesterday", "", True, [], {}, "2026-13-01T00:00:00Z", 1e300])
def test_what_is_no_time_is_quarantined(stamp: object) -> None:
    assert reason({**TRACK, "timestamp": stamp}) == Reason.BAD_TIMESTAMP


@pytest.mark.parametrize("sent_at", ["nonsense", 5, "0001-01-01T00:00:00Z", None, {}])
def test_a_wrong_sent_at_spoils_nothing_when_the_item_has_no_time(sent_at: object) -> None:
    assert one(TRACK, sentAt=sent_at)["occurred_at"] == NOON


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00.001Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.0009999", 0),
        ("1970-01-02", 86_400_000),
        ("2026-11-21T12:00:00.250Z", NOON + 250),
        ("2026-11-21T12:00:59.999Z", NOON + 59_999),
        ("2026-11-21T12:00:59.999+00:00", NOON + 59_999),
        ("2026-11-21T12:00:60.000Z", None),
        ("2026-11-21T12:00:1 .000Z", None),
        ("2026-11-21T12:00:1٣.000Z", None),
        ("2026-11-21T12:00:00.250+00:0", None),
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_times_are_read_as_milliseconds(text: object, milliseconds: int | None) -> None:
    assert instant_ms("2026-11-21T12:00:30.000Z") == NOON + 30_000
    assert instant_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"type":"track","event":"a","userId":"u","properties":{"x":NaN}}', Reason.BAD_JSON),
        (b'{"type":"track","event":"a","userId":"u","p":-Infinity}', Reason.BAD_JSON),
        (b'{"type":"track","event":"a","userId":"u","event":"b"}', Reason.DUPLICATE_KEY),
        (b'{"type":"track","event" :"a","userId":"u", "event": "b"}', Reason.DUPLICATE_KEY),
        (b'{"type":"track","event":"a","userId":"u","\\u0065vent":"b"}', Reason.DUPLICATE_KEY),
        (
            b'{"type":"track","event":"a","userId":"\\u003a","p":{"x":{"y":1},"x":2}}',
            Reason.DUPLICATE_KEY,
        ),
        (b'{"type":"track","event":"\xff","userId":"u"}', Reason.BAD_ENCODING),
        (b'{"type":"track","event":"\xed\xa0\x80","userId":"u"}', Reason.BAD_ENCODING),
        (b'{"type":"track","event":"\\ud800","userId":"u"}', Reason.LONE_SURROGATE),
        (b'{"type":"track","event":"\\udc00x","userId":"u"}', Reason.LONE_SURROGATE),
        (b'{"type":"track","event":"a","userId":"u","x\\ud83d":1}', Reason.LONE_SURROGATE),
        (b'{"type":"track","event":"a","userId":"u","p":1e999}', Reason.NUMBER_OUT_OF_RANGE),
        (WITH % (b"9" * 310), Reason.NUMBER_OUT_OF_RANGE),
        (WITH % (b"-" + b"9" * 5000), Reason.NUMBER_OUT_OF_RANGE),
        (WITH % (b"[" * 32 + b"]" * 32), Reason.TOO_DEEP),
        (WITH % (b"[" * 9000 + b"]" * 9000), Reason.TOO_DEEP),
        (b'{"type":"track","event":"a","userId":"u","p":"%s"}' % (b"x" * 33_000), Reason.TOO_LARGE),
        (b"[1]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b"{nonsense}", Reason.BAD_JSON),
    ],
)  # fmt: skip
def test_an_item_that_may_not_stand_in_the_journal_is_kept_as_text_with_its_reason(
    raw: bytes, why: Reason
) -> None:
    good = json.dumps(TRACK).encode()

    found = lines(b'{"batch":[' + good + b"," + raw + b"," + good + b"]}")

    assert [line.get("reason") for line in found] == [None, why, None]
    assert found[1]["properties"]["raw"].startswith(raw[:20].decode(errors="replace"))


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({**TRACK, "type": "tracks"}, Reason.UNKNOWN_TYPE),
        ({**TRACK, "type": None}, Reason.UNKNOWN_TYPE),
        ({**TRACK, "type": ["track"]}, Reason.UNKNOWN_TYPE),
        ({**TRACK, "event": None}, Reason.NO_EVENT_NAME),
        ({**TRACK, "event": " "}, Reason.NO_EVENT_NAME),
        ({**TRACK, "event": 5}, Reason.WRONG_TYPE),
        ({**TRACK, "event": "e" * 513}, Reason.FIELD_TOO_LONG),
        ({**TRACK, "messageId": "e" * 513}, Reason.FIELD_TOO_LONG),
        ({**TRACK, "messageId": ["m"]}, Reason.WRONG_TYPE),
        ({**TRACK, "userId": {"id": 1}}, Reason.WRONG_TYPE),
        ({**TRACK, "userId": True}, Reason.WRONG_TYPE),
        ({**TRACK, "properties": [1]}, Reason.WRONG_TYPE),
        ({**TRACK, "context": "c"}, Reason.WRONG_TYPE),
        ({**TRACK, "anonymousId": None}, Reason.NO_IDENTITY),
        ({**TRACK, "anonymousId": "[object Object]", "userId": "Guest "}, Reason.NO_IDENTITY),
        ({"type": "alias", "userId": "u", "previousId": "v"}, Reason.ALIAS_NEEDS_SECRET_KEY),
    ],
)
def test_an_item_with_a_wrong_field_is_quarantined(item: object, why: Reason) -> None:
    assert reason(item) == why


def test_a_quarantined_item_says_whose_it_is_so_that_erasure_finds_it() -> None:
    line = one({**TRACK, "event": None, "userId": "u1"})

    assert line["reason"] == Reason.NO_EVENT_NAME
    assert (line["visitor_id"], line["user_id"], line["message_id"]) == ("v1", "u1", "m1")


def test_a_server_may_alias() -> None:
    line = one({"type": "alias", "userId": "u1", "previousId": "v1"}, SERVER)

    assert (line["user_id"], line["previous_id"]) == ("u1", "v1")


def test_numeric_ids_are_taken_as_written() -> None:
    assert one({**TRACK, "userId": 42})["user_id"] == "42"


def test_an_id_that_names_nobody_is_left_out() -> None:
    assert "user_id" not in one({**TRACK, "userId": "undefined"})


@pytest.mark.parametrize("number", [2**63, -(10**30), 10**308, 1e308, -0.0, 5e-324])
def test_a_number_that_a_double_can_hold_is_kept_as_sent(number: float) -> None:
    assert one({**TRACK, "properties": {"n": number}})["properties"] == {"n": number}


def test_an_item_is_too_large_also_where_blanks_make_it_so() -> None:
    item = b'{"type":"track","event":"a","userId":"u"%s}' % (b" " * 33_000)

    assert reason(item) == Reason.TOO_LARGE


def test_32_levels_are_enough_and_allowed() -> None:
    raw = WITH % (b"[" * 31 + b"]" * 31)

    assert reason(raw) is None


def test_nul_becomes_the_replacement_character() -> None:
    line = one(
        b'{"type":"track","event":"a\\u0000b","userId":"u","properties":{"x\\u0000":"\\u0000"}}'
    )

    assert line["event"] == "a\ufffdb"
    assert line["properties"] == {"x\ufffd": "\ufffd"}


def test_colons_quotes_and_escapes_in_texts_are_no_duplicate_keys() -> None:
    item = {**TRACK, "properties": {'a":': 'b":"c":', "d": ' : \\u0022: \n: "x" :', "é": "☃ 😀"}}

    assert one(item)["properties"] == item["properties"]
    assert one(json.dumps(item, ensure_ascii=False).encode())["properties"] == item["properties"]


def test_lines_hold_no_line_breaks() -> None:
    body = json.dumps({"batch": [{**TRACK, "event": "a\nb\r\u2028"}, {"x": "\n"}]}).encode()

    found = accepted(opened(body, batch=True), BROWSER)

    assert all(b"\n" not in line for line in found.lines)
    assert found.quarantined == 1


def test_of_a_browser_that_asks_not_to_be_tracked_only_the_count_is_kept() -> None:
    arrival = Arrival(received_at_ms=NOON, private=True)

    assert one(TRACK, arrival) == {"reason": Reason.PRIVACY_SIGNAL, "occurred_at": NOON}


def test_only_a_browsers_own_agent_stands_in_for_one_that_is_not_said() -> None:
    browser = Arrival(received_at_ms=NOON, user_agent="Mozilla/5.0 (X11)")
    library = Arrival(received_at_ms=NOON, user_agent="analytics-python/2.4.0")

    assert one(TRACK, browser)["user_agent"] == "Mozilla/5.0 (X11)"
    assert "user_agent" not in one(TRACK, library)


def test_a_site_s_own_people_are_marked_without_their_address() -> None:
    assert one(TRACK, Arrival(received_at_ms=NOON, internal=True))["context"] == {"internal": True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"batch":{}}',
        b'{"batch":[{}',
        b'{"batch":[{}]',
        b'{"batch":[{}]}}',
        b'{"batch":[{}]} trailing',
        b'{"x":[{}]}',
        b'{"batch":[NaN],"batch":[NaN]}',
        b'"batch"',
        b"\xff\xfe{\x00}\x00",
        b"[" * 100_000,
        b'{"batch":' + b"[" * 100_000,
        b'{"batch":[{}],"context":{"a":1,"a":2}}',
        b'{"batch":[' + b",".join([b"{}"] * (MAX_ITEMS + 1)) + b"]}",
    ],
)
def test_a_body_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        opened(body, batch=True)


@pytest.mark.parametrize(
    "piece", [b'\\"', b'"', b"\\", b"[", b"{", b'{"a":', b"NaN,", b"\xff", b" "]
)
def test_no_body_takes_long_to_refuse(piece: bytes) -> None:
    body = b'{"batch":["' + piece * (MAX_REQUEST_BYTES // len(piece) - 10)

    began = time.process_time()
    with pytest.raises(MalformedRequest):
        opened(body, batch=True)

    assert time.process_time() - began < 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"a":NaN}', b'{"a":1}x'])
def test_a_body_that_is_no_single_call_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        opened(body, batch=False)


def test_an_empty_batch_is_a_batch() -> None:
    wide = b'{"batch":[%s]}' % (b" " * 40_000)

    for body in (b'{"batch":[]}', wide):
        assert accepted(opened(body, batch=True), BROWSER) == Accepted(b"", 0, 0)


def test_key_and_time_are_read_from_the_body_even_when_an_item_spoils_the_whole() -> None:
    found = opened(
        b'{"writeKey":"k","batch":[{"a":NaN},[1,{"b":",]"}]],"sentAt":"2026-11-21T12:00:00Z"}',
        batch=True,
    )

    assert found.items == (b'{"a":NaN}', b'[1,{"b":",]"}]')
    assert (found.write_key, found.sent_at) == ("k", "2026-11-21T12:00:00Z")


def test_gzip_is_recognised_by_its_first_bytes_and_bounded() -> None:
    bomb = gzip.compress(b" " * (MAX_REQUEST_BYTES + 1))

    assert unpacked(gzip.compress(b'{"batch":[]}', mtime=0)) == b'{"batch":[]}'
    assert unpacked(b"\xef\xbb\xbf{}") == b"{}"
    with pytest.raises(RequestTooLarge):
        unpacked(bomb)
    with pytest.raises(RequestTooLarge):
        unpacked(b" " * (MAX_REQUEST_BYTES + 1))


@pytest.mark.parametrize(
    "body", [b"\x1f\x8b", b"\x1f\x8bnonsense", gzip.compress(b"{}" * 50, mtime=0)[:-12]]
)
def test_what_only_begins_like_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        unpacked(body)


def test_every_reason_has_its_sentence() -> None:
    assert set(MEANING) == set(Reason)


PIECES = [
    '"type":"track"', '"type":"page"', '"type":"identify"', '"type":null', '"event":"a"',
    '"event":""', '"event":"' + "e" * 513 + '"', '"event":null', '"messageId":"m"',
    '"messageId":null', '"messageId":7', '"messageId":"' + "m" * 513 + '"', '"anonymousId":"v"',
    '"anonymousId":null', '"anonymousId":" Guest "', '"userId":"u"', '"userId":"NaN"', '"userId":5',
    '"userId":"00000000-0000-0000-0000-000000000000"', '"timestamp":"2026-11-21T11:59:00Z"',
    '"timestamp":""', '"timestamp":null', '"timestamp":"9999-01-01"', '"timestamp":1',
    '"sentAt":"x"', '"writeKey":"k"', '"integrations":{"All":true}', '"_metadata":{"a":[1]}',
    '"channel":"web"', '"name":"Home"', '"properties":null', '"properties":{}', '"properties":[1]',
    '"properties":{"revenue":"5","currency":"eur"}', '"properties":{"a":1,"a":2}',
    '"properties":{"url":"https://p.test/","title":"P"}', '"properties":{"n":%s}' % ("9" * 400),
    '"properties":{"x\\u0000":"y\\u003a"}', '"properties":{"d":%s}' % ("[" * 31 + "]" * 31),
    '"properties":{"d":%s}' % ("[" * 30 + "]" * 30), '"properties" : {"a" :1}', '"context":null',
    '"context":{}', '"context":[]', '"context":{"a":1,"a":2}', '"context":{"page":5}',
    '"context":{"page":{"url":"https://x.test/","referrer":"r"}}', '"context":{"userAgent":"ua"}',
    '"context":{"page":{"url":"https://x.test/","referrer":"r","title":"t"},"userAgent":"u"}',
    '"context":{"campaign":{"source":"s","medium":5},"userAgent":"ua"}',
    '"context":{"campaign":[],"userAgent":7}',
    '"context":{"d":%s}' % ("[" * 31 + "]" * 31), '"context":{"n":%s}' % ("9" * 400),
    '"context":{"t":"\\u0000"}', '"context":{"t":"\\u00e9: \\" :"}', '"x":{"y":[]}',
    '"properties":{"a":1,"a":12,"b":1e6}', '"properties":{"p":[{"a":[1,{"b":2}]},{"c":null}]}',
    '"properties":{"revenue":1e16,"total":-0}', '"properties":{"value":true,"total":"7"}',
    '"integrations":{"a":1,"a":12}', '"integrations":{"n":%s}' % ("9" * 400), '"integrations":[]',
    '"_metadata":{"d":%s}' % ("[" * 31 + "]" * 31),
    '"_metadata":{"t":"\\u0000"}', '"_metadata":1e999', '"sentAt":{"a":1,"a":12,"b":1e6}',
    '"writeKey":%s' % ("[" * 32 + "]" * 32), '"userId":"guest%s"' % (" " * 40),
    '"anonymousId":"%sguest"' % ("\\u00a0" * 40), '"userId":"%s"' % ("\\u00e9" * 512),
    '"timestamp":"2026-11-21T11:59:59.999+00:00"', '"timestamp":"2026-11-21T11:59:60.000Z"',
    '"timestamp":"2026-11-21 11:59:00.000Z"', '"timestamp":"1999-11-21T11:59:00.000Z"',
    '"timestamp":"2026-11-22T11:59:00.000Z"', '"timestamp":"2027-11-22T11:59:00.000Z"',
]  # fmt: skip
"""Fields from ordinary to odd, to be put together at random."""

USUAL = ['"anonymousId":"v"', '"event":"a"', '"type":"track"', '"messageId":"m"']


def thoroughly(envelope: Envelope, arrival: Arrival, kind: str | None) -> list[dict[str, Any]]:
    sent = instant_ms(envelope.sent_at)
    late = 0 if sent is None else arrival.received_at_ms - sent
    read = (event_or_reason(raw, arrival, kind, late, envelope.context) for raw in envelope.items)
    return [json.loads(msgspec.json.encode(line)) for line in read]


def test_the_quick_reading_of_usual_items_says_what_the_thorough_one_says() -> None:
    rng = np.random.default_rng(4)
    agents = [None, "Mozilla/5.0 (X11)", "analytics-python/2.4.0"]
    arrivals = [Arrival(received_at_ms=NOON, user_agent=agent) for agent in agents]
    quick = 0

    for _ in range(9000):
        chosen = rng.choice(len(PIECES), size=int(rng.integers(1, 5)), replace=False)
        fields = USUAL[: int(rng.integers(2, 5))] + [PIECES[index] for index in chosen]
        item = "{" + rng.choice([",", ", "]).join(rng.permutation(fields)) + "}"
        kind = [None, None, "track", "page"][int(rng.integers(4))]
        body = (item if kind else f'{{"batch":[{item},{{{",".join(USUAL)}}}]}}').encode()
        arrival = arrivals[int(rng.integers(3))]
        envelope = opened(body, batch=kind is None)
        thorough = thoroughly(envelope, arrival, kind)
        found = accepted(envelope, arrival, kind=kind)
        quick += envelope.usual is not None and not found.quarantined
        assert list(map(json.loads, found.lines)) == thorough
        assert found.items == len(thorough)
        assert found.quarantined == sum("reason" in line for line in thorough)

    assert quick > 300


def test_an_unusual_item_leaves_the_others_of_its_batch_where_they_stood() -> None:
    usual = [{"type": "track", "event": str(place), "userId": "u"} for place in range(9)]
    identify = {"type": "identify", "userId": "u", "traits": {"plan": "pro"}}
    large = {**usual[0], "properties": {"text": "x" * 33_000}}
    nobody = {"type": "track", "event": "n", "userId": "null"}

    found = lines(
        json.dumps(
            {"batch": [identify, *usual[:4], nobody, large, *usual[4:], identify, {"a": 1}]}
        ).encode()
    )

    assert [line.get("event", line.get("reason")) for line in found] == [
        "identify", "0", "1", "2", "3", "no_identity", "too_large", "4", "5", "6", "7", "8",
        "identify", "unknown_type",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        b'"integrations":{"a":"\xff"}',
        b'"_metadata":"\xed\xa0\x80"',
        b'"integrations":{"a":"\\udc00"}',
        b'"properties":{"a":1,"a":12,"b":1e6}',
        b'"integrations":{"\\u0061":1,"a":12}',
    ],
)
@pytest.mark.parametrize("many", [1, 80])
def test_no_part_of_an_item_is_passed_over_because_no_line_keeps_it(part: bytes, many: int) -> None:
    good = b'{"type":"track","event":"a","userId":"u","integrations":{}}'
    bad = b'{"type":"track","event":"a","userId":"u",' + part + b"}"

    found = lines(b'{"batch":[' + b",".join([good] * many + [bad]) + b"]}")

    assert [line["event"] for line in found[:-1]] == ["a"] * many
    assert found[-1]["reason"] in {
        Reason.BAD_ENCODING,
        Reason.LONE_SURROGATE,
        Reason.DUPLICATE_KEY,
    }
