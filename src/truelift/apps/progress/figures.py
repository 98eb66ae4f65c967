"""Computes what a programme's log comes to, as one document; nothing here asks the database.

Method:
    docs/methods/lead-times.md; docs/methods/programme-rates.md;
    docs/methods/inconclusive-share.md; docs/methods/shrinkage.md; docs/guide/programme-metrics.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np

from truelift.apps.progress.history import WINNER, History, OneTest
from truelift.lifecycle.experiment import Choice, Stage
from truelift.lifecycle.insight import EvidenceKind, Grade
from truelift.lifecycle.programme_metrics import (
    CONCLUDED,
    DAY,
    UNDER_WAY,
    Every,
    Ratio,
    Wait,
    action_ratio,
    decisions,
    flow,
    per_period,
    quadrant,
    rework,
    time_in_stages,
)
from truelift.stats.kaplan_meier import waiting_times
from truelift.stats.outcome import Outcome
from truelift.stats.programme import inconclusive_share, jeffreys
from truelift.stats.shrinkage import FEWEST_RESULTS, shrink
from truelift.stats.validity import power_reached


Document = dict[str, Any]

SHARES: Final = {"median": 0.5, "p85": 0.85}
FLOW_DAYS: Final = 182
"""Half a year: long enough for the law to hold, short enough to be about today."""

Z_95: Final = 1.959963984540054
"""Standard errors on each side of an interval that holds in 95 of 100 cases."""

IN_TIME_DAYS: Final = 30.0
"""A winner should be live by then (R118)."""


def figures_of(history: History) -> Document:
    """Compute every figure of a programme as it stood at the moment of its history."""
    own, now = history.own, history.as_of
    counted = [each for each in own if each.counted]
    return {
        "site": history.site.name,
        "as_of": now.isoformat(),
        "time_zone": history.site.time_zone,
        "tests": {
            "planned": len(own),
            "launched": sum(each.trial.launched_at is not None for each in own),
            "under_way": sum(each.trial.stage in UNDER_WAY for each in own),
        },
        "velocity": _velocity(history),
        "lead_times": {
            "insight_to_launch": _lead_time(_to_launch(history), now),
            "launch_to_decision": _lead_time(decisions(each.trial for each in own), now),
            "decision_to_verified": _lead_time(_to_verified(history), now),
            "analysis_to_decision": _lead_time(to_decision(own), now),
        },
        "stages": _stages(own, now),
        "approvals": [
            {"functions": list(functions), **_lead_time(waits, now)}
            for functions, waits in history.approvals.items()
        ],
        "results": _results(own, counted),
        "power": _power(counted),
        "impact": _impact(history, counted),
        "backlog": _backlog(history),
        "work": _work(history),
        "implementation": _implementation(history),
        "overrides": _overrides(history, counted),
        "duplicates": _duplicates(history),
        "evidence": _evidence(history),
        "rework": _rework(own),
        "quadrant": _quadrant(history),
        "imported": _imported(history),
    }


def _local(history: History, at: datetime) -> date:
    return at.astimezone(history.zone).date()


def _velocity(history: History) -> Document:
    own = history.own
    happened = {
        "launched": [each.trial.launched_at for each in own],
        "concluded": [each.trial.over_at for each in own if each.trial.launched_at is not None],
        "valid": [each.trial.decided_at for each in own if each.valid],
    }
    days = {
        name: [_local(history, at) for at in moments if at is not None]
        for name, moments in happened.items()
    }
    last = _local(history, history.as_of)
    first = min((day for each in days.values() for day in each), default=last)
    found: Document = {"first": first.isoformat()}
    for every, name in ((Every.MONTH, "months"), (Every.QUARTER, "quarters")):
        counts = {
            kind: per_period(each, every, first=first, last=last) for kind, each in days.items()
        }
        found[name] = [
            {"period": period, **{kind: counts[kind][period] for kind in counts}}
            for period in counts["launched"]
        ]
    places = Counter(each.surface for each in own if each.trial.launched_at is not None)
    found["surfaces"] = [
        {"surface": surface, "launched": count}
        for surface, count in sorted(places.items(), key=lambda each: (-each[1], each[0]))
    ]
    return found


def _to_launch(history: History) -> Iterable[Wait]:
    for each in history.insights:
        launched = history.launched_first.get(each.key)
        yield Wait(
            each.key,
            each.accepted,
            None if launched is None else max(launched, each.accepted),
        )


def _to_verified(history: History) -> Iterable[Wait]:
    return (Wait(each.key, each.decided_at, each.verified_at) for each in history.rollouts)


def to_decision(own: Iterable[OneTest]) -> Iterable[Wait]:
    """Say for every valid test how long it waited from its analysis to its decision."""
    for each in own:
        analysed = next(
            (step.at for step in each.trial.steps if step.after == Stage.ANALYSED), None
        )
        if analysed is not None and each.trial.invalid_at is None:
            yield Wait(each.key, analysed, each.trial.decided_at)


def _lead_time(waits: Iterable[Wait], now: datetime) -> Document:
    """Give median and P85 in days; what is not through counts for as long as it waits."""
    listed = list(waits)
    times = waiting_times([each.days(now) for each in listed], [bool(e.ended) for e in listed])
    found: Document = {"n": times.n, "done": times.done, "open": times.n - times.done}
    for name, share in SHARES.items():
        at = times.percentile(share)
        found[name] = {"value": at.value, "low": at.low, "high": at.high}
    return found


def _stages(own: Iterable[OneTest], now: datetime) -> list[Document]:
    stays = time_in_stages(each.trial for each in own)
    return [
        {"stage": stage.value, **_lead_time(waits, now)}
        for stage, waits in stays.items()
        if stage not in {Stage.LEARNED, Stage.INVALID}
    ]


def _share(part: int, whole: int) -> Document | None:
    if not whole:
        return None
    low, high = jeffreys(part, whole)
    return {"value": part / whole, "low": low, "high": high, "part": part, "of": whole}


def _results(own: Sequence[OneTest], counted: Sequence[OneTest]) -> Document:
    """Give what tests came to: every rate with its number, none of them alone."""
    outcomes = [each.result.outcome for each in counted if each.result and each.result.outcome]
    invalid = sum(each.trial.invalid_at is not None for each in own)
    by_rule = sum(
        each.result is not None
        and each.result.outcome is Outcome.WIN
        and each.result.advice == Choice.SHIP
        for each in counted
    )
    counts = Counter(outcomes)
    unclear = counts[Outcome.INCONCLUSIVE]
    n = len(outcomes)
    return {
        "n": n,
        "concluded": n + invalid,
        "invalid": invalid,
        "without_effect": sum(
            each.trial.stage in CONCLUDED and each.trial.invalid_at is None and not each.counted
            for each in own
        ),
        "wins": counts[Outcome.WIN],
        "losses": counts[Outcome.LOSS],
        "nulls": counts[Outcome.NULL],
        "unclear": unclear,
        "harmed": sum(bool(each.result and each.result.harm) for each in counted),
        "wins_by_rule": by_rule,
        "win_rate": _share(by_rule, n),
        "learning_rate": _share(n - unclear, n + invalid),
        "inconclusive": _inconclusive(counted),
    }


def _inconclusive(counted: Sequence[OneTest]) -> Document:
    """Hold the inconclusive tests against those that their noise lets expect."""
    judged = [
        (each.result.se, each.result.margin, each.result.outcome)
        for each in counted
        if each.result and each.result.se and each.result.margin
    ]
    unclear = sum(bool(e.result and e.result.outcome is Outcome.INCONCLUSIVE) for e in counted)
    found: Document = {"rate": _share(unclear, len(counted)), "judged": len(judged)}
    if not judged:
        return {**found, "absent": "No test has both a standard error and a margin."}
    said = inconclusive_share(
        [each[0] for each in judged],
        [each[1] for each in judged],
        observed=sum(each[2] is Outcome.INCONCLUSIVE for each in judged),
    )
    return {
        **found,
        "observed": said.observed,
        "expected": said.expected,
        "p": said.p,
        "excess": said.excess,
        "low_power": said.low_power,
        "sentence": said.sentence,
    }


def _power(counted: Sequence[OneTest]) -> Document:
    """Give how much power tests reached for the difference that would matter."""
    pairs = [
        (each.result.se, each.result.margin)
        for each in counted
        if each.result and each.result.se and each.result.margin
    ]
    if not pairs:
        return {"n": 0, "median": None, "short": None, "absent": "No test has both."}
    reached = power_reached([each[0] for each in pairs], worth=[each[1] for each in pairs])
    quarters = np.histogram(reached.power, bins=[0, 0.25, 0.5, 0.8, 1.0 + 1e-9])[0]
    return {
        "n": len(pairs),
        "median": float(np.median(reached.power)),
        "short": int(reached.short.sum()),
        "below": {
            "0.25": int(quarters[0]),
            "0.5": int(quarters[1]),
            "0.8": int(quarters[2]),
            "1": int(quarters[3]),
        },
    }


def _impact(history: History, counted: Sequence[OneTest]) -> Document:
    """Add up shrunken effects, the plain sum beside them; per metric, for they do not mix.

    Every valid test is shrunken with the others of its metric, winners or not. A holdout has
    all of them in it: it stands beside their sum and is no part of it.
    """
    by_metric: dict[str, list[OneTest]] = {}
    for each in counted:
        result = each.result
        if not each.holdout and result and result.value is not None and result.se is not None:
            by_metric.setdefault(result.metric, []).append(each)
    live = {
        each.experiment
        for each in history.rollouts
        if each.verified_at is not None and each.given_up is None
    }
    rows = [
        _impact_on(metric, tests, live)
        for metric, tests in sorted(by_metric.items(), key=lambda each: (-len(each[1]), each[0]))
        if len(tests) >= FEWEST_RESULTS
    ]
    left = sorted(metric for metric, tests in by_metric.items() if len(tests) < FEWEST_RESULTS)
    absent = f"It takes {FEWEST_RESULTS} valid tests of one metric to say what is luck."
    return {
        "metrics": rows,
        "too_few": left,
        "holdouts": [*_holdouts(history)],
        "assumes": "Effects add up, and last.",
        **({} if rows else {"absent": absent}),
    }


def _holdouts(history: History) -> Iterable[Document]:
    """Give what visitors who were held out of everything show, the newest of each metric."""
    newest = {
        each.result.metric: (each, each.result)
        for each in sorted(history.own, key=lambda one: one.trial.launched_at or one.trial.since)
        if each.holdout and each.trial.invalid_at is None and each.result
    }
    for metric, (test, result) in sorted(newest.items()):
        if result.value is not None and result.se is not None:
            yield {
                "metric": metric,
                "experiment": test.key,
                "name": test.name,
                "value": result.value,
                "low": result.value - Z_95 * result.se,
                "high": result.value + Z_95 * result.se,
            }


def _impact_on(metric: str, tests: Sequence[OneTest], live: set[str]) -> Document:
    results = [each.result for each in tests if each.result]
    drawn = shrink([each.value or 0.0 for each in results], [each.se or 0.0 for each in results])
    shipped = np.array([each.choice == Choice.SHIP for each in tests])
    found: Document = {
        "metric": metric,
        "tests": len(tests),
        "mean": drawn.mean,
        "spread": drawn.tau,
    }
    for name, where in (
        ("winners", np.array([each.outcome is Outcome.WIN for each in results])),
        ("shipped", shipped),
        ("live", shipped & np.array([each.key in live for each in tests])),
    ):
        total = drawn.total(where)
        found[name] = {
            "n": int(where.sum()),
            "value": total.value,
            "low": total.low,
            "high": total.high,
            "plain": total.plain,
        }
    found["each"] = [
        {
            "experiment": each.key,
            "measured": float(drawn.estimate[n]),
            "shrunken": float(drawn.value[n]),
            "low": float(drawn.low[n]),
            "high": float(drawn.high[n]),
        }
        for n, each in enumerate(tests)
        if shipped[n]
    ]
    return found


def _backlog(history: History) -> Document:
    came = [_local(history, e.came) for e in history.backlog]
    left = [_local(history, e.left) for e in history.backlog if e.left is not None]
    last = _local(history, history.as_of)
    first = min([*came, *left], default=last)
    counts = [per_period(days, Every.MONTH, first=first, last=last) for days in (came, left)]
    waiting = [each for each in history.backlog if each.left is None]
    return {
        "waiting": len(waiting),
        "months": [
            {"period": period, "came": counts[0][period], "left": counts[1][period]}
            for period in counts[0]
        ],
        "wait": _lead_time(
            (Wait(e.key, e.came, e.left) for e in history.backlog),
            history.as_of,
        ),
    }


def _work(history: History) -> Document:
    """Give what is under way with its age, held against Little's law."""
    now = history.as_of
    begun = [each for each in history.own if each.trial.taken_up_at is not None]
    open_ = [each for each in begun if each.trial.stage in UNDER_WAY]
    ages = sorted(
        (
            {
                "experiment": each.key,
                "name": each.name,
                "stage": each.trial.stage.value,
                "days": (now - (each.trial.taken_up_at or now)) / DAY,
                "in_stage_days": (now - each.trial.since) / DAY,
            }
            for each in open_
        ),
        key=lambda each: -float(str(each["days"])),
    )
    earliest = min((each.trial.taken_up_at or now for each in begun), default=now)
    found = flow(
        [each.trial for each in begun],
        since=max(earliest, now - timedelta(days=FLOW_DAYS)),
        until=now,
    )
    return {
        "under_way": ages,
        "flow": {
            "days": found.days,
            "out": found.out,
            "cycle_days": found.cycle_days,
            "expected": found.expected,
            "mean": found.mean,
        },
        "ownerless": [
            *(
                {"kind": "experiment", "key": each.key, "name": each.name}
                for each in history.own
                if not each.owned and each.trial.stage in {Stage.BRIEFED, *UNDER_WAY}
            ),
            *(
                {"kind": "rollout", "key": each.key, "name": each.name}
                for each in history.rollouts
                if not each.owned and each.stage in {"planned", "in_progress", "live"}
            ),
        ],
    }


