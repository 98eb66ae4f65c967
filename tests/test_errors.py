"""Every error has a stable code of its own."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import truelift
from truelift.errors import Outage, Refusal, TrueliftError


def every_error(base: type[TrueliftError] = TrueliftError) -> Iterator[type[TrueliftError]]:
    for error in base.__subclasses__():
        yield error
        yield from every_error(error)


def load_every_module() -> None:
    for module in pkgutil.walk_packages(truelift.__path__, "truelift."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            importlib.import_module(module.name)


def test_no_two_errors_share_a_code_and_every_code_is_dotted() -> None:
    load_every_module()
    errors = {error for error in every_error() if error.__module__.startswith("truelift.")}
    codes = sorted(error.code for error in errors - {Refusal, Outage})

    assert codes
    assert len(codes) == len(set(codes)), codes
    assert [code for code in codes if not re.fullmatch(r"[a-z_]+\.[a-z_]+", code)] == []
