"""The shop behind calls: opened from the settings, its keys from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from moksori.accounts.tables import default_database
from moksori.agent.brain import Brain, ByRule
from moksori.settings import Settings, SettingsError
from moksori.shop.desk import ShopDesk
from moksori.shop.external import ExternalUnusable
from moksori.shop.external_links import LinkFailed
from moksori.shop.guard.keys import settings_from
from moksori.shop.policy import PolicyUnusable
from moksori.shop.tools.toolset import ShopUnusable
from moksori.store import DatabaseUnusable

NO_SHOP = (DatabaseUnusable, ShopUnusable, PolicyUnusable, LinkFailed, ExternalUnusable)
"""Why a shop cannot be opened; each is a sentence."""


def open_for_calls(settings: Settings) -> ShopDesk | None:
    """The shop the settings name, not yet opened; None where there is none. Raises `SettingsError`."""
    shop = settings.shop
    database = shop.database or (demo_database() if shop.demo else None)
    if database is None:
        return None
    try:
        keys = settings_from({**settings.dotenv, **os.environ})
    except ValueError as why:
        raise SettingsError(str(why)) from why
    return ShopDesk(
        database, prompt_id=shop.prompt, language=shop.language, policy=shop.policy, settings=keys
    )


def demo_database() -> str:
    """The demo shop's file, beside the accounts'."""
    file = default_database().with_name("shop.db")
    file.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{file}"


def flows_brain(settings: Settings, clock: Callable[[], datetime] | None = None) -> ByRule:
    """Answers the shop's callers by rule, others with the fixed sentences of profile lite.

    Beside a local language model it answers while that loads, and tells others so. `clock` is another than the
    machine's.
    """
    from moksori.engine.lite import LiteBrain
    from moksori.engine.standin import LoadingBrain
    from moksori.shop.flows.brain import FlowsBrain

    FlowsBrain.warm()
    others: Brain = LoadingBrain() if settings.engine.llm.kind == "local" else LiteBrain()
    return FlowsBrain(otherwise=others, language=settings.shop.language, clock=clock)
