"""What a site's name looks like in an address."""

from __future__ import annotations

from truelift.lake.home import SITE_NAME


class SiteName:
    """The path converter `<site:…>`: anything else is no address at all."""

    regex = SITE_NAME.pattern.strip("^$")

    def to_python(self, value: str) -> str:
        """Give the name as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """Give the name as it stands."""
        return value
