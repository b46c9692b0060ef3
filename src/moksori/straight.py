"""TLS without the layer of Python that `ssl` has over OpenSSL, on both sides of the relay: each message passes it."""

from __future__ import annotations

import ssl
from typing import Any, Self, cast


class Straight(ssl.SSLObject):
    """For `SSLContext.sslobject_class`."""

    @classmethod
    def _create(cls, *args: Any, **kwargs: Any) -> Self:
        made: Any = super()._create(*args, **kwargs)  # type: ignore[misc]
        under = made._sslobj
        made.read, made.write, made.pending = under.read, under.write, under.pending
        return cast("Self", made)
