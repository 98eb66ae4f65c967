"""What the customers of a company say over a year: notes by sales and service, and calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import Way
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.voice.calls import begin_call, close_call, keep_call
from truelift.apps.voice.codes import Code, code_note, name_owner, write_codebook
from truelift.apps.voice.jobs import listen
from truelift.apps.voice.notes import NoteFields, NoteIsHere, receive_note
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import Answer, Question
from truelift.worlds.calendar import Calendar
from truelift.worlds.cast import Cast, Part


FIRST_AGO: Final = 340
NEWEST_AGO: Final = 2
CALLED_AGO: Final = 11


@dataclass(frozen=True, slots=True)
class Said:
    """Something that people say again and again.

    Attributes:
        code: In the codebook; empty for none.
        monthly: How often, in four weeks.
        by: First name of who hears it.
        source: `sales` or `service`.
        says: In which words, in turn.
        surface: Where it belongs.
        worth: What a deal is worth that is lost over it, in minor units; 0 for none.
    """

    code: str
    monthly: float
    by: str
    source: str
    says: tuple[str, ...]
    surface: str = ""
    worth: int = 0


@dataclass(frozen=True, slots=True)
class Voices:
    """What a company hears.

    Attributes:
        owners: Function → first name of who speaks for it.
        codes: The codebook.
        because: Why it is written.
        said: What people say.
        call: What the last call with sales brought.
    """

    owners: tuple[tuple[Function, str], ...]
    codes: tuple[Code, ...]
    because: str
    said: tuple[Said, ...]
    call: tuple[Answer, ...]


class Listening:
    """A year of listening, put on the calendar."""

    def __init__(
        self, site: Site, *, calendar: Calendar, cast: Cast, voices: Voices, seed: int
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            cast: Who plays whom.
            voices: What is heard.
            seed: Of what is drawn.
        """
        self.site, self.days, self.cast, self.voices = site, calendar, cast, voices
        draw = np.random.default_rng([seed, *b"voices"])
        self.days.at(self.days.ago(FIRST_AGO, hour=9), self._begins)
        for each in voices.said:
            times = draw.poisson(each.monthly * FIRST_AGO / 28)
            days = sorted(draw.integers(NEWEST_AGO, FIRST_AGO, times).tolist(), reverse=True)
            for place, days_ago in enumerate(days):
                lost = bool(each.worth) and draw.random() < 0.5
                told = partial(self._is_told, each, place, lost=lost)
                self.days.at(self.days.ago(days_ago, hour=14), told)
        self.days.at(self.days.ago(CALLED_AGO, hour=15), self._calls)
        self.days.at(self.days.ends, lambda: listen(self.site, now=self.days.moment()))

    def _begins(self) -> None:
        lead = self.cast[Part.LEAD]
        for function, name in self.voices.owners:
            owner = self.cast.who[name].user
            if owner is not None:
                name_owner(self.site, function, owner, by=lead, now=self.days.moment())
        write_codebook(
            self.site,
            self.voices.codes,
            because=self.voices.because,
            by=self.cast.who[self.voices.owners[-1][1]],
            now=self.days.moment(),
        )

    def _is_told(self, said: Said, place: int, *, lost: bool) -> None:
        by: Actor = self.cast.who[said.by]
        fields = NoteFields(
            text=said.says[place % len(said.says)],
            source=said.source,
            day=self.days.today,
            speaker="lost" if lost else "prospect" if said.worth else "customer",
            surface=said.surface,
            stage="Offer" if said.worth else "",
            lost=lost if said.worth else None,
            value_minor=said.worth if lost else None,
            consent="inside",
        )
        try:
            arrival = Arrival(Way.MEMBER, by=by)
            made = receive_note(self.site, fields, arrival, now=self.days.moment())
        except NoteIsHere:
            # Two on one day in the same words.
            return
        code_note(self.site, made.key, said.code, by=by, now=self.days.moment())

    def _calls(self) -> None:
        """Ask sales the three questions."""
        function, name = self.voices.owners[0]
        by, day = self.cast.who[name], self.days.today
        call = begin_call(self.site, function, day=day, by=by, now=self.days.moment())
        told = {each.question for each in self.voices.call}
        keep_call(
            self.site,
            call.number,
            self.voices.call,
            nothing_new=frozenset(set(Question) - told),
            minutes=29,
        )
        close_call(self.site, call.number, by=by, now=self.days.moment(later=29))
