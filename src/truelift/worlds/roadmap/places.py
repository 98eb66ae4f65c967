"""Where the year happens: the surfaces of a shop, and which of them are one ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.surface import Surface


FUNNEL: Final = "order"

SURFACES: Final = (
    Surface("Home page", ("/",), funnel=FUNNEL, step=1, team="Brand", code=("web/home/",)),
    Surface("Landing pages", ("/l/**",), funnel=FUNNEL, step=1, team="Brand", code=("web/land/",)),
    Surface("Category page", ("/c/**",), funnel=FUNNEL, step=2, team="Range", code=("web/list/",)),
    Surface("Product page", ("/p/**",), funnel=FUNNEL, step=3, team="Range", code=("web/item/",)),
    Surface("Product page in the app", ("/app/p/**",), funnel=FUNNEL, step=3, team="Apps",
            code=("app/item/",)),
    Surface("Cart", ("/cart",), funnel=FUNNEL, step=4, team="Checkout", code=("web/cart/",)),
    Surface("Delivery step", ("/checkout/delivery",), funnel=FUNNEL, step=5, team="Checkout",
            code=("web/delivery/",), bundle="checkout.js"),
    Surface("Payment step", ("/checkout/payment",), funnel=FUNNEL, step=6, team="Checkout",
            code=("web/payment/",), bundle="checkout.js"),
    Surface("Search results", ("/search",), team="Range", code=("web/search/",)),
    Surface("Account page", ("/account/**",), team="Service", code=("web/account/",)),
    Surface("Store finder", ("/stores",), team="Service", code=("web/stores/",)),
    Surface("Blog", ("/blog/**",), team="Brand", code=("blog/",)),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Surface]] = MappingProxyType({each.name: each for each in SURFACES})


@dataclass(frozen=True, slots=True)
class Ground:
    """Surfaces on which one test can be in the way of another: one step, or one piece of code.

    Attributes:
        surfaces: Their names.
        elements: Parts of them that are tested.
    """

    surfaces: tuple[str, ...]
    elements: tuple[str, ...]


GROUNDS: Final = (
    Ground(("Home page",), ("headline", "hero video", "teaser")),
    Ground(("Category page",), ("filters", "tile", "sorting")),
    Ground(("Product page", "Product page in the app"), ("gallery", "headline", "buy box")),
    Ground(("Cart",), ("total", "voucher field", "cross-sell")),
    Ground(("Delivery step", "Payment step"), ("form", "summary", "button")),
    Ground(("Search results",), ("suggestions", "tile", "no results")),
    Ground(("Account page",), ("orders", "greeting", "returns")),
    Ground(("Store finder",), ("map", "opening hours", "search field")),
)

PRODUCT: Final = 2
CHECKOUT: Final = 4
ACCOUNT: Final = 6
