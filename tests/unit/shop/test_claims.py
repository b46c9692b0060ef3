"""The detector of completion claims on its labelled sets, and what covers a claim."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moksori.agent.money import Money
from moksori.agent.tools import JSON, Plan
from moksori.shop.claims import claims
from moksori.shop.guard.coverage import Facts, commit_fact, record_facts, uncovered

SETS = Path(__file__).parents[2] / "data" / "claims"
MUST = {"ko": (0.97, 0.97), "en": (0.97, 0.97), "ko-held-out": (0.85, 0.85), "en-held-out": (0.85, 0.85)}
"""Precision and recall below which the detector has become worse."""


def labelled(name: str) -> list[tuple[str, bool]]:
    lines = (SETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(row["text"], row["claim"]) for row in map(json.loads, lines)]


@pytest.mark.parametrize("name", MUST)
def test_precision_and_recall(name: str, record_property: pytest.FixtureRequest) -> None:
    rows = labelled(name)
    found = [bool(claims(text)) for text, _ in rows]
    hits = sum(f and want for f, (_, want) in zip(found, rows, strict=True))
    precision, recall = hits / sum(found), hits / sum(want for _, want in rows)
    print(f"claims {name}: {len(rows)} sentences, precision {precision:.3f}, recall {recall:.3f}")
    record_property("precision", round(precision, 3))  # type: ignore[operator]
    record_property("recall", round(recall, 3))  # type: ignore[operator]
    least_precision, least_recall = MUST[name]
    assert precision >= least_precision
    assert recall >= least_recall


def test_the_sets_are_large_enough_and_balanced() -> None:
    rows = [row for name in MUST for row in labelled(name)]
    assert len({text for text, _ in rows}) == len(rows) >= 400
    assert 0.4 < sum(claim for _, claim in rows) / len(rows) < 0.6


def plan(tool: str, amount: int | None = None, **arguments: JSON) -> Plan:
    money = None if amount is None else Money(amount, "KRW")
    return Plan(tool, arguments, "c-kim", tool, tuple(map(str, arguments.values())), money, {}, "digest")


CANCELLED = Facts(commits=(commit_fact(plan("cancel_order", -35_000, order_id="20261122-0417")),))
ADDRESS = Facts(commits=(commit_fact(plan("change_order_address", order_id="20261122-0417")),))
ORDER: JSON = {
    "order_id": "20261121-0388",
    "status": "delivered",
    "delivered_at": "2026-11-20",
    "total": 58_000,
}
RECORDS = Facts(records=record_facts(ORDER), latest=record_facts(ORDER))


@pytest.mark.parametrize(
    ("text", "facts", "covered"),
    [
        ("주문을 취소했습니다.", Facts(), False),
        ("주문을 취소했습니다.", CANCELLED, True),
        ("주문 20261122-0417을 취소하고 35,000원을 환불해 드렸습니다.", CANCELLED, True),
        ("주문 20261122-0417을 취소하고 53,000원을 환불해 드렸습니다.", CANCELLED, False),
        ("주문 20261120-7702를 취소했습니다.", CANCELLED, False),
        ("반품도 접수했습니다.", CANCELLED, False),
        ("다 처리됐습니다.", CANCELLED, True),
        ("다 처리됐습니다.", RECORDS, False),
        ("I've updated your address.", ADDRESS, True),
        ("I've cancelled your order.", ADDRESS, False),
        ("All done!", ADDRESS, True),
        ("All done!", Facts(), False),
        ("Your order was delivered.", RECORDS, True),
        ("주문하신 상품은 배송 완료되었습니다.", RECORDS, True),
        ("Order 20261121-0388 was delivered.", RECORDS, True),
        ("Order 20261120-7702 was delivered.", RECORDS, False),
        ("Your order was cancelled.", RECORDS, False),
        ("Your refund has been issued.", RECORDS, False),
        ("Shall I cancel it?", Facts(), True),
        ("취소해 드릴까요?", Facts(), True),
    ],
)
def test_what_covers_a_claim(text: str, facts: Facts, covered: bool) -> None:
    assert (uncovered(text, facts) is None) is covered


def test_a_list_of_unlike_orders_covers_no_claim_that_names_none() -> None:
    orders: JSON = {
        "orders": [{"order_id": "1-0001", "status": "cancelled"}, {"order_id": "1-0002", "status": "pending"}]
    }
    facts = Facts(records=record_facts(orders), latest=record_facts(orders))
    assert uncovered("Your order was cancelled.", facts) is not None
    assert uncovered("Order 1-0001 was cancelled.", facts) is None
    assert uncovered("Order 1-0002 was cancelled.", facts) is not None