def _implementation(history: History) -> Document:
    rows = history.rollouts
    verified = [each for each in rows if each.verified_at is not None and each.given_up is None]
    given_up = [each for each in rows if each.given_up is not None]
    times = waiting_times(
        [each.days(history.as_of) for each in _to_verified(history)],
        [each.ended is not None for each in _to_verified(history)],
    )
    still = times.waits_longer(IN_TIME_DAYS)
    return {
        "shipped": len(rows),
        "verified": len(verified),
        "given_up": len(given_up),
        "waiting": len(rows) - len(verified) - len(given_up),
        "rate": _share(len(verified), len(rows)),
        "in_time": None if still is None else 1 - still,
        "in_time_days": IN_TIME_DAYS,
    }


def _overrides(history: History, counted: Sequence[OneTest]) -> Document:
    """Say how often people went over score and rule, and what came of it."""
    own = history.own
    decided = [each for each in own if each.choice]
    against = [each for each in decided if each.against]
    ranked = {each.hypothesis for each in history.ranks if each.hypothesis}
    overridden = [each for each in counted if each.hypothesis in ranked]
    others = [each for each in counted if each.hypothesis not in ranked]
    started = {each.hypothesis for each in own if each.trial.taken_up_at and each.hypothesis}
    log: list[Document] = [
        {
            "at": each.at.isoformat(),
            "what": "rank",
            "key": each.key,
            "by": each.by,
            "said": f"rank {each.rank_then} → {each.rank}"
            if each.rank_then is not None
            else f"rank {each.rank}",
            "reason": each.reason,
        }
        for each in history.ranks
    ]
    log += [
        {
            "at": (each.trial.decided_at or history.as_of).isoformat(),
            "what": "decision",
            "key": each.key,
            "by": each.decided_by,
            "said": f"{each.result.advice if each.result else ''} → {each.choice}",
            "reason": each.because,
        }
        for each in against
    ]
    return {
        "decisions": {"n": len(decided), "against": len(against)}
        | {"rate": _share(len(against), len(decided))},
        "ranks": {
            "given": len(history.ranks),
            "rate": _share(len(ranked & started), len(started)),
        },
        "outcomes": {"overridden": _outcomes(overridden), "others": _outcomes(others)},
        "log": sorted(log, key=lambda each: str(each["at"])),
    }


