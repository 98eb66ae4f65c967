"""Palletline: who works there, what they count, and what they agreed on."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.spec import MetricSpec
from truelift.lifecycle.functions import Function
from truelift.worlds.cast import Colleague, Part
from truelift.worlds.company import PATIENT_GATES, Company, Worth
from truelift.worlds.leads.build import SITE
from truelift.worlds.leads.parameters import HOST, MATURES_DAYS


DOMAIN: Final = "palletline.example"

_F = Function

PEOPLE: Final = (
    Colleague("hanna", "Hanna Vermeer", Role.OWNER, (_F.MARKETING, _F.CRO_LEAD), (Part.LEAD,)),
    Colleague("ruben", "Ruben Smit", Role.EDITOR, (_F.PRODUCT_UX,), (Part.PRODUCT,)),
    Colleague("yara", "Yara Haddou", Role.ANALYST, (_F.ANALYTICS,), (Part.ANALYST,)),
    Colleague("pieter", "Pieter Bakker", Role.EDITOR, (_F.ENGINEERING,), (Part.ENGINEER,)),
    Colleague("sanne", "Sanne de Wit", Role.EDITOR, (_F.ENGINEERING,), (Part.SECOND_ENGINEER,)),
    Colleague("milo", "Milo Costa", Role.EDITOR, (_F.MARKETING, _F.CREATIVE), (Part.CREATIVE,)),
    Colleague("bram", "Bram Jansen", Role.ANALYST, (_F.SALES,)),
    Colleague("elif", "Elif Kaya", Role.ANALYST, (_F.SERVICE,)),
    Colleague("greta", "Greta Olsen", Role.ANALYST, (_F.FINANCE,), (Part.FINANCE,)),
    Colleague(
        "willem", "Willem van Dam", Role.VIEWER, (_F.STAKEHOLDER, _F.SPONSOR), (Part.SPONSOR,)
    ),
)
"""The first of them owns the site, and is the only one who can sign in."""

METRICS: Final = (
    MetricSpec("lead_rate", "proportion", "generate_lead", "Lead rate", window_days=3),
    MetricSpec("form_rate", "proportion", "form_view", "Got to the form", window_days=3),
    MetricSpec(
        "mql_to_sql",
        "ratio",
        "sql",
        "MQL to SQL",
        denominator_event="mql",
        window_days=MATURES_DAYS,
    ),
    MetricSpec(
        "qualified_lead_rate", "proportion", "sql", "Qualified lead rate", window_days=MATURES_DAYS
    ),
    MetricSpec(
        "pipeline_per_visitor",
        "sum",
        "sql",
        "Expected revenue per visitor",
        property="value",
        window_days=MATURES_DAYS,
    ),
)

WORTHS: Final = (
    Worth("qualified_lead_rate", "macro", guards="commercial"),
    Worth("mql_to_sql", "macro", guards="commercial"),
    Worth("pipeline_per_visitor", "macro", guards="commercial"),
    Worth("lead_rate", "micro"),
    Worth("form_rate", "micro"),
)

COMPANY: Final = Company(
    site=SITE,
    title="Palletline",
    host=HOST,
    domain=DOMAIN,
    people=PEOPLE,
    metrics=METRICS,
    worths=WORTHS,
    gates=PATIENT_GATES,
    because="A lead is worth what sales makes of it, and sales needs six weeks to know.",
    event_names={
        "qualify_lead": ("mql",),
        "working_lead": ("sql",),
        "close_convert_lead": ("deal_won",),
    },
)
