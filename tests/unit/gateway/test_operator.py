"""What an operator sees of money: usage added up, the calls that run, a metric; and who may see it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from moksori.accounts.keystore import NewKey, add_credit
from moksori.accounts.prices import dearest, load
from moksori.agent.principal import Caller
from tests.mocks.script import Event
from tests.mocks.upstream import MockUpstream, append, speech
from tests.unit.gateway.conftest import Serve, Served
from tests.unit.gateway.test_money import Caller as Client
from tests.unit.gateway.test_money import dial, ledger, prices, worth

__all__ = ["prices"]  # a fixture

ADMIN_KEY = "sk-of-the-operator"
AUTH: dict[str, Any] = {
    "keys": [{"name": "operator", "sha256": hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}]
}


async def ask(served: Served, path: str, key: str | None = ADMIN_KEY) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=served.address.http, headers=headers) as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


async def talk(served: Served, key: str, answers: int, model: str = "voice") -> list[Event]:
    async with dial(served, key, model) as socket:
        caller = Client(socket)
        for _ in range(answers):
            await caller.say({"type": "response.create"})
            await caller.until("response.done")
    return caller.log


def dollars(mock: MockUpstream) -> Decimal:
    micro = sum(round(worth(usage)) for session in mock.sessions for usage in session.billed)
    return Decimal(micro) / 1_000_000


async def test_usage_adds_up_to_the_services_books_by_key_model_and_day(serve: Serve, prices: Path) -> None:
    one, two = MockUpstream("compatible"), MockUpstream("compatible")
    served = await serve(
        {"one": one, "two": two}, priced=prices, models={"a": ("one",), "b": ("two",)}, auth=AUTH
    )
    (key_id, key), (other_id, other) = [
        await served.house.accounts.create(NewKey(n)) for n in ("shop", "lab")
    ]
    await talk(served, key, 2, "a")
    await talk(served, key, 1, "b")
    await talk(served, other, 1, "b")
    rows = await ledger(served)

    status, by_route = await ask(served, "/v1/admin/usage?by=route")
    assert status == 200
    assert {line["route"]: Decimal(line["cost"]) for line in by_route["data"]} == {
        "one": dollars(one),
        "two": dollars(two),
    }
    _, by_key = await ask(served, "/v1/admin/usage?by=key,day")
    today = datetime.now(UTC).date().isoformat()
    assert {(line["key"], line["key_name"], line["responses"], line["calls"]) for line in by_key["data"]} == {
        (key_id, "shop", 3, 2),
        (other_id, "lab", 1, 1),
    }
    assert {line["day"] for line in by_key["data"]} <= {today, rows[0].at.date().isoformat()}
    _, one_key = await ask(served, f"/v1/admin/usage?by=model&key={other_id}")
    assert [(line["model"], line["responses"]) for line in one_key["data"]] == [("compatible-model", 1)]
    _, none = await ask(served, "/v1/admin/usage?by=model&until=1000")
    assert none["data"] == []

    metrics = served.house.telemetry.exposition().decode()
    (told,) = [line for line in metrics.splitlines() if line.startswith("moksori_cost_total{")]
    assert 'currency="USD"' in told and float(told.split()[-1]) == pytest.approx(
        float(dollars(one) + dollars(two)), abs=1e-9
    )


async def test_a_running_call_is_shown_with_its_cost_so_far(serve: Serve, prices: Path) -> None:
    mock = MockUpstream("compatible")
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)}, auth=AUTH)
    key_id, key = await served.house.accounts.create(NewKey("shop", credit_micro=9_000_000))
    assert (await ask(served, "/v1/admin/sessions"))[1] == {"data": []}
    async with dial(served, key) as socket:
        caller = Client(socket)
        created = await caller.until("session.created")
        await caller.say(*map(append, speech(100)))
        done = await caller.until("response.done")
        (call,) = (await ask(served, "/v1/admin/sessions"))[1]["data"]
        assert (call["id"], call["key"], call["model"], call["route"]) == (
            created["session"]["id"],
            key_id,
            "voice",
            "there",
        )
        assert (call["messages_in"], call["audio_in_ms"]) == (len(speech(100)), 20 * len(speech(100)))
        assert call["messages_out"] == len(caller.log)
        assert Decimal(call["cost"]) == dollars(mock) == Decimal(done["response"]["usage"]["moksori"]["cost"])
        assert Decimal(call["budget_left"]) == 9 - dollars(mock)
    await served.house.sessions.drain(5)
    assert (await ask(served, "/v1/admin/sessions"))[1] == {"data": []}
    metrics = served.house.telemetry.exposition().decode()
    assert f'moksori_messages_total{{direction="in"}} {len(speech(100))}.0' in metrics
    assert f'moksori_messages_total{{direction="out"}} {len(caller.log)}.0' in metrics


@pytest.mark.parametrize("path", ["/v1/admin/usage", "/v1/admin/sessions"])
async def test_only_an_administrator_sees_money(serve: Serve, path: str) -> None:
    served = await serve({}, auth=AUTH)
    _, key = await served.house.accounts.create(NewKey("plain"))
    assert (await ask(served, path, None))[0] == 401
    assert (await ask(served, path, key))[0] == 403
    secret, _ = served.house.secrets.create(served.house.keys.principal(ADMIN_KEY), None)  # type: ignore[arg-type]
    assert (await ask(served, path, secret))[0] == 403


@pytest.mark.parametrize(
    "query", ["by=caller", "by=", "by=key,key", "by=day;drop", "since=-1", "until=x", "key=", "key=%00"]
)
async def test_a_question_that_makes_no_sense_is_answered_with_400(serve: Serve, query: str) -> None:
    served = await serve({}, auth=AUTH)
    assert (await ask(served, f"/v1/admin/usage?{query}"))[0] == 400


# Calls that share a budget.


async def _overrun(
    served: Served, mocks: list[MockUpstream], keys: list[str], calls: int
) -> tuple[int, int, list[int]]:
    """As many calls as get in answer until they are ended; how many got in, what all cost, and each answer's cost."""
    entered = 0

    async def one(n: int) -> None:
        nonlocal entered
        try:
            async with dial(served, keys[n % len(keys)]) as socket:
                entered += 1
                caller = Client(socket)
                for _ in range(200):
                    await caller.say({"type": "response.create"})
                    await caller.until("response.done")
        except (ConnectionClosed, InvalidStatus):
            return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moksori.sessions.meter.LONGEST_WAIT_S", 0.1)  # nobody listens
        await asyncio.gather(*(one(n) for n in range(calls)))
    await served.house.sessions.drain(5)
    costs = [round(worth(u)) for mock in mocks for session in mock.sessions for u in session.billed]
    return entered, sum(costs), costs


