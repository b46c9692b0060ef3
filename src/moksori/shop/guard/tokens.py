"""Signing: proposal tokens, the shop's approvals and receipts, all compact JWS (RFC 7515).

The algorithm is fixed by the key, never read from the token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import jwt

from moksori.agent.tools import JSON

Algorithm = Literal["HS256", "EdDSA"]
SHORTEST_SECRET = 32
"""Bytes of an HS256 secret (RFC 7518, 3.2: at least the hash's size)."""


@dataclass(frozen=True, slots=True)
class Key:
    """`secret` is the shared secret for HS256; a PEM private (to sign) or public (to verify) key for EdDSA."""

    algorithm: Algorithm
    secret: str | bytes = field(repr=False)
    kid: str = ""

    def __post_init__(self) -> None:
        raw = self.secret.encode() if isinstance(self.secret, str) else self.secret
        if self.algorithm == "HS256" and len(raw) < SHORTEST_SECRET:
            raise ValueError(f"An HS256 key needs at least {SHORTEST_SECRET} bytes; this one has {len(raw)}.")
        if self.algorithm == "HS256" and raw.lstrip().startswith(b"-----BEGIN"):
            raise ValueError("This is a PEM key; its algorithm is EdDSA, not HS256.")


class BadToken(Exception):
    """A token is not ours, was changed, or its time is over. `code` says which; the message is for a log."""

    def __init__(self, code: Literal["invalid", "expired"], message: str) -> None:
        super().__init__(message)
        self.code = code


def sign(claims: Mapping[str, JSON], key: Key, kind: str) -> str:
    """A compact JWS of `claims`; `kind` goes into its header as `typ` and is checked by `verify`."""
    headers = {"typ": kind} | ({"kid": key.kid} if key.kid else {})
    return jwt.encode(dict(claims), key.secret, algorithm=key.algorithm, headers=headers)


def verify(token: str, keys: tuple[Key, ...], kind: str, *, now: datetime | None = None) -> dict[str, Any]:
    """The claims of a token signed by one of `keys`. Raises `BadToken`.

    With `now`, `exp` is required and checked; without it (receipts) there is no expiry.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as why:
        raise BadToken("invalid", str(why)) from why
    if header.get("typ") != kind:
        raise BadToken("invalid", f"This is not a {kind}.")
    options: Any = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "sub", "jti")}
    for key in keys:
        if key.kid and header.get("kid") not in (None, key.kid):
            continue
        try:
            claims = jwt.decode(token, verifying_key(key), algorithms=[key.algorithm], options=options)
        except jwt.InvalidTokenError:
            continue
        if now is not None:
            expires = claims.get("exp")
            if not isinstance(expires, int):
                raise BadToken("invalid", "It has no expiry.")
            if now >= datetime.fromtimestamp(expires, UTC):
                raise BadToken("expired", "Its time is over.")
        return claims
    raise BadToken("invalid", "Its signature is not by a key that is known here.")


def verifying_key(key: Key) -> Any:
    """Private Ed25519 keys verify too: by their public half."""
    if key.algorithm == "HS256":
        return key.secret
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    raw = key.secret.encode() if isinstance(key.secret, str) else key.secret
    if b"PRIVATE KEY" not in raw:
        return raw
    private = load_pem_private_key(raw, password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("An EdDSA key must be an Ed25519 key.")
    return private.public_key()


def hash_of(value: JSON) -> str:
    """SHA-256 of the value as canonical JSON, in hex."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


PROPOSAL = "moksori-proposal+jwt"
"""A plan and its sentence, by us; carried by a client that is on no call."""
APPROVAL = "moksori-approval+jwt"
"""The shop's agreement to one proposal (docs/reference/caller-context.md)."""
