"""The stateful test of the books: whatever is called, in whatever order, money and stock balance after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from sqlalchemy import func, select

from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import Confirmation, Done, Plan, Refused
from moksori.shop import model as m
from moksori.shop.audit import audit
from moksori.shop.back_office import BackOffice
from moksori.shop.tools.toolset import ShopTools, open_shop
from tests.unit.shop import little

T = TypeVar("T")
GOODS = {
    little.PAID: ["P1", "P2"],
    little.PREPARING: ["P4"],
    little.SHIPPED: ["P2"],
    little.DELIVERED: ["P1", "P3", "P2"],
    little.OLD: ["P1"],
    little.CANCELLED: ["P2"],
    little.BY_CARD_AND_GIFT: ["P1"],
    little.THEIRS: ["P1"],
}
"""The products of each order's lines."""
ORDERS = list(GOODS)
UNPACKED = [little.PAID, little.BY_CARD_AND_GIFT, little.THEIRS]
DELIVERED = [little.DELIVERED]
VARIANTS = {
    "P1": ["P1-blue", "P1-red", "P1-black"],
    "P2": ["P2-white", "P2-navy", "P2-grey"],
    "P3": ["P3-green"],
    "P4": ["P4-white", "P4-grey"],
}
ANY_VARIANT = [*(each for theirs in VARIANTS.values() for each in theirs), "P9-none"]
METHODS = ["card-1", "gift-1", "points-1", "card-2", "nobody's"]
CALLERS = ["C1"] * 6 + ["C2", "C2", None]
TOOLS = (
    "cancel_order", "change_order_address", "change_order_payment", "change_order_items", "change_customer_address",
    "return_items", "exchange_items", "set_cart_item", "hand_over",
)  # fmt: skip
LUCK = 5
"""One request in so many is made of parts that need not fit together."""


def request(seed: str) -> tuple[str, dict[str, Any]]:
    """A write and its arguments: mostly what a caller could mean, sometimes anything.

    From a seed, because hypothesis's own choices favour the first of a list: every tool shall have its turn.
    """
    random = Random(seed)
    wild = random.randrange(LUCK) == 0
    tool = random.choice(TOOLS)
    fitting = DELIVERED if tool in ("return_items", "exchange_items") else UNPACKED
    order = random.choice([*ORDERS, "000000-0000"] if wild else fitting)
    place = {"line1": "세종대로 1", "city": "중구", "region": "서울", "postcode": "1" if wild else "04524"}
    reasons = ["changed_mind", "defective", "ordered_by_mistake" if tool == "cancel_order" else "wrong_size"]
    reason = "nonsense" if wild and random.random() < 0.5 else random.choice(reasons)
    method = random.choice(METHODS) if random.random() < 0.4 else None

    def variant(line: int) -> str:
        return random.choice(ANY_VARIANT if wild else VARIANTS[GOODS[order][line - 1]])

    def quantity() -> int | None:
        return random.choice([None, 1, 1, 2, 3])

    there = 4 if wild else len(GOODS[order])
    chosen = [random.randint(1, there) for _ in range(random.randint(1, 2))]
    chosen = chosen if wild else list(dict.fromkeys(chosen))
    match tool:
        case "cancel_order":
            given: dict[str, Any] = {"order_id": order, "reason": reason}
        case "change_order_address":
            given = {"order_id": order, **place}
        case "change_customer_address":
            given = place
        case "change_order_payment":
            given = {"order_id": order, "method_id": method or "gift-1"}
        case "change_order_items":
            given = {
                "order_id": order,
                "changes": [{"line": each, "variant_id": variant(each)} for each in chosen],
                "method_id": method,
            }
        case "return_items":
            parts = [_given(line=each, quantity=quantity()) for each in chosen]
            given = {"order_id": order, "lines": parts, "reason": reason, "method_id": method}
        case "exchange_items":
            swaps = [_given(line=each, variant_id=variant(each), quantity=quantity()) for each in chosen]
            given = {"order_id": order, "changes": swaps, "reason": reason, "method_id": method}
        case "set_cart_item":
            given = {"variant_id": random.choice(ANY_VARIANT), "quantity": random.randint(0, 3)}
        case _:
            given = {"topic": "?" if wild else "refund", "summary": "환불 문의"}
    return tool, _given(**given)


