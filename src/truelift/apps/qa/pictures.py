"""Keeps pictures of pages, named by their content, and gives them back harmless."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from truelift.apps.accounts.models import User
from truelift.apps.qa.models import PictureRecord
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lake.home import Home


MOST_BYTES: Final = 8_000_000

_STARTS: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


class BadPicture(Refusal):
    """A file that is no picture of a page."""

    code = "qa.bad_picture"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This picture is not kept: {reason}. Give a PNG or JPEG.", reason=reason)


def keep_picture(site: Site, content: bytes, *, by: User | None, now: datetime) -> PictureRecord:
    """Keep a picture; the same one twice is kept once.

    Raises:
        BadPicture: It is too large, or neither PNG nor JPEG.
    """
    if len(content) > MOST_BYTES:
        raise BadPicture(reason=f"it is larger than {MOST_BYTES // 1_000_000} MB")
    kind = next((kind for start, kind in _STARTS if content.startswith(start)), "")
    if not kind:
        raise BadPicture(reason="it is neither")
    digest = hashlib.sha256(content).hexdigest()
    path = path_of(site, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_name(f".{digest}.{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(path)
    found, _ = PictureRecord.objects.get_or_create(
        site=site,
        sha256=digest,
        defaults={"kind": kind, "size": len(content), "made_by": by, "made_at": now},
    )
    return found


def path_of(site: Site, digest: str) -> Path:
    """Say where a picture lies; its name is nothing that anybody typed."""
    return Home.of(settings.TRUELIFT).pictures / site.name / digest[:2] / digest
