"""Settings are read once, and a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from truelift.settings import SETTINGS, BadSetting, settings_from


GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "settings.md"


def test_an_empty_environment_serves_this_machine_from_var() -> None:
    settings = settings_from({})

    assert settings.home == Path.cwd() / "var"
    assert settings.lake == Path.cwd() / "var" / "lake"
    assert settings.bind == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRUELIFT_BIND", "nowhere"),
        ("TRUELIFT_BIND", "host:99999"),
        ("TRUELIFT_BIND", "host:²"),
        ("TRUELIFT_TRUSTED_PROXIES", "banana"),
        ("TRUELIFT_LAKE", "s3://bucket/prefix"),
        ("TRUELIFT_EXECUTOR", "host:8786"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable) as refused:
        settings_from({variable: value})

    assert refused.value.facts == {"variable": variable, "value": value}


def test_the_guide_lists_exactly_the_settings_of_the_table() -> None:
    rows = [f"| `{each.variable}` | {each.default} | {each.meaning} |" for each in SETTINGS]

    assert [row for row in rows if row not in GUIDE.read_text()] == []
    assert GUIDE.read_text().count("\n| `") == len(SETTINGS)
