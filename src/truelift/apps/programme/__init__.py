"""How a site's programme wants to work: versions of its policy."""

from __future__ import annotations
