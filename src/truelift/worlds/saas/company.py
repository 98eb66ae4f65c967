"""Rotaline: who works there, what they count, and what they agreed on."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.spec import MetricSpec
from truelift.lifecycle.functions import Function
from truelift.worlds.cast import Colleague, Part
from truelift.worlds.company import PATIENT_GATES, Company, Worth
from truelift.worlds.saas.build import SITE
from truelift.worlds.saas.parameters import ACTIVE_FROM, ACTIVE_TO, HOST, STEPS


DOMAIN: Final = "rotaline.example"

_F = Function

PEOPLE: Final = (
    Colleague("aoife", "Aoife Brennan", Role.OWNER, (_F.PRODUCT_UX, _F.CRO_LEAD), (Part.LEAD,)),
    Colleague("declan", "Declan Moore", Role.EDITOR, (_F.PRODUCT_UX,), (Part.PRODUCT,)),
    Colleague("zofia", "Zofia Lis", Role.ANALYST, (_F.ANALYTICS,), (Part.ANALYST,)),
    Colleague("kwame", "Kwame Asante", Role.EDITOR, (_F.ENGINEERING,), (Part.ENGINEER,)),
    Colleague("ingrid", "Ingrid Holm", Role.EDITOR, (_F.ENGINEERING,), (Part.SECOND_ENGINEER,)),
    Colleague("paul", "Paul Nolan", Role.EDITOR, (_F.MARKETING, _F.CREATIVE), (Part.CREATIVE,)),
    Colleague("siobhan", "Siobhán Daly", Role.ANALYST, (_F.SALES,)),
    Colleague("tomasz", "Tomasz Wrona", Role.ANALYST, (_F.SERVICE,)),
    Colleague("ruth", "Ruth Okoye", Role.ANALYST, (_F.FINANCE,), (Part.FINANCE,)),
    Colleague(
        "eamon", "Eamon Fitzgerald", Role.VIEWER, (_F.STAKEHOLDER, _F.SPONSOR), (Part.SPONSOR,)
    ),
)
"""The first of them owns the site, and is the only one who can sign in."""

METRICS: Final = (
    MetricSpec("sign_up_rate", "proportion", "sign_up", "Sign-up rate", window_days=7),
    MetricSpec("publish_rate", "proportion", "rota_published", "Rota published", window_days=14),
    MetricSpec(
        "payroll_rate", "proportion", "payroll_connected", "Payroll connected", window_days=14
    ),
    MetricSpec("activation_rate", "proportion", "activated", "Activation rate", window_days=14),
    MetricSpec(
        "days_to_value",
        "restricted_mean",
        "activated",
        "Days to value",
        window_days=14,
        better="decrease",
    ),
    MetricSpec(
        "day_30",
        "retention",
        "rota_opened",
        "Still there after 30 days",
        from_days=ACTIVE_FROM,
        window_days=ACTIVE_TO,
    ),
    MetricSpec(
        "revenue_per_trial", "sum", "subscribe", "Revenue per trial", property="value",
        window_days=ACTIVE_TO,
    ),
)  # fmt: skip

WORTHS: Final = (
    Worth("activation_rate", "macro", guards="commercial"),
    Worth("day_30", "macro", guards="commercial"),
    Worth("revenue_per_trial", "macro", guards="commercial"),
    Worth("publish_rate", "micro"),
    Worth("payroll_rate", "micro"),
    Worth("sign_up_rate", "micro"),
    Worth("days_to_value", "diagnostic"),
)

COMPANY: Final = Company(
    site=SITE,
    title="Rotaline",
    host=HOST,
    domain=DOMAIN,
    people=PEOPLE,
    metrics=METRICS,
    worths=WORTHS,
    gates=PATIENT_GATES,
    because="A trial is worth something when somebody still works by the rota a month later.",
    event_names={"setup_step": STEPS[1:]},
)
