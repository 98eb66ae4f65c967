"""Writes `docs/questions.schema.json` from the forms that `truelift ask --question` reads."""

from __future__ import annotations

import json
from pathlib import Path

from truelift.questions.parse import schema


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "docs" / "questions.schema.json"
    path.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
