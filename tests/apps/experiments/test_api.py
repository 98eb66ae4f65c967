"""The loop over HTTP: the same services, guards and refusals as the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    Job,
)
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def send(client: Client, path: str, given: object = None, *, method: str = "post") -> Any:
    site = "&" if "?" in path else "?"
    call = getattr(client, method)
    return call(f"/api/v1/{path}{site}site=shop", given, content_type="application/json")


def test_the_whole_chain_is_made_through_the_api(
    site: Site, ada: User, snapshot_of: Callable[..., None], client_of: ClientOf
) -> None:
    client = client_of(ada)
    send(client, "metrics/library", {"library": "shop"})
    insight = send(
        client,
        "insights",
        {
            "problem": "Cost comes late",
            "surface": "Checkout",
            "segment": "Phones",
            "size": "41%",
            "evidence": [{"text": "Funnel of April", "url": "/s/shop/funnels/"}],
        },
    ).json()
    send(client, f"insights/{insight['key']}/accept")
    hypothesis = send(
        client,
        "hypotheses",
        {
            "change": "show the cost early",
            "audience": "phone visitors",
            "outcome": "more will order",
            "reason": "41% leave at the cost",
            "metric": "order_rate",
            "direction": "increase",
            "expected_lift": 0.05,
            "insights": [insight["key"]],
        },
    ).json()
    send(client, f"hypotheses/{hypothesis['key']}/accept", {"reason": "Nobody else is here."})
    today = datetime.now(UTC).date()
    made = send(
        client,
        "experiments",
        {
            "key": "cost",
            "hypothesis": hypothesis["key"],
            "decision_owner": ada.email,
            "start": today.isoformat(),
            "weeks": 3,
            "primary": "order_rate",
            "guardrails": ["revenue_per_visitor"],
            "variants": [{"key": "late", "role": "control"}, {"key": "early"}],
            "plan": {"n_per_variant": 1000},
        },
    )
    for action in ("submit", "launch"):
        send(client, "experiments/cost/move", {"action": action})
    stopped = send(client, "experiments/cost/move", {"action": "stop", "reason": "Enough."})
    snapshot_of("cost", at=datetime.now(UTC), action="iterate", outcome="inconclusive")
    send(client, "experiments/cost/move", {"action": "analyse"})
    decided = send(
        client,
        "experiments/cost/move",
        {"action": "decide", "choice": "iterate", "reason": "Nothing clear."},
    )
    learning = send(
        client,
        "learnings",
        {
            "experiment": "cost",
            "text": "The data cannot tell.",
            "scope": "Phones",
            "follow_up": "A bolder change.",
        },
    )
    trace = send(client, "experiments/cost/trace", method="get").json()

    assert made.status_code == 201
    assert stopped.json()["stage"] == "stopped"
    assert decided.json()["decision"]["choice"] == "iterate"
    assert learning.status_code == 201
    assert [each["key"] for each in trace["insights"]] == [insight["key"]]
    assert (trace["hypothesis"], trace["analyses"], trace["decision"], trace["learnings"]) == (
        hypothesis["key"],
        [1],
        "iterate",
        ["L-1"],
    )
    assert trace["unbroken"]


def test_an_orphan_that_was_imported_lowers_the_share_of_unbroken_chains(
    site: Site, planned: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)
    before = send(client, "trace", method="get").json()
    send(client, "experiments", {"key": "orphan", "origin": "imported"})

    after = send(client, "trace", method="get").json()

    assert planned.key == "delivery-cost"
    assert before == {"experiments": 1, "unbroken": 1, "share": 1.0}
    assert after == {"experiments": 2, "unbroken": 1, "share": 0.5}


def test_a_refused_move_is_a_problem_with_its_code_and_every_reason(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    plan_experiment(site, ExperimentSpec(key="bare"), by=Actor(ada), now=now)

    response = send(client_of(ada), "experiments/bare/move", {"action": "submit"})

    problem = response.json()
    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == "lifecycle.move_refused"
    assert "experiment.no_primary_metric" in problem["facts"]["codes"]


@pytest.mark.parametrize(
    ("path", "given", "status", "code"),
    [
        ("experiments", {"key": "a key"}, 422, "experiment.bad_spec"),
        ("experiments", {"key": "x", "alpha": "much"}, 422, "experiment.bad_spec"),
        ("experiments", [], 422, "api.invalid"),
        ("experiments", {"key": "x", "name": "\x00"}, 422, "experiment.bad_spec"),
        ("experiments", {"key": "x", "name": "\ud800"}, 422, "experiment.bad_spec"),
        ("experiments", {"key": "x", "secondary": ["\ud800"]}, 422, "experiment.bad_spec"),
        (
            "experiments",
            {
                "key": "x",
                "primary": "order_rate",
                "plan": {"baseline": 1e-12, "minimum_effect": 1e-12},
            },
            422,
            "experiment.bad_spec",
        ),
        (
            "experiments",
            {"key": "x", "plan": {"n_per_variant": 1e12, "visitors_per_week": 1e-6}},
            422,
            "experiment.bad_spec",
        ),
        ("insights", {"problem": "\x00"}, 422, "research.bad_fields"),
        ("insights", {"problem": "\ud800"}, 422, "api.invalid"),
        ("experiments/%00/move", {"action": "submit"}, 404, "experiment.no_such_experiment"),
        ("experiments/nothing/move", {"action": "submit"}, 404, "experiment.no_such_experiment"),
        ("experiments/delivery-cost/move", {"action": "fly"}, 422, "api.invalid"),
        ("experiments/delivery-cost/analyse", {}, 409, "experiment.not_started"),
        (
            "experiments/delivery-cost/findings",
            {"text": "x"},
            409,
            "experiment.wrong_way_to_analyse",
        ),
        (
            "learnings",
            {"experiment": "delivery-cost", "text": "", "scope": "", "follow_up": ""},
            422,
            "experiment.bad_learning",
        ),
        ("metrics", {"key": "m", "kind": "ratio", "event": "e"}, 422, "experiment.bad_spec"),
        (
            "insights",
            {"evidence": [{"text": "x", "url": "javascript:alert(1)"}]},
            422,
            "research.bad_fields",
        ),
        ("hypotheses", {"insights": ["I-99"]}, 422, "research.bad_fields"),
        ("hypotheses", {"expected_lift": -1}, 422, "api.invalid"),
        ("insights/I-99/accept", {}, 404, "research.no_such_insight"),
        ("hypotheses/H-0/accept", {}, 404, "research.no_such_hypothesis"),
    ],
)
@pytest.mark.usefixtures("planned")
def test_bad_input_is_answered_with_a_code(
    ada: User, client_of: ClientOf, path: str, given: object, status: int, code: str
) -> None:
    response = send(client_of(ada), path, given)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_numbers_that_json_does_not_know_are_refused(
    planned: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    body = json.dumps({"key": "x", "alpha": float("nan")})

    response = client_of(ada).post(
        f"/api/v1/experiments?site={planned.site.name}", body, content_type="application/json"
    )

    assert response.status_code in {400, 422}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("analyses/delivery-cost/99999999999999999999", "experiment.no_such_snapshot"),
        ("analyses/%00/1", "experiment.no_such_snapshot"),
        ("experiments/%00", "experiment.no_such_experiment"),
        ("insights/%00", "research.no_such_insight"),
    ],
)
@pytest.mark.usefixtures("planned")
def test_what_cannot_exist_does_not(ada: User, client_of: ClientOf, path: str, code: str) -> None:
    response = send(client_of(ada), path, method="get")

    assert (response.status_code, response.json()["code"]) == (404, code)


def test_how_it_is_judged_is_told_with_what_follows_from_the_plan(
    site: Site, planned: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    del site
    ExperimentRecord.objects.filter(pk=planned.pk).update(inference="sequential")

    told = client_of(ada).get(f"/api/v1/experiments/{planned.key}?site=shop").json()

    assert told["inference"] == "sequential"
    assert told["judging"] == {
        "tuning_n": 62_468,
        "looks": None,
        "spending": None,
        "prior_sd": None,
        "correction": "holm",
        "covariate_days": 0,
        "segments": [],
    }


def test_an_analysis_is_asked_for_and_not_computed_in_the_request(
    planned: ExperimentRecord, moved: Callable[..., None], ada: User, client_of: ClientOf
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)

    response = send(client_of(ada), "experiments/delivery-cost/analyse", {})

    assert response.status_code == 202
    assert Job.objects.get(kind="analyse").pk == response.json()["job"]
    assert not AnalysisRecord.objects.exists()


def test_a_snapshot_is_given_exactly_as_it_was_stored(
    analysed: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    snapshot = AnalysisRecord.objects.get()

    given = send(client_of(cleo), f"analyses/{analysed.key}/1", method="get").json()

    assert given["document"] == snapshot.document
    assert given["digest"] == snapshot.digest


GETS = [
    "insights",
    "insights/I-1",
    "hypotheses",
    "hypotheses/H-1",
    "experiments",
    "experiments/delivery-cost",
    "experiments/delivery-cost/trace",
    "trace",
    "analyses",
    "analyses/delivery-cost/1",
    "decisions",
    "learnings",
    "metrics",
]
CHANGES = [
    ("post", "insights", {}),
    ("put", "insights/I-1", {}),
    ("post", "insights/I-1/accept", {}),
    ("delete", "insights/I-1", {}),
    ("post", "hypotheses", {}),
    ("put", "hypotheses/H-1", {}),
    ("post", "hypotheses/H-1/accept", {}),
    ("delete", "hypotheses/H-1", {}),
    ("post", "experiments", {"key": "x"}),
    ("put", "experiments/delivery-cost", {"key": "delivery-cost"}),
    ("delete", "experiments/delivery-cost", {}),
    ("post", "experiments/delivery-cost/move", {"action": "decide", "choice": "ship"}),
    ("post", "experiments/delivery-cost/analyse", {}),
    ("post", "experiments/delivery-cost/findings", {"text": "x"}),
    (
        "post",
        "learnings",
        {"experiment": "delivery-cost", "text": "x", "scope": "x", "follow_up": "x"},
    ),
    ("post", "metrics", {"key": "m", "kind": "count", "event": "e"}),
    ("post", "metrics/library", {"library": "shop"}),
]


def test_everything_can_be_read_by_a_viewer(
    analysed: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    said = {path: send(client, path, method="get").status_code for path in GETS}

    assert analysed.stage == "analysed"
    assert said == dict.fromkeys(GETS, 200)


def test_nothing_can_be_changed_by_a_viewer(
    analysed: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    said = [send(client, path, given, method=m).status_code for m, path, given in CHANGES]

    # A viewer may not decide either, but for another reason: somebody else is the owner.
    assert set(said) == {403, 409}
    assert said.count(409) == 1
    assert not DecisionRecord.objects.exists()
    assert analysed.moves.count() == 8


def test_a_stranger_gets_what_does_not_exist(
    analysed: ExperimentRecord, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(mallory)

    said = [send(client, path, method="get").status_code for path in GETS]
    said += [send(client, path, given, method=m).status_code for m, path, given in CHANGES]

    assert analysed.stage == "analysed"
    assert set(said) == {404}


def test_somebody_who_is_not_signed_in_is_asked_to_sign_in(
    analysed: ExperimentRecord, client: Client
) -> None:
    said = [send(client, path, method="get").status_code for path in GETS]
    said += [send(client, path, given, method=m).status_code for m, path, given in CHANGES]

    assert analysed.stage == "analysed"
    assert set(said) == {401}
