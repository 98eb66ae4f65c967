"""What a row's agent and address say, asked once per distinct value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent says."""

    device: str | None
    browser: str | None
    os: str | None
    is_bot: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where a visit came from."""

    source: str | None
    medium: str | None
    campaign: str | None
    channel: str | None


def agent_of(user_agent: str | None) -> Agent:
    """Read a user agent."""
    if user_agent is None:
        return Agent(None, None, None, is_bot=False)
    return Agent("other", None, None, is_bot="bot" in user_agent.lower())


def traffic_of(
    *,
    source: str | None,
    medium: str | None,
    campaign: str | None,
    click_id: str | None,
    referrer_host: str | None,
    host: str | None,
    own_hosts: frozenset[str],
    payment_hosts: frozenset[str],
) -> Traffic:
    """Say where a visit came from."""
    del click_id, host, own_hosts, payment_hosts
    if source is None and referrer_host is None:
        return Traffic("(direct)", "(none)", campaign, "Direct")
    return Traffic(source or referrer_host, medium or "referral", campaign, "Referral")
