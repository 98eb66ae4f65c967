"""What a user agent tells: the device, the browser, and whether a person sits behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truelift.events.bots import is_bot
from truelift.events.devices import Device, agent_of


BROWSERS = [
    (
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/150.0.0.0"
            " Safari/537.36"
        ),
        (Device.DESKTOP, "Chrome", "Linux"),
    ),
    (
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"
        ),
        (Device.DESKTOP, "Edge", "Windows"),
    ),
    (
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko)"
            " Version/17.4 Safari/605.1.15"
        ),
        (Device.DESKTOP, "Safari", "macOS"),
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
        (Device.DESKTOP, "Firefox", "Windows"),
    ),
    (
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like"
            " Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
        ),
        (Device.PHONE, "Safari", "iOS"),
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " Chrome/124.0.0.0 Mobile Safari/537.36"
        ),
        (Device.PHONE, "Chrome", "Android"),
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " Chrome/110.0.0.0 Mobile Safari/537.36"
        ),
        (Device.PHONE, "Chrome", "Android"),
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S911B) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36"
        ),
        (Device.PHONE, "Samsung Internet", "Android"),
    ),
    (
        (
            "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko)"
            " Version/12.1 Mobile/15E148 Safari/604.1"
        ),
        (Device.TABLET, "Safari", "iOS"),
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 12; SM-T500) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " Chrome/120.0.0.0 Safari/537.36"
        ),
        (Device.TABLET, "Chrome", "Android"),
    ),
    (
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " 76.0.3809.146/6.0 TV Safari/537.36"
        ),
        (Device.TV, None, "Tizen"),
    ),
    (
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like"
            " Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/460.0.0;FBDV/iPhone15,2;FBCR/OrangeBotswana]"
        ),
        (Device.PHONE, "Facebook", "iOS"),
    ),
    (
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " Chrome/124.0.0.0 Safari/537.36"
        ),
        (Device.DESKTOP, "Chrome", "Chrome OS"),
    ),
]


@pytest.mark.parametrize(("agent", "expected"), BROWSERS)
def test_a_browser_says_its_device_name_and_system(
    agent: str, expected: tuple[Device, str | None, str | None]
) -> None:
    found = agent_of(agent)

    assert found.device is expected[0]
    assert found.os == expected[2]
    assert expected[1] in {found.browser, None}


@pytest.mark.parametrize("agent", [agent for agent, _ in BROWSERS])
def test_a_persons_browser_is_no_bot(agent: str) -> None:
    assert not is_bot(agent)


@pytest.mark.parametrize(
    "agent",
    [
        "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6)",
        "Shop/42 CFNetwork/1410.0.3 Darwin/22.6.0",
        "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
        "",
        "  ",
    ],
)
def test_apps_and_silent_servers_are_no_bots(agent: str) -> None:
    assert not is_bot(agent)


@pytest.mark.parametrize(
    "agent",
    [
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "curl/8.0",
        "python-requests/2.32",
        "GPTBot/1.0",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
            "(KHTML, like Gecko)"
            " HeadlessChrome/120.0.0.0 Safari/537.36"
        ),
    ],
)
def test_programs_are_bots(agent: str) -> None:
    assert is_bot(agent)


def test_of_the_published_crawlers_99_of_100_are_recognised(shared: Path) -> None:
    path = shared / "data" / "refdata" / "crawler-user-agents.json"
    examples = [
        agent for crawler in json.loads(path.read_bytes()) for agent in crawler["instances"]
    ]

    found = sum(is_bot(agent) for agent in examples)

    assert len(examples) > 2000
    assert found / len(examples) > 0.99


def test_of_a_real_log_what_the_published_patterns_call_a_crawler_is_one_here(
    shared: Path,
) -> None:
    lines = (shared / "data" / "elastic_apache_logs.log").read_text(errors="replace").splitlines()
    agents = [line.rsplit('"', 2)[1] for line in lines if line.endswith('"')]

    chrome = [agent for agent in agents if agent.endswith("Chrome/32.0.1700.107 Safari/537.36")]
    google = [agent for agent in agents if "Googlebot" in agent]

    assert len(chrome) > 500
    assert not any(is_bot(agent) for agent in chrome)
    assert google
    assert all(is_bot(agent) for agent in google)


@pytest.mark.parametrize(
    "agent", ["", "x", "\x00\uffff", "Mozilla/5.0 (" + "a" * 40_000, "(" * 3000]
)
def test_no_agent_is_too_strange(agent: str) -> None:
    assert agent_of(agent).device in set(Device)
    assert is_bot(agent) in {True, False}