def _given(**parts: Any) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def confirmation(number: int, plan: Plan) -> Confirmation:
    caller = Caller(plan.customer_id, "verified" if plan.customer_id else "none", f"call-{number}")
    return Confirmation(
        id=f"confirmation-{number}",
        session_id=f"session-{number}",
        said="진행할까요?",
        heard="진행할까요?",
        yes_span_ms=(1000, 1400),
        at=little.NOW,
        principal=Principal("key_1", "test"),
        caller=caller,
        answer="네",
    )


class Books(RuleBasedStateMachine):
    """A model proposes and confirms what it likes, staff pack and receive, days pass."""

    plans: Bundle[tuple[int, Plan]] = Bundle("plans")
    committed: ClassVar[set[str]] = set()
    """Tools that wrote at least once in the whole run: the test sees to it that none is left out."""

    def fresh(self) -> str:
        """The address of a little shop of one's own."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.shop: ShopTools = self.run_(open_shop(self.fresh()))
        self.staff = BackOffice(self.shop)
        self.now: datetime = little.NOW
        self.answers: dict[int, Done | Refused] = {}
        self.numbers = self.steps = 0

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run_(self.shop.close())
        self.loop.close()

    @rule(
        target=plans, seed=st.integers(0, 2**32), customer=st.sampled_from(CALLERS), at_once=st.integers(0, 3)
    )
    def ask(self, seed: int, customer: str | None, at_once: int) -> Any:
        """A write is proposed, which has no effect; three of four callers say yes at once."""
        self.steps += 1
        name, arguments = request(f"{seed}/{self.steps}")
        caller = Caller(customer, "verified" if customer else "none", "call")
        before = self.run_(self._everything())
        plan = self.run_(self.shop.plan(name, arguments, caller, self.now))
        assert self.run_(self._everything()) == before, "a proposal has no effect"
        if isinstance(plan, Refused):
            return multiple()
        assert plan.customer_id == customer
        self.numbers += 1
        if at_once:
            self._commit(self.numbers, plan)
        return self.numbers, plan

    @rule(which=plans)
    def commit(self, which: tuple[int, Plan]) -> None:
        """Long after it was proposed, or again: the second time nothing happens."""
        self._commit(*which)

    def _commit(self, number: int, plan: Plan) -> None:
        before = self.run_(self._everything())
        answer = self.run_(self.shop.commit(plan, confirmation(number, plan), self.now))
        if number in self.answers:
            assert answer == self.answers[number]
            assert self.run_(self._everything()) == before
        elif isinstance(answer, Refused):
            assert self.run_(self._everything()) == before
        else:
            assert self.run_(self._everything()) != before
            self.committed.add(plan.tool)
        self.answers[number] = answer

    @rule(order=st.sampled_from(ORDERS))
    def staff_goes_on(self, order: str) -> None:
        self.run_(self.staff.advance(order, self.now))

    @rule(order=st.sampled_from(ORDERS), return_id=st.integers(1, 4))
    def goods_come_back(self, order: str, return_id: int) -> None:
        self.run_(self.staff.receive_return(order, return_id, self.now))

    @rule(order=st.sampled_from(ORDERS))
    def exchange_is_done(self, order: str) -> None:
        self.run_(self.staff.complete_exchange(order, self.now))

    @rule(hours=st.sampled_from([1, 1, 5, 24 * 8]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def money_and_stock_balance(self) -> None:
        async def look() -> list[str]:
            async with self.shop.database.reading() as session:
                return await audit(session)

        assert self.run_(look()) == []

    async def _everything(self) -> dict[str, Any]:
        """All balances, stock and row counts; records of calls and confirmations aside."""
        async with self.shop.database.reading() as session:
            found: dict[str, Any] = {
                table.name: await session.scalar(select(func.count()).select_from(table))
                for table in m.ShopBase.metadata.sorted_tables
                if table.name not in ("shop_tool_call", "shop_call", "shop_confirmation")
            }
            for column in (
                (m.Account.id, m.Account.balance),
                (m.Variant.id, m.Variant.stock),
                (m.Order.id, m.Order.version),
                (m.Customer.id, m.Customer.version),
            ):
                found |= {str(key): value for key, value in await session.execute(select(*column))}
        return found
