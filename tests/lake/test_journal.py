"""What the journal promises: in order, whole, safe before it is acknowledged."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pyarrow as pa
import pytest

from truelift.lake.journal import (
    LINES,
    BadFrame,
    BadWriterName,
    JournalClosed,
    JournalFull,
    JournalInUse,
    JournalWriter,
    lines_of,
    remove_segment,
    segments,
)


def put(writer: JournalWriter, *lines: str, site: str = "shop", at: int = 1000) -> int:
    return writer.append_and_wait(
        site=site,
        key_id="k1",
        trusted=False,
        received_at_ms=at,
        lines=[line.encode() for line in lines],
    )


def everything(journal: Path, site: str = "shop") -> pa.Table:
    tables = []
    for segment in segments(journal):
        offset = 0
        while True:
            piece = lines_of(segment.path, offset=offset, limit_bytes=300)
            if site in piece.tables:
                tables.append(piece.tables[site])
            if piece.next_offset == offset:
                break
            offset = piece.next_offset
    return pa.concat_tables(tables) if tables else LINES.empty_table()


def test_what_was_appended_is_read_back_in_order_with_positions_per_site(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    writer.append_and_wait(
        site="shop", key_id="k1", trusted=True, received_at_ms=5, lines=[b'{"a":1}', b'{"a":2}']
    )
    put(writer, '{"b":1}', site="blog", at=6)
    last = put(writer, '{"a":"é"}', at=7)
    writer.close()

    shop = everything(tmp_path)

    assert last == 3
    assert shop.schema == LINES
    assert shop.to_pylist() == [
        {"position": 1, "received_at": 5, "key_id": "k1", "trusted": True, "line": '{"a":1}'},
        {"position": 2, "received_at": 5, "key_id": "k1", "trusted": True, "line": '{"a":2}'},
        {"position": 3, "received_at": 7, "key_id": "k1", "trusted": False, "line": '{"a":"é"}'},
    ]
    assert everything(tmp_path, "blog")["position"].to_pylist() == [1]


def test_sequences_go_on_after_a_restart_even_when_older_segments_are_gone(tmp_path: Path) -> None:
    first = JournalWriter.open(tmp_path, "one")
    put(first, "{}", "{}")
    put(first, "{}", site="blog")
    first.close()
    JournalWriter.open(tmp_path, "one").close()
    for segment in segments(tmp_path):
        remove_segment(segment)

    second = JournalWriter.open(tmp_path, "one")
    shop, blog = put(second, "{}"), put(second, "{}", site="blog")
    second.close()

    assert (shop, blog) == (3, 2)


def test_the_newest_segment_is_never_removed(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    (only,) = segments(tmp_path)

    removed = remove_segment(only)

    assert not removed
    assert only.path.exists()
    writer.close()


def test_a_second_writer_of_the_same_name_is_refused_and_of_another_name_is_not(
    tmp_path: Path,
) -> None:
    writer = JournalWriter.open(tmp_path, "one")

    with pytest.raises(JournalInUse):
        JournalWriter.open(tmp_path, "one")
    other = JournalWriter.open(tmp_path, "two")

    assert [segment.writer for segment in segments(tmp_path)] == ["one", "two"]
    other.close()
    writer.close()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "x" * 81, "-x"])
def test_a_writer_name_that_is_no_directory_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadWriterName):
        JournalWriter.open(tmp_path, name)


def test_a_full_segment_is_followed_by_another_and_then_says_that_it_is_finished(
    tmp_path: Path,
) -> None:
    writer = JournalWriter.open(tmp_path, "one", segment_bytes=400)
    for number in range(12):
        put(writer, f'{{"n":{number},"pad":"{"x" * 60}"}}')

    found = segments(tmp_path)
    pieces = [lines_of(segment.path) for segment in found]

    assert len(found) > 2
    assert [piece.finished for piece in pieces] == [True] * (len(found) - 1) + [False]
    assert everything(tmp_path)["position"].to_pylist() == list(range(1, 13))
    writer.close()


def test_a_segment_with_data_is_left_when_it_is_old_and_an_empty_one_is_not(
    tmp_path: Path,
) -> None:
    writer = JournalWriter.open(tmp_path, "one", segment_age_s=0.0)

    put(writer, "{}")
    put(writer, "{}")

    assert len(segments(tmp_path)) == 2
    writer.close()


def test_requests_that_wait_together_go_to_disk_together(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")

    async def many() -> list[int]:
        return await asyncio.gather(
            *(
                writer.append(
                    site="shop", key_id="k", trusted=False, received_at_ms=1, lines=[b"{}"]
                )
                for _ in range(200)
            )
        )

    lasts = asyncio.run(many())
    writer.close()

    assert sorted(lasts) == list(range(1, 201))
    assert everything(tmp_path)["position"].to_pylist() == list(range(1, 201))
    assert writer.waiting_bytes == 0


def test_a_reader_follows_a_segment_while_it_grows(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    put(writer, '{"n":1}')
    path = segments(tmp_path)[0].path

    first = lines_of(path)
    nothing = lines_of(path, offset=first.next_offset)
    put(writer, '{"n":2}')
    second = lines_of(path, offset=nothing.next_offset)

    assert first.tables["shop"]["line"].to_pylist() == ['{"n":1}']
    assert nothing.tables == {}
    assert not nothing.finished
    assert second.tables["shop"]["line"].to_pylist() == ['{"n":2}']
    writer.close()


def test_a_frame_longer_than_the_limit_is_read_whole(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    put(writer, '{"pad":"' + "x" * 5000 + '"}')
    put(writer, "{}")

    lines = everything(tmp_path)

    assert lines["position"].to_pylist() == [1, 2]
    writer.close()


def test_a_request_without_items_is_no_frame(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")

    with pytest.raises(BadFrame):
        put(writer)

    writer.close()


def test_a_closed_writer_refuses_and_can_be_closed_again(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    writer.close()
    writer.close()

    with pytest.raises(JournalClosed):
        put(writer, "{}")


def test_a_torn_last_frame_is_cut_at_whichever_byte_it_was_torn(tmp_path: Path) -> None:
    source = JournalWriter.open(tmp_path / "source", "one")
    put(source, '{"n":1}')
    path = segments(tmp_path / "source")[0].path
    whole = path.stat().st_size
    put(source, '{"n":2}', '{"n":3}')
    source.close()
    data = path.read_bytes()

    for length in range(whole, len(data)):
        torn = tmp_path / f"torn-{length}" / "one"
        torn.mkdir(parents=True)
        (torn / path.name).write_bytes(data[:length])
        before = lines_of(torn / path.name)
        writer = JournalWriter.open(torn.parent, "one")
        last = put(writer, '{"n":4}')
        writer.close()

        assert before.next_offset == whole
        assert writer.repaired_bytes == length - whole
        assert last == 2
        assert everything(torn.parent)["line"].to_pylist() == ['{"n":1}', '{"n":4}']


def test_a_flipped_bit_costs_its_own_frame_only_and_is_told(tmp_path: Path) -> None:
    source = JournalWriter.open(tmp_path / "source", "one")
    path = segments(tmp_path / "source")[0].path
    opening = path.stat().st_size
    put(source, '{"n":1}')
    second = path.stat().st_size
    put(source, '{"n":2}')
    third = path.stat().st_size
    put(source, '{"n":3}')
    source.close()
    data = path.read_bytes()

    for place in range(second, third):
        flipped = bytearray(data)
        flipped[place] ^= 0x10
        folder = tmp_path / f"flipped-{place}" / "one"
        folder.mkdir(parents=True)
        (folder / path.name).write_bytes(flipped)
        piece = lines_of(folder / path.name)

        assert opening < second
        assert piece.tables["shop"]["position"].to_pylist() == [1, 3]
        assert piece.damaged_bytes == third - second


def test_damage_at_the_end_of_a_sealed_segment_does_not_hold_the_reader_for_ever(
    tmp_path: Path,
) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    put(writer, '{"n":1}')
    put(writer, '{"n":2}')
    writer.close()
    JournalWriter.open(tmp_path, "one").close()
    path = segments(tmp_path)[0].path
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)

    piece = lines_of(path)

    assert piece.finished
    assert piece.tables["shop"]["line"].to_pylist() == ['{"n":1}']
    assert piece.damaged_bytes > 0


def test_after_damage_in_the_middle_a_restart_keeps_what_follows(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    put(writer, '{"n":1}')
    path = segments(tmp_path)[0].path
    end = path.stat().st_size
    put(writer, '{"n":2}')
    writer.close()
    data = bytearray(path.read_bytes())
    data[end - 4] ^= 1
    path.write_bytes(data)

    again = JournalWriter.open(tmp_path, "one")
    last = put(again, '{"n":3}')
    again.close()

    assert last == 3
    assert everything(tmp_path)["position"].to_pylist() == [2, 3]


def test_a_full_disk_refuses_keeps_what_it_acknowledged_and_recovers(tmp_path: Path) -> None:
    writer = JournalWriter.open(tmp_path, "one")
    line = '{"pad":"' + "x" * 3000 + '"}'
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    acknowledged = 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(JournalFull):  # noqa: PT012 - how many fit is what is asked
            while True:
                put(writer, line)
                acknowledged += 1
        with pytest.raises(JournalFull):
            put(writer, line)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = put(writer, '{"n":"after"}')
    writer.close()

    kept = everything(tmp_path)

    assert acknowledged == 6
    assert after == 7
    assert kept["position"].to_pylist() == [1, 2, 3, 4, 5, 6, 7]


def test_a_disk_that_is_full_at_the_start_does_not_keep_the_writer_from_opening(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        writer = JournalWriter.open(tmp_path, "one")
        with pytest.raises(JournalFull):
            put(writer, "{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    last = put(writer, "{}")
    writer.close()

    assert last == 1