def _outcomes(tests: Sequence[OneTest]) -> Document:
    outcomes = Counter(each.result.outcome for each in tests if each.result)
    return {
        "n": len(tests),
        "wins": outcomes[Outcome.WIN],
        "losses": outcomes[Outcome.LOSS],
        "nulls": outcomes[Outcome.NULL],
        "inconclusive": outcomes[Outcome.INCONCLUSIVE],
        "win_rate": _share(outcomes[Outcome.WIN], len(tests)),
    }


def _duplicates(history: History) -> Document:
    repeats = sum(each.repeat for each in history.hypotheses)
    return {"repeats": repeats, "rate": _share(repeats, len(history.hypotheses))}


def _evidence(history: History) -> Document:
    """Count hypotheses by their best evidence, and by the kinds that they rest on."""
    grades = Counter(each.grade for each in history.hypotheses)
    kinds = Counter(kind for each in history.hypotheses for kind in each.kinds)
    return {
        "hypotheses": len(history.hypotheses),
        "grades": {each.value: grades[each] for each in Grade},
        "kinds": {each.value: kinds[each] for each in EvidenceKind},
    }


def _rework(own: Sequence[OneTest]) -> Document:
    found = rework([each.trial for each in own])
    return {
        "returned": found.returned,
        "resumed": found.resumed,
        "invalid": found.invalid,
        "launched": found.launched,
        "rate": found.rate,
    }


