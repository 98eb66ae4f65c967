"""Only machines of the public internet are reached, however their address is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest

from truelift.egress.gate import (
    BadAddress,
    Gate,
    HostNotVerified,
    HostUnknown,
    PrivateAddress,
    is_public,
    system_resolver,
)


PUBLIC = "93.184.216.34"


def resolving(*addresses: str) -> Gate:
    return Gate(resolve=lambda _host, _port: addresses)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "203.0.113.5",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_refused(address: str) -> None:
    shown = f"[{address}]" if ":" in address else address

    with pytest.raises(PrivateAddress):
        resolving(PUBLIC).check(f"http://{shown}/")
    with pytest.raises(PrivateAddress):
        resolving(address).check("https://shop.example/")


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::", "64:ff9b::93.184.216.34"])
def test_a_public_address_passes_in_every_family(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "127.0.0.1.0x1"],
)
def test_numbers_in_unusual_forms_are_no_hosts(host: str) -> None:
    with pytest.raises(BadAddress, match=r"unusual form|no name"):
        Gate(resolve=system_resolver).check(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://shop.example/",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "//shop.example/",
        "http://",
        "http://user@shop.example/",
        "http://user:pw@shop.example/",
        "http://shop.example:99999/",
        "http://shop.example\\@10.0.0.1/",
        "http://shop.example/a b",
        "http://shop.example\r\nHost: inside/",
        "http://[::1/",
        "http://-bad.example/",
        "http://a..b/",
    ],
)
def test_what_is_not_an_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        resolving(PUBLIC).check(url)


def test_a_name_that_means_a_public_and_a_private_machine_is_refused() -> None:
    with pytest.raises(PrivateAddress, match=r"10\.0\.0\.7"):
        resolving(PUBLIC, "10.0.0.7").check("https://shop.example/")


def test_a_name_that_changes_its_meaning_is_asked_for_once_and_pinned() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    target = Gate(resolve=rebinding).check("https://shop.example/x?y=1")

    assert (target.address, target.path, asked) == (PUBLIC, "/x?y=1", ["shop.example"])


def test_a_private_host_passes_when_the_operator_named_it_and_only_on_that_port() -> None:
    gate = Gate(allowed=("staging.internal:8080", "10.1.2.3"), resolve=lambda *_: ["10.0.0.9"])

    assert gate.check("http://STAGING.internal.:8080/").address == "10.0.0.9"
    assert gate.check("http://10.1.2.3:99/").port == 99
    with pytest.raises(PrivateAddress):
        gate.check("http://staging.internal:9090/")


def test_no_allowed_name_leads_to_where_a_cloud_tells_its_secrets() -> None:
    gate = Gate(allowed=("staging.internal",), resolve=lambda *_: ["169.254.169.254"])

    with pytest.raises(PrivateAddress):
        gate.check("http://staging.internal/")


def test_only_hosts_that_the_site_verified_are_let_through_where_it_says_so() -> None:
    gate = resolving(PUBLIC)
    hosts = ("shop.example", "stage.example:8443")

    assert gate.check("https://shop.example/", hosts=hosts).host == "shop.example"
    assert gate.check("https://stage.example:8443/", hosts=hosts).port == 8443
    for url in (
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example:8443/",
        "https://stage.example/",
        "https://sub.shop.example/",
    ):
        with pytest.raises(HostNotVerified):
            gate.check(url, hosts=hosts)


def test_a_name_in_other_letters_is_written_as_the_network_knows_it() -> None:
    assert resolving(PUBLIC).check("https://büro.example/ü").host == "xn--bro-hoa.example"
    assert resolving(PUBLIC).check("https://büro.example/ü").path == "/%C3%BC"


def test_a_host_without_an_address_is_said_to_be_unknown() -> None:
    def nowhere(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    with pytest.raises(HostUnknown):
        Gate(resolve=nowhere).check("https://shop.example/")
    with pytest.raises(HostUnknown):
        resolving().check("https://shop.example/")
