"""Believes what the edge process says about the client, and nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class BelieveTheEdge:
    """Takes the client's address and scheme from the process in front.

    Over the Unix socket that is the edge, which has already replaced forwarding
    headers of strangers. On a port (`truelift web --port`) the headers count only
    from `TRUELIFT_TRUSTED_PROXIES`, and everyone else's are removed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.trusted = tuple(
            ipaddress.ip_network(each, strict=False) for each in settings.TRUELIFT.trusted_proxies
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the client's own address and scheme in place."""
        meta = request.META
        hops = [hop.strip() for hop in meta.pop("HTTP_X_FORWARDED_FOR", "").split(",")]
        scheme = meta.pop("HTTP_X_FORWARDED_PROTO", "").strip().lower()
        host = meta.pop("HTTP_X_FORWARDED_HOST", "").strip()
        peer = meta.get("REMOTE_ADDR", "")
        over_socket = _address(peer) is None
        if over_socket or self._trusts(peer):
            strangers = [hop for hop in hops if _address(hop) and not self._trusts(hop)]
            meta["REMOTE_ADDR"] = strangers[-1] if strangers else (peer or "127.0.0.1")
            if _address(meta["REMOTE_ADDR"]) is None:
                meta["REMOTE_ADDR"] = "127.0.0.1"
            if scheme in {"http", "https"}:
                request.environ["wsgi.url_scheme"] = scheme  # type: ignore[attr-defined]
            if host and not over_socket:
                meta["HTTP_HOST"] = host
        return self.get_response(request)

    def _trusts(self, address: str) -> bool:
        known = _address(address)
        return known is not None and any(known in network for network in self.trusted)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
