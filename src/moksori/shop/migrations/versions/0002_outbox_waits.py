"""An outbox entry says when it is tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shop_outbox", sa.Column("next_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("shop_outbox", "next_at")
