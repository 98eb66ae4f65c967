"""`truelift stats`: a document on stdin, the answer on stdout, a refusal as the last line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def ran(command: str, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    code = "from truelift.cli.main import main; main()"
    call = [sys.executable, "-c", code, "stats", command, *options]
    return subprocess.run(call, input=text, capture_output=True, text=True, check=False)


def test_the_answer_is_one_document_and_every_statistic_is_a_command() -> None:
    done = ran("power", '{"kind": "proportion", "baseline": 0.05, "lift": 0.1}')
    said = ran("--help", "")

    assert json.loads(done.stdout)["n_per_arm"] == 31_234
    assert all(name in said.stdout for name in ("compare", "ladder", "factorial", "before-after"))


def test_a_refusal_is_the_last_line_on_stderr() -> None:
    done = ran("srm", '{"observed": [1, NaN], "weights": [1, 1]}')

    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "stats.bad_input"


def test_srm_answers_without_loading_numpy_scipy_or_django() -> None:
    code = (
        "import sys\n"
        "from truelift.cli.main import run\n"
        "code = run('stats', ['srm'])\n"
        "heavy = {'numpy', 'scipy', 'django', 'duckdb', 'pyarrow', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        input='{"observed": [821588, 815482], "weights": [1, 1]}',
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert json.loads(done.stdout)["status"] == "fail"
    assert json.loads(done.stdout)["p"] == pytest.approx(1.8e-6, rel=0.02)


def test_json_may_be_asked_for_and_no_other_option_is_known() -> None:
    split = '{"observed": [1, 1], "weights": [1, 1]}'

    asked, unknown = ran("srm", split, "--json"), ran("srm", split, "--yaml")

    assert json.loads(asked.stdout)["p"] == 1
    assert unknown.returncode == 2
    assert json.loads(unknown.stderr)["error"]["code"] == "cli.usage"
