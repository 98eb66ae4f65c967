"""`truelift demo`: build the demo company when it is not there, and say what the loop found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from truelift.cli.worlds import quieten, use_home


if TYPE_CHECKING:
    from rich.console import RenderableType

    from truelift.questions.leaks import Leak
    from truelift.worlds.findings import Findings, OpenConflict, Proposal, Verdict
    from truelift.worlds.world import World

app = typer.Typer(add_completion=False)

SCALE = 0.3
EVENTS = {
    "view_item": "looking at a product",
    "add_to_cart": "the cart",
    "begin_checkout": "beginning the checkout",
    "add_shipping_info": "delivery",
    "add_payment_info": "payment",
    "purchase": "the order",
}


@app.command()
def demo(
    home: Annotated[
        Path | None, typer.Option("--home", help="Data directory; default: TRUELIFT_HOME.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Size of the company when it is built.")] = SCALE,
    seed: Annotated[int, typer.Option(help="Of its visitors.")] = 7,
    programme: Annotated[
        bool, typer.Option("--programme", help="Build a year of another company’s tests beside it.")
    ] = False,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Build the two other demo companies beside it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Build the demo company if it is not there, and say what the loop found.

    Everything said is asked of the lake and of the records, as the home page asks it.
    """
    if home is not None:
        use_home(home)
    from truelift.project.start import bring_up_to_date
    from truelift.worlds.world import WORLDS, build, is_built

    ready = bring_up_to_date()
    quieten()
    wanted = [
        "shop",
        *(["leads", "saas"] if everyone else []),
        *(["programme"] if programme else []),
    ]
    begun: dict[str, World] = {}
    for name in wanted:
        if is_built(name, ready):
            continue
        with _told() as say:
            begun[name] = build(
                name,
                ready,
                scale=scale,
                seed=seed,
                until=datetime.now(UTC),
                now=lambda: datetime.now(UTC),
                say=say,
            )
    world = begun.get("shop")
    from truelift.worlds.findings import findings_of

    found = findings_of("shop", now=datetime.now(UTC))
    if as_json:
        built = {"built": world.document()} if world is not None else {}
        typer.echo(json.dumps({**found.document(), **built}))
        return
    from rich.console import Console

    others = {name: is_ for name, is_ in WORLDS.items() if name != "shop" and is_built(name, ready)}
    Console(highlight=False).print(_panel(found, world, home, others))


@contextmanager
def _told() -> Iterator[Callable[[str], None]]:
    """What happens, as one moving line for a person and as plain lines for a log."""
    if not sys.stderr.isatty():
        yield lambda words: print(f"demo: {words}", file=sys.stderr)
        return
    from rich.console import Console

    with Console(stderr=True).status("building the demo company") as status:
        yield lambda words: status.update(f"building the demo company: {words}")


def _panel(
    found: Findings, world: World | None, home: Path | None, others: Mapping[str, str]
) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.panel import Panel

    parts = [
        _part("Where do visitors drop off?", *_leak(found.leak)),
        _part("What should be changed next?", *proposed(found.proposal)),
        _part("Is the uplift real?", *_verdict(found.verdict)),
        *(
            []
            if found.conflict is None
            else [_part("What is in whose way?", *_conflict(found.conflict))]
        ),
        *(
            [_part("Which other companies are here?", ", ".join(others), _listed(others))]
            if others
            else []
        ),
        _signing_in(world, home),
    ]
    spaced = [each if n == 0 else Padding(each, (1, 0, 0, 0)) for n, each in enumerate(parts)]
    return Panel(
        Group(*spaced),
        title="[bold]What the loop found[/bold]",
        title_align="left",
        border_style="green",
        padding=(1, 2),
        width=88,
    )


def _listed(others: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {what}" for name, what in others.items())


def _signing_in(world: World | None, home: Path | None) -> RenderableType:
    from rich.text import Text

    from truelift.worlds.people import LOGIN

    if world is None or not world.password:
        return Text.assemble(
            ("Sign in  ", "bold"),
            LOGIN,
            ("  as before; for another password: ", "dim"),
            f"{'' if home is None else f'TRUELIFT_HOME={home} '}truelift users reset {LOGIN}",
        )
    return Text.assemble(
        ("Sign in  ", "bold"),
        world.email,
        ("  password  ", "dim"),
        world.password,
        ("  (shown now and never again)", "dim"),
    )


def _part(question: str, answer: str, detail: str) -> RenderableType:
    from rich.text import Text

    return Text.assemble((f"{question}\n", "dim"), (f"{answer}\n", "bold"), detail)


def _leak(leak: Leak | None) -> tuple[str, str]:
    if leak is None:
        return "No step loses a segment beyond chance.", "More visitors will tell."
    step, before = EVENTS.get(leak.before, leak.before), EVENTS.get(leak.after, leak.after)
    orders, value = leak.ends_per_week, leak.value_per_week_minor
    worth = f", about {_money(value.value)} a week" if value is not None else ""
    interval = f" ({_money(value.low)} to {_money(value.high)})" if value is not None else ""
    detail = (
        f"{leak.rate:.0%} of {_whom(leak, leak.segment)} get from {before} to {step};"
        f" of {_whom(leak, leak.standard)} {leak.standard_rate:.0%} do.\n"
        f"That is about {orders.value:,.0f} orders a week{interval}."
    )
    return f"At {step}, {_whom(leak, leak.segment)}{worth}", detail


def _whom(leak: Leak, segment: str | None) -> str:
    """People of a segment, as one would say it."""
    if leak.by == "device":
        return f"{segment or 'other'} visitors"
    if leak.by == "channel":
        return f"visitors from {(segment or 'no channel').lower()}"
    return segment or "everyone"


def proposed(proposal: Proposal | None) -> tuple[str, str]:
    """Say what should be tested next, and what is known of it."""
    if proposal is None:
        return "No accepted hypothesis waits for a test.", "Turn the leak above into one."
    stake = proposal.weekly_value_minor
    at_stake = f"; {_money(stake)} a week are at stake" if stake is not None else ""
    by = proposal.ranked_by
    ranked = f"\n{by} put it first, against the score." if by is not None else ""
    return (
        f"{proposal.key}  {proposal.sentence}",
        f"Expected: {proposal.expected_lift:+.0%} on {proposal.metric}{at_stake}.{ranked}",
    )


def _verdict(verdict: Verdict | None) -> tuple[str, str]:
    if verdict is None:
        return "No experiment runs.", "Plan one on the hypothesis above."
    action = verdict.action.replace("_", " ").capitalize()
    hidden = verdict.action == "keep_running"  # a fixed test is read once, here as on its page
    effect = (
        f"{verdict.value:+.1%} on {verdict.metric} ({verdict.low:+.1%} to"
        f" {verdict.high:+.1%}), {verdict.units:,} visitors. "
        if not hidden
        and verdict.value is not None
        and verdict.low is not None
        and verdict.high is not None
        else f"{verdict.units:,} visitors so far. "
    )
    because = verdict.because[0] if verdict.because else ""
    return f"{verdict.name}: {action}", f"{effect}{because}"


def _conflict(conflict: OpenConflict) -> tuple[str, str]:
    who = " and ".join(conflict.owners) or "nobody yet"
    due = f", due {conflict.due:%-d %B}" if conflict.due else ""
    return conflict.sentence, f"To settle: {who}{due}. It stands on the roadmap as {conflict.key}."


def _money(minor: float) -> str:
    from truelift.apps.drawing.wording import rough_money

    return rough_money(minor, "EUR")
