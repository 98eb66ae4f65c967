"""The scorecard of a day, and what somebody answered, are written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


TABLES: Final = ("scorecard_day", "maturity_answers")
PROTECT: Final = tuple(protecting(table) for table in TABLES)
RELEASE: Final = tuple(releasing(table) for table in TABLES)
