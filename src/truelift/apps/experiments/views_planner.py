"""The page on which a test is planned before there is one: how many visitors, how many weeks."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.experiments import planner_form
from truelift.apps.experiments.planner_form import PlannerForm
from truelift.apps.experiments.planner_page import planner_page
from truelift.apps.experiments.planner_reads import known_of, starts_of, usual_start
from truelift.apps.sites.reads import site_for
from truelift.stats.spreads import Mean, Share


@require_safe
def planner(request: SignedInRequest, site: str) -> HttpResponse:
    """Plan what the address says; without one, a share of the site's visitors."""
    place = site_for(request.user, site)
    form = PlannerForm.of(request.GET)
    starts = starts_of(place)
    source = ""
    if not form.typed:
        metric = next((each for each in starts if each.key == form.metric), None)
        if metric is None and not form.metric:
            metric = usual_start(starts)
        known = known_of(place, metric, now=datetime.now(UTC))
        form, source = form.filled(known.numbers), known.source
        form = PlannerForm(form.typed, metric.key if metric is not None else "")
    problems = form.problems()
    context = {
        "form": form,
        "starts": starts,
        "source": source,
        "problems": problems,
        "says_more": form.says_more and not source,
        "plan_address": urlencode(_plan(form)) if not problems else "",
        "page": None if problems else planner_page(form.plan()),
        "metric_inputs": _inputs(form, planner_form.METRIC),
        "plan_inputs": _inputs(form, planner_form.PLAN),
        "more_inputs": _inputs(form, planner_form.MORE),
        "choices": {
            "kind": _choices(form, "kind", planner_form.KINDS),
            "method": _choices(form, "method", planner_form.METHODS),
            "aim": _choices(form, "aim", planner_form.AIMS),
            "rule": _choices(form, "rule", planner_form.RULES),
            "better": _choices(form, "better", planner_form.BETTER),
        },
    }
    response = render(request, "experiments/planner.html", context, status=422 if problems else 200)
    if "HX-Request" in request.headers and not problems:
        # The address that people share says what counts, and not every input there is.
        response["HX-Replace-Url"] = f"{request.path}?{form.address}"
    return response


def _plan(form: PlannerForm) -> dict[str, str]:
    """Give the numbers as the plan's form takes them."""
    plan = form.plan()
    numbers = {
        "visitors_per_week": f"{round(plan.weekly)}",
        "minimum_effect": f"{100 * abs(plan.lift):g}",
    }
    spread = plan.design.spread
    match spread:
        case Share(baseline=baseline):
            numbers["baseline"] = f"{100 * baseline:g}"
        case Mean(cv=cv):
            numbers["cv"] = f"{cv:.4g}"
        case _:
            pass
    if not plan.lift:
        del numbers["minimum_effect"]
    if form.metric:
        numbers["primary"] = form.metric
    return numbers


def _inputs(
    form: PlannerForm, numbers: tuple[planner_form.Number, ...]
) -> list[tuple[planner_form.Number, str]]:
    return [(number, form.text(number)) for number in numbers]


def _choices(
    form: PlannerForm, name: str, offered: tuple[tuple[str, str], ...]
) -> list[tuple[str, str, bool]]:
    return [(value, label, value == form.chosen(name)) for value, label in offered]
