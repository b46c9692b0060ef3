"""What calls cost: the ledger against the mocks' own usage, budgets inside the call, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from moksori.accounts.keystore import NewKey
from moksori.accounts.prices import (
    PricesUnusable,
    PriceTable,
    cost,
    estimated_units,
    load,
    micro_of,
    shipped,
    shown,
    units_of,
)
from moksori.accounts.tables import UsageRow
from moksori.protocol.response import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage
from moksori.sessions.goodbye import texts
from moksori.sessions.meter import PLAYER_S
from tests.mocks.script import Event
from tests.mocks.upstream import MockUpstream, append, speech
from tests.support.openai_schema import validate_server_event
from tests.unit.gateway.conftest import Serve, Served

PRICES = """
version = "test"
currency = "USD"
[[prices]]
provider = "compatible"
models = ["compatible-model"]
per_million = { text_in = "4", cached_text_in = "0.40", text_out = "24", audio_in = "32", cached_audio_in = "0.40", audio_out = "64" }
source = "this test"
[[prices]]
provider = "xai"
models = ["xai-model"]
per_minute = "0.08"
source = "this test"
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    return file


def worth(usage: Event) -> Decimal:
    """Micro-dollars of a usage, written out by hand."""
    given, taken = usage["input_token_details"], usage["output_token_details"]
    cached = given["cached_tokens_details"]
    total: Decimal = (
        (given["text_tokens"] - cached["text_tokens"]) * Decimal(4)
        + cached["text_tokens"] * Decimal("0.40")
        + (given["audio_tokens"] - cached["audio_tokens"]) * Decimal(32)
        + cached["audio_tokens"] * Decimal("0.40")
        + taken["text_tokens"] * Decimal(24)
        + taken["audio_tokens"] * Decimal(64)
    )
    return total


