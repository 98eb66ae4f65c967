"""Finds earlier work that is much like a new idea, so that nobody repeats it unknowingly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray


Numbers = NDArray[np.float64]

SHOWN_FROM: Final = 0.6
"""From this likeness on earlier work is shown, and going on needs a reason (R061)."""

WORDS_WEIGH: Final = 0.5
SURFACE_WEIGHS: Final = 0.2
ELEMENT_WEIGHS: Final = 0.15
METRIC_WEIGHS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Work:
    """Something that was proposed, tested or learned, as far as likeness sees it.

    Attributes:
        key: `H-4`, the key of an experiment, or `L-2`.
        change: What is changed; of a learning: what was learned.
        reason: Why.
        surface: The page or place.
        element: The part of the page.
        metric: Key of the metric.
        audience: For whom.
        outcome: What came of it, in words; empty while nothing has.
        ended_on: When it ended; None while it has not.
        enough: Whether it had the visitors that it needed; None where that does not apply.
        contradicted: Whether its test found the opposite of what it said.
    """

    key: str
    change: str = ""
    reason: str = ""
    surface: str = ""
    element: str = ""
    metric: str = ""
    audience: str = ""
    outcome: str = ""
    ended_on: date | None = None
    enough: bool | None = None
    contradicted: bool = False


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a piece of earlier work is.

    Attributes:
        work: The earlier work.
        score: From 0 to 1, the sum of the four parts.
        words: Cosine of the words, from 0 to 1.
    """

    work: Work
    score: float
    words: float


def alike(
    new: Work, earlier: Sequence[Work], *, at_least: float = SHOWN_FROM, most: int = 5
) -> tuple[Likeness, ...]:
    """Give the earlier work that is most like something new, the most alike first.

    Likeness is 0.5 · cosine of TF-IDF vectors of change and reason + 0.2 for the same
    surface + 0.15 for the same element + 0.15 for the same metric. What nobody has filled
    in is the same as nothing.

    Args:
        new: What is proposed.
        earlier: What there is already; the new one itself is left out by its key.
        at_least: The least likeness that is given.
        most: How many at most.
    """
    others = [each for each in earlier if each.key != new.key]
    if not others:
        return ()
    words = word_likeness(_text(new), [_text(each) for each in others])
    scores = (
        WORDS_WEIGH * words
        + SURFACE_WEIGHS * _same(new.surface, [each.surface for each in others])
        + ELEMENT_WEIGHS * _same(new.element, [each.element for each in others])
        + METRIC_WEIGHS * _same(new.metric, [each.metric for each in others])
    )
    # Rounded first, so that 0.6 made of parts is 0.6 on every machine.
    scores = np.round(scores, 9)
    order = np.argsort(-scores, kind="stable")
    return tuple(
        Likeness(work=others[i], score=float(scores[i]), words=float(words[i]))
        for i in order[:most]
        if scores[i] >= at_least
    )


def word_likeness(text: str, others: Sequence[str]) -> Numbers:
    """Give the cosine between the TF-IDF vectors of a text and of each of the others.

    The weights come from all these texts together: `tf · (ln((1 + n) / (1 + df)) + 1)`.

    Returns:
        One number from 0 to 1 per other text, shape `(len(others),)`.
    """
    texts = [text, *others]
    places: dict[str, int] = {}
    rows, columns = [], []
    for row, each in enumerate(texts):
        for term in terms_of(each):
            rows.append(row)
            columns.append(places.setdefault(term, len(places)))
    if not places:
        return np.zeros(len(others))
    # One entry per text and term, with how often it stands there.
    width = len(places)
    cells, counts = np.unique(
        np.asarray(rows, dtype=np.int64) * width + np.asarray(columns, dtype=np.int64),
        return_counts=True,
    )
    of_text, column = cells // width, cells % width
    in_texts = np.bincount(column, minlength=width)
    weight = counts * (np.log((1 + len(texts)) / (1 + in_texts[column])) + 1)
    norms = np.sqrt(np.bincount(of_text, weights=weight**2, minlength=len(texts)))
    new = np.zeros(width)
    mine = of_text == 0
    new[column[mine]] = weight[mine]
    dots = np.bincount(of_text, weights=weight * new[column], minlength=len(texts))
    below = norms * norms[0]
    cosine = np.divide(dots, below, out=np.zeros_like(dots), where=below > 0)
    return np.asarray(np.clip(cosine[1:], 0.0, 1.0))


def changed_since(new: Work, old: Work, *, today: date) -> tuple[str, ...]:
    """Say in sentences what is different now from when earlier work was done."""
    said = []
    if old.ended_on is not None:
        months = (today - old.ended_on).days // 30
        if months >= 1:
            said.append(f"It ended {months} month{'s' if months > 1 else ''} ago.")
    for what, before, now in (
        ("audience", old.audience, new.audience),
        ("surface", old.surface, new.surface),
        ("element", old.element, new.element),
        ("metric", old.metric, new.metric),
    ):
        if _plain(before) != _plain(now) and before and now:
            said.append(f"The {what} was “{before}”; it is “{now}” now.")
    if old.enough is False:
        said.append("It did not have the visitors that it needed.")
    return tuple(said)


@lru_cache(maxsize=20_000)
def terms_of(text: str) -> tuple[str, ...]:
    """Give the terms of a text: stems without the words that carry nothing, synonyms as one."""
    found = []
    for word in _WORD.findall(text.lower()):
        if word in _NOISE:
            continue
        stem = _stem(word)
        found.append(_SAME_AS.get(stem, stem))
    return tuple(found)


def _text(work: Work) -> str:
    return f"{work.change} {work.reason}"


def _same(new: str, others: Sequence[str]) -> Numbers:
    plain = _plain(new)
    return np.asarray([1.0 if plain and _plain(each) == plain else 0.0 for each in others])


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _stem(word: str) -> str:
    """Cut the commonest English endings, so that “shows”, “showing” and “show” are one."""
    for ending, least in (("ing", 4), ("ies", 3), ("ed", 4), ("es", 4), ("ly", 4), ("s", 3)):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= least:
            word = word.removesuffix(ending) + ("y" if ending == "ies" else "")
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lse":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


_WORD: Final = re.compile(r"[^\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOISE: Final = _words(
    """
    a about after all already also an and any are as at be because been before being but by can do
    does even for from get had has have if in into is it its just less many more most much no not
    now of off on once one only or other our out over so some such than that the their them then
    there they this those to too under up very was we were what when where which who why will with
    would you your people visitors visitor users user customers customer shoppers shopper
    """
)

_SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "show": "display present reveal expose",
        "cost": "price fee fees charge charges",
        "deliver": "delivery shipping shipment postage",
        "cart": "basket trolley bag",
        "order": "purchase buy buying conversion convert",
        "phone": "mobile smartphone smartphones handset",
        "button": "cta",
        "early": "earlier sooner upfront",
        "late": "later",
        "remov": "hide drop delete",
        "short": "shorten shorter trim",
        "leav": "abandon quit bounce exit left abandoned",
        "surpris": "surprised unexpected unexpectedly",
        "review": "rating ratings testimonial testimonials",
        "register": "registration account signup login",
        "guest": "anonymous",
        "product": "item items article",
        "photo": "picture image images",
        "discount": "voucher coupon promo",
        "return": "refund",
    }
)
"""Words of the trade that mean the same; a paraphrase is then still found."""

_SAME_AS: Final[Mapping[str, str]] = MappingProxyType(
    {_stem(word): stem for stem, words in _SYNONYMS.items() for word in words.split()}
)
