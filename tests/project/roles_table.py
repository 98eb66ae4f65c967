"""Who may do what: the least role that each address needs, by room."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from truelift.apps.accounts.roles import Role


ANYBODY: Final = Role.VIEWER

READS: Final = (
    (Role.OWNER, r"(change-senders|deploy-tokens|tools|webhooks)"),
    (Role.OWNER, r"(changes/senders|inbox/webhooks)(/\d+)?"),
    (Role.EDITOR, r"(changes|commercial-brief|experiments|metrics|roadmap)/new"),
    (Role.EDITOR, r"(experiments|roadmap/items|winners)/[\w-]+/edit"),
    (Role.EDITOR, r"(rhythm/when|signals/ways-in)"),
    (Role.ANALYST, r"(before-after|freezes|hypotheses|insights|learnings)/new"),
    (Role.ANALYST, r"(principles|surfaces|team-metrics)/new"),
    (Role.ANALYST, r"(freezes|hypotheses|insights|principles|surfaces|team-metrics)/[\w-]+/edit"),
    (Role.ANALYST, r"(experiments/[\w-]+/allocation|(signals|voice/notes)/import(/.*)?)"),
    (ANYBODY, r".*"),
)
"""What a page or a list needs: nearly all are for every member; forms are for who may send them."""

WRITES: Final = (
    # Figures that are only computed: nothing is kept.
    (ANYBODY, r"post (ask|stats/[\w-]+|surfaces/of-files|deploy-check|questions/cancel)"),
    (ANYBODY, r"post roadmap/items/[\w-]+/preview"),
    # What one hears is passed on by everybody: the ways in of observations.
    (ANYBODY, r"post (signals|ideas|notes|voice/notes)(/new)?"),
    (ANYBODY, r"post threads/.*"),
    # One's own: what one is told, where one's day is shown, what one has kept.
    (ANYBODY, r"(post|put) inbox/(settings|put-off|act)"),
    (ANYBODY, r"post (calendars.*|views/.*)"),
    # What a function answers for: the role looks on, the function signs (each has its own tests).
    (ANYBODY, r"post (shared-metric/\d+/sign(atures)?|commercial-brief/acknowledge(ments)?)"),
    (ANYBODY, r"post experiments/[\w-]+/brief/(acknowledge|approve)"),
    (ANYBODY, r"post (programme/maturity/answers|scorecard/questions)"),
    # Who leaves does so by themselves; what somebody may not see there is refused one by one.
    (ANYBODY, r"post lists/\w+/many"),
    # Settings, keys, members, and everything that opens the site to something outside.
    (Role.OWNER, r"\w+ (settings|members|tools|hosts|change-senders|webhooks|deploy-tokens)\b.*"),
    (Role.OWNER, r"\w+ (policy|deploy-policy|programme|programme/scorecard/targets)"),
    (Role.OWNER, r"post (changes/senders|inbox/webhooks|freezes/pipelines)\b.*"),
    (Role.OWNER, r"post (changes/wait|freezes/policy|scorecard/wanted)"),
    # Plans, and what is done about them.
    (Role.ANALYST, r"post experiments/[\w-]+/(allocation|analyse|findings|follow-ups)"),
    (Role.ANALYST, r"post experiments/[\w-]+/brief/(look|follow-up)"),
    (Role.EDITOR, r"\w+ experiments\b.*"),
    (Role.ANALYST, r"(post|patch) roadmap/(assets/\d+|conflicts/\d+|items/[\w-]+/acknowledge)"),
    (Role.EDITOR, r"\w+ (roadmap|priorities|rhythm|meetings|actions|progress)\b.*"),
    (Role.ANALYST, r"post (rollouts|winners)/(refresh|[\w-]+/(check|sign))"),
    (Role.EDITOR, r"\w+ (rollouts|winners|changes|metrics)\b.*"),
    (Role.EDITOR, r"(put|delete|post) backlog/[\w-]+/rank(/back)?"),
    (Role.EDITOR, r"post contaminations/\d+/way(-out)?"),
    (Role.EDITOR, r"\w+ signals/ways-in\b.*"),
    # What teams agree on.
    (Role.EDITOR, r"\w+ (commercial-brief|shared-metric|expectations|page-or-traffic)\b.*"),
    (Role.EDITOR, r"\w+ (feeds|facts|remit|touchpoints/remit|programme/troubles)\b.*"),
    (Role.EDITOR, r"delete (surfaces|team-metrics)/\d+|post surfaces/\d+/remove"),
    (Role.EDITOR, r"post team-metrics/\d+/end"),
    # What is found, written down and asked.
    (Role.ANALYST, r"\w+ (signals|ideas|insights|hypotheses|backlog|library|learnings)\b.*"),
    (Role.ANALYST, r"\w+ (principles|segments|annotations|before-after|interactions)\b.*"),
    (Role.ANALYST, r"\w+ (alerts|watched|warnings|incidents|contaminations|conflicts)\b.*"),
    (Role.ANALYST, r"\w+ (voice|notes|surfaces|team-metrics|freezes|qa)\b.*"),
    (Role.ANALYST, r"\w+ (shares|tickets|prints|tracking)\b.*"),
)
"""What a write needs: the first line that fits. A room of which no line speaks fails the test."""

DECIDED_BY_ITS_OWNER: Final = "post /s/shop/experiments/delivery/move/"
"""On the page each step asks for its own role; a decision asks who it was given to."""


@cache
def needs(method: str, path: str) -> Role | None:
    """Give the least role that may send this; None where no line speaks of it."""
    place = re.sub(r"^/(s/[\w-]+|api/v1)/", "", path.partition("?")[0]).rstrip("/")
    if f"{method} {path}" == DECIDED_BY_ITS_OWNER:
        return ANYBODY
    asked, lines = (place, READS) if method in {"get", "head"} else (f"{method} {place}", WRITES)
    return next((role for role, line in lines if re.fullmatch(line, asked)), None)
