"""Sums of the usage ledger by subject, kept by a trigger: reading a balance does not read the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEYS = "SELECT 'key:' || key_id AS subject, micro FROM {rows}"
CUSTOMERS = "SELECT 'customer:' || customer_id, micro FROM {rows} WHERE customer_id IS NOT NULL"
ADD = (
    "INSERT INTO accounts_spent (subject, micro) "
    "SELECT subject, sum(micro) FROM ({keys} UNION ALL {customers}) AS used WHERE true "
    "GROUP BY subject ORDER BY subject "
    "ON CONFLICT (subject) DO UPDATE SET micro = accounts_spent.micro + excluded.micro"
)
ONE_ROW = "(SELECT NEW.key_id AS key_id, NEW.customer_id AS customer_id, NEW.micro AS micro) AS row"


def upgrade() -> None:
    op.create_table(
        "accounts_spent",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("micro", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_accounts_spent")),
    )
    op.execute(_add("accounts_usage"))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION accounts_sum_usage() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {_add('new_rows')}; RETURN NULL; END $$"
        )
        op.execute(
            "CREATE TRIGGER accounts_usage_summed AFTER INSERT ON accounts_usage "
            "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION accounts_sum_usage()"
        )
        return
    op.execute(
        f"CREATE TRIGGER accounts_usage_summed AFTER INSERT ON accounts_usage BEGIN {_add(ONE_ROW)}; END"
    )


def _add(rows: str) -> str:
    return ADD.format(keys=KEYS.format(rows=rows), customers=CUSTOMERS.format(rows=rows))


def downgrade() -> None:
    op.execute(
        "DROP TRIGGER accounts_usage_summed"
        + (" ON accounts_usage" if op.get_bind().dialect.name == "postgresql" else "")
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION accounts_sum_usage()")
    op.drop_table("accounts_spent")
