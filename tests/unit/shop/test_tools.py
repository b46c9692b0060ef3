"""The shop's own tools on the little shop: what they find, what they change, why they say no."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from sqlalchemy import select

from moksori.agent.principal import Caller, Principal
from moksori.agent.tools import Confirmation, Done, Plan, Refused
from moksori.shop import model as m
from moksori.shop.audit import audit
from moksori.shop.back_office import BackOffice
from moksori.shop.tools.specs import TOOLS
from moksori.shop.tools.toolset import ShopTools
from tests.unit.shop import little
from tests.unit.shop.little import NOW

ME = Caller("C1", "verified", "call-1")
NOBODY = Caller(None, "none", "call-2")


async def find(shop: ShopTools, tool: str, /, caller: Caller = ME, **arguments: Any) -> Any:
    answer = await shop.read(tool, arguments, caller, NOW)
    assert isinstance(answer, Done), answer
    return answer.value


async def no(shop: ShopTools, tool: str, /, caller: Caller = ME, **arguments: Any) -> Refused:
    reads = {each.name for each in TOOLS if not each.writes}
    ask = shop.read if tool in reads else shop.plan
    answer: Any = await ask(tool, arguments, caller, NOW)
    assert isinstance(answer, Refused), answer
    assert answer.message["ko"]
    assert answer.message["en"]
    return answer


async def propose(shop: ShopTools, tool: str, /, caller: Caller = ME, **arguments: Any) -> Plan:
    plan = await shop.plan(tool, arguments, caller, NOW)
    assert isinstance(plan, Plan), plan
    return plan


def agreed(plan: Plan, number: int = 1) -> Confirmation:
    caller = ME if plan.customer_id else NOBODY
    return Confirmation(
        id=f"yes-{number}", session_id="sess_1", said="…", heard="…", yes_span_ms=(1, 2), at=NOW,
        principal=Principal("key_1", "test"), caller=caller, answer="네", evidence="signed",
    )  # fmt: skip


async def commit(shop: ShopTools, plan: Plan, number: int = 1) -> Any:
    answer = await shop.commit(plan, agreed(plan, number), NOW)
    assert isinstance(answer, Done), answer
    return answer.value


async def rows(shop: ShopTools, what: Any) -> list[Any]:
    async with shop.database.reading() as session:
        return list(await session.scalars(what))


async def test_every_tool_is_described_in_both_languages_with_a_valid_schema(shop: ShopTools) -> None:
    for spec in shop.specs():
        assert set(spec.title) == set(spec.description) == {"ko", "en"}
        jsonschema.Draft202012Validator.check_schema(spec.parameters)
        assert spec.parameters["additionalProperties"] is False
        assert spec.writes or spec.confirm
        text = json.dumps(spec.parameters, ensure_ascii=False)
        assert "$ref" not in text


# who


@pytest.mark.parametrize(
    "said",
    [
        {"name": "김서연", "phone": "010-0000-1111"},
        {"name": "서연 김", "phone": "+82 10 0000 1111"},
        {"name": "김서연님", "order_number": "2611181001"},
        {"email": "Seoyeon@Example.com", "postcode": "06236"},
    ],
)
async def test_two_things_that_fit_one_customer_verify(shop: ShopTools, said: dict[str, str]) -> None:
    answer = await shop.read("verify_customer", said, NOBODY, NOW)
    assert isinstance(answer, Done)
    assert answer.customer_id == "C1"


@pytest.mark.parametrize(
    "said",
    [
        {"name": "김서연"},
        {"phone": "010-0000-1111"},
        {"name": "이민준", "phone": "010-0000-1111"},
        {"name": "김서연", "postcode": "06236"},
        {"name": "김서연", "order_number": little.THEIRS},
        {"name": "김서연", "phone": "%"},
    ],
)
async def test_too_little_or_somebody_elses_does_not(shop: ShopTools, said: dict[str, str]) -> None:
    refused = await no(shop, "verify_customer", NOBODY, **said)
    assert refused.code == "verification_failed"


# looking things up


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"number": "1004"}, [little.DELIVERED]),
        ({"when": "오늘"}, [little.BY_CARD_AND_GIFT, little.PAID]),
        ({"when": "last Friday"}, [little.DELIVERED]),
        ({"product": "무선 청소기"}, [little.PREPARING]),
        ({"product": "파란 텀블러", "status": "delivered"}, [little.DELIVERED, little.OLD]),
        ({"status": "cancelled"}, [little.CANCELLED]),
        ({"number": "2001"}, []),
    ],
)
async def test_orders_are_found_by_number_day_product_and_status(
    shop: ShopTools, asked: dict[str, str], found: list[str]
) -> None:
    answer = await find(shop, "find_orders", **asked)
    assert [each["order_id"] for each in answer["orders"]] == found


async def test_an_order_a_delivery_a_refund_and_a_membership(shop: ShopTools) -> None:
    order = await find(shop, "get_order", order_id=little.DELIVERED)
    assert [item["quantity"] for item in order["items"]] == [2, 1, 1]
    assert order["total"]["ko"] == "85,000원"
    delivery = await find(shop, "track_delivery", order_id=little.SHIPPED)
    assert delivery["shipments"][0]["courier"]["ko"] == "한진택배"
    refund = await find(shop, "get_refund_status", order_id=little.CANCELLED)
    assert refund["refunds"][0]["status"]["code"] == "processing"
    membership = await find(shop, "get_membership")
    assert membership["tier"]["code"] == "gold"
    assert membership["points"]["minor"] == 3_000
    cart = await find(shop, "get_cart")
    assert cart["total"]["minor"] == 40_000
    account = await find(shop, "get_account")
    assert {each["method_id"] for each in account["payment_methods"]} == {"card-1", "gift-1", "points-1"}


async def test_products_variants_and_stock(shop: ShopTools) -> None:
    hits = await find(shop, "search_products", NOBODY, query="청소기")
    assert [each["product_id"] for each in hits["products"]] == [little.VACUUM]
    product = await find(shop, "get_product", NOBODY, product_id=little.VACUUM)
    assert [(v["options"]["color"], v["available"]) for v in product["variants"]] == [
        ("white", True),
        ("grey", False),
    ]


async def test_the_policy_is_found_with_its_passage(shop: ShopTools) -> None:
    for query, language in (
        ("반품은 며칠 안에 해야 하나요?", "ko"),
        ("how long can I return something", "en"),
    ):
        answer = await find(shop, "search_policy", NOBODY, query=query, language=language)
        assert "7" in answer["passages"][0]["text"]


@pytest.mark.parametrize("tool", ["get_order", "track_delivery", "get_refund_status"])
async def test_another_customers_order_does_not_exist(shop: ShopTools, tool: str) -> None:
    theirs = await no(shop, tool, order_id=little.THEIRS)
    nothing = await no(shop, tool, order_id="261118-9991")
    assert theirs.code == nothing.code == "order_not_found"
    assert theirs.message["ko"].replace(little.THEIRS, "") == nothing.message["ko"].replace("261118-9991", "")


@pytest.mark.parametrize("tool", [each.name for each in TOOLS if each.needs_customer])
async def test_nobody_knows_nothing(shop: ShopTools, tool: str) -> None:
    assert (await no(shop, tool, NOBODY)).code == "not_verified"


# changing things

WRITES: dict[str, tuple[dict[str, Any], int | None]] = {
    "cancel_order": ({"order_id": little.PAID, "reason": "changed_mind"}, -50_000),
    "change_order_address": (
        {
            "order_id": little.PAID,
            "line1": "세종대로 1",
            "city": "중구",
            "region": "서울",
            "postcode": "04524",
        },
        None,
    ),
    "change_order_payment": ({"order_id": little.PAID, "method_id": "gift-1"}, 50_000),
    "change_order_items": (
        {"order_id": little.PAID, "changes": [{"line": 1, "variant_id": "P1-black"}]},
        5_000,
    ),
    "change_customer_address": (
        {"line1": "세종대로 1", "city": "중구", "region": "서울", "postcode": "04524"},
        None,
    ),
    "return_items": (
        {"order_id": little.DELIVERED, "lines": [{"line": 1, "quantity": 1}], "reason": "changed_mind"},
        -17_000,
    ),
    "exchange_items": (
        {
            "order_id": little.DELIVERED,
            "changes": [{"line": 3, "variant_id": "P2-navy"}],
            "reason": "wrong_size",
        },
        -3_000,
    ),
    "set_cart_item": ({"variant_id": "P1-blue", "quantity": 1}, None),
    "hand_over": ({"topic": "refund", "summary": "환불이 늦어짐. 확인 부탁."}, None),
}


def test_every_write_is_here() -> None:
    assert set(WRITES) == {each.name for each in TOOLS if each.writes}


@pytest.mark.parametrize("tool", WRITES)
async def test_a_write_happens_when_it_is_confirmed_and_once(shop: ShopTools, tool: str) -> None:
    """Given a proposal, when it is confirmed twice, then it is done once and everything adds up."""
    arguments, amount = WRITES[tool]
    caller = NOBODY if tool == "hand_over" else ME
    plan = await propose(shop, tool, caller, **arguments)
    assert (plan.amount.amount if plan.amount is not None else None) == amount
    assert plan.action == tool
    for language in ("ko", "en"):
        said = shop.read_out(plan, language)  # type: ignore[arg-type]
        if plan.amount is not None:
            assert f"{abs(plan.amount.amount):,}" in said
    done = await commit(shop, plan)
    assert await commit(shop, plan) == done
    assert done["done"] == tool
    (kept,) = await rows(shop, select(m.ConfirmedWrite))
    assert (kept.tool, kept.ok, kept.evidence) == (tool, True, "signed")
    async with shop.database.reading() as session:
        assert await audit(session) == []


async def test_a_plan_that_would_come_out_otherwise_is_not_carried_out(shop: ShopTools) -> None:
    plan = await propose(shop, "change_order_items", **WRITES["change_order_items"][0])
    await commit(shop, await propose(shop, "cancel_order", **WRITES["cancel_order"][0]))
    answer = await shop.commit(plan, agreed(plan, 2), NOW)
    assert isinstance(answer, Refused)


async def test_one_yes_is_good_for_one_plan(shop: ShopTools) -> None:
    await commit(shop, await propose(shop, "set_cart_item", **WRITES["set_cart_item"][0]))
    other = await propose(shop, "cancel_order", **WRITES["cancel_order"][0])
    answer = await shop.commit(other, agreed(other), NOW)
    assert isinstance(answer, Refused)
    assert answer.code == "confirmation_used"


async def test_a_human_gets_the_summary_and_the_outbox_the_news(shop: ShopTools) -> None:
    done = await commit(shop, await propose(shop, "hand_over", NOBODY, **WRITES["hand_over"][0]))
    (ticket,) = await rows(shop, select(m.Ticket))
    (entry,) = await rows(shop, select(m.OutboxEntry))
    assert (str(ticket.id), ticket.summary) == (done["ticket"], WRITES["hand_over"][0]["summary"])
    assert (entry.kind, entry.confirmation_id) == ("ticket.opened", "yes-1")


async def test_a_return_is_paid_back_when_the_goods_are_in(shop: ShopTools) -> None:
    await commit(shop, await propose(shop, "return_items", **WRITES["return_items"][0]))
    waiting = await find(shop, "get_refund_status", order_id=little.DELIVERED)
    assert waiting["refunds"][0]["status"]["code"] == "waiting"
    (back,) = await rows(shop, select(m.Return))
    assert isinstance(await BackOffice(shop).receive_return(little.DELIVERED, back.id, NOW), Done)
    paid = await find(shop, "get_refund_status", order_id=little.DELIVERED)
    assert paid["refunds"][0]["status"]["code"] == "processing"
    assert paid["refunds"][0]["amount"]["minor"] == 17_000


# the rules of the shop


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "possible"),
    [
        (
            "cancel_order",
            {"order_id": little.PREPARING, "reason": "changed_mind"},
            "cannot_cancel",
            "track_delivery",
        ),
        (
            "cancel_order",
            {"order_id": little.DELIVERED, "reason": "changed_mind"},
            "cannot_cancel_delivered",
            "return_items",
        ),
        (
            "cancel_order",
            {"order_id": little.CANCELLED, "reason": "changed_mind"},
            "already_cancelled",
            "get_refund_status",
        ),
        (
            "change_order_address",
            {"order_id": little.SHIPPED, "line1": "a", "city": "b", "region": "c", "postcode": "04524"},
            "cannot_change",
            "hand_over",
        ),
        (
            "return_items",
            {"order_id": little.OLD, "lines": [{"line": 1}], "reason": "changed_mind"},
            "return_too_late",
            "hand_over",
        ),
        (
            "return_items",
            {"order_id": little.DELIVERED, "lines": [{"line": 2}], "reason": "changed_mind"},
            "not_returnable",
            "hand_over",
        ),
        (
            "return_items",
            {"order_id": little.DELIVERED, "lines": [{"line": 1, "quantity": 3}], "reason": "changed_mind"},
            "not_so_many",
            "get_order",
        ),
        (
            "exchange_items",
            {
                "order_id": little.DELIVERED,
                "changes": [{"line": 1, "variant_id": "P2-navy"}],
                "reason": "wrong_size",
            },
            "other_product",
            "get_product",
        ),
        (
            "exchange_items",
            {
                "order_id": little.DELIVERED,
                "changes": [{"line": 3, "variant_id": "P2-grey"}],
                "reason": "wrong_size",
            },
            "out_of_stock",
            "get_product",
        ),
        ("change_order_payment", {"order_id": little.PAID, "method_id": "points-1"}, "balance_too_low", None),
        (
            "change_order_payment",
            {"order_id": little.PAID, "method_id": "card-2"},
            "no_such_method",
            "get_account",
        ),
        ("hand_over", {"topic": "weather", "summary": "x"}, "bad_topic", None),
        ("cancel_order", {"order_id": little.PAID}, "bad_arguments", None),
        (
            "cancel_order",
            {"order_id": little.PAID, "reason": "changed_mind", "amount": 1},
            "bad_arguments",
            None,
        ),
    ],
)
async def test_a_refusal_says_why_and_what_is_possible(
    shop: ShopTools, tool: str, arguments: dict[str, Any], code: str, possible: str | None
) -> None:
    refused = await no(shop, tool, **arguments)
    assert refused.code == code
    if possible is not None:
        assert possible in refused.possible


async def test_the_return_window_ends_with_its_last_day_in_the_shops_zone(shop: ShopTools) -> None:
    """Delivered on the 16th at 15:00 in Seoul, seven days: until the end of the 23rd."""
    arguments = WRITES["return_items"][0]
    midnight = NOW.replace(day=24, hour=0, minute=0)
    assert isinstance(await shop.plan("return_items", arguments, ME, midnight - timedelta(minutes=1)), Plan)
    late = await shop.plan("return_items", arguments, ME, midnight)
    assert isinstance(late, Refused)
    assert late.code == "return_too_late"
    fault = {**arguments, "reason": "defective"}
    assert isinstance(await shop.plan("return_items", fault, ME, midnight), Plan)


async def test_an_exchange_happens_once_an_order(shop: ShopTools) -> None:
    await commit(shop, await propose(shop, "exchange_items", **WRITES["exchange_items"][0]))
    again = {
        "order_id": little.DELIVERED,
        "changes": [{"line": 1, "variant_id": "P1-red"}],
        "reason": "wrong_size",
    }
    assert (await no(shop, "exchange_items", **again)).code == "exchanged_before"


async def test_records_of_calls_are_kept_and_cannot_be_changed(shop: ShopTools) -> None:
    await find(shop, "get_order", order_id=little.PAID)
    await shop.records.settled()
    (record,) = await rows(shop, select(m.ToolCallRecord))
    assert (record.tool, record.customer_id, record.principal) == ("get_order", "C1", "(verified)")
    for statement in (
        m.ToolCallRecord.__table__.update().values(tool="x"),  # type: ignore[attr-defined]
        m.ToolCallRecord.__table__.delete(),  # type: ignore[attr-defined]
        m.Transfer.__table__.update().values(amount=1),  # type: ignore[attr-defined]
    ):

        async def tamper(session: Any, what: Any = statement) -> None:
            await session.execute(what)

        with pytest.raises(Exception, match=r"append|changed|refus|only"):
            await shop.database.writing(tamper)
