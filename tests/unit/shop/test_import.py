"""A shop of one's own out of CSV or JSON: what is stored, and the sentence each bad row gets."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from moksori.shop import model as m
from moksori.shop.audit import audit
from moksori.shop.cli import app
from moksori.shop.demo import make_demo
from moksori.shop.formats.faults import ImportRefused
from moksori.shop.formats.files import read_csv_folder, read_json_file
from moksori.shop.formats.tables import TABLES
from moksori.shop.tools.toolset import open_shop
from tests.unit.shop.little import NOW

Tables = dict[str, Any]

SHOP: Tables = {
    "shop": {"name_ko": "달빛상점", "name_en": "Moonlight", "currency": "KRW", "zone": "Asia/Seoul"},
    "products": [
        {"id": "P1", "name_ko": "머그컵", "name_en": "Mug", "category": "kitchen"},
        {"id": "P2", "name_ko": "김치", "name_en": "Kimchi", "returnable": False},
    ],
    "variants": [
        {"id": "P1-w", "product_id": "P1", "options": "color=white; size=L", "price": 12000, "stock": 5},
        {"id": "P1-b", "product_id": "P1", "options": "color=black; size=L", "price": 13000, "stock": 0},
        {"id": "P2-1", "product_id": "P2", "price": 30000, "stock": 3, "on_sale": False},
    ],
    "customers": [
        {
            "id": "C1", "family_name": "한", "given_name": "지우", "email": "jiwoo@example.com", "phone": "010-0000-3333",
            "joined_at": "2025-01-02", "tier": "silver", "line1": "월드컵로 3", "city": "마포구", "region": "서울특별시",
            "postcode": "04001",
        },
    ],
    "payment_methods": [
        {"id": "M1", "customer_id": "C1", "kind": "card", "brand": "KB", "last_four": "1111"},
        {"id": "M2", "customer_id": "C1", "kind": "points", "balance": 5000},
    ],
    "carts": [{"customer_id": "C1", "variant_id": "P1-w", "quantity": 2}],
    "orders": [
        {"id": "A-1", "customer_id": "C1", "placed_at": "2026-11-18T09:00", "status": "paid", "shipping_fee": 3000},
        {
            "id": "A-2", "customer_id": "C1", "placed_at": "2026-11-10T09:00", "status": "delivered",
            "delivered_at": "2026-11-12T14:00",
        },
        {
            "id": "A-3", "customer_id": "C1", "placed_at": "2026-11-11T09:00", "status": "cancelled",
            "cancelled_at": "2026-11-11T10:00", "cancel_reason": "changed_mind",
        },
    ],
    "order_lines": [
        {"order_id": "A-1", "variant_id": "P1-w", "unit_price": 12000},
        {"order_id": "A-2", "variant_id": "P1-w", "unit_price": 12000, "quantity": 2},
        {"order_id": "A-2", "variant_id": "P2-1", "unit_price": 30000},
        {"order_id": "A-3", "variant_id": "P1-b", "unit_price": 13000},
    ],
    "payments": [
        {"order_id": "A-1", "method_id": "M1", "amount": 15000},
        {"order_id": "A-2", "method_id": "M1", "amount": 54000},
        {"order_id": "A-2", "method_id": "M1", "amount": 12000, "kind": "refund", "cause": "return",
         "at": "2026-11-15T09:00"},
        {"order_id": "A-3", "method_id": "M1", "amount": 13000},
        {"order_id": "A-3", "method_id": "M1", "amount": 13000, "kind": "refund"},
    ],
    "shipments": [{"order_id": "A-2", "courier": "한진택배", "tracking_numbers": "501 502", "lines": "1 2"}],
    "shipment_events": [{"order_id": "A-2", "at": "2026-11-12T14:00", "code": "delivered", "place": "마포구"}],
    "returns": [
        {"order_id": "A-2", "reason": "wrong_size", "method_id": "M1", "amount": 12000, "status": "refunded",
         "requested_at": "2026-11-13T09:00", "refunded_at": "2026-11-15T09:00"},
    ],
    "return_lines": [{"order_id": "A-2", "line": 1}],
    "exchanges": [
        {"order_id": "A-2", "reason": "wrong_size", "method_id": "M1", "difference": 0,
         "requested_at": "2026-11-16T09:00"},
    ],
    "exchange_lines": [{"order_id": "A-2", "line": 1, "new_variant_id": "P1-w", "new_unit_price": 12000}],
}  # fmt: skip


def in_json(shop: Tables, folder: Path) -> tuple[Path, str]:
    file = folder / "shop.json"
    file.write_text(json.dumps(shop, ensure_ascii=False), "utf-8")
    return file, "json"


def in_csv(shop: Tables, folder: Path) -> tuple[Path, str]:
    """The same as a folder of files, with the byte-order mark that spreadsheets write."""
    target = folder / "shop"
    target.mkdir()
    for name, rows in shop.items():
        several = [rows] if isinstance(rows, dict) else rows
        columns = list(dict.fromkeys(column for row in several for column in row))
        with (target / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(
                {k: str(v).lower() if isinstance(v, bool) else v for k, v in row.items()} for row in several
            )
    return target, "csv"


@pytest.mark.parametrize("write", [in_json, in_csv])
def test_a_whole_shop_comes_in_and_adds_up(
    write: Callable[[Tables, Path], tuple[Path, str]], tmp_path: Path
) -> None:
    """Given the same shop as JSON or as CSV, when it is imported, then the same is there, and the audit agrees."""
    path, format_ = write(SHOP, tmp_path)
    database = f"sqlite:///{tmp_path / 'shop.db'}"
    arguments = [
        "import",
        "--format",
        format_,
        str(path),
        "--database",
        database,
        "--as-of",
        "2026-11-18T15:00",
    ]
    imported = CliRunner().invoke(app, arguments)
    assert imported.exit_code == 0, imported.output
    assert "2 products, 1 customers, 3 orders" in imported.output
    again = CliRunner().invoke(app, arguments)
    assert (again.exit_code, "already holds a shop" in again.output) == (2, True)

    async def look() -> dict[str, Any]:
        shop = await open_shop(database)
        async with shop.database.reading() as session:
            assert await audit(session) == []
            counts = {
                table.name: await session.scalar(select(func.count()).select_from(table))
                for table in m.ShopBase.metadata.sorted_tables
            }
            stock = dict((await session.execute(select(m.Variant.id, m.Variant.stock))).all())
        await shop.close()
        return {"stock": stock, "counts": counts}

    found = asyncio.run(look())
    assert found["stock"] == {"P1-w": 5, "P1-b": 0, "P2-1": 3}
    assert found["counts"]["shop_order_line"] == 4
    assert found["counts"]["shop_return"] == found["counts"]["shop_exchange"] == 1


def test_csv_and_json_give_the_same_records(tmp_path: Path) -> None:
    assert read_json_file(in_json(SHOP, tmp_path)[0], NOW) == read_csv_folder(in_csv(SHOP, tmp_path)[0], NOW)


def changed(table: str, index: int, **cells: Any) -> Tables:
    shop = json.loads(json.dumps(SHOP))
    row = shop[table][index] if isinstance(shop[table], list) else shop[table]
    row |= cells
    shop_row = {k: v for k, v in row.items() if v is not ...}
    row.clear()
    row.update(shop_row)
    return dict(shop)


@pytest.mark.parametrize(
    ("table", "index", "cells", "sentence"),
    [
        ("variants", 0, {"price": "12.50"}, "variants[0]: price is '12.50': a whole number is expected"),
        ("variants", 1, {"price": -1}, "variants[1]: price is -1: it must be 0 or more."),
        ("variants", 1, {"product_id": "P9"}, "variants[1]: there is no product P9."),
        ("variants", 1, {"id": "P1-w"}, "variants[1]: the variant P1-w was there before."),
        ("variants", 0, {"options": "white"}, "write it like"),
        ("products", 0, {"nmae_ko": "x"}, "products[0]: there is no column nmae_ko."),
        ("products", 1, {"name_en": ...}, "products[1]: name_en is missing."),
        ("customers", 0, {"tier": "platinum"}, "customers[0]: tier is 'platinum': it is none of the words"),
        ("customers", 0, {"joined_at": "last year"}, "which is no time; write it like 2026-11-22T09:00."),
        ("payment_methods", 0, {"balance": 5}, "only gift cards and points have one"),
        ("carts", 0, {"quantity": 0}, "carts[0]: quantity is 0: it must be 1 or more."),
        ("orders", 0, {"customer_id": "C7"}, "orders[0]: there is no customer C7."),
        ("orders", 0, {"placed_at": "2030-01-01"}, "which is yet to come"),
        (
            "orders",
            1,
            {"delivered_at": ...},
            "orders[1]: delivered_at is missing, though status is 'delivered'.",
        ),
        (
            "orders",
            0,
            {"cancelled_at": "2026-11-18T10:00"},
            "cancelled_at is given, though status is 'paid'.",
        ),
        ("order_lines", 0, {"variant_id": "X"}, "order_lines[0]: there is no variant X."),
        ("payments", 0, {"amount": 14000}, "Order A-1 comes to 15000"),
        ("payments", 0, {"method_id": "M7"}, "payments[0]: there is no payment method M7."),
        ("shipments", 0, {"lines": "3"}, "shipments[0]: order A-2 has no line 3."),
        ("return_lines", 0, {"quantity": 3}, "quantity is 3, and only 2 were ordered."),
        ("returns", 0, {"refunded_at": ...}, "refunded_at is missing, though status is 'refunded'."),
        ("exchange_lines", 0, {"order_id": "A-1"}, "exchange_lines[0]: order A-1 has no exchange."),
        ("shop", 0, {"zone": "Asia/Soul"}, "zone is 'Asia/Soul', which is no time zone known here."),
    ],
)
def test_a_bad_row_gets_a_sentence(
    table: str, index: int, cells: Tables, sentence: str, tmp_path: Path
) -> None:
    path, _ = in_json(changed(table, index, **cells), tmp_path)
    with pytest.raises(ImportRefused) as refused:
        read_json_file(path, NOW)
    assert any(sentence in fault for fault in refused.value.faults), refused.value.faults


def test_every_bad_row_is_named_and_nothing_is_stored(tmp_path: Path) -> None:
    shop = changed("variants", 0, price="cheap")
    shop["customers"][0]["email"] = ""
    folder, _ = in_csv(shop, tmp_path)
    (folder / "prodcuts.csv").write_text("id\n")
    database = tmp_path / "shop.db"
    failed = CliRunner().invoke(
        app, ["import", "--format", "csv", str(folder), "--database", f"sqlite:///{database}"]
    )
    assert failed.exit_code == 1
    assert "variants.csv line 2: price is 'cheap': a whole number is expected" in failed.output
    assert "customers.csv line 2: email is missing." in failed.output
    assert "prodcuts.csv is none of the known files" in failed.output
    assert not database.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "This is not JSON"), ("[]", "one object"), ('{"products": 1}', "must be an array")],
)
def test_what_is_no_shop_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(text)
    with pytest.raises(ImportRefused, match=sentence):
        read_json_file(file, NOW)


def test_every_table_is_in_the_reference() -> None:
    reference = (Path(__file__).parents[3] / "docs" / "reference" / "shop.md").read_text("utf-8")
    for name, row in TABLES.items():
        assert f"`{name}`" in reference
        for column in row.__struct_fields__:
            assert f"`{column}`" in reference, f"{name}.{column}"


def test_the_same_seed_in_the_same_hour_gives_the_same_shop() -> None:
    assert make_demo(3, NOW) == make_demo(3, NOW.replace(minute=59))
    assert make_demo(3, NOW) != make_demo(4, NOW)
    shop = make_demo(3, NOW)
    today = [order for order in shop.orders if order.placed_at.date() == NOW.date()]
    assert len(shop.orders) > 3000
    assert len(today) > 100
    assert {order.status.value for order in shop.orders} == {
        "paid",
        "preparing",
        "shipped",
        "delivered",
        "cancelled",
    }
