"""What the collector answers, and what then stands in the journal."""

from __future__ import annotations

import gzip
import json
import resource

import pytest

from tests.collector.conftest import NOON_MS, Bench, publish_keys, publish_site
from truelift.collector.app import Collector, Reply
from truelift.collector.limits import MINUTE_MS
from truelift.collector.published import Published
from truelift.events.wire import MAX_REQUEST_BYTES


TRACK = {"type": "track", "event": "add_to_cart", "anonymousId": "v1", "messageId": "m1"}


def code(reply: Reply) -> str:
    found: str = json.loads(reply.body)["code"]
    return found


def header(reply: Reply, name: str) -> str | None:
    return dict(reply.headers).get(name)


def test_an_accepted_batch_is_in_the_journal_when_it_is_acknowledged(bench: Bench) -> None:
    reply = bench.send("/v1/batch", {"batch": [TRACK, {**TRACK, "messageId": "m2"}]})

    assert (reply.status, reply.body) == (200, b'{"success":true}')
    assert [row["message_id"] for row in bench.stored()] == ["m1", "m2"]
    assert [row["position"] for row in bench.stored()] == [1, 2]
    assert bench.stored()[0]["received_at"] == NOON_MS
    assert bench.stored()[0]["key_id"] == "ks"
    assert bench.stored()[0]["trusted"] is True


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/v1/track", "add_to_cart"),
        ("/v1/t", "add_to_cart"),
        ("/v1/page", "page_view"),
        ("/v1/p", "page_view"),
        ("/v1/screen", "screen_view"),
        ("/v1/s", "screen_view"),
        ("/v1/identify", "identify"),
        ("/v1/i", "identify"),
        ("/v1/group", "group"),
        ("/v1/g", "group"),
        ("/v1/alias", "alias"),
        ("/v1/a", "alias"),
        ("/v1/track/", "add_to_cart"),
    ],
)
def test_every_single_call_has_its_address(bench: Bench, path: str, event: str) -> None:
    reply = bench.send(path, {**TRACK, "userId": "u1", "previousId": "v1"})

    assert reply.status == 200
    assert [row["event"] for row in bench.stored()] == [event]


def test_a_key_in_the_body_is_as_good_as_one_in_the_header(bench: Bench) -> None:
    batch = bench.send("/v1/b", {"batch": [TRACK], "writeKey": "public"}, key=None)
    single = bench.send("/v1/t", {**TRACK, "writeKey": "public"}, key=None)

    assert (batch.status, single.status) == (200, 200)
    assert [row["trusted"] for row in bench.stored()] == [False, False]


@pytest.mark.parametrize("key", ["nope", "", "ünknown"])
def test_an_unknown_key_is_told_so(bench: Bench, key: str) -> None:
    in_header = bench.send("/v1/batch", {"batch": [TRACK]}, key=key)
    in_body = bench.send("/v1/batch", {"batch": [TRACK], "writeKey": key}, key=None)

    assert (in_header.status, code(in_header)) == (401, "collector.unknown_key")
    assert in_body.status == 401
    assert header(in_header, "www-authenticate") is None
    assert bench.stored() == []


@pytest.mark.parametrize(
    "text", ["Basic", "Basic !!!", "Bearer x", "Basic //79", "basic " + "A" * 9]
)
def test_a_broken_authorization_header_is_no_key(bench: Bench, text: str) -> None:
    reply = bench.send("/v1/t", TRACK, key=None, headers={"authorization": text})

    assert reply.status == 401


def test_before_any_keys_were_published_the_answer_is_try_again_not_wrong_key(
    bench: Bench,
) -> None:
    bench.home.keys_file.unlink()
    collector = Collector(
        journal=bench.writer, published=Published(bench.home), now_ms=lambda: NOON_MS
    )
    bench.collector = collector

    shown = bench.send("/v1/t", TRACK)
    silent = bench.send("/v1/t", TRACK, key=None)

    assert (shown.status, code(shown)) == (503, "collector.no_keys_yet")
    assert silent.status == 503
    assert header(shown, "retry-after") == "5"


def test_new_keys_hold_within_two_seconds_and_revoked_ones_do_not(bench: Bench) -> None:
    before = bench.send("/v1/t", TRACK, key="fresh")
    publish_keys(bench.home, ("k3", "shop", "public", "fresh"))
    bench.now_ms[0] += 1001

    assert before.status == 401
    assert bench.send("/v1/t", TRACK, key="fresh").status == 200
    assert bench.send("/v1/t", TRACK, key="secret").status == 401


