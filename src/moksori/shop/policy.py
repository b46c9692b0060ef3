"""The rules of the shop, read from a policy file. Code decides with them; texts quote them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from moksori.shop.model.customers import MethodKind, Tier
from moksori.shop.model.orders import OrderStatus
from moksori.shop.model.profile import ShopKind


class PolicyUnusable(Exception):
    """The policy file cannot be used; the message names the place."""


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Verify(_Rules, frozen=True, kw_only=True):
    factors: int


class Cancel(_Rules, frozen=True, kw_only=True):
    statuses: frozenset[OrderStatus]
    reasons: tuple[str, ...]
    after_item_change: bool


class Change(_Rules, frozen=True, kw_only=True):
    statuses: frozenset[OrderStatus]
    items_once: bool
    record_zero_difference: bool


class Window(_Rules, frozen=True, kw_only=True):
    """What returns and exchanges share. A window of None is no limit; days count from the delivery."""

    statuses: frozenset[OrderStatus]
    reasons: tuple[str, ...]
    fault_reasons: tuple[str, ...]
    window_days: int | None = None
    fault_window_days: int | None = None
    once_per_order: bool

    def days(self, reason: str) -> int | None:
        return self.fault_window_days if reason in self.fault_reasons else self.window_days


class Returns(Window, frozen=True, kw_only=True):
    fee: int
    free_tiers: frozenset[Tier]
    to_gift_card: bool


class Exchanges(Window, frozen=True, kw_only=True):
    settle: Literal["request", "receipt"]
    return_excludes: bool


class Refunds(_Rules, frozen=True, kw_only=True):
    business_days: dict[MethodKind, int]


class Shipping(_Rules, frozen=True, kw_only=True):
    fee: int
    free_from: int


class TierRules(_Rules, frozen=True, kw_only=True):
    discount_percent: int
    points_percent: int


class Policy(_Rules, frozen=True, kw_only=True):
    verify: Verify
    cancel: Cancel
    change: Change
    returns: Returns
    exchange: Exchanges
    refund: Refunds
    shipping: Shipping
    tiers: dict[Tier, TierRules]


def load_policy(path: Path | None = None, *, kind: ShopKind = ShopKind.LIVE) -> Policy:
    """The policy in `path`, or the one that comes with a shop of that kind. Raises `PolicyUnusable`."""
    if path is None:
        name = "policy_tau2.toml" if kind is ShopKind.TAU2 else "policy.toml"
        raw = (files("moksori.shop") / name).read_bytes()
    else:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise PolicyUnusable(f"The policy file {path} cannot be read: {error.strerror}.") from error
    try:
        policy = msgspec.toml.decode(raw, type=Policy)
    except msgspec.ValidationError as error:
        raise PolicyUnusable(f"The policy file {path} is not right: {error}.") from error
    except msgspec.DecodeError as error:
        raise PolicyUnusable(f"The policy file {path} is not TOML: {error}.") from error
    if missing := [tier.value for tier in Tier if tier not in policy.tiers]:
        raise PolicyUnusable(f"The policy file {path} has no [tiers.{missing[0]}].")
    if lacking := [kind.value for kind in MethodKind if kind not in policy.refund.business_days]:
        raise PolicyUnusable(
            f"The policy file {path} says nothing of {lacking[0]} in [refund.business_days]."
        )
    return policy
