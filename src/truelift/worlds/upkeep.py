"""What happens to the demo company's shop beside its tests: deploys, freezes, an incident."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.changes.confounding import record_incident
from truelift.apps.changes.models import ContaminationRecord
from truelift.apps.changes.senders import Made, hear, make_sender
from truelift.apps.changes.spoiling import adjudicate, take_way_out
from truelift.apps.experiments.monitoring_delayed import plan_delayed, read_delayed
from truelift.apps.explorers.models import AnnotationKind
from truelift.apps.explorers.services import annotate
from truelift.apps.freezes.checking import Asking, check
from truelift.apps.freezes.deploy_services import make_token
from truelift.apps.freezes.models import Asker, DeployTokenRecord
from truelift.apps.freezes.services import FreezeFields, propose
from truelift.apps.freezes.services import move as move_freeze
from truelift.apps.intake.models import SignalRecord
from truelift.apps.intake.services import move_signal_record
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import write_surface
from truelift.apps.threads.services import say
from truelift.lifecycle.confounder import IncidentKind
from truelift.lifecycle.contamination import WayOut
from truelift.lifecycle.deploy_check import DeployRequest
from truelift.lifecycle.freeze import FreezeAction, Source, Strength
from truelift.lifecycle.signal import SignalAction, SignalStage
from truelift.worlds.calendar import Calendar
from truelift.worlds.history import Trial
from truelift.worlds.people import address_of
from truelift.worlds.shop.parameters import DISTURBED, HOST, Shop
from truelift.worlds.shop.places import PLACES


REPOSITORY: Final = "northpine/shop"

SALE: Final = ("Cart", "Checkout, delivery step", "Checkout, payment step")
"""What stays as it is in the weeks of the winter sale."""

SALE_DAYS: Final = (20, 34)
"""The sale, in days from today."""


_FOUND: Final = (
    (
        ("ines", "engineering", "suspect",
         ("The form is on the next step and the same in both variants; the tested step did not"
         " change, but phones that hang may not come back.")),
        ("priya", "analytics", "suspect",
         "Payments on phones took more than twice as long in both variants alike."),
    ),
    (
        ("ines", "engineering", "benign", "It is the form of before, byte for byte."),
        ("priya", "analytics", "benign", "Times and errors are those of the week before."),
    ),
)  # fmt: skip
"""What engineering and analytics said of the form that hung, and of the one of before."""

_AGREED: Final = (
    (20, "ines",
     ("The card form went out past this test, and we took it back after 26 hours. It shares"
     " checkout.js with the delivery step; I should have asked before. @mara, do we begin again?")),
    (35, "priya",
     ("Both variants had it, and the split held. What we cannot say is how many phones it cost"
     " either of them. I would go on, and read the result at the end with and without that day.")),
    (50, "mara",
     ("We go on. Time to pay and failed payments are guardrails of this test, so we see it there"
     " as well. What goes back within 30 days is one of them, too: we decide when that is known.")),
)  # fmt: skip
"""Minutes later, who, and what they agreed on."""


class Upkeep:
    """Everything that changes pages, or keeps them from being changed."""

    def __init__(
        self, site: Site, shop: Shop, *, calendar: Calendar, who: Mapping[str, Actor]
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            shop: Its truth.
            calendar: Its days.
            who: First name → person.
        """
        self.site, self.shop, self.days, self.who = site, shop, calendar, who
        self.github: Made | None = None
        self.cms: Made | None = None
        self.pipeline: DeployTokenRecord | None = None
        self.freezes: dict[str, str] = {}
        self._on(60, 9, self._describes_places)
        self._on(58, 9, self._connects)
        self._on(47, 11, lambda: self._deploys(1, "Larger pictures in the journal", "journal/post"))
        self._on(25, 11, self._ships_reviews)
        for trial in shop.trials:
            if trial.spoiled_after_days is not None:
                self._spoils(trial)
        self._releases_a_form_that_hangs()
        self._keeps_category_as_it_is()
        self._on(8, 12, self._carrier_was_down)
        self._prepares_for_the_sale()
        self._on(5, 11, lambda: self._deploys(4, "Filters that stay", "shop/category/filters",
                                              "tools/release.sh"))  # fmt: skip
        self._on(4, 10, self._looks_again)
        self._on(1, 5, self._reads_what_came_late)
        self._on(1, 18, self._edits_words)

    def _on(self, days_ago: int, hour: int, step: Callable[[], object], *, minute: int = 0) -> None:
        self.days.at(self.days.ago(days_ago, hour=hour, minute=minute), step)

    def _describes_places(self) -> None:
        for place in PLACES:
            write_surface(self.site, place, by=self.who["priya"], now=self.days.moment())

    def _connects(self) -> None:
        """Let the code's home and the editor tell of changes, and the pipeline ask before."""
        tom, now = self.who["tom"], self.days.moment
        self.github = make_sender(self.site, kind="github", name=REPOSITORY, by=tom, now=now())
        self.cms = make_sender(self.site, kind="cms", name="Editor", by=tom, now=now())
        self.pipeline = make_token(self.site, REPOSITORY, by=tom, now=now()).record

    def _deploys(self, number: int, what: str, *files: str, at: datetime | None = None) -> None:
        """Let GitHub tell, signed, that something was deployed."""
        assert self.github is not None  # noqa: S101 - connected weeks before
        now = self.days.moment()
        body = json.dumps(
            {
                "deployment_status": {
                    "state": "success",
                    "environment": "production",
                    "created_at": (at or now).isoformat(),
                    "creator": {"login": "tom"},
                    "target_url": f"https://releases.northpine.example/{2110 + number}",
                },
                "deployment": {
                    "id": 2110 + number,
                    "sha": hashlib.sha256(f"{self.shop.seed}-{number}".encode()).hexdigest()[:12],
                    "ref": "main",
                    "description": what,
                    "payload": {"paths": [name if "." in name else f"{name}.ts" for name in files]},
                },
                "repository": {"full_name": REPOSITORY},
            }
        ).encode()
        signature = hmac.new(self.github.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "x-hub-signature-256": f"sha256={signature}",
            "x-github-delivery": f"{REPOSITORY}-{number}",
            "x-github-event": "deployment_status",
        }
        hear(self.github.record, headers, body, now=now)

    def _asks(self, *files: str) -> None:
        """Let the pipeline ask before it deploys."""
        request = DeployRequest(paths=tuple(f"{name}.ts" for name in files), repo=REPOSITORY)
        asking = Asking(by=Actor(None, machine=True), asker=Asker.COMMAND, token=self.pipeline)
        check(self.site, request, asking=asking, now=self.days.moment())

    def _ships_reviews(self) -> None:
        self._asks("shop/product/reviews")
        self._deploys(2, "Reviews above the description", "shop/product/reviews")

    def _spoils(self, trial: Trial) -> None:
        """A new page is deployed in the first week of a test, though the pipeline was told no."""
        at = datetime.fromtimestamp(self.shop.spoiled_ms(trial) / 1000, UTC)

        def ships() -> None:
            self._asks("shop/product/gallery", "shop/product/page")
            self._deploys(3, "New product page", "shop/product/gallery", "shop/product/page", at=at)

        self.days.at(at, ships)
        self.days.at(at + timedelta(hours=22), lambda: self._judges(trial))

    def _judges(self, trial: Trial) -> None:
        made = ContaminationRecord.objects.get(experiment__key=trial.key, change__site=self.site)
        for name, function, reason in (
            ("tom", "engineering", "The whole page is new; the variant stood on the old one."),
            ("priya", "analytics", "Three days are before it; nothing can be read from them."),
        ):
            adjudicate(
                self.site,
                made.pk,
                function=function,
                verdict="fatal",
                reason=reason,
                by=self.who[name],
                now=self.days.moment(),
            )
        take_way_out(
            self.site,
            made.pk,
            WayOut.DISCARD.value,
            note="We ask it again when the new page has settled.",
            by=self.who["mara"],
            now=self.days.moment(later=60),
        )

    def _releases_a_form_that_hangs(self) -> None:
        """Give the payment a new form under a test of the checkout, and take it back in a day."""
        since, until = (datetime.fromtimestamp(ms / 1000, UTC) for ms in self.shop.disturbed_ms)
        form = "shop/checkout/payment/form"
        at = self.days.at
        at(since, lambda: self._deploys(5, "New card form", form, at=since))
        at(until, lambda: self._deploys(6, "Card form of before", form, at=until))
        at(until + timedelta(hours=1), lambda: self._writes_down(since, until))
        at(until + timedelta(hours=3), self._looks_at_both)

    def _writes_down(self, since: datetime, until: datetime) -> None:
        record_incident(
            self.site,
            kind=IncidentKind.INCIDENT.value,
            what="The new card form hung on phones: payments took long, and more of them failed",
            since=since,
            until=until,
            surfaces=("Checkout, payment step", "Checkout, delivery step"),
            by=self.who["ines"],
            now=self.days.moment(),
        )
        for at, what in ((since, "New card form"), (until, "Card form of before")):
            annotate(
                self.site,
                at=at,
                kind=AnnotationKind.RELEASE.value,
                text=what,
                by=self._priya,
                now=self.days.moment(),
            )

    @property
    def _priya(self) -> User:
        user = self.who["priya"].user
        assert user is not None  # noqa: S101 - nobody of the company is a program
        return user

    def _looks_at_both(self) -> None:
        """Let two who know say what the form and its removal did to the test."""
        made = ContaminationRecord.objects.filter(
            experiment__key=DISTURBED, change__site=self.site
        ).order_by("at")
        for each, found in zip(made, _FOUND, strict=True):
            for name, function, verdict, reason in found:
                adjudicate(
                    self.site,
                    each.pk,
                    function=function,
                    verdict=verdict,
                    reason=reason,
                    by=self.who[name],
                    now=self.days.moment(),
                )
        for later, name, text in _AGREED:
            say(
                self.site, "experiment", DISTURBED, text, by=self.who[name],
                now=self.days.moment(later=later),
            )  # fmt: skip

    def _keeps_category_as_it_is(self) -> None:
        """Freeze a place for some days, and change it all the same when prices are wrong."""
        begins = self.days.ago(14, hour=0)
        self._on(16, 10, lambda: self._proposes(
            "stoves", "Stove weeks: nobody changes the lists", ("Category page",), begins,
            begins + timedelta(days=4), source=Source.MANUAL))  # fmt: skip
        self._on(15, 9, lambda: self._agrees("stoves", by="tom"))
        self._on(12, 21, self._overrides)

    def _overrides(self) -> None:
        request = DeployRequest(
            surfaces=("Category page",),
            repo=REPOSITORY,
            actor="ines",
            emergency=True,
            reason="Two tents were shown at a tenth of their price.",
        )
        check(self.site, request, asking=Asking(by=self.who["ines"]), now=self.days.moment())

    def _prepares_for_the_sale(self) -> None:
        first, last = (self.days.ago(-days, hour=0) for days in SALE_DAYS)
        self._on(6, 12, lambda: self._proposes("sale", "Winter sale", SALE, first, last))
        self._on(5, 9, lambda: self._agrees("sale", by="ines"))
        stock = self.days.ago(-40, hour=0)
        self._on(1, 12, lambda: self._proposes(
            "stock", "Stocktaking: prices stay as they are", ("Product page", "Cart"), stock,
            stock + timedelta(days=3), source=Source.MANUAL))  # fmt: skip
        self._on(1, 15, lambda: self._agrees("stock", by="tom"))

    def _proposes(
        self,
        name: str,
        what: str,
        surfaces: tuple[str, ...],
        starts: datetime,
        ends: datetime,
        *,
        source: Source = Source.SEASON,
    ) -> None:
        made = propose(
            self.site,
            FreezeFields(
                what=what,
                surfaces=surfaces,
                starts=starts,
                ends=ends,
                strength=Strength.REQUIRE_APPROVAL.value,
                source=source.value,
                owner=address_of("mara"),
            ),
            by=self.who["mara"],
            now=self.days.moment(),
        )
        self.freezes[name] = made.key

    def _agrees(self, name: str, *, by: str) -> None:
        move_freeze(
            self.site,
            self.freezes[name],
            FreezeAction.AGREE,
            by=self.who[by],
            now=self.days.moment(),
        )

    def _carrier_was_down(self) -> None:
        record_incident(
            self.site,
            kind=IncidentKind.INCIDENT.value,
            what="The carrier did not answer: no delivery could be chosen",
            since=self.days.ago(9, hour=8),
            until=self.days.ago(8, hour=10),
            surfaces=("Checkout, delivery step",),
            by=self.who["nora"],
            now=self.days.moment(),
        )

    def _looks_again(self) -> None:
        """Compare before and after, as every deploy asks for."""
        asked = SignalRecord.objects.filter(
            site=self.site, stage=SignalStage.NEW.value, title__startswith="Validate: "
        )
        for each in asked.order_by("number"):
            move_signal_record(
                self.site,
                each.key,
                SignalAction.DISMISS,
                by=self.who["priya"],
                now=self.days.moment(),
                reason="Before and after are alike, as far as our traffic can tell.",
            )

    def _reads_what_came_late(self) -> None:
        """Analyse again what was decided before its refunds were known, as the worker does."""
        plan_delayed(self.site)
        read_delayed(self.site, now=self.days.moment())

    def _edits_words(self) -> None:
        """Let the editor's program tell of an edit without a signature: it only proposes."""
        assert self.cms is not None  # noqa: S101 - connected weeks before
        said = {
            "external_id": "delivery-words",
            "urls": [f"{HOST}/checkout/delivery"],
            "what": "Words beside the delivery cost",
        }
        hear(self.cms.record, {}, json.dumps(said).encode(), now=self.days.moment())
