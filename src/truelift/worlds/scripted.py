"""The year of a company that is told by its script: places, what is heard, tests and plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from truelift.apps.intake.fields import Arrival, IdeaFields
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import receive_idea
from truelift.apps.research.fields import HypothesisFields, InsightFields
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.worlds.answers import Answers
from truelift.worlds.cast import Part
from truelift.worlds.company import Company
from truelift.worlds.explained import Expected, Explained
from truelift.worlds.heard import Heard
from truelift.worlds.history import History, Trial
from truelift.worlds.listening import Listening, Voices
from truelift.worlds.meetings import Meetings, People, Promise
from truelift.worlds.outside import host_proved
from truelift.worlds.pipeline import LeadRows, Numbers, PipelineFacts
from truelift.worlds.planning import Planning
from truelift.worlds.tale import Shipped, Tale
from truelift.worlds.told import Told
from truelift.worlds.trials import TrialStory
from truelift.worlds.warned import Warned
from truelift.worlds.work import Work


PROPOSED_AGO: Final = 9
"""Days ago on which the last findings were written down."""

DESCRIBED_AGO: Final = 350
"""Days ago on which the company said which places it has."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a company wrote, heard and planned in its year.

    Attributes:
        company: Who works there.
        places: Its surfaces.
        pages: Surface → where its variants are looked at.
        told: Trial → what was written about it.
        heard: What people told.
        priorities: What the business goes for, and why.
        works: What is planned beside the tests.
        talk: Days ago, first name, experiment and words.
        team: Whose the tests are.
        shipped: Trial → how its winner came to be for everybody.
        ticket: Prefix of tickets.
        voices: What its customers say.
        attending: Who comes to which meeting.
        promises: What somebody promised at which stand-up.
        expected: What its people wrote of a surface's visitors.
        proposals: What was found and proposed last: insight and hypothesis.
        numbers: What its numbers are brought with.
    """

    company: Company
    places: tuple[SurfaceFields, ...]
    pages: Mapping[str, str]
    told: Mapping[str, Told]
    heard: tuple[Heard, ...]
    priorities: tuple[tuple[str, str], ...]
    works: tuple[Work, ...]
    talk: tuple[tuple[int, str, str, str], ...]
    team: str
    shipped: Mapping[str, Shipped]
    ticket: str
    voices: Voices
    attending: People
    promises: tuple[Promise, ...]
    expected: Expected
    proposals: tuple[tuple[InsightFields, HypothesisFields], ...]
    numbers: Numbers


class ScriptedYear(Tale):
    """The year of one company, as its script tells it."""

    def __init__(
        self, site: Site, script: Script, history: History, *, leads: LeadRows | None = None
    ) -> None:
        """Put everything on the calendar.

        Args:
            site: The company's.
            script: What is told.
            history: Its truth.
            leads: Gives what its sales system knows; None where nothing is sold by leads.
        """
        super().__init__(site, script.company, history)
        self.script = script
        self.days.at(self.days.ago(DESCRIBED_AGO, hour=9), self._describes_places)
        running = {each.key: 1 for each in history.trials if history.runs(each)}
        Planning(
            site,
            calendar=self.days,
            cast=self.cast,
            works=script.works,
            priorities=script.priorities,
            tests=running,
            team=script.team,
        )
        for trial in history.trials:
            self._tries(trial, script.told[trial.key])
        for heard in script.heard:
            self._hears(heard)
        for days_ago, name, key, text in script.talk:
            says = partial(self._says, "experiment", key, name, text)
            self.days.at(self.days.ago(days_ago, hour=10), says)
        for number, (insight, hypothesis) in enumerate(script.proposals):
            proposes = partial(self._proposes, f"next-{number}", insight, hypothesis)
            self.days.at(self.days.ago(PROPOSED_AGO - number, hour=11), proposes)
        Listening(site, calendar=self.days, cast=self.cast, voices=script.voices, seed=history.seed)
        PipelineFacts(
            site,
            calendar=self.days,
            who=self.who,
            numbers=script.numbers,
            seed=history.seed,
            leads=leads,
        )
        self._closes_the_year()

    def _closes_the_year(self) -> None:
        """Meet, be asked, and see what the nights saw; after the numbers have come."""
        site, script, who = self.site, self.script, self.who
        lead = self.cast.names[Part.LEAD]
        Explained(site, calendar=self.days, who=who, expected=script.expected)
        Answers(site, calendar=self.days, who=who, lead=lead)
        Meetings(
            site,
            calendar=self.days,
            who=who,
            people=script.attending,
            goals=script.priorities,
            promises=script.promises,
        )
        Warned(site, calendar=self.days, lead=who[lead])

    def _proposes(self, key: str, insight: InsightFields, hypothesis: HypothesisFields) -> None:
        self._hypothesis(hypothesis, (self._insight(key, insight),))

    def _describes_places(self) -> None:
        now = self.days.moment
        for place in self.script.places:
            write_surface(self.site, place, by=self.cast[Part.ANALYST], now=now())
        host = self.company.host.removeprefix("https://")
        host_proved(self.site, host, by=self.cast[Part.ENGINEER], now=now())

    def _tries(self, trial: Trial, told: Told) -> None:
        TrialStory(
            self.teller(self.script.pages),
            trial,
            told,
            find=lambda: self._insight(trial.key, told.insight),
            propose=lambda insight: self._hypothesis(
                replace(told.hypothesis, surface=told.surface), (insight,)
            ),
            shipped=lambda rollout: self._ships(trial, rollout),
            followed=self._follows,
        )

    def _follows(self, trial: Trial, learning: str) -> str:
        """Let what comes next come in as an idea."""
        self.learnings[trial.key] = learning
        told = self.script.told[trial.key]
        fields = IdeaFields(
            change=told.learning[2].rstrip("."),
            problem=told.insight.problem,
            surface=told.surface,
            insight=self.insights[trial.key],
        )
        by = self.cast[Part.PRODUCT]
        made = receive_idea(self.site, fields, Arrival(Way.MEMBER, by=by), now=self.days.moment())
        self.ideas[trial.key] = made.key
        return made.key

    def _ships(self, trial: Trial, rollout: str) -> None:
        days, today = self.days, self.days.today
        begins = partial(
            self._begins, rollout, by=Part.ENGINEER, within=14, ticket=self.script.ticket
        )
        days.at(days.on(today, days=1, hour=10), begins)
        shipped = self.script.shipped.get(trial.key)
        if shipped is not None:
            after = partial(days.on, today + timedelta(days=5))
            days.at(after(hour=10), partial(self._goes_live, rollout, shipped))
            days.at(after(hour=15), partial(self._is_verified, rollout, shipped))
