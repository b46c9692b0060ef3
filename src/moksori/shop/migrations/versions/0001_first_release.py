"""The first release's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("shop_transfer", "shop_stock_movement", "shop_tool_call", "shop_confirmation")


def upgrade() -> None:
    op.create_table(
        "shop_account",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "outside",
                "opening",
                "stored",
                "order",
                name="accountkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('outside', 'opening') OR balance >= 0", name=op.f("ck_shop_account_covered")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_account")),
    )
    op.create_table(
        "shop_confirmation",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("session_id", sa.String(length=200), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("tool", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("heard", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("yes_began_ms", sa.Integer(), nullable=False),
        sa.Column("yes_ended_ms", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_confirmation")),
    )
    with op.batch_alter_table("shop_confirmation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_confirmation_session_id"), ["session_id"], unique=False)

    op.create_table(
        "shop_customer",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("family_name", sa.String(length=400), nullable=False),
        sa.Column("given_name", sa.String(length=400), nullable=False),
        sa.Column("email", sa.String(length=400), nullable=False),
        sa.Column("email_key", sa.String(length=400), nullable=False),
        sa.Column("phone", sa.String(length=64), nullable=False),
        sa.Column("phone_key", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=64), nullable=False),
        sa.Column(
            "tier",
            sa.Enum(
                "basic",
                "silver",
                "gold",
                "vip",
                name="tier",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_customer")),
        sa.UniqueConstraint("email_key", name=op.f("uq_shop_customer_email_key")),
        sa.UniqueConstraint("position", name=op.f("uq_shop_customer_position")),
    )
    with op.batch_alter_table("shop_customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_customer_phone_key"), ["phone_key"], unique=False)

    op.create_table(
        "shop_outbox",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("confirmation_id", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_outbox")),
    )
    with op.batch_alter_table("shop_outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_outbox_confirmation_id"), ["confirmation_id"], unique=False)
        batch_op.create_index(
            "ix_shop_outbox_undelivered",
            ["id"],
            unique=False,
            sqlite_where=sa.text("delivered_at IS NULL"),
            postgresql_where=sa.text("delivered_at IS NULL"),
        )

    op.create_table(
        "shop_product",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name_ko", sa.String(length=400), nullable=False),
        sa.Column("name_en", sa.String(length=400), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("description_ko", sa.String(length=8000), nullable=False),
        sa.Column("description_en", sa.String(length=8000), nullable=False),
        sa.Column("returnable", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_product")),
        sa.UniqueConstraint("position", name=op.f("uq_shop_product_position")),
    )
    op.create_table(
        "shop_profile",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "live", "demo", "tau2", name="shopkind", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("name_ko", sa.String(length=400), nullable=False),
        sa.Column("name_en", sa.String(length=400), nullable=False),
        sa.Column("currency", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_shop_profile_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_profile")),
    )
    op.create_table(
        "shop_tool_call",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.String(length=200), nullable=False),
        sa.Column("tool", sa.String(length=64), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("confirmation_id", sa.String(length=200), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_tool_call")),
    )
    with op.batch_alter_table("shop_tool_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_tool_call_call_id"), ["call_id"], unique=False)

    op.create_table(
        "shop_address",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("recipient", sa.String(length=400), nullable=False),
        sa.Column("phone", sa.String(length=64), nullable=False),
        sa.Column("line1", sa.String(length=400), nullable=False),
        sa.Column("line2", sa.String(length=400), nullable=False),
        sa.Column("city", sa.String(length=400), nullable=False),
        sa.Column("region", sa.String(length=400), nullable=False),
        sa.Column("country", sa.String(length=64), nullable=False),
        sa.Column("postcode", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_address_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_address")),
    )
    with op.batch_alter_table("shop_address", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_address_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "ix_shop_address_default",
            ["customer_id"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "shop_call",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("first_tool_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_tool_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_call_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_call")),
    )
    with op.batch_alter_table("shop_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_call_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "shop_order",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number_key", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "paid",
                "preparing",
                "shipped",
                "delivered",
                "cancelled",
                name="orderstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("discount_percent", sa.Integer(), nullable=False),
        sa.Column("shipping_fee", sa.BigInteger(), nullable=False),
        sa.Column("items_changed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=8000), nullable=False),
        sa.Column("cancel_reason", sa.String(length=64), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=400), nullable=False),
        sa.Column("phone", sa.String(length=64), nullable=False),
        sa.Column("line1", sa.String(length=400), nullable=False),
        sa.Column("line2", sa.String(length=400), nullable=False),
        sa.Column("city", sa.String(length=400), nullable=False),
        sa.Column("region", sa.String(length=400), nullable=False),
        sa.Column("country", sa.String(length=64), nullable=False),
        sa.Column("postcode", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)", name=op.f("ck_shop_order_cancelled")
        ),
        sa.CheckConstraint("discount_percent BETWEEN 0 AND 100", name=op.f("ck_shop_order_discount")),
        sa.CheckConstraint("shipping_fee >= 0", name=op.f("ck_shop_order_fee")),
        sa.ForeignKeyConstraint(["account_id"], ["shop_account.id"], name=op.f("fk_shop_order_account_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_order_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_order")),
        sa.UniqueConstraint("account_id", name=op.f("uq_shop_order_account_id")),
        sa.UniqueConstraint("number_key", name=op.f("uq_shop_order_number_key")),
        sa.UniqueConstraint("position", name=op.f("uq_shop_order_position")),
    )
    with op.batch_alter_table("shop_order", schema=None) as batch_op:
        batch_op.create_index("ix_shop_order_of_customer", ["customer_id", "placed_at"], unique=False)

    op.create_table(
        "shop_payment_method",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "card",
                "account",
                "paypal",
                "gift_card",
                "points",
                name="methodkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("brand", sa.String(length=400), nullable=False),
        sa.Column("last_four", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["shop_account.id"], name=op.f("fk_shop_payment_method_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_payment_method_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_payment_method")),
        sa.UniqueConstraint("account_id", name=op.f("uq_shop_payment_method_account_id")),
        sa.UniqueConstraint(
            "customer_id", "position", name=op.f("uq_shop_payment_method_customer_id_position")
        ),
    )
    op.create_table(
        "shop_ticket",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("call_id", sa.String(length=200), nullable=True),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.String(length=8000), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_ticket_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_ticket")),
    )
    with op.batch_alter_table("shop_ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_ticket_call_id"), ["call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shop_ticket_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "shop_transfer",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_shop_transfer_amount")),
        sa.CheckConstraint("source <> target", name=op.f("ck_shop_transfer_two_accounts")),
        sa.ForeignKeyConstraint(["source"], ["shop_account.id"], name=op.f("fk_shop_transfer_source")),
        sa.ForeignKeyConstraint(["target"], ["shop_account.id"], name=op.f("fk_shop_transfer_target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_transfer")),
    )
    with op.batch_alter_table("shop_transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_transfer_source"), ["source"], unique=False)
        batch_op.create_index(batch_op.f("ix_shop_transfer_target"), ["target"], unique=False)

    op.create_table(
        "shop_variant",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("on_sale", sa.Boolean(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_shop_variant_price")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_shop_variant_stock")),
        sa.ForeignKeyConstraint(["product_id"], ["shop_product.id"], name=op.f("fk_shop_variant_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_variant")),
        sa.UniqueConstraint("product_id", "position", name=op.f("uq_shop_variant_product_id_position")),
    )
    op.create_table(
        "shop_cart_line",
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("variant_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shop_cart_line_quantity")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop_customer.id"], name=op.f("fk_shop_cart_line_customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["shop_variant.id"], name=op.f("fk_shop_cart_line_variant_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "variant_id", name=op.f("pk_shop_cart_line")),
    )
    op.create_table(
        "shop_exchange",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "completed",
                name="exchangestatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("method_id", sa.String(length=64), nullable=False),
        sa.Column("difference", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'completed') = (completed_at IS NOT NULL)", name=op.f("ck_shop_exchange_completed")
        ),
        sa.ForeignKeyConstraint(
            ["method_id"], ["shop_payment_method.id"], name=op.f("fk_shop_exchange_method_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_exchange_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_exchange")),
        sa.UniqueConstraint("order_id", name=op.f("uq_shop_exchange_order_id")),
    )
    op.create_table(
        "shop_order_line",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("variant_id", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shop_order_line_quantity")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_shop_order_line_unit_price")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_order_line_order_id")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["shop_product.id"], name=op.f("fk_shop_order_line_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["shop_variant.id"], name=op.f("fk_shop_order_line_variant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_order_line")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_shop_order_line_order_id_position")),
    )
    with op.batch_alter_table("shop_order_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_order_line_product_id"), ["product_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shop_order_line_variant_id"), ["variant_id"], unique=False)

    op.create_table(
        "shop_payment",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "payment", "refund", name="paymentkind", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("method_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("transfer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("(amount = 0) = (transfer_id IS NULL)", name=op.f("ck_shop_payment_transfer")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_shop_payment_amount")),
        sa.ForeignKeyConstraint(
            ["method_id"], ["shop_payment_method.id"], name=op.f("fk_shop_payment_method_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_payment_order_id")),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["shop_transfer.id"], name=op.f("fk_shop_payment_transfer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_payment")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_shop_payment_order_id_position")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_shop_payment_transfer_id")),
    )
    with op.batch_alter_table("shop_payment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_payment_method_id"), ["method_id"], unique=False)

    op.create_table(
        "shop_return",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "requested",
                "refunded",
                name="returnstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("method_id", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'refunded') = (refunded_at IS NOT NULL)", name=op.f("ck_shop_return_refunded")
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_shop_return_amount")),
        sa.CheckConstraint("fee >= 0", name=op.f("ck_shop_return_fee")),
        sa.ForeignKeyConstraint(
            ["method_id"], ["shop_payment_method.id"], name=op.f("fk_shop_return_method_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_return_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_return")),
    )
    with op.batch_alter_table("shop_return", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_return_order_id"), ["order_id"], unique=False)

    op.create_table(
        "shop_shipment",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("courier", sa.String(length=400), nullable=False),
        sa.Column("tracking_numbers", sa.JSON(), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_shipment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_shipment")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_shop_shipment_order_id_position")),
    )
    op.create_table(
        "shop_stock_movement",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("variant_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_shop_stock_movement_quantity")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop_order.id"], name=op.f("fk_shop_stock_movement_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["shop_variant.id"], name=op.f("fk_shop_stock_movement_variant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_stock_movement")),
    )
    with op.batch_alter_table("shop_stock_movement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_stock_movement_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shop_stock_movement_variant_id"), ["variant_id"], unique=False)

    op.create_table(
        "shop_exchange_line",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("exchange_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("new_variant_id", sa.String(length=64), nullable=False),
        sa.Column("new_unit_price", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shop_exchange_line_quantity")),
        sa.ForeignKeyConstraint(
            ["exchange_id"], ["shop_exchange.id"], name=op.f("fk_shop_exchange_line_exchange_id")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["shop_order_line.id"], name=op.f("fk_shop_exchange_line_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["new_variant_id"], ["shop_variant.id"], name=op.f("fk_shop_exchange_line_new_variant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_exchange_line")),
    )
    with op.batch_alter_table("shop_exchange_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_exchange_line_exchange_id"), ["exchange_id"], unique=False)

    op.create_table(
        "shop_refund",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("return_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("method_id", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "processing",
                "done",
                name="refundstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_shop_refund_amount")),
        sa.ForeignKeyConstraint(
            ["method_id"], ["shop_payment_method.id"], name=op.f("fk_shop_refund_method_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_shop_refund_order_id")),
        sa.ForeignKeyConstraint(["return_id"], ["shop_return.id"], name=op.f("fk_shop_refund_return_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_refund")),
    )
    with op.batch_alter_table("shop_refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_refund_order_id"), ["order_id"], unique=False)

    op.create_table(
        "shop_return_line",
        sa.Column("return_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shop_return_line_quantity")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["shop_order_line.id"], name=op.f("fk_shop_return_line_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["return_id"], ["shop_return.id"], name=op.f("fk_shop_return_line_return_id")
        ),
        sa.PrimaryKeyConstraint("return_id", "line_id", name=op.f("pk_shop_return_line")),
    )
    op.create_table(
        "shop_shipment_event",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("shipment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shop_shipment.id"], name=op.f("fk_shop_shipment_event_shipment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_shipment_event")),
    )
    with op.batch_alter_table("shop_shipment_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_shipment_event_shipment_id"), ["shipment_id"], unique=False)

    op.create_table(
        "shop_shipment_line",
        sa.Column("shipment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["shop_order_line.id"], name=op.f("fk_shop_shipment_line_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shop_shipment.id"], name=op.f("fk_shop_shipment_line_shipment_id")
        ),
        sa.PrimaryKeyConstraint("shipment_id", "position", name=op.f("pk_shop_shipment_line")),
    )
    with op.batch_alter_table("shop_shipment_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shop_shipment_line_line_id"), ["line_id"], unique=False)
    _triggers()


def _triggers() -> None:
    """The books keep themselves: balances and stock are sums, and what was written down stays."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in _sqlite():
            op.execute(statement)
    else:
        for statement in _postgresql():
            op.execute(statement)


