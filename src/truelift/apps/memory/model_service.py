"""Asks a model service that speaks the OpenAI chat API, where the operator has named one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from truelift.egress.fetching import Limits, fetch
from truelift.egress.gate import Gate, parsed
from truelift.errors import Outage
from truelift.settings import Settings


LIMITS: Final = Limits(body=1_000_000, seconds=45.0, redirects=0)


class Unusable(Outage):
    """A model service answered something that nothing can be made of."""

    code = "memory.model_unusable"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The model service was left out: {reason}. The draft is made of the signals' own"
            " words.",
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class Service:
    """A model service.

    Attributes:
        url: Up to where `/chat/completions` begins.
        model: Its name there; drafts carry it.
        key: What it asks for; empty for none.
        gate: What may be fetched.
    """

    url: str
    model: str
    key: str = field(repr=False)
    gate: Gate

    @property
    def name(self) -> str:
        """What drafts name as their author: the model and where it runs."""
        return f"{self.model} at {parsed(self.url)[1]}"[:120]

    def ask(self, messages: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Ask for one JSON object.

        Args:
            messages: Who says what, in the order of the talk.

        Raises:
            Unusable: It refused, or its answer is no JSON object.
            TrueliftError: It could not be reached, as `egress.fetching.fetch` says.
        """
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": role, "content": text} for role, text in messages],
        }
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        host, port = parsed(self.url)[1:]
        answer = fetch(
            f"{self.url.rstrip('/')}/chat/completions",
            gate=self.gate,
            hosts=(f"{host}:{port}",),
            method="POST",
            body=json.dumps(body, ensure_ascii=False).encode(),
            headers=headers,
            limits=LIMITS,
        )
        if answer.status != 200:
            raise Unusable(reason=f"it answered with status {answer.status}")
        return _object_in(answer.body)


def service_of(settings: Settings) -> Service | None:
    """Give the model service of an installation; None while the operator has named none."""
    if not settings.model_url:
        return None
    return Service(
        url=settings.model_url,
        model=settings.model_name,
        key=settings.model_key,
        gate=Gate(settings.egress_allow),
    )


def _object_in(body: bytes) -> dict[str, Any]:
    """Read the JSON object out of an answer, a fence of Markdown around it or not."""
    try:
        said = json.loads(body)["choices"][0]["message"]["content"]
        start, end = said.index("{"), said.rindex("}") + 1
        found = json.loads(said[start:end])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise Unusable(reason="its answer is no JSON object") from error
    if not isinstance(found, dict):
        raise Unusable(reason="its answer is no JSON object")
    return found
