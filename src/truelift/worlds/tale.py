"""What the weeks of every company are told with: findings, ideas, tests, rollouts and talk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from truelift.apps.accounts.models import User
from truelift.apps.backlog.services import submit_score
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.services import (
    move_idea_record,
    move_signal_record,
    receive_idea,
    receive_signal,
)
from truelift.apps.programme.reads import policy_of
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields
from truelift.apps.research.services import (
    accept_hypothesis,
    accept_insight,
    create_hypothesis,
    create_insight,
)
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.services import RolloutFields, ask_for_check, edit_rollout, sign
from truelift.apps.rollouts.services import move as move_rollout
from truelift.apps.sites.models import Site
from truelift.apps.threads.services import say
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.idea import IdeaAction
from truelift.lifecycle.rollout import RolloutAction
from truelift.lifecycle.signal import SignalAction
from truelift.worlds.calendar import Calendar
from truelift.worlds.cast import Part, cast_of
from truelift.worlds.company import Company
from truelift.worlds.heard import Heard, Proposed
from truelift.worlds.history import History
from truelift.worlds.outside import page_seen
from truelift.worlds.trials import Teller


@dataclass(frozen=True, slots=True)
class Shipped:
    """How a winner came to be for everybody.

    Attributes:
        release: Number of the release.
        url: A page where it stands.
        found: What somebody looked for there, and whether it had to be there.
    """

    release: int
    url: str
    found: Mapping[str, bool]


class Tale:
    """The weeks of one company, put on its calendar."""

    def __init__(self, site: Site, company: Company, history: History) -> None:
        """Open the calendar.

        Args:
            site: The company's.
            company: Who works there.
            history: Its truth.
        """
        self.site, self.company, self.history = site, company, history
        ends = datetime.fromtimestamp(history.ends_at_ms / 1000, tz=UTC)
        self.days = Calendar(ends=ends, time_zone=history.time_zone)
        self.who = {
            user.email.partition("@")[0]: Actor(user)
            for user in User.objects.filter(memberships__site=site)
        }
        self.cast = cast_of(company.people, self.who, domain=company.domain)
        self.insights: dict[str, str] = {}
        self.ideas: dict[str, str] = {}
        self.learnings: dict[str, str] = {}

    def teller(self, pages: Mapping[str, str]) -> Teller:
        """Give what trials are told with.

        Args:
            pages: Surface → where its variants are looked at.
        """
        return Teller(
            site=self.site,
            history=self.history,
            calendar=self.days,
            cast=self.cast,
            pages=pages,
            metrics={each.key: each for each in self.company.metrics},
            gates=lambda: policy_of(self.site).gates,
        )

    def live(self) -> None:
        """Let it all happen."""
        self.days.live()

    def _policy(self, gates: frozenset[Gate], because: str) -> None:
        change_policy(
            self.site,
            PolicyChange(gates=[each.value for each in gates]),
            by=self.cast[Part.LEAD],
            now=self.days.moment(),
            because=because,
        )

    def _insight(self, key: str, fields: InsightFields) -> str:
        made = create_insight(self.site, fields, by=self.cast[Part.ANALYST], now=self.days.moment())
        self.insights[key] = made.key
        product = self.cast[Part.PRODUCT]
        accept_insight(self.site, made.key, by=product, now=self.days.moment(later=20))
        return made.key

    def _hypothesis(self, fields: HypothesisFields, insights: tuple[str, ...]) -> str:
        made = create_hypothesis(
            self.site,
            replace(fields, insights=insights),
            by=self.cast[Part.PRODUCT],
            now=self.days.moment(),
        )
        creative = self.cast[Part.CREATIVE]
        accept_hypothesis(self.site, made.key, by=creative, now=self.days.moment(later=20))
        return made.key

    def _hears(self, heard: Heard) -> None:
        keys: list[str] = []

        def comes_in() -> None:
            by = self.who[heard.by] if heard.by else None
            made = receive_signal(
                self.site, heard.fields, Arrival(heard.way, by=by), now=self.days.moment()
            )
            keys.append(made.key)

        def is_looked_at() -> None:
            until = self.days.ends + timedelta(days=heard.asleep) if heard.asleep else None
            move_signal_record(
                self.site,
                keys[0],
                _done_with(heard),
                by=self.cast[Part.ANALYST],
                now=self.days.moment(),
                insight=self.insights[heard.about] if heard.about else "",
                reason=heard.dismissed,
                until=until,
            )

        self.days.at(self.days.ago(heard.days_ago, hour=11), comes_in)
        if heard.looked_at is not None:
            self.days.at(self.days.ago(heard.looked_at, hour=17), is_looked_at)

    def _is_proposed(self, proposed: Proposed) -> None:
        def comes_in() -> None:
            by = self.who[proposed.by] if proposed.by else None
            insight = self.insights[proposed.about] if proposed.about else ""
            made = receive_idea(
                self.site,
                replace(proposed.fields, insight=insight),
                Arrival(proposed.way, by=by),
                now=self.days.moment(),
            )
            self.ideas[proposed.key] = made.key
            if proposed.rejected:
                self._moves_idea(proposed.key, IdeaAction.REJECT, reason=proposed.rejected)

        def is_screened() -> None:
            self._moves_idea(proposed.key, IdeaAction.SCREEN)
            for name, values in proposed.scores:
                self._scores(self.ideas[proposed.key], name, values)
            if proposed.parked:
                self._moves_idea(proposed.key, IdeaAction.PARK, reason=proposed.parked)

        self.days.at(self.days.ago(proposed.days_ago, hour=9), comes_in)
        if proposed.screened is not None:
            self.days.at(self.days.ago(proposed.screened, hour=9, minute=30), is_screened)

    def _moves_idea(self, key: str, action: IdeaAction, *, reason: str = "") -> None:
        move_idea_record(
            self.site,
            self.ideas[key],
            action,
            by=self.cast[Part.LEAD],
            now=self.days.moment(),
            reason=reason,
        )

    def _scores(self, item: str, name: str, values: tuple[int, int, int]) -> None:
        answers = dict(zip(("impact", "confidence", "ease"), map(float, values), strict=True))
        submit_score(self.site, item, answers, by=self.who[name], now=self.days.moment())

    def _edits(self, rollout: str, fields: RolloutFields, *, by: str) -> None:
        edit_rollout(self.site, rollout, fields, by=self.who[by], now=self.days.moment())

    def _moves_rollout(self, rollout: str, action: RolloutAction, *, by: str) -> None:
        move_rollout(self.site, rollout, action, by=self.who[by], now=self.days.moment())

    def _says(self, kind: str, key: str, name: str, text: str) -> None:
        say(self.site, kind, key, text, by=self.who[name], now=self.days.moment())

    def _begins(self, rollout: str, *, by: Part, within: int, ticket: str) -> None:
        """Let an engineer take on a winner, with a day."""
        due = self.days.today + timedelta(days=within)
        number = RolloutRecord.objects.get(site=self.site, number=int(rollout[2:])).pk
        fields = RolloutFields(
            owner=self.cast.address(by),
            due=due.isoformat(),
            ticket=f"https://tickets.{self.company.domain}/{ticket}-{400 + 7 * number}",
        )
        self._edits(rollout, fields, by=self.cast.names[Part.LEAD])
        self._moves_rollout(rollout, RolloutAction.START, by=self.cast.names[by])

    def _goes_live(self, rollout: str, shipped: Shipped) -> None:
        name = self.cast.names[Part.ENGINEER]
        fields = RolloutFields(
            permanent=True,
            deploy_link=f"https://releases.{self.company.domain}/{shipped.release}",
            variant_code="ticketed",
            check_url=shipped.url,
            present="\n".join(what for what, wanted in shipped.found.items() if wanted),
            gone="\n".join(what for what, wanted in shipped.found.items() if not wanted),
        )
        self._edits(rollout, fields, by=name)
        self._moves_rollout(rollout, RolloutAction.GO_LIVE, by=name)

    def _is_verified(self, rollout: str, shipped: Shipped) -> None:
        engineer, lead = self.cast[Part.ENGINEER], self.cast[Part.LEAD]
        check = ask_for_check(self.site, rollout, by=engineer, now=self.days.moment())
        page_seen(check, shipped.found, now=self.days.moment())
        for actor, function in ((engineer, "engineering"), (lead, "cro_lead")):
            if actor.user is not None:
                sign(self.site, rollout, function, by=actor.user, now=self.days.moment())
        self._moves_rollout(rollout, RolloutAction.VERIFY, by=self.cast.names[Part.LEAD])


def _done_with(heard: Heard) -> SignalAction:
    if heard.about:
        return SignalAction.LINK
    if heard.dismissed:
        return SignalAction.DISMISS
    return SignalAction.SNOOZE if heard.asleep else SignalAction.TRIAGE
