"""The peers that have to be started before they can be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.oracle.asking_gbstats import PYTHON, Gbstats


@pytest.fixture(scope="session")
def gbstats() -> Iterator[Gbstats]:
    """gbstats 0.8.0: call it with a list of questions; `gbstats_peer.py` says their shape."""
    if not PYTHON.exists() and not os.environ.get("CI"):
        pytest.skip(f"gbstats is not installed in {PYTHON.parents[1]}; `make setup-test` does it")
    with Gbstats() as peer:
        yield peer
