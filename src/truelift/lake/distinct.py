"""Pure rules laid over columns: each distinct agent, address and origin is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from truelift.events.addresses import Address, address_of
from truelift.events.bots import is_bot
from truelift.events.channels import Traffic, traffic_of
from truelift.events.devices import Agent, agent_of
from truelift.lake.sites import SiteSettings


Worked = TypeVar("Worked")

REMEMBERED: Final = 100_000
"""Results that are kept for the next batch; beyond it the memory starts anew."""

ADDRESS: Final = (
    "host",
    "path",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "click_id",
)
"""What an address says, under these names in `Address` and as columns."""

_ORIGIN: Final = (*ADDRESS[2:], "host", "path", "referrer_host")
_SEPARATOR: Final = "\x1f"
_NULL: Final = "\x00"


@dataclass(slots=True)
class Distinct(Generic[Worked]):
    """Works something out once per distinct text of a column, and remembers it.

    Attributes:
        work_out: The rule; it never sees null.
    """

    work_out: Callable[[str], Worked]
    _remembered: dict[str, Worked] = field(default_factory=dict)

    def over(self, column: pa.ChunkedArray) -> LaidOut[Worked]:
        """Look at a column's distinct values."""
        encoded = column.dictionary_encode().unify_dictionaries()
        values = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
        if len(self._remembered) > REMEMBERED:
            self._remembered.clear()
        remembered, work_out = self._remembered, self.work_out
        found = []
        for value in values:
            worked = remembered.get(value)
            if worked is None:
                worked = remembered[value] = work_out(value)
            found.append(worked)
        return LaidOut(found, pa.chunked_array([c.indices for c in encoded.chunks], pa.int32()))


@dataclass(frozen=True, slots=True)
class LaidOut(Generic[Worked]):
    """One result per distinct value, and which value each row has; null rows have none."""

    results: Sequence[Worked]
    indices: pa.ChunkedArray

    def column(self, of: Callable[[Worked], object], kind: pa.DataType) -> pa.ChunkedArray:
        """Lay one part of the results out over the rows."""
        values = pa.array([of(result) for result in self.results], kind)
        if values.null_count == len(values):
            return pa.chunked_array([pa.nulls(len(self.indices), kind)])
        return pc.take(values, self.indices)


@dataclass(frozen=True, slots=True)
class AgentSays:
    """What a user agent says, bot or not."""

    agent: Agent
    bot: bool


def agents() -> Distinct[AgentSays]:
    """Make the rule for user agents."""
    return Distinct(lambda text: AgentSays(agent=agent_of(text), bot=is_bot(text)))


def addresses() -> Distinct[Address]:
    """Make the rule for addresses that the engine does not read itself."""
    return Distinct(address_of)


def origins(settings: SiteSettings) -> Distinct[Traffic]:
    """Make the rule for where visits come from, as one site wants it."""

    def work_out(key: str) -> Traffic:
        texts = [None if part == _NULL else part for part in key.split(_SEPARATOR)]
        if len(texts) != len(_ORIGIN):
            # The separator itself was sent: a campaign with control characters says nothing.
            return Traffic()
        (source, medium, campaign, term, content, click, host, path, referrer) = texts
        return traffic_of(
            _address(host, path, click),
            _address(referrer, "/", None) if referrer else None,
            source=source,
            medium=medium,
            campaign=campaign,
            term=term,
            content=content,
            own_hosts=settings.own_hosts,
            payment_referrers=settings.payment_referrers,
        )

    return Distinct(work_out)


def origin_keys(columns: dict[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """Write everything that decides about an origin into one text per row."""
    # A path matters only by being there, else every page would be an origin of its own.
    path = pc.if_else(pc.is_valid(columns["path"]), "/", pa.scalar(None, pa.string()))
    parts = [path if name == "path" else columns[name] for name in _ORIGIN]
    return pc.binary_join_element_wise(*(pc.fill_null(part, _NULL) for part in parts), _SEPARATOR)


def _address(host: str | None, path: str | None, click: str | None) -> str | None:
    if host is None and path is None:
        return None
    query = f"?{click}=1" if click else ""
    if host is None:
        return f"/{query}"
    name = f"[{host}]" if ":" in host else host
    return f"https://{name}/{query}"
