"""Settings are read once, and a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from truelift.settings import SETTINGS, BadSetting, S3Lake, settings_from


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
        ("TRUELIFT_LAKE", "gs://bucket/prefix"),
        ("TRUELIFT_LAKE", "s3:///prefix"),
        ("TRUELIFT_LAKE", "s3://bucket/a//b"),
        ("TRUELIFT_LAKE", "s3://bucket/../b"),
        ("TRUELIFT_CACHE_SIZE", "plenty"),
        ("TRUELIFT_EXECUTOR", "host:8786"),
        ("TRUELIFT_EGRESS_ALLOW", "http://staging"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable) as refused:
        settings_from({variable: value})

    assert refused.value.facts == {"variable": variable, "value": value}


def test_a_lake_in_a_bucket_is_named_by_its_address_and_the_usual_aws_variables() -> None:
    environment = {
        "TRUELIFT_LAKE": "s3://company-events/truelift/",
        "TRUELIFT_CACHE_SIZE": "500 MiB",
        "AWS_ENDPOINT_URL": "https://objects.example.com/",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }

    settings = settings_from(environment)

    assert settings.lake == S3Lake(
        bucket="company-events",
        prefix="truelift",
        endpoint="https://objects.example.com",
        region="eu-central-1",
        cache_bytes=500 << 20,
    )
    assert str(settings.lake) == "s3://company-events/truelift"


def test_a_bucket_is_spoken_to_in_the_clear_only_where_that_was_said() -> None:
    environment = {"TRUELIFT_LAKE": "s3://events", "AWS_ENDPOINT_URL": "http://10.0.0.4:9000"}

    with pytest.raises(BadSetting, match="AWS_ALLOW_HTTP"):
        settings_from(environment)
    allowed = settings_from({**environment, "AWS_ALLOW_HTTP": "true"}).lake

    assert allowed == S3Lake("events", endpoint="http://10.0.0.4:9000", plain_http=True)


def test_the_guide_lists_exactly_the_settings_of_the_table() -> None:
    rows = [f"| `{each.variable}` | {each.default} | {each.meaning} |" for each in SETTINGS]

    assert [row for row in rows if row not in GUIDE.read_text()] == []
    assert GUIDE.read_text().count("\n| `") == len(SETTINGS)
