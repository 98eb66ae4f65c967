"""One of everything on a site, put there by a member through the pages and the API."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.test import Client

from truelift.apps.changes.models import ChangeRecord, ContaminationRecord
from truelift.apps.commerce.services import explain
from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.qa.models import HostRecord
from truelift.apps.rhythm.models import MeetingRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import ThemeRecord
from truelift.apps.warnings.services import keep_looks
from truelift.lifecycle.warning import Kind, Look, Severity


CSV = 'title,detail\n"{text}","{text}"\n'
EXPERIMENT = "delivery"


def stock(site: Site, browser: Client, *, who: str, text: str, now: datetime) -> list[str]:
    """Put one of every kind of thing on a site, its text in every field that takes text.

    Args:
        site: Has nothing of its own yet.
        browser: In which an owner of the site has signed in.
        who: The owner's address.
        text: What to write.
        now: The moment.

    Returns:
        What was not taken: the address, and what was answered.
    """
    refused: list[str] = []
    here = f"/s/{site.name}"

    def tell(method: str, place: str, body: dict[str, Any]) -> None:
        path = f"/api/v1/{place}?site={site.name}"
        sent = getattr(browser, method)(path, json.dumps(body), content_type="application/json")
        if sent.status_code >= 400:
            refused.append(f"{method} {path}: {sent.status_code} {sent.content[:300]!r}")

    def post(place: str, **fields: Any) -> None:
        sent = browser.post(f"{here}/{place}", fields)
        if sent.status_code >= 400:
            refused.append(f"post {here}/{place}: {sent.status_code}")

    told = dict.fromkeys(("detail", "surface", "segment", "team", "contact"), text[:80])
    tell("post", "signals", {"title": text, **told})
    tell("post", "ideas", {"change": text, "problem": text, "signal": "S-1", **told})
    tell(
        "post",
        "insights",
        {
            **dict.fromkeys(("problem", "surface", "segment", "size"), text),
            "evidence": [{"kind": "analytics", "text": text}, {"kind": "voice", "text": text}],
        },
    )
    tell("post", "insights/I-1/accept", {})
    tell("post", "metrics/library", {"library": "shop"})
    because = {"because": text}
    tell("put", "metrics/order_rate/class", {"worth": "macro", **because})
    tell(
        "post",
        "hypotheses",
        {
            **dict.fromkeys(("change", "audience", "outcome", "reason"), text),
            **dict.fromkeys(("surface", "element"), text[:120]),
            "metric": "order_rate",
            "direction": "increase",
            "expected_lift": 0.05,
            "insights": ["I-1"],
        },
    )
    tell("post", "hypotheses/H-1/submit", {})
    tell(
        "post",
        "experiments",
        {
            "key": EXPERIMENT,
            "name": text,
            "surface": text[:120],
            "hypothesis": "H-1",
            "waiver": text,
            "decision_owner": who,
            "start": "2026-05-04",
            "end": "2026-05-25",
            "primary": "order_rate",
            "guardrails": ["order_value"],
            "variants": [
                {"key": "a", "name": text, "role": "control"},
                {"key": "b", "name": text},
            ],
        },
    )
    brief = f"experiments/{EXPERIMENT}/brief"
    said = dict.fromkeys(("goal", "audience", "slot", "qa_notes"), text[:150])
    tell("patch", brief, {**said, "builder": who, "implementer": who, "effort_days": 2.5})
    tell("post", f"experiments/{EXPERIMENT}/follow-ups", {"item": "ID-1"})
    tell("post", "hosts", {"host": "shop.example"})
    HostRecord.objects.filter(site=site).update(verified_at=now)
    shown = [
        {"variant": each, "url": "https://shop.example/", "steps": f"fill input = {text[:60]}"}
        for each in "ab"
    ]
    tell(
        "put",
        f"qa/{EXPERIMENT}/addresses",
        {"addresses": shown, "left_out": [text[:60]], "left_out_because": text},
    )
    named = {"patterns": ["/checkout/**"], "code": ["checkout/**"]}
    words = dict.fromkeys(("name", "funnel", "team", "incentive", "bundle"), text[:80])
    tell("post", "surfaces", {**named, **words, "owner": who})
    judged = {"team": "engineering", "formula": "values", "direction": 1, "owner": who}
    link = {"path": text[:300], "path_href": "https://example.com/"}
    tell("post", "team-metrics", {"name": text[:80], **judged, **link})
    values = {"values": [{"day": "2026-05-04", "value": 1.0}]}
    tell("put", "team-metrics/1/values", values)
    tell("put", "remit", {"teams": [text[:80]]})
    wanted = dict.fromkeys(("goal", "because"), text[:500])
    tell("post", "commercial-brief", {**wanted, "metric": text[:200], "priorities": [text[:200]]})
    tell("put", "commercial-brief/seats", {"function": "sales", "because": text[:300]})
    tell("put", "backlog/ID-1/facts", dict.fromkeys(("if_wins", "if_loses"), text))
    rule = ("statement", "detail", "holds_for", "not_for", "unknown", "would_change")
    listed = {name: [text[:40]] for name in ("types", "elements")}
    tell("post", "principles", {**dict.fromkeys(rule, text), **listed})
    tell("post", "principles/P-1/guidelines", {"text": text, "owner": who})
    tell("post", "principles/P-1/tests", {"experiment": EXPERIMENT, "variant": "b"})
    said = dict.fromkeys(("what", "metric", "team", "squad", "layer", "notes"), text[:80])
    listed = {each: [text[:80]] for each in ("surfaces", "elements", "why", "features", "events")}
    days = {"start": "2026-05-06", "end": "2026-05-08", "owner": who}
    tell("post", "roadmap/items", {"kind": "release", **said, **listed, **days})
    tell("post", "roadmap/items", {"kind": "campaign", **said, "effort": {text[:40]: 2}})
    tell("post", "roadmap/items/RM-1/assets", {"what": text[:80], "owner": who})
    needs = {"on": "RM-2", "kind": "needs_before"}
    tell("post", "roadmap/items/RM-1/dependencies", needs)
    register = {"quarter": "2026-Q2", "priorities": [{"name": text[:80], "what": text[:80]}]}
    tell("post", "priorities", {**register, **because})
    tell("post", "roadmap/rebuild", {})
    hook = {"form": "slack", "address": "https://hooks.example.com/x", "least": "watch"}
    tell("post", "webhooks", {"name": text[:60], **hook})
    tell("post", "segments", {"name": "buyers", "definition": {"did": "x"}, "description": text})
    changed = {
        "metric": "order_rate",
        "design": "interrupted-time-series",
        "changed_on": "2026-04-20",
    }
    # By the clock on the wall, by which pages and API go.
    begins = datetime.now(UTC)
    quarter = f"{begins.year}-Q{(begins.month + 2) // 3}"
    tell("post", "roadmap/plans", {"quarter": quarter, "candidates": [{"key": "RM-2"}]})
    span = {"starts": begins.isoformat(), "ends": (begins + timedelta(days=9)).isoformat()}
    frozen = {"surfaces": [text[:120]], **span}
    tell("post", "freezes", {"what": text[:200], "strength": "advise", **frozen})
    approved = {"side": "liaison", "reason": text[:500]}
    tell("post", "freezes/F-1/approvals", approved)
    tell("post", "deploy-tokens", {"name": text[:60]})
    tell("post", "deploy-check", {"surfaces": [text[:120]], "actor": text[:100]})
    tell("post", "before-after", {"name": text, **changed})
    said = dict.fromkeys(("what", "repo", "sha", "actor"), text[:80])
    where = {"surfaces": [text[:80]], "paths": [text[:80]], "urls": [text[:80]]}
    tell("post", "changes", {"source": "ci", "external_id": "1", "kind": "deploy", **said, **where})
    happened = {"kind": "incident", "what": text, "since": "2026-05-04T10:00:00Z"}
    tell("post", "incidents", {**happened, "arms": [text[:80]]})
    tell("post", "change-senders", {"kind": "cms", "name": text[:60]})

    MeetingRecord.objects.create(
        site=site,
        kind="stand-up",
        period="2026-W19",
        day=date(2026, 5, 5),
        starts_at=now,
        stage="begun",
        begun_at=now,
        notes={"status": text},
    )
    tell("post", "meetings/stand-up/2026-W19/freeze", {})
    day = begins.date().isoformat()
    promised = {"what": text[:300], "owner": who, "due": day}
    tell("post", "meetings/stand-up/2026-W19/actions", promised)

    note = dict.fromkeys(("surface", "segment", "stage"), text[:80])
    tell("post", "notes", {"text": text, "source": "service", "contact": text[:80], **note})
    book = {"key": "late", "name": text[:80], "family": "objection", "meaning": text}
    tell("post", "voice/codebook", {"codes": [book], **because})
    tell("post", "voice/phrases", {**dict.fromkeys(("text", "effect"), text), "note": "N-1"})
    tell("post", "voice/claims", {"text": text, "surface": text[:120]})
    tell("put", "voice/claims/CL-1/tests", {"experiment": EXPERIMENT})
    tell("put", "notes/N-1/code", {"code": "late", "claim": "CL-1"})
    tell("post", "voice/calls", {"function": "sales", "day": "2026-05-04"})
    answer = {"question": "q1", **dict.fromkeys(("text", "segment", "surface"), text[:80])}
    tell("put", "voice/calls/1", {"answers": [answer]})
    ThemeRecord.objects.create(
        site=site, number=1, name=text[:200], words=[text[:40]], notes=[1], made_at=now
    )

    tell("post", "feeds", {"name": "books", "kind": "ledger", "owner": who})
    tell("post", "facts/books", {"rows": [{"period": text[:80], "revenue": text[:80]}]})
    defined = {"kind": "revenue", "eligible": text[:300]}
    tell("post", "shared-metric", {**defined, "because": text[:500]})
    tell("post", "feeds", {"name": "visits", "kind": "traffic", "owner": who})
    first = now.date() - timedelta(days=now.weekday() + 28)
    cell = {**dict.fromkeys(("source", "campaign", "landing"), text[:80]), "device": text[:40]}
    sold = {"sessions": 100, "orders": 20, "bounces": 10, "revenue": "500.00"}
    weeks = [str(first + timedelta(weeks=each)) for each in range(5)]
    tell("post", "facts/visits", {"rows": [{"day": day, **cell, **sold} for day in weeks]})
    explain(site, now=now)
    said = dict.fromkeys(("terms", "read_before", "expectation"), text)
    tell("post", "expectations", {"surface": text[:80], **said})

    post("annotations/add/", day="2026-05-01", kind="release", text=text)
    post("views/save/", explorer="trend", query="event=x", name=text[:60])
    post("signals/ways-in/", kind="link", name=text[:60])
    post("signals/import/", kind="signals", text=CSV.format(text=text.replace('"', '""')))
    post("members/invite/", email="dan@example.com", role="viewer")
    post("settings/keys/", kind="public", label=text[:60])
    post("shares/", kind="brief", key=EXPERIMENT, days="7")
    post("tickets/insight/I-1/", url="https://example.atlassian.net/browse/SHOP-1")

    if refused:
        return refused
    experiment = ExperimentRecord.objects.get(site=site, key=EXPERIMENT)
    ContaminationRecord.objects.create(
        experiment=experiment,
        change=ChangeRecord.objects.get(site=site),
        at=now,
        scope="page",
        policy="suspect",
        verdict="suspect",
        reason=text,
        made_at=now,
    )
    RolloutRecord.objects.create(
        site=site,
        number=1,
        experiment=experiment,
        due=date(2026, 6, 24),
        decided_at=now - timedelta(days=2),
        **dict.fromkeys(("variant", "notes", "present", "gone"), text[:80]),
    )
    LearningRecord.objects.create(
        site=site,
        number=1,
        experiment=experiment,
        made_at=now.astimezone(UTC),
        **dict.fromkeys(("text", "scope", "follow_up"), text),
    )
    keep_looks(
        site,
        [
            Look(
                Kind.RHYTHM,
                text,
                Severity.WARNING,
                cause=text[:100],
                short=text[:200],
                advice=text[:300],
                evidence={"facts": [[text, text]]},
            )
        ],
        now=now,
    )
    for kind, key in {
        "signal": "S-1",
        "insight": "I-1",
        "idea": "ID-1",
        "hypothesis": "H-1",
        "experiment": EXPERIMENT,
        "learning": "L-1",
        "principle": "P-1",
        "rollout": "R-1",
    }.items():
        post(f"threads/{kind}/{key}/", text=text)
    own = browser.post("/me/tokens/", {"name": text[:60]})
    if own.status_code >= 400:
        refused.append(f"post /me/tokens/: {own.status_code}")
    return refused
