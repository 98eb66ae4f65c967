"""The exports of other products go into the lake with the maps that are built in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truelift.lake.home import Home
from truelift.lake.imports import rows
from truelift.lake.imports.convert import ROW, Converter, MissingColumns
from truelift.lake.imports.load import Loaded, load_file
from truelift.lake.imports.map import map_from
from truelift.lake.imports.products import Product, built_in_map
from truelift.lake.imports.reject import RejectReason
from truelift.lake.imports.rows import RowFile
from truelift.lake.lake import Lake
from truelift.questions.question import Scan


EXPORTS = Path(__file__).parent / "exports"
"""Small exports in the shapes that the pages named in each map document."""

Row = dict[str, object]
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
START_S = 1_777_885_200
"""2026-05-04 09:00 UTC: the first event of every export."""

PAGE: Row = {"type": "page"}
PLACE: Row = {"path": "/tents", "device": "phone", "country": "DE"}
EXPOSED: Row = {"experiment": "shipping-cost", "variant": "shown"}
ORDER: Row = {"value_minor": 11_990, "currency": "EUR"}


@dataclass(frozen=True, slots=True)
class Everything:
    """All rows of a site, as they stand in the lake."""

    name: str = "everything"

    def scan(self) -> Scan:
        return Scan(
            sql=f"""
            SELECT round((epoch_ms(occurred_at) - {START_S}000) / 1000, 3) AS at, type, event,
                visitor_id, user_id, path, device, country, source, value_minor, currency,
                experiment, variant, person
            FROM all_events ORDER BY occurred_at, message_id
            """,
            parameters={},
        )

    def partial(self, rows: pa.Table) -> list[Row]:
        found: list[Row] = rows.to_pylist()
        return found

    def merge(self, left: list[Row], right: list[Row]) -> list[Row]:
        return left + right

    def answer(self, partial: list[Row]) -> list[Row]:
        return sorted(partial, key=lambda row: (str(row["at"]).zfill(9), str(row["event"])))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", lake=tmp_path / "home" / "lake")
    made.make()
    return made


def load(home: Home, path: Path, product: Product) -> Loaded:
    return load_file(home, "shop", path, map_file=None, product=product, now=lambda: NOON)


def brief(found: Sequence[Row]) -> list[Row]:
    """Rows without what is empty, and without the numbers of persons."""
    return [
        {name: cell for name, cell in row.items() if cell is not None and name != "person"}
        for row in found
    ]


def event(at: float, name: str, visitor: str, *more: Row, **cells: object) -> Row:
    row: Row = {"at": at, "type": "track", "event": name, "visitor_id": visitor}
    for each in (*more, cells):
        row |= each
    return row


GA4: Row = {"device": "phone", "country": "Germany"}
MATOMO: Row = {"device": "phone", "country": "DE", "source": "news"}
STORED: dict[str, tuple[Product, list[Row]]] = {
    "ga4.ndjson": (
        Product.GA4,
        [
            event(0.123, "experiment_viewed", "1234.5678", GA4, EXPOSED | {"variant": "1"}),
            event(0.123, "page_view", "1234.5678", PAGE, GA4, path="/tents", source="news"),
            event(60, "purchase", "1234.5678", GA4, ORDER, user_id="u-9"),
        ],
    ),
    "segment.ndjson": (
        Product.SEGMENT,
        [
            event(0.5, "page_view", "a-1", PAGE, path="/tents", device="phone", source="news"),
            event(3, "Experiment Viewed", "a-1", EXPOSED),
            event(60, "Order Completed", "u-9", user_id="u-9", value_minor=10_076, currency="EUR"),
            event(61, "identify", "a-1", {"type": "identify"}, user_id="u-9"),
            event(120, "Colour Chosen", "a-1"),
        ],
    ),
    "posthog.csv": (
        Product.POSTHOG,
        [
            event(0.5, "page_view", "anon-1", PAGE, PLACE, source="news"),
            event(3, "$feature_flag_called", "anon-1", EXPOSED),
            event(30, "identify", "anon-1", {"type": "identify"}, user_id="u-9"),
            event(60, "purchase", "u-9", ORDER, user_id="u-9"),
        ],
    ),
    "matomo.json": (
        Product.MATOMO,
        [
            event(0, "page_view", "0123456789abcdef", PAGE, MATOMO, path="/tents"),
            event(3, "Experiment Viewed", "0123456789abcdef", MATOMO, EXPOSED, path="/tents"),
            event(
                10, "play", "0123456789abcdef", MATOMO,
                path="/tents", value_minor=3_000, currency="EUR",
            ),
            event(60, "purchase", "0123456789abcdef", MATOMO, ORDER),
            event(
                70, "Newsletter", "0123456789abcdef", MATOMO,
                path="/news", value_minor=0, currency="EUR",
            ),
        ],
    ),
    "growthbook.csv": (
        Product.GROWTHBOOK,
        [
            event(3, "Experiment Viewed", "anon-1", EXPOSED | {"variant": "1"}),
            event(
                5.25, "Experiment Viewed", "u-9", EXPOSED | {"variant": "0"}, user_id="u-9"
            ),
        ],
    ),
    "growthbook_events.ndjson": (
        Product.GROWTHBOOK,
        [
            event(0, "page_view", "anon-1", PAGE, path="/tents", source="(direct)"),
            event(3, "Experiment Viewed", "anon-1", EXPOSED | {"variant": "1"}),
            event(60, "Purchase", "anon-1", ORDER, user_id="u-9"),
        ],
    ),
}  # fmt: skip
COUNTS = {  # rows read, stored, duplicate; people; rejected rows
    "ga4.ndjson": (6, 3, 1, 1, {"bad_time": 1, "no_unit": 1}),
    "segment.ndjson": (7, 5, 0, 1, {"bad_json": 1, "no_unit": 1}),
    "posthog.csv": (6, 4, 0, 1, {"bad_json": 2}),
    "matomo.json": (8, 5, 0, 1, {"bad_json": 1, "bad_time": 1, "no_event": 1}),
    "growthbook.csv": (3, 2, 0, 2, {"half_exposure": 1}),
    "growthbook_events.ndjson": (4, 3, 0, 1, {"no_unit": 1}),
}


@pytest.mark.parametrize("name", STORED)
def test_an_export_is_in_the_lake_once_and_every_row_accounted_for(home: Home, name: str) -> None:
    product, expected = STORED[name]
    read, stored, duplicates, people, reasons = COUNTS[name]

    first = load(home, EXPORTS / name, product)
    second = load(home, EXPORTS / name, product)

    found = Lake(home).ask("shop", Everything()).answer
    assert brief(found) == expected
    assert len({row["person"] for row in found}) == people
    assert (first.read, first.stored, first.duplicates) == (read, stored, duplicates)
    assert (second.read, second.stored, second.duplicates) == (read, 0, stored + duplicates)
    assert first.reasons == second.reasons == reasons
    assert read == stored + duplicates + first.rejected


def converted(path: Path, product: Product | str) -> tuple[list[Row], list[tuple[object, ...]]]:
    text = built_in_map(product) if isinstance(product, Product) else product
    import_map = map_from(text, source="map", file=path)
    file = RowFile.opened(path, import_map.file)
    converter = Converter(import_map, path=path, columns=file.columns, digest="d")
    events: list[Row] = []
    bad: list[tuple[object, ...]] = []
    for piece in file.pieces():
        result = converter.convert(piece)
        events += result.events.to_pylist()
        bad += [(each.line, each.element, each.reason, each.text) for each in result.rejects]
    return events, bad


def properties(found: Sequence[Row], name: str) -> dict[str, object]:
    (row,) = [row for row in found if row["event"] == name]
    read: dict[str, object] = json.loads(str(row["properties"]))
    return read


def test_parameters_of_ga4_become_properties_of_their_own_type() -> None:
    events, _ = converted(EXPORTS / "ga4.ndjson", Product.GA4)

    assert json.loads(str(events[0]["properties"])) == {
        "page_location": "https://shop.example/tents?utm_source=news",
        "page_title": "Tents",
        "page_referrer": "https://www.google.com/",
        "ga_session_id": 1777885200,
        "engagement_time_msec": 104,
        "user_properties": {"plan": "gold"},
    }
    bought = properties(events, "purchase")
    assert (bought["tax"], bought["transaction_id"]) == (19.14, "T-77")
    assert isinstance(bought["items"], list)


def test_a_parquet_table_of_ga4_says_the_same_as_its_json(tmp_path: Path) -> None:
    lines = (EXPORTS / "ga4.ndjson").read_text().splitlines()
    given = [json.loads(line) for line in lines if '"soon"' not in line]
    for row in given:
        row["event_timestamp"] = int(row["event_timestamp"])
        for pair in row["event_params"]:
            if "int_value" in pair["value"]:
                pair["value"]["int_value"] = int(pair["value"]["int_value"])
    path = tmp_path / "events_20260504.parquet"
    names = dict.fromkeys(name for row in given for name in row)
    pq.write_table(pa.table({name: [row.get(name) for row in given] for name in names}), path)

    events, bad = converted(path, Product.GA4)
    others, _ = converted(EXPORTS / "ga4.ndjson", Product.GA4)

    assert [(line, reason) for line, _, reason, _ in bad] == [(4, RejectReason.NO_UNIT)]
    for one, other in zip(events, others, strict=True):
        for name in set(one) - {ROW, "message_id", "properties"}:
            assert one[name] == other[name], name
    mine, theirs = properties(events, "purchase"), properties(others, "purchase")
    assert {**mine, "items": None} == {**theirs, "items": None}
    assert len(mine["items"]) == 1  # type: ignore[arg-type]


def test_events_that_ga4_sent_together_stay_apart_by_what_they_say(tmp_path: Path) -> None:
    same = {"event_name": "view_promotion", "event_timestamp": "1777885200000000",
            "user_pseudo_id": "1.2", "event_bundle_sequence_id": "4"}  # fmt: skip
    path = tmp_path / "ga4.ndjson"
    path.write_text(
        "\n".join(
            json.dumps({**same, "event_params": [{"key": "slot", "value": {"int_value": slot}}]})
            for slot in ("1", "2", "2")
        )
    )

    events, _ = converted(path, Product.GA4)

    ids = [row["message_id"] for row in events]
    assert len(ids) == 3
    assert ids[0] != ids[1] == ids[2]


def test_an_order_of_matomo_keeps_what_is_in_its_revenue() -> None:
    events, _ = converted(EXPORTS / "matomo.json", Product.MATOMO)

    bought = properties(events, "purchase")
    assert (bought["revenue"], bought["tax"], bought["shipping"]) == (119.9, 19.14, 5)


def test_a_broken_action_is_rejected_alone_with_its_visit_and_number() -> None:
    _, bad = converted(EXPORTS / "matomo.json", Product.MATOMO)

    assert [(line, element, reason) for line, element, reason, _ in bad] == [
        (1, 6, RejectReason.BAD_TIME),
        (2, None, RejectReason.NO_EVENT),
        (3, None, RejectReason.BAD_JSON),
    ]
    assert json.loads(str(bad[0][3])) == {
        "type": "action", "url": "https://shop.example/broken", "pageId": "9005",
    }  # fmt: skip


def test_an_overlapping_export_of_a_visit_adds_only_its_new_actions(
    home: Home, tmp_path: Path
) -> None:
    visits = json.loads((EXPORTS / "matomo.json").read_text().replace('"visitorId": }', '"x": 1}'))
    early = tmp_path / "early.ndjson"
    early.write_text(json.dumps(visits[0] | {"actionDetails": visits[0]["actionDetails"][:3]}))
    late = tmp_path / "late.json"
    late.write_text(json.dumps(visits[:1]))

    load(home, early, Product.MATOMO)
    again = load(home, late, Product.MATOMO)

    assert (again.read, again.stored, again.duplicates, again.rejected) == (6, 2, 3, 1)


def test_properties_of_posthog_may_be_text_or_object(tmp_path: Path) -> None:
    plain = {"event": "buy", "distinct_id": "v", "timestamp": "2026-05-04T09:00:00Z"}
    said = {"price": 3, "deep": {"er": [1, None]}}
    path = tmp_path / "events.jsonl"
    path.write_text(
        "\n".join(json.dumps({**plain, "properties": each}) for each in (said, json.dumps(said)))
    )

    events, bad = converted(path, Product.POSTHOG)

    assert bad == []
    assert [json.loads(str(row["properties"])) for row in events] == [said, said]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": Infinity}', RejectReason.BAD_JSON),
        ("[1]", RejectReason.BAD_JSON),
        ("nonsense", RejectReason.BAD_JSON),
        ('{"a":' + "[" * 32 + "]" * 32 + "}", RejectReason.TOO_DEEP),
    ],
)
def test_json_within_a_column_is_as_strict_as_json_in_a_line(
    tmp_path: Path, text: str, reason: RejectReason
) -> None:
    path = tmp_path / "events.jsonl"
    row = {"event": "buy", "distinct_id": "v", "timestamp": "2026-05-04", "properties": text}
    path.write_text(json.dumps(row))

    events, bad = converted(path, Product.POSTHOG)

    assert events == []
    assert [(line, why) for line, _, why, _ in bad] == [(1, reason)]


def test_brackets_within_texts_are_no_levels(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    said = {"a": '\\"' + "[{" * 40, "b": "\\" * 41 + "]"}
    row = {"event": "buy", "distinct_id": "v", "timestamp": "2026-05-04", "properties": said}
    path.write_text(json.dumps(row))

    ((found,), bad) = converted(path, Product.POSTHOG)

    assert bad == []
    assert json.loads(str(found["properties"])) == said


@pytest.mark.parametrize("name", ["visits.json.gz", "visits.json.zst"])
def test_a_compressed_file_is_read_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    plain = (EXPORTS / "matomo.json").read_bytes()
    path = tmp_path / name
    packed = gzip.compress(plain) if name.endswith("gz") else pa.compress(plain, "zstd", True)
    path.write_bytes(packed)

    assert converted(path, Product.MATOMO) == converted(EXPORTS / "matomo.json", Product.MATOMO)


def test_a_torn_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "segment.gz"
    path.write_bytes(gzip.compress((EXPORTS / "segment.ndjson").read_bytes())[:-40])

    with pytest.raises(rows.Unreadable, match="cannot be read"):
        converted(path, Product.SEGMENT)


def test_a_list_is_the_same_however_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = converted(EXPORTS / "matomo.json", Product.MATOMO)

    monkeypatch.setattr(rows, "PIECE_BYTES", 97)

    assert converted(EXPORTS / "matomo.json", Product.MATOMO) == whole


@pytest.mark.parametrize("text", ["[]", " [\n ] \n", "[]\n\n"])
def test_an_empty_list_has_no_rows(tmp_path: Path, text: str) -> None:
    path = tmp_path / "visits.json"
    path.write_text(text)

    assert converted(path, Product.MATOMO) == ([], [])


def test_a_list_that_is_torn_off_loses_its_last_element_only(tmp_path: Path) -> None:
    text = (EXPORTS / "matomo.json").read_text()
    path = tmp_path / "visits.json"
    path.write_text(text[: text.index('"idVisit": "502"')])

    events, bad = converted(path, Product.MATOMO)

    assert len(events) == 5
    assert [(line, why) for line, _, why, _ in bad][1:] == [(2, RejectReason.BAD_JSON)]


def test_another_products_export_is_refused_with_what_is_missing() -> None:
    with pytest.raises(MissingColumns) as refused:
        converted(EXPORTS / "growthbook.csv", Product.POSTHOG)

    assert refused.value.facts["missing"] == (
        "event", "distinct_id", "properties.$anon_distinct_id or distinct_id",
    )  # fmt: skip


def test_every_product_has_a_map_that_names_its_sources() -> None:
    folder = Path(rows.__file__).parent / "maps"

    assert {path.stem for path in folder.iterdir()} == set(Product)
    for product in Product:
        text = built_in_map(product)
        assert "# https://" in text
        assert map_from(text, source=product, file=Path("export.ndjson")).events


def test_a_list_in_a_column_of_a_table_explodes_too(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text('who,did\nv,"[{""n"":""a"",""t"":1},{""n"":""b""}]"\nw,\n')
    text = """
    [file]
    explode = "did"
    parse_json = []
    [[event]]
    name = { column = "did.n" }
    unit = "who"
    occurred_at = { column = "did.t", unit = "s" }
    """

    events, bad = converted(path, text)

    assert [(row["event"], row["visitor_id"], row["occurred_at"]) for row in events] == [
        ("a", "v", 1000)
    ]
    assert [each[:3] for each in bad] == [
        (2, 2, RejectReason.BAD_TIME),
        (3, None, RejectReason.NO_EVENT),
    ]


def test_a_column_may_be_the_first_of_several_and_have_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b,what,worth\n1,2,buy,x\n,3,,7\n")
    text = """
    [[event]]
    name = { column = "what", map = { buy = "purchase", "" = "seen" } }
    unit = ["a", "b"]
    type = { column = "what", map = { see = "page" }, else = "track" }
    occurred_at = 2026-05-04
    value = { column = ["what", "worth"], type = "number" }
    """

    events, _ = converted(path, text)

    assert [(row["event"], row["visitor_id"], row["type"], row["value"]) for row in events] == [
        ("purchase", "1", "track", None),
        ("seen", "3", "track", 7.0),
    ]


def test_a_rest_leaves_out_what_was_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "f.ndjson"
    path.write_text('{"e":"a","v":"w","t":1000,"p":"{\\"x\\":1,\\"k\\":2}","k":3}')
    text = """
    [file]
    parse_json = ["p"]
    [row]
    properties = "*"
    [[event]]
    name = { column = "e" }
    unit = "v"
    occurred_at = "t"
    properties = { "*" = "p" }
    """

    ((found,), _) = converted(path, text)

    assert json.loads(str(found["properties"])) == {"x": 1, "k": 2}


def test_rows_that_are_opened_may_be_larger_than_an_event(tmp_path: Path) -> None:
    action = {"type": "action", "timestamp": START_S, "pageTitle": "t" * 4000}
    visit = {"visitorId": "v", "idVisit": "1",
             "actionDetails": [{**action, "pageId": n} for n in range(100)]}  # fmt: skip
    path = tmp_path / "visits.json"
    path.write_text(json.dumps([visit]))

    events, bad = converted(path, Product.MATOMO)

    assert (len(events), bad) == (100, [])
    assert len({row["message_id"] for row in events}) == 100
