"""Calls in a process of their own."""

from __future__ import annotations

import os
import time
from functools import partial

import pytest

from truelift.lake.apart import EndedApart, apart
from truelift.lake.lake import NoSuchSite


def test_an_answer_comes_back_whatever_was_printed_before_it() -> None:
    assert apart(partial(_said, "hello"), seconds=20) == (5, True)


def test_an_error_comes_back_whole() -> None:
    with pytest.raises(NoSuchSite) as raised:
        apart(_refused, seconds=20)

    assert raised.value.facts == {"site": "nowhere", "did_you_mean": ()}


def test_an_end_without_an_answer_is_named() -> None:
    with pytest.raises(EndedApart):
        apart(partial(os._exit, 0), seconds=20)
    with pytest.raises(EndedApart):
        apart(partial(os._exit, 3), seconds=20)
    with pytest.raises(EndedApart):
        apart(partial(time.sleep, 9), seconds=0.5)


def _said(word: str) -> tuple[int, bool]:
    os.write(1, word.encode())  # As a C library would print.
    return len(word), True


def _refused() -> None:
    raise NoSuchSite(site="nowhere")
