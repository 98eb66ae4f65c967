"""What the shop's customers say over a year: notes, calls, a codebook, one thing that spikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
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
from truelift.apps.voice.models import NoteRecord, PhraseUseRecord, ThemeRecord
from truelift.apps.voice.notes import NoteFields, NoteIsHere, receive_note
from truelift.apps.voice.promises import add_claim, add_phrase, decide_use, suggest_uses
from truelift.apps.voice.themes import decide_theme, find_themes
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import Answer, Question
from truelift.worlds.calendar import Calendar
from truelift.worlds.shop.parameters import HOST


FIRST_AGO: Final = 350
NEWEST_AGO: Final = 2
SPIKES_SINCE: Final = 27
"""Days ago from which the zip is told of more often: a delivery of sleeping bags with bad zips."""

LOOKED_AGO: Final = 75
"""Days ago on which somebody looked at the first themes."""

CODED_AGO: Final = 1
DISAGREE: Final = 0.14
"""Share of notes that the second coder reads differently."""

ZIP: Final = "Zips that run smoothly with gloves on"
LIGHT: Final = "Weighs less than two kilos"


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that customers speak of.

    Attributes:
        code: Of the codebook; empty where none fits.
        monthly: Notes in four weeks.
        sources: Where, by turns.
        says: What they say, by turns.
        surface: About which page.
        segment: Who.
        worth: What a lost deal is worth, in whole euros; 0 where there are no deals.
        claim: The promise that was not kept.
    """

    code: str
    monthly: float
    sources: tuple[str, ...]
    says: tuple[str, ...]
    surface: str = ""
    segment: str = ""
    worth: int = 0
    claim: str = ""


TOPICS: Final = (
    Topic(
        "delivery_cost",
        2.6,
        ("service", "chat"),
        (
            "The delivery cost came out of nowhere on the last page.",
            "Why do I see the delivery cost only at the end?",
            "4.90 delivery cost on the last page, so I left.",
            "I would not mind the delivery cost if it were known from the start.",
            "Is the delivery cost per parcel or per order? The last page does not say.",
            "The delivery cost is more than the gas cartridge.",
        ),
        "Checkout, delivery step",
        "Device: phone",
    ),
    Topic(
        "arrival_day",
        2.2,
        ("service", "ticket"),
        (
            "On which day does my parcel arrive?",
            "Does the parcel arrive before the weekend? We leave on Friday.",
            "My parcel did not arrive on the day that you wrote.",
            "I need to know the day on which the parcel arrives, or I buy it in town.",
            "Which day will the parcel arrive if I order tonight?",
        ),
        "Product page",
    ),
    Topic(
        "zip_jams",
        0.5,
        ("ticket", "review", "service"),
        (
            "The zip of the sleeping bag jams at the foot.",
            "After two nights the zip of the sleeping bag jams.",
            "I cannot close the sleeping bag from inside, the zip jams in the lining.",
            "The zip jams when I wear gloves, and the page of the sleeping bag promises otherwise.",
            "Sent the sleeping bag back because its zip jams.",
            "Second sleeping bag, and the zip jams again.",
            "The zip of my new sleeping bag eats the lining and jams.",
        ),
        "Product page",
        claim=ZIP,
    ),
    Topic(
        "heavier",
        1.1,
        ("review", "ticket"),
        (
            "My kitchen scale says the tent weighs 2.4 kilos, not two.",
            "The tent weighs more than the page says, with its pegs it is 2.5 kilos.",
            "Two kilos without pegs and bag: the tent weighs far more on my back.",
            "I bought the tent for its weight and it weighs half a kilo more.",
        ),
        "Product page",
        claim=LIGHT,
    ),
    Topic(
        "invoice",
        1.4,
        ("sales",),
        (
            "Our club can only pay by invoice within thirty days.",
            "No invoice with thirty days, no order, says our treasurer.",
            "The club pays by invoice; a card is nobody’s here.",
            "Without an invoice the club has to ask its board for every tent.",
        ),
        "Checkout, payment step",
        "Clubs",
        worth=1_900,
    ),
    Topic(
        "minimum_order",
        0.8,
        ("sales",),
        (
            "Twenty tents as the minimum order is too many for a small shop.",
            "The minimum order ties up our money until the summer.",
            "We would begin with five; your minimum order is twenty.",
        ),
        segment="Resellers",
        worth=3_400,
    ),
    Topic(
        "sizes",
        1.0,
        ("chat", "survey"),
        (
            "Which size of sleeping bag fits somebody of 1.92 metres?",
            "The size table stops at 1.85, do you have a longer size?",
            "I ordered two sizes because the size table does not help me.",
        ),
        "Product page",
    ),
    Topic(
        "",
        0.9,
        ("survey", "service", "chat"),
        (
            "A friend told me to look here, and he was right.",
            "Do you repair stoves that are ten years old?",
            "The journal is why I come back.",
            "Your colleague on the telephone was very kind.",
            "Can I pick it up at the trade fair?",
            "The green of the jacket is another green on my screen.",
            "Please bring back the blue kettle.",
            "I gave my old mattress to my daughter and bought a new one.",
            "How do I wash wool?",
            "Somebody should sell single tent pegs.",
        ),
    ),
)

