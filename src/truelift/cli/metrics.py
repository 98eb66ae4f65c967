"""`truelift metrics`: the built-in metrics, and those that a site defined."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from truelift.questions.metric_library import LibraryMetric


app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def metrics(
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="Also what this site defined.")
    ] = None,
    business: Annotated[
        str | None, typer.Option("--business", help="Only for shop, leads or saas.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the metrics that `ask metric` and `ask segments` know, each with its formula."""
    from truelift.questions.metric_library import METRIC_LIBRARY, Business

    if business is not None and business not in list(Business):
        raise typer.BadParameter(f"--business is one of {', '.join(Business)}.")
    built_in = [
        metric
        for metric in METRIC_LIBRARY.values()
        if business is None or business in metric.business
    ]
    own = [] if site is None else _own(site)
    called = {} if site is None else _event_names(site)

    def expects(metric: LibraryMetric) -> list[str]:
        return [name for event in metric.expects for name in called.get(event, (event,))]

    if as_json:
        listed = [metric.document(expects(metric)) for metric in built_in]
        document = {"metrics": listed, "own": own}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    width = max((len(metric.key) for metric in built_in), default=0)
    for metric in built_in:
        typer.echo(f"{metric.key:<{width}}  {metric.formula}")
        typer.echo(f"{'':<{width}}  expects {', '.join(expects(metric)) or 'any event'}")
    for each in own:
        typer.echo(f"{each['key']}@{each['version']}  {each['title']} (of {site})")


def _event_names(site: str) -> dict[str, tuple[str, ...]]:
    from truelift.lake.home import Home, checked_site
    from truelift.lake.sites import site_settings
    from truelift.settings import settings_from

    return dict(site_settings(Home.of(settings_from()), checked_site(site)).event_names)


def _own(site: str) -> list[dict[str, object]]:
    from truelift.lake.home import Home, checked_site
    from truelift.lake.metrics import published_metrics
    from truelift.settings import settings_from

    found = published_metrics(Home.of(settings_from()), checked_site(site))
    return [
        {
            "key": metric.key,
            "version": metric.versions[-1].version,
            "title": metric.title,
            "better": metric.better,
            "definition": metric.versions[-1].definition,
        }
        for metric in found.values()
    ]
