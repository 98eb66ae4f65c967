"""Files go into the lake once, and every row is accounted for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from truelift.lake.home import BadSiteName, Home
from truelift.lake.imports.load import Loaded, load_file
from truelift.lake.imports.map import BadMap
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.matching import Events
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.sessions import Sessions
from truelift.questions.trend import Trend
from truelift.questions.variant_summaries import VariantSummaries
from truelift.stats.summary import ProportionSummary


EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = "name,visitor_id,occurred_at,message_id\n"


def clock() -> datetime:
    return datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", lake=tmp_path / "home" / "lake")
    made.make()
    return made


def load(home: Home, path: Path, map_file: Path | None = None, site: str = "shop") -> Loaded:
    return load_file(home, site, path, map_file=map_file, now=clock)


def orders(tmp_path: Path, *ids: str, name: str = "orders.csv") -> Path:
    path = tmp_path / name
    rows = "".join(f"purchase,v{n},2026-05-0{1 + n % 3},{id_}\n" for n, id_ in enumerate(ids))
    path.write_text(HEADER + rows)
    return path


def counts(loaded: Loaded) -> tuple[int, int, int, int]:
    return loaded.read, loaded.stored, loaded.duplicates, loaded.rejected


def test_a_second_load_stores_nothing(home: Home, tmp_path: Path) -> None:
    path = orders(tmp_path, "", "", "")

    first = load(home, path)
    second = load(home, path)

    assert counts(first) == (3, 3, 0, 0)
    assert counts(second) == (3, 0, 3, 0)
    assert Lake(home).rows("shop") == 3


def test_a_copy_under_another_name_stores_nothing(home: Home, tmp_path: Path) -> None:
    load(home, orders(tmp_path, "", ""))

    assert counts(load(home, orders(tmp_path, "", "", name="copy.csv"))) == (2, 0, 2, 0)


def test_an_overlapping_export_stores_what_is_new(home: Home, tmp_path: Path) -> None:
    load(home, orders(tmp_path, "a", "b", name="april.csv"))

    loaded = load(home, orders(tmp_path, "b", "c", "c", name="may.csv"))

    assert counts(loaded) == (3, 1, 2, 0)
    assert Lake(home).rows("shop") == 3


def test_the_same_file_may_go_into_two_sites(home: Home, tmp_path: Path) -> None:
    path = orders(tmp_path, "a", "b")

    assert counts(load(home, path)) == counts(load(home, path, site="other")) == (2, 2, 0, 0)


def test_rows_read_are_stored_and_duplicates_and_rejected(home: Home, tmp_path: Path) -> None:
    path = orders(tmp_path, "a", "a", "b")
    with path.open("a") as file:
        file.write("purchase,,2026-05-01,c\nbroken\npurchase,v,soon,d\n")

    loaded = load(home, path)

    assert counts(loaded) == (6, 2, 1, 3)
    assert loaded.reasons == {"bad_time": 1, "no_unit": 1, "wrong_columns": 1}


def test_the_reject_file_has_line_reason_and_text(home: Home, tmp_path: Path) -> None:
    path = orders(tmp_path, "a")
    with path.open("a") as file:
        file.write("broken\n")

    loaded = load(home, path)

    assert loaded.reject_file is not None
    (line,) = loaded.reject_file.read_text().splitlines()
    assert json.loads(line) == {
        "line": 3,
        "reason": "wrong_columns",
        "detail": "the row has more or fewer columns than the header",
        "text": "broken",
    }


def test_a_row_is_stored_when_any_of_its_events_is_new(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("id,u,won\nr1,v,True\n")
    narrow, wide = tmp_path / "narrow.toml", tmp_path / "wide.toml"
    row = '[row]\nunit="u"\noccurred_at=2026-05-01\nmessage_id="id"\n[[event]]\nname="played"\n'
    narrow.write_text(row + '[[event]]\nname="won"\nwhen={ column="u", is="nobody" }\n')
    wide.write_text(row + '[[event]]\nname="won"\nwhen="won"\n')

    first = load(home, path, narrow)
    second = load(home, path, wide)

    assert (counts(first), first.events) == ((1, 1, 0, 0), 1)
    assert (counts(second), second.events) == ((1, 1, 0, 0), 1)


def test_a_dry_run_writes_nothing_and_says_what_would_be(tmp_path: Path) -> None:
    home = Home(root=tmp_path / "none", lake=tmp_path / "none" / "lake")
    path = orders(tmp_path, "a", "b")

    loaded = load_file(home, "shop", path, map_file=None, now=clock, dry_run=True)

    assert counts(loaded) == (2, 2, 0, 0)
    assert loaded.examples[0]["event"] == "purchase"
    assert not home.root.exists()


def test_a_site_that_nobody_set_up_may_be_loaded_and_a_bad_name_may_not(
    home: Home, tmp_path: Path
) -> None:
    path = orders(tmp_path, "a")

    assert load(home, path, site="never-heard-of").stored == 1
    with pytest.raises(BadSiteName):
        load(home, path, site="../shop")


def test_a_bad_map_stores_nothing(home: Home, tmp_path: Path) -> None:
    map_file = tmp_path / "map.toml"
    map_file.write_text("[[event]]\nname = 3\n")

    with pytest.raises(BadMap):
        load(home, orders(tmp_path, "a"), map_file)

    assert Lake(home).sites() == []


def test_a_running_loader_is_waited_for_not_fought(home: Home, tmp_path: Path) -> None:
    stop = threading.Event()
    with Loader(home, now=clock) as loader:
        thread = threading.Thread(target=loader.run, args=(stop,))
        thread.start()
        try:
            loaded = load(home, orders(tmp_path, "a", "b"))
        finally:
            stop.set()
            thread.join()

    assert counts(loaded) == (2, 2, 0, 0)


def test_progress_goes_through_both_stages_to_their_ends(home: Home, tmp_path: Path) -> None:
    told: dict[str, tuple[int, int]] = {}

    def note(stage: str, done: int, total: int) -> None:
        told[stage] = (done, total)

    path = orders(tmp_path, "a", "b")
    load_file(home, "shop", path, map_file=None, now=clock, progress=note)

    size = path.stat().st_size
    assert told == {"reading": (size, size), "storing": (2, 2)}


Real = Callable[[str, str], Loaded]


@pytest.fixture
def real(home: Home, shared: Path) -> Real:
    def loaded(name: str, example: str) -> Loaded:
        return load(home, shared / "data" / name, EXAMPLES / example / "map.toml")

    return loaded


@pytest.mark.timeout(60)
def test_cookie_cats_loads_whole_and_twice_is_once(real: Real) -> None:
    first = real("cookie_cats.csv", "cookie_cats")
    second = real("cookie_cats.csv", "cookie_cats")

    assert counts(first) == (90_189, 90_189, 0, 0)
    assert counts(second) == (90_189, 0, 90_189, 0)


@pytest.mark.timeout(60)
def test_cookie_cats_is_an_experiment_with_the_published_counts(home: Home, real: Real) -> None:
    real("cookie_cats.csv", "cookie_cats")

    question = VariantSummaries(
        experiment="gate",
        variants=("gate_30", "gate_40"),
        metrics=tuple(
            Metric(key, MetricKind.PROPORTION, Counted(Events((key,))), window_s=86_400)
            for key in ("retention_1", "retention_7")
        ),
        as_of=clock(),
    )
    answer = Lake(home).ask("shop", question).answer

    assert answer.units == {"gate_30": 44_700, "gate_40": 45_489}
    shares = {
        (metric, variant): round(sample.value, 5)
        for metric, samples in answer.samples.items()
        for variant, sample in samples.items()
        if isinstance(sample, ProportionSummary)
    }
    assert shares == {
        ("retention_1", "gate_30"): 0.44819,
        ("retention_1", "gate_40"): 0.44228,
        ("retention_7", "gate_30"): 0.19020,
        ("retention_7", "gate_40"): 0.18200,
    }


def test_diginetica_loads_whole_with_its_sessions_as_given(home: Home, real: Real) -> None:
    loaded = real("diginetica_sample_item_views.csv", "diginetica")

    (row,) = Lake(home).ask("shop", Sessions()).answer.rows
    views = Lake(home).ask("shop", Trend(events=Events(("view_item",)))).answer.whole

    assert counts(loaded) == (12_391, 12_391, 0, 0)
    assert (views.count, views.people) == (12_391, 2_986)
    assert row.tally.sessions == 2_986


def test_the_truncated_file_loads_all_but_its_last_line(real: Real) -> None:
    loaded = real("udacity_ab_data_TRUNCATED_57828rows.csv", "udacity")

    assert counts(loaded) == (57_829, 57_828, 0, 1)
    assert loaded.reject_file is not None
    (line,) = loaded.reject_file.read_text().splitlines()
    assert (json.loads(line)["line"], json.loads(line)["reason"]) == (57_830, "wrong_columns")
