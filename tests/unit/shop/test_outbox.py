"""News leave the shop at least once, signed, and with patience."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from moksori.shop import model as m
from moksori.shop.outbox import FIRST_WAIT, LEASE, LONGEST_WAIT, Outbox, Webhook, wait_after
from moksori.shop.tools.toolset import ShopTools
from tests.unit.shop.little import NOW
from tests.unit.shop.test_tools import NOBODY, WRITES, commit, propose

SECRET = "a secret that both sides know"


@dataclass
class Receiver:
    """The shop's own server: answers with what it is told to, and remembers."""

    status: list[int] = field(default_factory=list)
    got: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        status = self.status.pop(0) if self.status else 204
        if status == 0:
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(status)


@dataclass
class Clock:
    now: Any = NOW

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(shop: ShopTools, receiver: Receiver, clock: Clock) -> Outbox:
    client = httpx.AsyncClient(transport=httpx.MockTransport(receiver))
    return Outbox(shop.database, Webhook("https://shop.example/hook", SECRET), clock=clock, client=client)


async def test_a_ticket_reaches_the_shop_signed(shop: ShopTools, outbox: Outbox, receiver: Receiver) -> None:
    done = await commit(shop, await propose(shop, "hand_over", NOBODY, **WRITES["hand_over"][0]))
    assert await outbox.deliver() == 1
    (request,) = receiver.got
    body = json.loads(request.content)
    assert body["type"] == "ticket.opened"
    assert body["data"] == {
        "topic": "refund", "summary": WRITES["hand_over"][0]["summary"], "call_id": "call-2", "customer_id": None,
        "ticket": done["ticket"],
    }  # fmt: skip
    signed = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.content
    )
    expected = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert await outbox.waiting() == 0
    assert await outbox.deliver() == 0


@pytest.mark.parametrize("status", [500, 404, 301, 0])
async def test_what_is_not_taken_is_offered_again_later_under_the_same_id(
    shop: ShopTools, outbox: Outbox, receiver: Receiver, clock: Clock, status: int
) -> None:
    await commit(shop, await propose(shop, "cancel_order", **WRITES["cancel_order"][0]))
    receiver.status = [status]
    assert await outbox.deliver() == 1
    assert await outbox.deliver() == 0, "not at once"
    clock.now += FIRST_WAIT
    assert await outbox.deliver() == 1
    assert await outbox.waiting() == 0
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.content == second.content


async def test_what_a_dead_process_had_taken_up_is_delivered_by_another(
    shop: ShopTools, outbox: Outbox, receiver: Receiver, clock: Clock
) -> None:
    await commit(shop, await propose(shop, "cancel_order", **WRITES["cancel_order"][0]))
    await shop.database.writing(outbox._take)  # and then nothing more is heard of it
    assert await outbox.deliver() == 0
    clock.now += LEASE
    assert await outbox.deliver() == 1
    assert len(receiver.got) == 1


async def test_a_write_that_did_not_happen_is_told_to_nobody(shop: ShopTools, outbox: Outbox) -> None:
    await propose(shop, "cancel_order", **WRITES["cancel_order"][0])
    assert await outbox.deliver() == 0


async def test_two_workers_do_not_take_up_the_same_news(
    shop: ShopTools, outbox: Outbox, receiver: Receiver, clock: Clock
) -> None:
    for number, tool in enumerate(("cancel_order", "return_items")):
        await commit(shop, await propose(shop, tool, **WRITES[tool][0]), number)
    second = Outbox(shop.database, outbox._webhook, clock=clock, client=outbox._client)
    assert await outbox.deliver() + await second.deliver() == 2
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 2
    async with shop.database.reading() as session:
        assert [entry.attempts for entry in await session.scalars(select(m.OutboxEntry))] == [1, 1]


def test_the_wait_doubles_up_to_an_hour() -> None:
    waits = [wait_after(attempt) for attempt in range(1, 40)]
    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert waits[-1] == LONGEST_WAIT


@pytest.mark.parametrize(("secret", "why"), [("short", "too short"), ("whsec_!!", "base64")])
def test_a_secret_that_guards_nothing_is_refused(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Webhook("https://shop.example/hook", secret)
