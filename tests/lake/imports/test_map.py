"""What a map may say, and what is said about one that may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from truelift.lake.imports.map import (
    BadMap,
    Column,
    Condition,
    Constant,
    Digest,
    FileShape,
    Format,
    Kind,
    Moment,
    TimeUnit,
    format_of,
    map_from,
    standard_map,
)


FILE = Path("orders.csv")
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_a_row_section_is_shared_and_an_event_may_say_otherwise() -> None:
    text = """
    [row]
    unit = "visitor"
    occurred_at = "seen"
    [[event]]
    name = "view_item"
    [[event]]
    name = "purchase"
    occurred_at = { column = "paid", format = "%d.%m.%Y", unit = "s" }
    value = "total"
    when = { column = "state", is = ["paid", "shipped"] }
    """

    view, purchase = map_from(text, source="map", file=FILE).events

    assert view.occurred_at == Moment(Column("seen"))
    assert purchase.unit == Column("visitor")
    assert purchase.occurred_at == Moment(Column("paid"), "%d.%m.%Y", TimeUnit.S)
    assert purchase.parts == {"value": Column("total")}
    assert purchase.when == Condition("state", ("paid", "shipped"))


def test_a_bare_word_names_the_event_itself_and_a_column_everywhere_else() -> None:
    text = """
    [[event]]
    name = "Experiment Viewed"
    unit = "visitor"
    occurred_at = "seen"
    experiment = { constant = "gate" }
    variant = "version"
    """

    (event,) = map_from(text, source="map", file=FILE).events

    assert event.name == Constant("Experiment Viewed")
    assert event.parts == {"experiment": Constant("gate"), "variant": Column("version")}


def test_a_constant_instant_is_in_the_files_time_zone_unless_it_says_its_own() -> None:
    text = """
    [file]
    time_zone = "Europe/Berlin"
    [[event]]
    name = "a"
    occurred_at = 2024-07-01T12:00:00
    [[event]]
    name = "b"
    occurred_at = 2024-07-01T12:00:00Z
    """

    naive, aware = map_from(text, source="map", file=FILE).events

    assert naive.occurred_at == Moment(1_719_828_000_000)
    assert aware.occurred_at == Moment(1_719_835_200_000)


def test_a_start_may_grow_with_every_row_or_by_a_column() -> None:
    text = """
    [[event]]
    name = "a"
    occurred_at = { start = 2024-01-01T00:00:00Z, step = "5m" }
    [[event]]
    name = "b"
    occurred_at = { start = { column = "day" }, step = { column = "after", unit = "s" } }
    """

    each_row, by_column = map_from(text, source="map", file=FILE).events

    assert each_row.occurred_at == Moment(1_704_067_200_000, step_ms=300_000)
    assert by_column.occurred_at == Moment(
        Column("day"), step=Column("after"), step_unit=TimeUnit.S
    )


def test_properties_have_kinds_and_a_star_takes_every_other_column() -> None:
    text = """
    [row]
    occurred_at = "t"
    properties = "*"
    [[event]]
    name = "a"
    properties = { price = { column = "p", type = "number" }, shop = { constant = "main" } }
    """

    (event,) = map_from(text, source="map", file=FILE).events

    assert event.rest
    assert event.properties["price"].kind is Kind.NUMBER
    assert event.properties["shop"].source == Constant("main")


def test_every_problem_of_a_map_is_named_at_once() -> None:
    text = """
    [file]
    delimiter = ";;"
    time_zone = "Mars/Olympus"
    encoding = "klingon"
    colour = "red"
    [row]
    message_id = { constant = "x" }
    [[event]]
    unit = 3
    variant = "v"
    type = { constant = "trick" }
    [[event]]
    name = "b"
    occurred_at = { start = "yesterday" }
    when = 7
    """

    with pytest.raises(BadMap) as refused:
        map_from(text, source="orders.toml", file=FILE)

    told = "\n".join(refused.value.facts["problems"])  # type: ignore[arg-type]
    for word in (
        "colour", "delimiter", "Mars/Olympus", "klingon", "message_id", "[[event]] 1 has no name",
        "[[event]] 1 unit", "[[event]] 1 occurred_at is missing", "variant", "type is one of",
        "[[event]] 2 occurred_at 'yesterday'", "[[event]] 2 when",
    ):  # fmt: skip
        assert word in told


@pytest.mark.parametrize("text", ["[file", "", "event = 3", "[[event]]\nname = ''"])
def test_what_is_not_a_map_is_refused(text: str) -> None:
    with pytest.raises(BadMap):
        map_from(text, source="map", file=FILE)


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.csv", Format.CSV), ("a.ndjson", Format.NDJSON), ("a.parquet", Format.PARQUET)],
)
def test_the_files_name_says_its_format_when_the_map_does_not(name: str, format_: Format) -> None:
    found = map_from("[[event]]\nname='a'\noccurred_at='t'", source="map", file=Path(name))

    assert found.file.format is format_


def test_a_file_without_a_map_needs_three_columns() -> None:
    with pytest.raises(BadMap, match=r"'name'.*'occurred_at'"):
        standard_map(["visitor_id"], file=FILE, shape=FileShape())


def test_a_file_without_a_map_takes_the_standard_columns_and_keeps_the_rest_as_properties() -> None:
    columns = ["name", "visitor_id", "occurred_at", "value", "source", "colour", "message_id"]

    found = standard_map(columns, file=FILE, shape=FileShape())

    (event,) = found.events
    assert event.parts == {"value": Column("value"), "utm_source": Column("source")}
    assert event.rest
    assert found.message_id == Column("message_id")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/map.toml")), ids=lambda p: p.parent.name)
def test_every_example_is_a_map(path: Path) -> None:
    assert map_from(path.read_text(), source=str(path), file=FILE).events


def test_a_map_says_everything_that_is_wrong_with_its_columns_at_once() -> None:
    text = """
    [file]
    explode = ["a"]
    partial = "yes"
    parse_json = "p"
    [row]
    message_id = { hash = [] }
    [[event]]
    name = { column = ["a", 7] }
    unit = { column = "u", else = "x" }
    occurred_at = ["seen", ""]
    value = { column = "v", type = "text" }
    url = { column = "u", map = { a = 1 } }
    title = { column = "t", words = {} }
    properties = { "*" = { constant = "x" } }
    """

    with pytest.raises(BadMap) as refused:
        map_from(text, source="map", file=FILE)

    told = refused.value.facts["problems"]
    assert isinstance(told, tuple)
    for problem, word in zip(
        sorted(told),
        sorted([
            "[[event]] 1 name column", "[[event]] 1 occurred_at column",
            "[[event]] 1 property '*'", "[[event]] 1 title", "[[event]] 1 unit else",
            "[[event]] 1 url map", "[[event]] 1 value type", "[file] explode", "[file] parse_json",
            "[file] partial", "[row] message_id",
        ]),
        strict=True,
    ):  # fmt: skip
        assert problem.startswith(word), (problem, word)


def test_columns_may_be_several_and_an_id_a_digest_of_several() -> None:
    text = """
    [row]
    message_id = { hash = ["a", "b"] }
    [[event]]
    name = { column = ["e", "f"], map = { x = "y" }, else = "z" }
    unit = ["u", "v"]
    occurred_at = { column = ["s", "t"], unit = "us" }
    properties = { "*" = ["p", "q"], one = "o" }
    """

    found = map_from(text, source="map", file=FILE)

    (event,) = found.events
    assert found.message_id == Digest(("a", "b"))
    assert event.name == Column("e", ("f",), (("x", "y"),), "z")
    assert event.unit == Column("u", ("v",))
    assert event.occurred_at == Moment(Column("s", ("t",)), unit=TimeUnit.US)
    assert (event.lifted, set(event.properties)) == (Column("p", ("q",)), {"one"})
    assert found.needed == (("u", "v"), ("s", "t"), ("o",), ("p", "q"), ("a",), ("b",))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl.gz", Format.NDJSON), ("a.parquet.zst", Format.PARQUET), ("a.csv.gz", Format.CSV),
        ("a.gz", Format.CSV), ("v1.2.json", Format.NDJSON),
    ],
)  # fmt: skip
def test_compression_does_not_hide_a_format(name: str, form: Format) -> None:
    assert format_of(Path(name)) is form