FIRST_CODES: Final = (
    Code(
        "delivery_cost", "Delivery cost", "objection", "The cost of delivery, or when it is shown."
    ),
    Code("arrival_day", "Day of arrival", "objection", "When it comes; not what it costs."),
    Code("invoice", "No invoice", "objection", "Wants to pay later, by invoice."),
    Code("sizes", "Which size", "objection", "Does not know which size fits."),
    Code("heavier", "Heavier than promised", "disappointment", "Weighs more than the page says."),
)
MORE_CODES: Final = (
    *FIRST_CODES,
    Code("minimum_order", "Minimum order", "objection", "Resellers; the number, not the price."),
    Code("zip_jams", "Zip jams", "disappointment", "Any zip that does not run."),
)

PHRASES: Final = (
    (
        "known from the start",
        "A customer on the phone",
        "Ordered in the same call once the cost was told.",
        "inside",
    ),
    (
        "comes in time",
        "A father before a trip",
        "Stopped asking for the shop in town.",
        "inside",
    ),
    (
        "dry socks on the third day",
        "A customer at the trade fair",
        "Three who stood beside him bought the tent.",
        "public",
    ),
)

SERVICE_CALL: Final = (
    Answer(Question.OBJECTIONS, "The delivery cost shows too late", 20, "Device: phone"),
    Answer(Question.OBJECTIONS, "They do not know which day the parcel arrives", 14),
    Answer(Question.BEFORE, "Does the stove burn in the cold?", 6, "", "Product page"),
    Answer(Question.DECLINED, "I would rather touch it in a shop first", 5),
)
SALES_CALL: Final = (
    Answer(Question.OBJECTIONS, "They ask what happens if a tent tears in the first season", 9),
    Answer(Question.OBJECTIONS, "The minimum order is too high for small shops", 4, "Resellers"),
    Answer(Question.DECLINED, "Their treasurer knows the other house better", 3, "Clubs"),
)


