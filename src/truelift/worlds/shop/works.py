"""What the demo company's teams planned beside the tests, in days from the last one."""

from __future__ import annotations

from typing import Final

from truelift.worlds.work import Work


PRIORITIES: Final = (
    ("Orders on phones", "Six of ten visitors hold a phone, and they order least."),
    ("Fewer surprises before the payment", "What it costs and when it comes is known from afar."),
    ("Reasons to come back", "A first order that is followed by a second."),
)
"""What the business goes for this quarter; works name one by its place."""


WORKS: Final = (
    Work("journal", "release", "Larger pictures in the journal", ("Journal",), -47, 1, 57,
         "felix", "Content", "Readers look at pictures for longer than at text", "Readers"),
    Work("new-page", "release", "New product page", ("Product page",), -24, 1, 50, "tom",
         "Shop front", "The old page takes four seconds on a phone", "cart_rate", priority=1,
         touches=("code",), elements=("Gallery", "Buy box"), over_after=4,
         effort=(("build", 8.0), ("qa", 2.0))),
    Work("autumn", "campaign", "The autumn look on Instagram", ("Product page", "Category page"),
         -30, 21, 48, "mara", "Marketing", "It brought new visitors last year", "order_rate",
         priority=3, touches=("traffic",), traffic_change=0.25),
    Work("filters", "release", "Filters that stay", ("Category page",), -5, 1, 40, "tom",
         "Shop front", "People set the same filters again and again", "cart_rate", priority=1,
         effort=(("build", 3.0),)),
    Work("pick-up", "release", "A pick-up point as a way of delivery",
         ("Checkout, delivery step",), 8, 2, 4, "ines", "Checkout",
         "The carrier opens its pick-up points to us", "order_rate", priority=2,
         elements=("Ways of delivery",), firm=False, effort=(("build", 6.0), ("qa", 2.0))),
    Work("addresses", "release", "Saved addresses at the delivery step",
         ("Checkout, delivery step",), 3, 2, 10, "ines", "Checkout",
         "Half of the orders go to an address that we know", "delivery_rate", priority=1,
         elements=("Address form",), moved_to=12, effort=(("build", 5.0), ("qa", 1.0))),
    Work("film", "content", "A film of the Ember 3 on its page", ("Product page",), 16, 1, 25,
         "felix", "Content", "“How loud is it?” is what people ask before they buy a stove",
         "cart_rate", priority=3, elements=("Gallery",), late=("The film, cut", "felix")),
    Work("tents", "content", "How to dry a tent", ("Journal",), 3, 1, 14, "felix", "Content",
         "It is what people search for in the rain", "Readers", priority=3),
    Work("sale", "campaign", "Winter sale", ("Category page", "Cart"), 20, 14, 30, "mara",
         "Marketing", "A quarter of last winter’s orders", "order_rate", priority=3,
         touches=("traffic",), traffic_change=0.4, landing=("/winter-sale/",)),
    Work("wallet", "release", "The phone’s own wallet as a way to pay",
         ("Checkout, payment step",), 40, 2, 2, "ines", "Checkout",
         "Paying means typing sixteen digits with two thumbs", "order_rate", priority=1,
         elements=("Ways to pay",), firm=False, needs="addresses",
         effort=(("build", 9.0), ("qa", 3.0))),
    Work("wool", "campaign", "Newsletter: wool against the cold", ("Journal",), 2, 5, 18, "felix",
         "Content", "Readers ask what to wear under a shell", "Readers", priority=3,
         landing=("/journal/wool/",), checked_ago=3),
)  # fmt: skip
"""One stands in the way of a test and nobody has moved, one was moved, one waits for a film,
and one leads readers to a page that nobody has published."""

UNRESOLVED: Final = "pick-up"
MOVED: Final = "addresses"
LATE: Final = "film"
