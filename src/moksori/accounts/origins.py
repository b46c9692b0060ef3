"""Which pages may connect, and by which names this server may be called.

A browser sends `Origin`; other clients do not, and are judged by their key alone. Against DNS rebinding (a
foreign name made to point at 127.0.0.1, whose page then counts as "self"), a server without a key answers
only to loopback names.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

SELF = "self"
ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class OriginRule:
    """The configured `allowed_origins`."""

    allowed: tuple[str, ...]

    @property
    def foreign(self) -> tuple[str, ...]:
        """The origins other than the server's own, as CORS wants them."""
        return tuple(origin for origin in self.allowed if origin != SELF)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a request with this `Origin` and `Host` may go on. No `Origin`: not a browser's page."""
        if origin is None or ANY in self.allowed:
            return True
        asked = _origin(origin)
        if asked is None:
            return False
        if any(asked == _origin(known) for known in self.foreign):
            return True
        # A proxy that ends TLS hides the page's scheme from us, so "self" compares the address only; its
        # default port is that of the page's own scheme.
        return SELF in self.allowed and host is not None and asked[1:] == _address(host, asked[0])


def same_origin(origin: str | None, known: str) -> bool:
    """Whether a request's `Origin` is this one."""
    asked = _origin(origin) if origin is not None else None
    return asked is not None and asked == _origin(known)


def is_loopback_host(host: str | None) -> bool:
    """Whether a `Host` header names this machine by a name that no other machine can take."""
    address = _address(host, "http") if host is not None else None
    if address is None:
        return False
    name = address[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _origin(text: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an `Origin`; None for "null" and for what is no origin."""
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()
    address = _address(rest, scheme) if found and scheme in _DEFAULT_PORTS else None
    return (scheme, *address) if address is not None else None


def _address(netloc: str, scheme: str) -> tuple[str, int] | None:
    """(host, port) of `name:port`, lower-cased; None when it holds anything else."""
    if not netloc or any(sign in netloc for sign in "/\\@?#, \t"):
        return None
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host.rstrip("."), port if port is not None else _DEFAULT_PORTS[scheme]) if host else None
