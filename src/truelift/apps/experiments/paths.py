"""What an experiment's key looks like in an address."""

from __future__ import annotations


class ExperimentKey:
    """The path converter `<experiment:…>`: anything else is no address at all."""

    regex = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}"

    def to_python(self, value: str) -> str:
        """Give the key as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """Give the key as it stands."""
        return value