@pytest.mark.parametrize("content", [b"", b"{", b'{"keys":5}', b'{"keys":[{"key_id":1}]}', None])
def test_a_broken_or_missing_keys_file_leaves_the_last_good_one_in_force(
    bench: Bench, content: bytes | None
) -> None:
    assert bench.send("/v1/t", TRACK).status == 200
    if content is None:
        bench.home.keys_file.unlink()
    else:
        bench.home.keys_file.write_bytes(content)
    bench.now_ms[0] += 1500

    assert bench.send("/v1/t", TRACK).status == 200


def test_a_public_key_may_not_alias_and_the_rest_of_its_batch_is_kept(bench: Bench) -> None:
    alias = {"type": "alias", "userId": "u1", "previousId": "v1"}

    reply = bench.send("/v1/batch", {"batch": [alias, TRACK]}, key="public")

    assert reply.status == 200
    assert [row.get("reason") for row in bench.stored()] == ["alias_needs_secret_key", None]


@pytest.mark.parametrize("signal", [{"sec-gpc": "1"}, {"dnt": "1"}])
def test_of_a_browser_that_asks_not_to_be_tracked_nothing_but_the_count_is_kept(
    bench: Bench, signal: dict[str, str]
) -> None:
    browser = bench.send("/v1/t", TRACK, key="public", headers=signal)
    server = bench.send("/v1/t", TRACK, key="secret", headers=signal)

    assert (browser.status, server.status) == (200, 200)
    assert bench.stored()[0]["reason"] == "privacy_signal"
    assert "v1" not in json.dumps(bench.stored()[0])
    assert "reason" not in bench.stored()[1]


@pytest.mark.parametrize(
    ("address", "internal"),
    [("10.1.2.3", True), ("192.0.2.9", True), ("203.0.113.7", False), ("::ffff:10.0.0.1", True),
     ("2001:db8::5", True), ("", False)],
)  # fmt: skip
def test_events_from_the_sites_own_addresses_are_marked(
    bench: Bench, address: str, internal: bool
) -> None:
    publish_site(
        bench.home, internal={"addresses": ["10.0.0.0/8", "192.0.2.9", "2001:db8::/32", "nonsense"]}
    )

    bench.send("/v1/t", TRACK, address=address)

    assert bench.stored()[0].get("context") == ({"internal": True} if internal else None)
    assert address not in json.dumps(bench.stored()[0]) or not address


def test_gzip_is_taken_whatever_the_content_type_says(bench: Bench) -> None:
    body = gzip.compress(json.dumps({"batch": [TRACK]}).encode())

    reply = bench.send(
        "/v1/batch", body, headers={"content-type": "application/x-www-form-urlencoded"}
    )

    assert reply.status == 200
    assert len(bench.stored()) == 1


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"{", 400, "collector.bad_request"),
        (b"\xff" * 50, 400, "collector.bad_request"),
        (b"[" * 60_000, 400, "collector.bad_request"),
        (b"\x1f\x8b" + b"x" * 50, 400, "collector.bad_request"),
        (b" " * (MAX_REQUEST_BYTES + 1), 413, "collector.too_large"),
        (gzip.compress(b" " * 10_000_000), 413, "collector.too_large"),
    ],
)
def test_a_bad_body_is_refused_as_a_whole(
    bench: Bench, body: bytes, status: int, expected: str
) -> None:
    reply = bench.send("/v1/batch", body)

    assert (reply.status, code(reply)) == (status, expected)
    assert json.loads(reply.body)["message"]
    assert bench.stored() == []


def test_an_empty_batch_is_fine_and_writes_nothing(bench: Bench) -> None:
    assert bench.send("/v1/batch", {"batch": []}).status == 200
    assert bench.stored() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/v1/batch", 405),
        ("PUT", "/v1/track", 405),
        ("POST", "/v1/nonsense", 404),
        ("POST", "/v1/", 404),
        ("POST", "/v1/projects/public/settings", 404),
        ("GET", "/v1/projects/nope/settings", 401),
        ("OPTIONS", "/v1/p", 204),
        ("OPTIONS", "/v1/nonsense", 204),
    ],
)
def test_every_other_address_and_method_has_its_answer(
    bench: Bench, method: str, path: str, status: int
) -> None:
    assert bench.send(path, b"{}", method=method).status == status


