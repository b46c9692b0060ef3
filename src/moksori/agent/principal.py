"""Who holds the connection (a key), and who is on the line (a customer, or nobody known)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Caller:
    """The person on the line, as far as the server itself knows.

    `customer_id` comes only from a context the shop signed (`how="signed"`) or from a verification tool that
    succeeded in this call (`how="verified"`). What a browser or a model claims never gets here.
    """

    customer_id: str | None = None
    how: Literal["signed", "verified", "none"] = "none"
    call_id: str = ""
    """The call this caller is on: one customer a call."""

    def __post_init__(self) -> None:
        if (self.customer_id is None) != (self.how == "none"):
            raise ValueError("A caller has a customer id exactly when it was signed or verified.")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who opened the session: the API key (never its secret), and the caller if the key speaks for one."""

    key_id: str
    name: str
    caller: Caller | None = None
    scopes: frozenset[str] = frozenset()
    """What the key may do beyond talking; empty for an ordinary key."""
