"""The guard's keys out of the environment, for programs that have no settings file of ours (MCP over stdio)."""

from __future__ import annotations

from collections.abc import Mapping

from moksori.shop.guard.call import GuardSettings
from moksori.shop.guard.tokens import Key

TOKENS = "MOKSORI_SHOP_TOKEN_KEY"
RECEIPTS = "MOKSORI_SHOP_RECEIPT_KEY"
CONTEXT = "MOKSORI_SHOP_CONTEXT_KEY"
APPROVALS = "MOKSORI_SHOP_APPROVAL_KEY"


def key_from(text: str, kid: str = "") -> Key:
    """A PEM block is an Ed25519 key, anything else an HS256 secret. Raises `ValueError` for one that is too short."""
    pem = text.lstrip().startswith("-----BEGIN")
    return Key("EdDSA" if pem else "HS256", text, kid)


def settings_from(environment: Mapping[str, str]) -> GuardSettings:
    """Whatever is not given is made for this process alone; without a shop's key nobody is signed in or approved.

    Raises `ValueError` with a sentence that names the variable.
    """

    def key(name: str) -> Key | None:
        text = environment.get(name, "")
        if not text:
            return None
        try:
            return key_from(text)
        except ValueError as why:
            raise ValueError(f"{name} cannot be used: {why}") from why

    fresh = GuardSettings()
    context, approvals = key(CONTEXT), key(APPROVALS)
    return GuardSettings(
        tokens=key(TOKENS) or fresh.tokens,
        receipts=key(RECEIPTS) or fresh.receipts,
        context=(context,) if context else (),
        approvals=(approvals,) if approvals else (),
    )