class Caller:
    """A plain client: it says, and reads until something."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.log: list[Event] = []

    async def say(self, *events: Event) -> None:
        for event in events:
            await self.socket.send(json.dumps(event))

    async def until(self, kind: str) -> Event:
        async with asyncio.timeout(20):
            while True:
                event: Event = json.loads(await self.socket.recv())
                self.log.append(event)
                if event["type"] == kind:
                    return event


def dial(served: Served, key: str | None = None, model: str = "voice") -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return connect(f"{served.address.ws}?model={model}", additional_headers=headers, compression=None)


async def ledger(served: Served) -> list[UsageRow]:
    await served.house.accounts.ledger.flush()
    database = await served.house.accounts.database()
    async with database.reading() as session:
        return list((await session.scalars(select(UsageRow).order_by(UsageRow.serial))).all())


FAULTS = ("", "", "pings", "odd_event", "no_event_id", "late_transcript", "sudden_close", "expires")


async def one_call(served: Served, model: str, dice: random.Random) -> None:
    """Typed, spoken and interrupted answers in any number, and an end in any way."""
    with contextlib.suppress(ConnectionClosed):
        async with dial(served, model=model) as socket:
            caller = Caller(socket)
            await caller.until("session.created")
            for _ in range(dice.randint(1, 3)):
                match dice.choice(("typed", "spoken", "cancelled", "gone")):
                    case "typed":
                        await caller.say({"type": "response.create"})
                        await caller.until("response.done")
                    case "spoken":
                        await caller.say(*map(append, speech(40)))
                        await caller.until("response.done")
                    case "cancelled":
                        await caller.say({"type": "response.create"})
                        await caller.until("response.created")
                        await caller.say({"type": "response.cancel"})
                        await caller.until("response.done")
                    case _:
                        await caller.say({"type": "response.create"})
                        await caller.until("response.created")
                        return  # hangs up in the middle of an answer


async def equal_books(serve: Serve, prices: Path, calls: int) -> None:
    dice = random.Random(7)
    mocks = {
        f"m{n}": MockUpstream("compatible", frozenset({fault} - {""}), fault_after=dice.randint(2, 12))
        for n, fault in enumerate(FAULTS)
    }
    down = MockUpstream("compatible", frozenset({"http_503"}))
    served = await serve(
        {**mocks, "down": down},
        priced=prices,
        models={f"voice{n}": ("down", name) for n, name in enumerate(mocks)},
        limits={"max_sessions": 64},
        gateway={"connect_s": 20, "silent_s": 20},
    )
    left = iter(range(calls))

    async def work() -> None:
        for n in left:
            await one_call(served, f"voice{n % len(mocks)}", dice)

    await asyncio.gather(*(work() for _ in range(16)))
    await served.house.sessions.drain(20)  # returns when the last call is over
    rows = await ledger(served)
    billed = [usage for mock in mocks.values() for session in mock.sessions for usage in session.billed]
    assert len(rows) == len(billed) > calls
    assert not any(row.estimated for row in rows)
    exact = sorted(round(worth(usage)) for usage in billed)
    assert sorted(row.micro for row in rows) == exact
    assert Counter(row.prices for row in rows) == {rows[0].prices: len(rows)}
    assert rows[0].prices.endswith("+test")


async def test_the_ledger_equals_the_services_own_books(serve: Serve, prices: Path) -> None:
    await equal_books(serve, prices, 120)


@pytest.mark.slow
async def test_the_ledger_equals_the_services_own_books_over_a_thousand_calls(
    serve: Serve, prices: Path
) -> None:
    await equal_books(serve, prices, 1000)


async def test_cost_is_told_while_the_call_runs(serve: Serve, prices: Path) -> None:
    mock = MockUpstream("compatible")
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    async with dial(served) as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        done = await caller.until("response.done")
    told = done["response"]["usage"]["moksori"]
    (usage,) = mock.sessions[0].billed
    assert Decimal(told["cost"]) * 1_000_000 == worth(usage)
    assert (told["currency"], told["budget_left"]) == ("USD", None)
    assert done["response"]["usage"]["total_tokens"] == usage["total_tokens"]


async def test_a_service_that_does_not_say_is_estimated_and_the_row_says_so(
    serve: Serve, prices: Path
) -> None:
    mock = MockUpstream("compatible", frozenset({"no_usage"}))
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    async with dial(served) as socket:
        caller = Caller(socket)
        await caller.say(*map(append, speech(100)))
        done = await caller.until("response.done")
        validate_server_event(done)
    (row,) = await ledger(served)
    assert row.estimated and row.units == {"audio_in": 4, "audio_out": 4}  # 400 ms and 200 ms
    assert done["response"]["usage"]["moksori"]["estimated"] is True


async def _with_key(serve: Serve, prices: Path, **key: Any) -> tuple[Served, MockUpstream, str]:
    mock = MockUpstream("compatible")
    served = await serve({"there": mock}, priced=prices, models={"voice": ("there",)})
    _, value = await served.house.accounts.create(NewKey("k", **key))
    return served, mock, value


@pytest.mark.parametrize("budget", ["call_micro", "credit_micro"])
async def test_a_budget_ends_the_call_with_a_goodbye_and_is_overrun_by_less_than_an_answer(
    serve: Serve, prices: Path, budget: str
) -> None:
    served, mock, key = await _with_key(serve, prices, **{budget: 5000})
    async with dial(served, key) as socket:
        caller = Caller(socket)
        await caller.until("session.created")
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(100):
                await caller.say({"type": "response.create"})
                await caller.until("response.done")
        with contextlib.suppress(ConnectionClosed):
            await caller.until("never")
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    for event in caller.log:
        validate_server_event(event)
    costs = [round(worth(usage)) for usage in mock.sessions[0].billed]
    assert sum(costs) >= 5000 > sum(costs[:-1])
    assert caller.log[-1]["error"]["code"] == "insufficient_quota"
    said = [e["transcript"] for e in caller.log if e["type"] == "response.output_audio_transcript.done"]
    assert said[-1] == texts()["en"]
    lefts = [
        e["response"]["usage"]["moksori"]["budget_left"] for e in caller.log if e["type"] == "response.done"
    ]
    assert [Decimal(left) for left in lefts] == sorted(map(Decimal, lefts), reverse=True)
    assert lefts[-1] == "0"
    if budget == "credit_micro":
        with pytest.raises(InvalidStatus) as refused:
            async with dial(served, key):
                pass
        assert refused.value.response.status_code == 402
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "insufficient_quota"


async def test_time_that_is_billed_ends_the_call_a_tick_after_the_budget(
    serve: Serve, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a service that charges for the line, at a clock twenty times as fast: nothing said, and still it costs."""
    monkeypatch.setattr(
        "moksori.sessions.meter.time", SimpleNamespace(monotonic=lambda: time.monotonic() * 20)
    )
    monkeypatch.setattr("moksori.sessions.meter.TICK_S", 0.1)  # two seconds of that clock
    mock = MockUpstream("xai")
    served = await serve(
        {"there": mock}, priced=prices, models={"voice": ("there",)}, gateway={"silent_s": 20}
    )
    budget = 10 * 80_000 // 60  # ten seconds
    _, key = await served.house.accounts.create(NewKey("k", call_micro=budget))
    before_the_goodbye: list[int] = []

    async def goodbye(_: Any) -> AsyncIterator[Any]:
        before_the_goodbye.append(sum(row.micro for row in await ledger(served)))
        await asyncio.sleep(0.2)  # four seconds of that clock
        nothing: list[Any] = []
        for frame in nothing:
            yield frame

    served.house.sessions.metering._goodbye = goodbye  # type: ignore[attr-defined]
    async with dial(served, key) as socket:
        caller = Caller(socket)
        await caller.until("session.created")
        assert await ledger(served) == []  # not dialled, not charged
        await caller.say(append(bytes(960)))
        with pytest.raises(ConnectionClosed) as closed:
            await caller.until("never")
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    assert caller.log[-1]["error"]["code"] == "insufficient_quota"
    await served.house.sessions.drain(5)
    rows = await ledger(served)
    assert {row.kind for row in rows} == {"seconds"}
    # The tick that found the budget used up, and what passed until the service was left; nothing for the goodbye.
    assert sum(row.micro for row in rows[:-2]) < budget <= sum(row.micro for row in rows)
    assert before_the_goodbye == [sum(row.micro for row in rows)]


