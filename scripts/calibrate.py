"""Sample everything that is promised of the statistics, and write docs/calibration.md of it.

    .venv/bin/python scripts/calibrate.py                       all, some minutes on two cores
    .venv/bin/python scripts/calibrate.py --runs 4000 --only size power
    .venv/bin/python scripts/calibrate.py --fresh               the detectors, on samples of today

The same runs give the same report. It is written where everything was sampled with all runs, and
the script ends with 1 where a promise is missed that the report does not explain. With --fresh the
samples are drawn from the date: nobody has tuned anything by looking at them. Nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))
# Two processes of one thread each: a matrix product must not take the other's core.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from tests.simulation.calibrated import Section
from tests.simulation.report import DOCS, told, write
from tests.simulation.sections import DETECTORS, SECTIONS, sampled


RUNS = 40_000
SLOWEST_FIRST = ("programme", "few_looks", "peeking", "other_methods", "coverage")


DEVELOPED_ON = 2026
"""What the samples of the report are drawn from."""


def timed(name: str, runs: int, drawn_from: int) -> tuple[Section, float]:
    began = time.process_time()
    return sampled(name, runs, drawn_from=drawn_from), time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", nargs="*", default=[], choices=list(SECTIONS))
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    drawn_from = DEVELOPED_ON
    if options.fresh:
        drawn_from = int(datetime.now(UTC).strftime("%Y%m%d"))
        print(f"samples drawn from {drawn_from}")
    wanted = options.only or list(DETECTORS if options.fresh else SECTIONS)
    queue = sorted(wanted, key=lambda name: name not in SLOWEST_FIRST)
    with ProcessPoolExecutor(2) as pool:
        done = dict(
            zip(
                queue,
                pool.map(partial(timed, runs=options.runs, drawn_from=drawn_from), queue),
                strict=True,
            )
        )
    unexplained = 0
    for name in wanted:
        section, seconds = done[name]
        print(f"{section.title}: {len(section.rows)} numbers, {seconds:.0f} s of processor time")
        for row in section.rows:
            if not row.held:
                unexplained += not row.why
                print(f"  missed{', as explained' if row.why else ''}: {told(row)}")
    if not options.only and not options.fresh and options.runs == RUNS:
        write([done[name][0] for name in wanted], runs=options.runs)
        print(f"written: {DOCS / 'calibration.md'}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