def _sqlite() -> list[str]:
    statements = [
        """
        CREATE TRIGGER shop_transfer_moves_money AFTER INSERT ON shop_transfer BEGIN
            UPDATE shop_account SET balance = balance - NEW.amount WHERE id = NEW.source;
            UPDATE shop_account SET balance = balance + NEW.amount WHERE id = NEW.target;
        END
        """,
        """
        CREATE TRIGGER shop_stock_movement_moves_stock AFTER INSERT ON shop_stock_movement BEGIN
            UPDATE shop_variant SET stock = stock + NEW.quantity WHERE id = NEW.variant_id;
        END
        """,
        """
        CREATE TRIGGER shop_account_begins_at_nothing BEFORE INSERT ON shop_account WHEN NEW.balance <> 0 BEGIN
            SELECT RAISE(ABORT, 'an account begins with a balance of 0; use a transfer');
        END
        """,
        """
        CREATE TRIGGER shop_variant_begins_at_nothing BEFORE INSERT ON shop_variant WHEN NEW.stock <> 0 BEGIN
            SELECT RAISE(ABORT, 'a variant begins with a stock of 0; use a movement');
        END
        """,
    ]
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            statements.append(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    return statements


def _postgresql() -> list[str]:
    statements = [
        """
        CREATE FUNCTION shop_transfer_moves_money() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE shop_account SET balance = balance - NEW.amount WHERE id = NEW.source;
            UPDATE shop_account SET balance = balance + NEW.amount WHERE id = NEW.target;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER shop_transfer_moves_money AFTER INSERT ON shop_transfer
            FOR EACH ROW EXECUTE FUNCTION shop_transfer_moves_money()
        """,
        """
        CREATE FUNCTION shop_stock_movement_moves_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE shop_variant SET stock = stock + NEW.quantity WHERE id = NEW.variant_id;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER shop_stock_movement_moves_stock AFTER INSERT ON shop_stock_movement
            FOR EACH ROW EXECUTE FUNCTION shop_stock_movement_moves_stock()
        """,
        """
        CREATE FUNCTION shop_begins_at_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION '% begins at 0; use a transfer or a movement', TG_TABLE_NAME;
        END $$
        """,
        """
        CREATE TRIGGER shop_account_begins_at_nothing BEFORE INSERT ON shop_account
            FOR EACH ROW WHEN (NEW.balance <> 0) EXECUTE FUNCTION shop_begins_at_nothing()
        """,
        """
        CREATE TRIGGER shop_variant_begins_at_nothing BEFORE INSERT ON shop_variant
            FOR EACH ROW WHEN (NEW.stock <> 0) EXECUTE FUNCTION shop_begins_at_nothing()
        """,
        """
        CREATE FUNCTION shop_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
        END $$
        """,
    ]
    statements += [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION shop_append_only()"
        for table in APPEND_ONLY
    ]
    return statements


def downgrade() -> None:
    with op.batch_alter_table("shop_shipment_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_shipment_line_line_id"))

    op.drop_table("shop_shipment_line")
    with op.batch_alter_table("shop_shipment_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_shipment_event_shipment_id"))

    op.drop_table("shop_shipment_event")
    op.drop_table("shop_return_line")
    with op.batch_alter_table("shop_refund", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_refund_order_id"))

    op.drop_table("shop_refund")
    with op.batch_alter_table("shop_exchange_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_exchange_line_exchange_id"))

    op.drop_table("shop_exchange_line")
    with op.batch_alter_table("shop_stock_movement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_stock_movement_variant_id"))
        batch_op.drop_index(batch_op.f("ix_shop_stock_movement_order_id"))

    op.drop_table("shop_stock_movement")
    op.drop_table("shop_shipment")
    with op.batch_alter_table("shop_return", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_return_order_id"))

    op.drop_table("shop_return")
    with op.batch_alter_table("shop_payment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_payment_method_id"))

    op.drop_table("shop_payment")
    with op.batch_alter_table("shop_order_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_order_line_variant_id"))
        batch_op.drop_index(batch_op.f("ix_shop_order_line_product_id"))

    op.drop_table("shop_order_line")
    op.drop_table("shop_exchange")
    op.drop_table("shop_cart_line")
    op.drop_table("shop_variant")
    with op.batch_alter_table("shop_transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_transfer_target"))
        batch_op.drop_index(batch_op.f("ix_shop_transfer_source"))

    op.drop_table("shop_transfer")
    with op.batch_alter_table("shop_ticket", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_ticket_customer_id"))
        batch_op.drop_index(batch_op.f("ix_shop_ticket_call_id"))

    op.drop_table("shop_ticket")
    op.drop_table("shop_payment_method")
    with op.batch_alter_table("shop_order", schema=None) as batch_op:
        batch_op.drop_index("ix_shop_order_of_customer")

    op.drop_table("shop_order")
    with op.batch_alter_table("shop_call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_call_customer_id"))

    op.drop_table("shop_call")
    with op.batch_alter_table("shop_address", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_shop_address_default",
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )
        batch_op.drop_index(batch_op.f("ix_shop_address_customer_id"))

    op.drop_table("shop_address")
    with op.batch_alter_table("shop_tool_call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_tool_call_call_id"))

    op.drop_table("shop_tool_call")
    op.drop_table("shop_profile")
    op.drop_table("shop_product")
    with op.batch_alter_table("shop_outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_shop_outbox_undelivered",
            sqlite_where=sa.text("delivered_at IS NULL"),
            postgresql_where=sa.text("delivered_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_shop_outbox_confirmation_id"))

    op.drop_table("shop_outbox")
    with op.batch_alter_table("shop_customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_customer_phone_key"))

    op.drop_table("shop_customer")
    with op.batch_alter_table("shop_confirmation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shop_confirmation_session_id"))

    op.drop_table("shop_confirmation")
    op.drop_table("shop_account")
    if op.get_bind().dialect.name == "postgresql":
        for function in (
            "shop_transfer_moves_money",
            "shop_stock_movement_moves_stock",
            "shop_begins_at_nothing",
            "shop_append_only",
        ):
            op.execute(f"DROP FUNCTION {function}()")
