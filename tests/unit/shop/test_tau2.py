"""tau2's retail world: import then export is identity, and its tasks end where they should."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from moksori.agent.tools import Done, Refused
from moksori.shop.audit import audit
from moksori.shop.cli import app
from moksori.shop.compat.arithmetic import NotASum, work_out
from moksori.shop.compat.tau2 import Tau2Tools
from moksori.shop.formats.faults import ImportRefused
from moksori.shop.formats.tau2 import read_world, write_world
from moksori.shop.tools.toolset import ShopTools, ShopUnusable, open_shop
from tests.unit.shop.conftest import TAU2
from tests.unit.shop.little import NOW

TASKS: list[dict[str, Any]] = [json.loads(line) for line in (TAU2 / "tasks.jsonl").read_text().splitlines()]
WORLD: dict[str, Any] = json.loads((TAU2 / "db.json").read_text())
Fresh = Callable[[Path], str]


def after(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "products": WORLD["products"],
        "users": WORLD["users"] | task["after"]["users"],
        "orders": WORLD["orders"] | task["after"]["orders"],
    }


def test_all_tasks_are_here() -> None:
    assert len(TASKS) == 74


IN_EVERY_RUN = 3
"""Every so many tasks are replayed in each run; the others, a second each, are with the slow tests."""
REPLAYS = [
    pytest.param(task, id=str(task["id"]), marks=[] if number % IN_EVERY_RUN == 0 else pytest.mark.slow)
    for number, task in enumerate(TASKS)
]


@pytest.mark.parametrize("task", REPLAYS)
def test_a_task_replays_over_the_command_line(task: dict[str, Any], tau2_file: Path, fresh: Fresh) -> None:
    """Given a fresh import, when the task's calls come by stdin, then exactly what it names has changed."""
    database = fresh(tau2_file)
    lines = "".join(
        json.dumps({"name": each["name"], "arguments": each["arguments"]}) + "\n" for each in task["actions"]
    )
    called = CliRunner().invoke(
        app, ["call", "--stdin", "--compat", "tau2", "--database", database], input=lines
    )
    assert called.exit_code == 0, called.output
    answers = [json.loads(line) for line in called.stdout.splitlines()]
    assert [answer["ok"] for answer in answers] == [each["expect"] == "ok" for each in task["actions"]]
    exported = CliRunner().invoke(app, ["export", "--format", "tau2", "--database", database])
    assert json.loads(exported.stdout) == after(task)


