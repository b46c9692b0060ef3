"""Failed verifications are counted where calls meet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_attempt",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_attempt")),
    )
    op.create_index(op.f("ix_shop_attempt_value"), "shop_attempt", ["value"])
    op.create_index(op.f("ix_shop_attempt_at"), "shop_attempt", ["at"])


def downgrade() -> None:
    op.drop_table("shop_attempt")
