"""A client secret may ask for the shop; any other prompt is one that this server does not keep."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from moksori.agent.principal import Principal
from moksori.protocol.session import RealtimeSession
from moksori.sessions.registry import ConnectRequest, Sessions
from moksori.settings import Settings
from moksori.telemetry import Telemetry
from tests.conformance.server import engine


@pytest.mark.parametrize(("asked", "kept"), [("shop", True), ("pmpt_1", False)])
def test_only_the_shops_own_prompt_survives(asked: str, kept: bool) -> None:
    shop: Any = SimpleNamespace(prompt_id="shop")
    sessions = Sessions(Settings(), engine(), Telemetry(), shop=shop)
    wanted = {"type": "realtime", "prompt": {"id": asked, "variables": {"language": "ko"}}}
    request = ConnectRequest(None, None, Principal(key_id="k", name="n"), secret_session=wanted)
    made = sessions._session(request, None)
    assert isinstance(made, RealtimeSession)
    assert (made.prompt is not None) == kept
    assert made.prompt is None or made.prompt.variables == {"language": "ko"}
