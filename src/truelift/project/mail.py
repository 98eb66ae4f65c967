"""How mail leaves, when it does."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from truelift.settings import BadSetting


def mail_settings(url: str, *, public_url: str) -> dict[str, object]:
    """Give Django's mail settings for `EMAIL_URL`.

    Args:
        url: Empty when there is no mail: then every link that would be mailed is
            shown to copy; `smtp://user:password@host:port` (`smtps` for TLS from the
            first byte, `?tls=off` for none); or `file:///folder`.
        public_url: Mail comes from `truelift@` its host unless the address says `?from=`.

    Raises:
        BadSetting: The address is of another kind.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    host = urlsplit(public_url).hostname or "localhost"
    sender = options.get("from", [f"truelift@{host}"])[0]
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(Path(unquote(parts.path))),
            "DEFAULT_FROM_EMAIL": sender,
        }
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise BadSetting(
            variable="EMAIL_URL",
            value=f"{parts.scheme}://…",
            wants="smtp://user:password@host:port or file:///folder",
        )
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and options.get("tls") != ["off"],
        "EMAIL_TIMEOUT": 10,
        "DEFAULT_FROM_EMAIL": sender,
    }
