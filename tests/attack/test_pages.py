"""What strangers and members type into addresses and forms, and what they wrote into rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.sites.publish import publish


pytestmark = [pytest.mark.database, pytest.mark.django_db]

NO_NUMBERS = ["²", "٣", "-1", "1e9", "NaN", "9" * 5000, "\x00", ""]
"""What Python takes for digits and no number, or for a number and nobody means."""


@pytest.mark.parametrize("version", NO_NUMBERS)
def test_a_version_that_is_no_number_is_an_old_one(
    version: str, ada: User, client_of: Callable[[User], Client]
) -> None:
    publish()

    answer = client_of(ada).post(
        "/s/shop/settings/exposure-rules/",
        {"version": version, "event": "Seen", "experiment": "e", "variant": "v"},
    )

    assert answer.status_code in {409, 422}
