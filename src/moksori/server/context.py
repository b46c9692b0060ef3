"""What the body of a session request says beyond the protocol, bound to the secret that is made for it.

`bind` is the one place where such fields get a meaning. What it returns is what the secret stands for: who will be on
the line, and the session they begin with.
"""

from __future__ import annotations

from typing import Any

from moksori.agent.principal import Principal


def bind(
    holder: Principal, session: dict[str, Any], extras: dict[str, Any]
) -> tuple[Principal, dict[str, Any]]:
    """The principal and the GA session a secret is bound to, given the request's fields that the protocol lacks.

    Nothing has a meaning yet: unknown fields are ignored, as everywhere outside strict sessions.
    """
    return holder, session