async def secret_of(served: Served, customer: str) -> str:
    """A client secret of a new key, for a customer the shop has signed."""
    _, value = await served.house.accounts.create(NewKey("k"))
    principal = served.house.keys.principal(value)
    assert principal is not None
    return served.house.secrets.create(replace(principal, caller=Caller(customer, "signed")), None)[0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("whose", ["key", "customer"])
async def test_calls_that_share_a_budget_overrun_it_together_by_one_answer_at_most(
    serve: Serve, prices: Path, seed: int, whose: str
) -> None:
    mock = MockUpstream("compatible", pace_s=0.0005 * seed)
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    (price,) = [
        p for p in load(prices).prices if p.provider == "compatible" and "compatible-model" in p.models
    ]
    credit = dearest(price, 0, None) * 3 + 3777 * seed
    accounts = served.house.accounts
    if whose == "key":
        keys = [(await accounts.create(NewKey("k", credit_micro=credit)))[1]]
    else:
        keys = [await secret_of(served, "cust_1") for _ in range(2)]  # of two keys
        await add_credit(await accounts.database(), "customer:cust_1", credit, datetime.now(UTC), "a gift")
        await accounts.refresh()
    entered, spent, costs = await _overrun(served, [mock], keys, 8)
    assert 2 <= entered <= 4  # what is left must cover the others' leases
    assert spent - credit <= max(costs)


async def test_a_call_may_not_begin_on_money_that_others_hold(serve: Serve, prices: Path) -> None:
    mock = MockUpstream("compatible")
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    _, key = await served.house.accounts.create(NewKey("k", credit_micro=20_000))
    async with dial(served, key) as socket:
        caller = Client(socket)
        await caller.until("session.created")
        with pytest.raises(InvalidStatus) as refused:
            async with dial(served, key):
                pass
        error = json.loads(refused.value.response.body or b"")["error"]
        assert refused.value.response.status_code == 402 and error["code"] == "insufficient_quota"
        assert "held by the calls that are running" in error["message"]
        await caller.say({"type": "response.create"})
        await caller.until("response.done")
    await served.house.sessions.drain(5)
    # The lease went back with the call: a session may begin again, though the house takes none while it drains.
    assert served.house.accounts.books is not None
    assert (
        served.house.accounts.books._purses[f"key:{(await served.house.accounts.listed())[0].id}"].leases
        == {}
    )


async def test_answers_asked_for_at_once_do_not_multiply_what_is_left(serve: Serve, prices: Path) -> None:
    mock = MockUpstream("compatible", pace_s=0.005)
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    _, key = await served.house.accounts.create(NewKey("k", credit_micro=20_000))
    async with dial(served, key) as socket:
        caller = Client(socket)
        await caller.until("session.created")
        await caller.say(
            *(
                {"type": "response.create", "event_id": f"event_{n}", "response": {"conversation": "none"}}
                for n in range(5)
            )
        )
        await caller.until("response.done")
    refused = [e["error"] for e in caller.log if e["type"] == "error"]
    assert [e["code"] for e in refused] == ["insufficient_quota"] * 4
    assert [e["event_id"] for e in refused] == [f"event_{n}" for n in range(1, 5)]
    assert mock.types().count("response.create") == 1
