"""schemathesis: whatever is asked of the REST surface, the answer is one its OpenAPI document promises."""

from __future__ import annotations

import tempfile

import schemathesis
from hypothesis import HealthCheck, settings

from moksori.server.app import create_app
from moksori.server.house import House
from moksori.settings import Accounts, ApiKey, Auth, Server, Settings, hash_key
from moksori.telemetry import Telemetry

from .conftest import KEY, ScriptedEngine, ScriptedSessions

app = create_app(
    House.build(
        Settings(
            server=Server(),
            auth=Auth(keys=(ApiKey(name="test", sha256=hash_key(KEY)),)),
            models={"shop-voice": ("local",)},
            accounts=Accounts(database=f"{tempfile.mkdtemp(prefix='moksori-')}/accounts.db"),
        ),
        ScriptedSessions(),
        ScriptedEngine(),
        Telemetry(),
    )
)
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
def test_every_answer_is_as_promised(case: schemathesis.Case) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"})
