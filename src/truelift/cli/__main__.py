"""`python -m truelift.cli`: the command without its installed script."""

from __future__ import annotations

from truelift.cli.main import main


main()