def _quadrant(history: History) -> Document:
    action = action_ratio(history.insights, now=history.as_of)
    proof = proof_ratio(history)
    where = quadrant(action, proof)
    return {
        "action": {"part": action.part, "of": action.whole, "value": action.value},
        "proof": {"part": proof.part, "of": proof.whole, "value": proof.value},
        "where": where.value,
        "sentence": where.sentence,
    }


def proof_ratio(history: History) -> Ratio:
    """Count changes that reached visitors, and those of them that a decision stands behind (R125).

    They are the winners that went live and the releases noted on the time axis; a note that
    names its winner (R-4) is that winner, and counts once.
    """
    known = {each.key for each in history.rollouts}
    live = {each.key for each in history.rollouts if each.stage in _SEEN}
    without = 0
    for _, text in history.releases:
        named = set(WINNER.findall(text)) & known
        live |= named
        without += not named
    return Ratio(len(live), len(live) + without)


_SEEN: Final = frozenset({"live", "verified", "cleaned_up"})


def _imported(history: History) -> Document:
    """Count what ran elsewhere; no figure above knows of it."""
    tests = [each for each in history.tests if each.imported]
    outcomes = Counter(
        each.result.outcome
        for each in tests
        if each.result and each.result.outcome and each.trial.invalid_at is None
    )
    return {
        "n": len(tests),
        "wins": outcomes[Outcome.WIN],
        "losses": outcomes[Outcome.LOSS],
        "nulls": outcomes[Outcome.NULL],
        "inconclusive": outcomes[Outcome.INCONCLUSIVE],
    }
