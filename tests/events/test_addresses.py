"""How a page's address is taken apart."""

from __future__ import annotations

import pytest

from truelift.events.addresses import Address, address_of, host_of


def test_an_address_gives_host_path_and_campaign() -> None:
    found = address_of(
        "https://WWW.Shop.Example:8443/a/b?utm_source=news&utm_medium=e%20mail&UTM_Campaign=may"
        "&utm_source=second&utm_term=&gclid=x#part"
    )

    assert found == Address(
        host="shop.example",
        path="/a/b",
        utm_source="news",
        utm_medium="e mail",
        utm_campaign="may",
        click_id="gclid",
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [("https://x.test", "/"), ("https://x.test?a=1", "/"), ("/only/path?q", "/only/path")],
)
def test_a_path_always_begins_with_a_slash(url: str, path: str) -> None:
    assert address_of(url).path == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "nonsense",
        "javascript:alert(1)",
        "https://[::1",
        "data:text/html,x",
        "http://",
        "\x00",
    ],
)
def test_what_is_no_address_has_no_host(url: str) -> None:
    assert host_of(url) is None


def test_a_query_with_thousands_of_fields_is_passed_over() -> None:
    assert address_of("https://x.test/?" + "a=1&" * 5000 + "utm_source=x") == Address("x.test", "/")


def test_a_referring_apps_package_is_its_host() -> None:
    assert host_of("android-app://com.google.android.gm/") == "com.google.android.gm"
