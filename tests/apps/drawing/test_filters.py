from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ 282900|count }}", "282,900"),
        ("{{ rate|percent }}", "8.21%"),
        ("{{ rate|lift }}", "+8.2%"),
        ("{{ rate|points }}", "+8.2 pt"),
        ('{{ 2764912|money:"EUR" }}', "€27,649.12"),
        ('{{ 2764912|rough_money:"EUR" }}', "€27,600"),
        ("{{ rate|number:2 }}", "0.08"),
        ("{{ 0.0086|p_value }}", "p = 0.0086"),
    ],
)
def test_a_filter_writes_a_number_as_people_read_it(text: str, said: str) -> None:
    assert Template("{% load drawing %}" + text).render(Context({"rate": 0.0821})) == said


def test_days_and_times_are_those_of_the_current_zone() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    page = Template("{% load drawing %}{{ at|day:at }}; {{ at|clock }}; {{ at|day }}")

    with timezone.override(ZoneInfo("Europe/Berlin")):
        said = page.render(Context({"at": late}))

    assert said == "Sat 21 Nov; Sat 21 Nov, 00:30; Sat 21 Nov 2026"
