"""What people told the demo company, and what they proposed, in their own words."""

from __future__ import annotations

from typing import Final

from truelift.apps.intake.fields import IdeaFields, SignalFields
from truelift.apps.intake.models import Way
from truelift.worlds.heard import Heard, Proposed


HEARD: Final = (
    Heard(
        SignalFields(
            title="“Is this stove any good?” is what callers ask most",
            detail="Fourteen calls in two weeks. They look at a product and want to hear that"
            " somebody has used it.",
            surface="Product page",
            team="Service desk",
        ),
        by="nora",
        days_ago=55,
        about="reviews-higher",
        looked_at=54,
    ),
    Heard(
        SignalFields(
            title="Outdoor clubs ask for an invoice with thirty days",
            detail="Two clubs walked away at the trade fair because of it.",
            team="Sales",
        ),
        by="samir",
        days_ago=41,
        dismissed="It concerns the trade portal, which is another site.",
        looked_at=39,
    ),
    Heard(
        SignalFields(
            title="The countdown in the cart made three customers write to us",
            detail="“Why are you hurrying me?” – all three ordered elsewhere.",
            surface="Cart",
            team="Service desk",
        ),
        by="nora",
        days_ago=30,
        about="urgency-timer",
        looked_at=29,
    ),
    Heard(
        SignalFields(
            title="Callers are surprised by the delivery cost on the last page",
            detail="“4.90 out of nowhere.” Nineteen calls this month, all from phones.",
            surface="Checkout, delivery step",
            segment="Device: phone",
            team="Service desk",
        ),
        by="nora",
        days_ago=23,
        about="delivery-cost-early",
        looked_at=19,
    ),
    Heard(
        SignalFields(
            title="No filter for things without animal materials",
            detail="I wanted a sleeping bag without down and had to open every page.",
            surface="Category page",
            contact="ilse@cabin-notes.example",
        ),
        by="",
        days_ago=20,
        way=Way.MAIL,
    ),
    Heard(
        SignalFields(
            title="“Can’t I just pay with my phone?”",
            detail="Nine times this month somebody gave up when the card number was asked.",
            surface="Checkout, payment step",
            segment="Device: phone",
            team="Service desk",
        ),
        by="nora",
        days_ago=12,
        about="wallet",
        looked_at=1,
    ),
    Heard(
        SignalFields(
            title="Visitors of the trade fair could not find the tent they had seen",
            detail="They came by the code on the stand, which leads to the home page.",
            surface="Home page",
            segment="Channel: paid social",
            team="Sales",
        ),
        by="samir",
        days_ago=10,
        looked_at=8,
        asleep=12,
    ),
    Heard(
        SignalFields(
            title="Resellers say that the head lamps look cheap beside the tents",
            surface="Category page",
            team="Sales",
        ),
        by="samir",
        days_ago=6,
        looked_at=5,
    ),
    Heard(
        SignalFields(
            title="Two callers a day cannot find how to wash a sleeping bag",
            detail="It stands in the journal, and nobody looks there.",
            surface="Product page",
            team="Service desk",
        ),
        by="nora",
        days_ago=3,
    ),
    Heard(
        SignalFields(
            title="The size table of the sleeping bags does not open on my phone",
            surface="Product page",
            segment="Device: phone",
            contact="joris@example.org",
        ),
        by="",
        days_ago=1,
        way=Way.LINK,
    ),
)


PROPOSED: Final = (
    Proposed(
        "wheel",
        IdeaFields(
            change="Let people who leave spin a wheel for a discount",
            problem="They leave without ordering.",
            surface="Cart",
            team="Sales",
        ),
        by="samir",
        days_ago=48,
        rejected="It teaches people to leave: who stays pays more than who turns away.",
    ),
    Proposed(
        "rating",
        IdeaFields(
            change="Show the rating on the category pages",
            problem="People open product after product to see which one others like.",
            surface="Category page",
            team="Product",
        ),
        by="jonas",
        days_ago=27,
        about="reviews-higher",
        screened=26,
        scores=(("priya", (6, 7, 8)), ("tom", (5, 6, 9)), ("felix", (8, 7, 8))),
    ),
    Proposed(
        "saved-cart",
        IdeaFields(
            change="Send people who leave a cart a link to it by e-mail",
            problem="People fill a cart and put the order off.",
            surface="Cart",
            team="Marketing",
        ),
        by="felix",
        days_ago=19,
        about="urgency-timer",
        screened=18,
        scores=(("priya", (6, 5, 7)), ("tom", (7, 6, 3)), ("felix", (9, 8, 8))),
    ),
    Proposed(
        "tents-3d",
        IdeaFields(
            change="Let people turn the tents around in three dimensions",
            problem="Nobody knows how large a tent is inside.",
            surface="Product page",
            team="Engineering",
        ),
        by="tom",
        days_ago=15,
        about="reviews-higher",
        screened=14,
        scores=(("jonas", (7, 3, 2)), ("tom", (8, 4, 1))),
        parked="Two months of work; we look again when the new photographs are made.",
    ),
    Proposed(
        "chat",
        IdeaFields(
            change="A chat bubble on every page",
            detail="The shop where I buy my boots has one.",
            contact="henk@example.org",
        ),
        by="",
        days_ago=5,
        way=Way.LINK,
    ),
    Proposed(
        "returns",
        IdeaFields(
            change="Say in the header that returns are free",
            problem="People ask before they order what happens when it does not fit.",
            surface="Every page",
            team="Service desk",
        ),
        by="nora",
        days_ago=4,
        screened=3,
    ),
)