def test_a_browser_may_ask_before_it_sends_and_no_credentials_are_invited(bench: Bench) -> None:
    reply = bench.send(
        "/v1/p",
        method="OPTIONS",
        key=None,
        headers={"access-control-request-headers": "authorization"},
    )

    assert header(reply, "access-control-allow-origin") == "*"
    assert "authorization" in (header(reply, "access-control-allow-headers") or "")
    assert "POST" in (header(reply, "access-control-allow-methods") or "")
    assert header(reply, "access-control-allow-credentials") is None
    assert header(bench.send("/v1/p", TRACK), "access-control-allow-origin") == "*"


def test_segments_browser_library_is_told_to_send_here(bench: Bench) -> None:
    reply = bench.send(
        "/v1/projects/public/settings",
        method="GET",
        key=None,
        headers={"host": "t.shop.example:8443", "x-forwarded-proto": "https"},
    )

    settings = json.loads(reply.body)["integrations"]["Segment.io"]

    assert settings == {
        "apiKey": "public",
        "apiHost": "t.shop.example:8443/v1",
        "protocol": "https",
    }


def test_a_host_header_that_is_no_host_is_refused(bench: Bench) -> None:
    reply = bench.send(
        "/v1/projects/public/settings", method="GET", key=None, headers={"host": 'x"><script>'}
    )

    assert reply.status == 400


def test_one_key_from_one_address_has_its_rate_and_others_have_theirs(bench: Bench) -> None:
    publish_site(bench.home, rate_limit_per_minute=2)

    first = [bench.send("/v1/t", TRACK).status for _ in range(3)]
    other_address = bench.send("/v1/t", TRACK, address="203.0.113.8")
    other_key = bench.send("/v1/t", TRACK, key="public")
    refused = bench.send("/v1/t", TRACK)
    bench.now_ms[0] += MINUTE_MS
    later = bench.send("/v1/t", TRACK)

    assert first == [200, 200, 429]
    assert (other_address.status, other_key.status, later.status) == (200, 200, 200)
    assert code(refused) == "collector.rate_limit"
    assert 1 <= int(header(refused, "retry-after") or 0) <= 61


def test_addresses_of_one_ipv6_network_count_as_one(bench: Bench) -> None:
    publish_site(bench.home, rate_limit_per_minute=1)

    first = bench.send("/v1/t", TRACK, address="2001:db8:1:2:a::1")
    second = bench.send("/v1/t", TRACK, address="2001:db8:1:2:b::9")

    assert (first.status, second.status) == (200, 429)


def test_a_site_has_its_quota_a_day_also_across_a_restart(bench: Bench) -> None:
    publish_site(bench.home, daily_quota=3)

    before = bench.send("/v1/batch", {"batch": [TRACK, TRACK]})
    too_much = bench.send("/v1/batch", {"batch": [TRACK, TRACK]})
    bench.collector = Collector(
        journal=bench.writer,
        published=Published(bench.home),
        free_bytes=0,
        now_ms=lambda: bench.now_ms[0],
    )
    last = bench.send("/v1/t", TRACK)
    refused = bench.send("/v1/t", TRACK)
    bench.now_ms[0] += 12 * 3600 * 1000
    tomorrow = bench.send("/v1/t", TRACK)

    assert [r.status for r in (before, too_much, last, refused, tomorrow)] == [
        200,
        429,
        200,
        429,
        200,
    ]
    assert code(refused) == "collector.daily_quota"
    assert int(header(refused, "retry-after") or 0) <= 300


def test_a_disk_with_too_little_room_refuses_before_it_is_full(bench: Bench) -> None:
    bench.collector = Collector(
        journal=bench.writer,
        published=Published(bench.home),
        free_bytes=2**62,
        now_ms=lambda: NOON_MS,
    )

    reply = bench.send("/v1/t", TRACK)

    assert (reply.status, code(reply)) == (503, "collector.disk_nearly_full")
    assert header(reply, "retry-after") is not None


def test_a_full_disk_answers_503_and_goes_on_by_itself(bench: Bench) -> None:
    bench.send("/v1/t", TRACK)
    size = next((bench.home.journal / "collector").glob("*.tlj")).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        full = bench.send("/v1/t", TRACK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    after = bench.send("/v1/t", {**TRACK, "messageId": "after"})

    assert (full.status, code(full)) == (503, "journal.full")
    assert header(full, "retry-after") is not None
    assert after.status == 200
    assert [row["message_id"] for row in bench.stored()] == ["m1", "after"]


@pytest.mark.parametrize(
    ("path", "owned"),
    [("/v1/batch", True), ("/healthz", True), ("/", False), ("/api/v1/x", False), ("/v1", False)],
)
def test_the_collector_says_which_paths_are_its_own(path: str, owned: bool) -> None:
    assert Collector.owns(path) is owned