class Voiced:
    """A year of listening, put on the calendar."""

    def __init__(
        self, site: Site, *, calendar: Calendar, who: Mapping[str, Actor], seed: int
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            seed: Of what is drawn.
        """
        self.site, self.days, self.who = site, calendar, who
        self.rng = np.random.default_rng([seed, *b"voice"])
        self.about: dict[str, str] = {}
        self._on(FIRST_AGO, 9, self._begins)
        self._on(120, 9, partial(self._writes, MORE_CODES, "Resellers and zips had no code."))
        for topic in TOPICS:
            self._is_told(topic)
        for topic in TOPICS:
            if topic.claim:
                self._on(200, 14, partial(self._claims, topic))
        self._on(34, 15, partial(self._calls, Function.SERVICE, "nora", SERVICE_CALL, 28))
        self._on(12, 15, partial(self._calls, Function.SALES, "samir", SALES_CALL, 31))
        self._on(LOOKED_AGO, 11, self._looks)
        for place, phrase in enumerate(PHRASES):
            self._on(30 - 6 * place, 16, partial(self._keeps, *phrase))
        self._on(CODED_AGO, 12, self._confirms)
        self._on(CODED_AGO, 13, self._codes)
        self.days.at(self.days.ends, lambda: listen(self.site, now=self.days.moment()))

    def _on(self, days_ago: int, hour: int, step: Callable[[], object]) -> None:
        self.days.at(self.days.ago(days_ago, hour=hour), step)

    def _begins(self) -> None:
        for function, name in ((Function.SALES, "samir"), (Function.SERVICE, "nora")):
            owner = self.who[name].user
            if owner is not None:
                by, now = self.who["mara"], self.days.moment()
                name_owner(self.site, function, owner, by=by, now=now)
        self._writes(FIRST_CODES, "What the service desk counted by hand.")

    def _writes(self, codes: tuple[Code, ...], because: str) -> None:
        by, now = self.who["nora"], self.days.moment()
        write_codebook(self.site, codes, because=because, by=by, now=now)

    def _claims(self, topic: Topic) -> None:
        add_claim(
            self.site,
            topic.claim,
            url=f"{HOST}/p/ember-3",
            surface=topic.surface,
            by=self.who["nora"],
            now=self.days.moment(),
        )

    def _is_told(self, topic: Topic) -> None:
        """Draw the days on which it is told; the same shape in every year but for the spike."""
        days = [
            int(each)
            for each in self.rng.integers(
                NEWEST_AGO, FIRST_AGO, self.rng.poisson(topic.monthly * FIRST_AGO / 28)
            )
        ]
        if topic.code == "zip_jams":
            days = [each for each in days if each > SPIKES_SINCE]
            days += [int(each) for each in self.rng.integers(3, SPIKES_SINCE, 11)]
        for place, days_ago in enumerate(sorted(days, reverse=True)):
            lost = bool(topic.worth) and self.rng.random() < 0.5
            self._on(days_ago, 14, partial(self._tells, topic, place, lost=lost))

    def _tells(self, topic: Topic, place: int, *, lost: bool) -> None:
        source = topic.sources[place % len(topic.sources)]
        by = self.who["samir" if source == "sales" else "nora"]
        today = self.days.today
        bought = bool(topic.claim)
        fields = NoteFields(
            text=topic.says[place % len(topic.says)],
            source=source,
            day=today,
            speaker="customer" if bought else "lost" if lost else "prospect",
            surface=topic.surface,
            segment=topic.segment,
            stage="Offer" if topic.worth else "",
            lost=lost if topic.worth else None,
            value_minor=_worth(topic, place) if lost else None,
            refund=place % 3 == 0 if bought else None,
            consent="public" if source == "review" else "inside",
        )
        try:
            made = receive_note(
                self.site, fields, Arrival(Way.MEMBER, by=by), now=self.days.moment()
            )
        except NoteIsHere:
            # Two on one day in the same words.
            return
        self.about[made.key] = topic.code

    def _calls(
        self, function: Function, name: str, answers: tuple[Answer, ...], minutes: int
    ) -> None:
        by = self.who[name]
        day: date = self.days.today
        call = begin_call(self.site, function, day=day, by=by, now=self.days.moment())
        told = {each.question for each in answers}
        keep_call(
            self.site,
            call.number,
            answers,
            nothing_new=frozenset(set(Question) - told),
            minutes=minutes,
        )
        close_call(self.site, call.number, by=by, now=self.days.moment(later=minutes))

    def _looks(self) -> None:
        """Accept the two largest themes, one of them under a better name."""
        find_themes(self.site, now=self.days.moment())
        themes = ThemeRecord.objects.filter(site=self.site).order_by("number")
        largest = sorted(themes, key=lambda each: -len(each.notes))[:2]
        for theme, name in zip(largest, ("The delivery cost comes late", ""), strict=False):
            by, now = self.who["priya"], self.days.moment()
            better = name if "cost" in theme.words else ""
            decide_theme(self.site, theme.key, accept=True, name=better, by=by, now=now)

    def _keeps(self, text: str, said_by: str, effect: str, permission: str) -> None:
        add_phrase(
            self.site,
            text,
            said_by=said_by,
            effect=effect,
            permission=permission,
            by=self.who["felix"],
            now=self.days.moment(),
        )

    def _confirms(self) -> None:
        """Find the phrases in what was proposed since, and confirm the first of them."""
        suggest_uses(self.site, now=self.days.moment())
        uses = PhraseUseRecord.objects.filter(phrase__site=self.site, phrase__number=1)
        for use in uses.order_by("pk")[:1]:
            by, now = self.who["felix"], self.days.moment()
            decide_use(self.site, use.pk, confirmed=True, by=by, now=now)

    def _codes(self) -> None:
        """Code the last four months, two people each for themselves."""
        since = self.days.today - timedelta(days=125)
        known = {each.key for each in MORE_CODES}
        claims = {each.text: each for each in self.site.voice_claims.all()}
        promised = {each.code: claims.get(each.claim) for each in TOPICS if each.claim}
        rows = NoteRecord.objects.filter(site=self.site, day__gte=since).order_by("number")
        for note in rows:
            code = self.about.get(note.key, "")
            claim = promised.get(code)
            code_note(
                self.site,
                note.key,
                code if code in known else "",
                claim=claim,
                by=self.who["nora"],
                now=self.days.moment(),
            )
            read = code
            if self.rng.random() < DISAGREE:
                read = str(self.rng.choice(["delivery_cost", "arrival_day", "sizes", ""]))
            code_note(
                self.site,
                note.key,
                read if read in known else "",
                claim=claim if read == code else None,
                by=self.who["priya"],
                now=self.days.moment(),
            )


def _worth(topic: Topic, place: int) -> int | None:
    """What a deal was worth, in cents; sales does not always know."""
    return None if place % 5 == 4 else 100 * (topic.worth + 150 * (place % 7))