async def test_a_call_that_must_end_stays_until_what_was_sent_can_have_been_heard(
    serve: Serve, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is sent faster than it sounds: the line is kept for as long as its sound and the goodbye's take."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr("moksori.sessions.meter._pause", pause)
    monkeypatch.setattr("tests.mocks.script.ANSWER_FRAMES", 1000)  # 20 s of sound
    served, _, key = await _with_key(serve, prices, call_micro=1000)
    async with dial(served, key) as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        with contextlib.suppress(ConnectionClosed):
            await caller.until("never")
    (seconds,) = paused
    assert 10 < seconds <= 20 + PLAYER_S  # less what it took to send
    assert caller.log[-1]["error"]["code"] == "insufficient_quota"


async def test_a_budget_holds_over_a_restart(serve: Serve, prices: Path) -> None:
    served, _, key = await _with_key(serve, prices, credit_micro=1_000_000)
    async with dial(served, key) as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        first = await caller.until("response.done")
    await served.house.accounts.ledger.flush()
    again = await serve({"there": MockUpstream("compatible")}, priced=prices, models={"voice": ("there",)})
    await again.house.accounts.refresh()
    async with dial(again, key) as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        second = await caller.until("response.done")
    left = [Decimal(done["response"]["usage"]["moksori"]["budget_left"]) for done in (first, second)]
    assert left[0] - left[1] == Decimal(second["response"]["usage"]["moksori"]["cost"])


async def test_a_model_without_a_price_is_refused_where_an_invoice_comes_or_a_budget_is(
    serve: Serve, prices: Path
) -> None:
    served = await serve({"bills": MockUpstream("openai"), "ours": MockUpstream("beta")}, priced=prices)
    with pytest.raises(InvalidStatus) as refused:
        async with dial(served, model="bills"):
            pass
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "model_not_priced"
    async with dial(served, model="ours") as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        done = await caller.until("response.done")
    assert done["response"]["usage"]["moksori"]["cost"] is None  # not 0: nobody said what it costs
    (row,) = await ledger(served)
    assert row.prices == "none"
    _, key = await served.house.accounts.create(NewKey("k", call_micro=5000))
    with pytest.raises(InvalidStatus) as refused:
        async with dial(served, key, model="ours"):
            pass
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "model_not_priced"


async def test_no_row_of_the_ledger_can_be_changed(serve: Serve, prices: Path) -> None:
    served, _, key = await _with_key(serve, prices, credit_micro=1_000_000)
    async with dial(served, key) as socket:
        caller = Caller(socket)
        await caller.say({"type": "response.create"})
        await caller.until("response.done")
    await ledger(served)
    database = await served.house.accounts.database()
    for table in ("accounts_usage", "accounts_credit"):
        for change in (f"UPDATE {table} SET micro = 0", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"):
                async with database.engine.begin() as connection:
                    await connection.execute(text(change))


# The arithmetic.


def test_cached_tokens_are_part_of_the_input_and_what_does_not_add_up_costs_the_most() -> None:
    usage = Usage(
        total_tokens=350,
        input_tokens=250,
        output_tokens=100,
        input_token_details=InputTokenDetails(
            text_tokens=150,
            audio_tokens=80,
            cached_tokens=70,
            cached_tokens_details=CachedTokensDetails(text_tokens=50, audio_tokens=20),
        ),
        output_token_details=OutputTokenDetails(text_tokens=30, audio_tokens=70),
    )
    assert units_of(usage) == {
        "text_in": 100, "cached_text_in": 50, "audio_in": 80, "cached_audio_in": 20, "text_out": 30, "audio_out": 70,
    }  # fmt: skip


def test_prices_are_exact_and_dated_and_each_has_a_source() -> None:
    table: PriceTable = shipped()
    assert table.version == "2026-11-22"
    assert all(price.source for price in table.prices)
    mini = table.find("openai", "gpt-realtime-2.1-mini")
    assert mini is not None
    assert cost(mini, {"audio_in": 600, "audio_out": 1200}) == 6000 + 24000
    grok = table.find("xai", "grok-voice-latest")
    assert grok is not None and cost(grok, {"seconds": 90}) == 120_000
    assert table.find("openai", "gpt-unheard-of") is None


def test_a_minute_of_talk_is_estimated_as_the_guide_says() -> None:
    assert estimated_units(60_000, 60_000) == {"audio_in": 600, "audio_out": 1200}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('version = "x"\ncurrency = "EUR"\nprices = []', "must be in USD, not EUR"),
        ("nonsense", "is not valid"),
        (PRICES.replace("text_in", "words_in", 1), "prices 'words_in', which is no unit"),
    ],
)
def test_a_price_table_that_cannot_be_used_is_named(tmp_path: Path, written: str, problem: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(written)
    with pytest.raises(PricesUnusable, match=problem):
        load(file)


@pytest.mark.parametrize(("dollars", "micro"), [("0.50", 500_000), ("5", 5_000_000), ("0.000001", 1)])
def test_dollars_and_millionths(dollars: str, micro: int) -> None:
    assert micro_of(dollars) == micro
    assert micro_of(shown(micro)) == micro