def test_import_then_export_is_identity(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    runner = CliRunner()
    imported = runner.invoke(
        app, ["import", "--format", "tau2", str(TAU2 / "db.json"), "--database", database]
    )
    assert imported.exit_code == 0, imported.output
    exported = runner.invoke(app, ["export", "--format", "tau2", "--database", database])
    assert json.loads(exported.stdout) == WORLD


async def test_what_tasks_did_can_be_imported_again(tau2_file: Path, fresh: Fresh) -> None:
    """Given requests, changes and cancellations in the books, export, import and export agree."""
    shop = await open_shop(fresh(tau2_file))
    tools = Tau2Tools(shop)
    for task in TASKS:
        for action in task["actions"]:
            await tools.call(action["name"], action["arguments"], NOW)
    async with shop.database.reading() as session:
        assert await audit(session) == []
        world = await write_world(session)
    await shop.close()
    assert len({order["status"] for order in world["orders"].values()}) == 7
    record = read_world(json.dumps(world).encode(), NOW)
    assert {order.id: order.status for order in record.orders}.keys() == world["orders"].keys()


@pytest.fixture
async def tools(tau2_file: Path, fresh: Fresh) -> Any:
    shop = await open_shop(fresh(tau2_file))
    yield Tau2Tools(shop)
    await shop.close()


async def test_payment_moves_to_another_method(tools: Tau2Tools) -> None:
    """A pending order paid once changes to another method of its user, and a gift card gets its money back."""
    order = next(
        each
        for each in WORLD["orders"].values()
        if each["status"] == "pending"
        and each["payment_history"][0]["payment_method_id"].startswith("gift_card")
        and len(WORLD["users"][each["user_id"]]["payment_methods"]) > 1
    )
    user = WORLD["users"][order["user_id"]]
    gift = order["payment_history"][0]["payment_method_id"]
    other = next(each for each in user["payment_methods"] if each != gift)
    arguments = {"order_id": order["order_id"], "payment_method_id": other}
    answer = await tools.call("modify_pending_order_payment", arguments, NOW)
    assert isinstance(answer, Done)
    assert isinstance(answer.value, dict)
    amount = order["payment_history"][0]["amount"]
    assert answer.value["payment_history"] == [
        order["payment_history"][0],
        {"transaction_type": "payment", "amount": amount, "payment_method_id": other},
        {"transaction_type": "refund", "amount": amount, "payment_method_id": gift},
    ]
    details = await tools.call("get_user_details", {"user_id": user["user_id"]}, NOW)
    assert isinstance(details, Done)
    assert isinstance(details.value, dict)
    balance = details.value["payment_methods"][gift]["balance"]  # type: ignore[index, call-overload]
    assert balance == pytest.approx(user["payment_methods"][gift]["balance"] + amount)
    again = await tools.call("modify_pending_order_payment", arguments, NOW)
    assert isinstance(again, Refused)
    assert again.code == "paid_in_parts"


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("no_such_tool", {}, "unknown_tool"),
        ("cancel_pending_order", {"order_id": "#W2378156", "reason": "no longer needed"}, "cannot_cancel_delivered"),
        ("cancel_pending_order", {"order_id": "#W4776164", "reason": "because"}, "bad_reason"),
        ("cancel_pending_order", {"order_id": "#W4776164"}, "bad_arguments"),
        ("get_order_details", {"order_id": "W4776164"}, "order_not_found"),
        ("get_user_details", {"user_id": "nobody_1"}, "verification_failed"),
        ("get_item_details", {"item_id": "1"}, "variant_not_found"),
        ("calculate", {"expression": "__import__('os')"}, "bad_arguments"),
        (
            "return_delivered_order_items",
            {
                "order_id": "#W2378156",
                "item_ids": ["1151293680", "1151293680"],
                "payment_method_id": "credit_card_9513926",
            },
            "line_not_found",
        ),
        (
            "return_delivered_order_items",
            {"order_id": "#W2378156", "item_ids": ["1151293680"], "payment_method_id": "credit_card_7815826"},
            "no_such_method",
        ),
        (
            "modify_pending_order_items",
            {
                "order_id": "#W4776164",
                "item_ids": ["8349118980"],
                "new_item_ids": ["6324294385"],
                "payment_method_id": "credit_card_9513926",
            },
            "other_product",
        ),
    ],
)  # fmt: skip
async def test_what_tau2_refuses_is_refused(tools: Tau2Tools, name: str, arguments: Any, code: str) -> None:
    answer = await tools.call(name, arguments, NOW)
    assert isinstance(answer, Refused)
    assert answer.code == code


async def test_products_by_name(tools: Tau2Tools) -> None:
    answer = await tools.call("list_all_product_types", {}, NOW)
    assert isinstance(answer, Done)
    assert isinstance(answer.value, dict)
    assert answer.value["T-Shirt"] == "9523456873"
    assert len(answer.value) == 50


async def test_no_confirmation_is_only_for_tau2(shop: ShopTools) -> None:
    with pytest.raises(ShopUnusable, match="tau2"):
        Tau2Tools(shop)


def test_the_command_line_refuses_tau2s_tools_on_a_real_shop(little_file: Path, fresh: Fresh) -> None:
    called = CliRunner().invoke(
        app, ["call", "cancel_pending_order", "{}", "--compat", "tau2", "--database", fresh(little_file)]
    )
    assert called.exit_code == 1
    assert json.loads(called.stdout)["error"]["code"] == "not_tau2"


def test_a_broken_world_is_refused_with_sentences() -> None:
    world = json.loads((TAU2 / "db.json").read_text())
    world["orders"]["#W2611340"]["user_id"] = "nobody"
    world["orders"]["#W4817420"]["items"][0]["item_id"] = "1"
    with pytest.raises(ImportRefused) as refused:
        read_world(json.dumps(world).encode(), NOW)
    assert any("#W2611340" in fault and "nobody" in fault for fault in refused.value.faults)
    assert any("#W4817420" in fault for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3131.1 + 4777.75 + 367.38", "8276.23"),
        ("135.24 - 153.23", "-17.99"),
        ("(12.5 + 3) * 2", "31.0"),
        ("-2 * -(3 + 1) / 4", "2.0"),
        ("10 / 3", "3.33"),
    ],
)
def test_sums_are_worked_out(expression: str, value: str) -> None:
    assert work_out(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 +", "2 ** 99999999", "(1", "1)", "a", "1 / 0", "1 2",
        "9" * 5000, "(" * 5000 + "1", "1" + "*9" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_sum_is_refused(expression: str) -> None:
    with pytest.raises(NotASum):
        work_out(expression)
