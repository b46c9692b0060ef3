"""What the accounts promise on any database. `address` is one that is empty; SQLite and PostgreSQL run the same tests.

Two servers on one database are two `Accounts`, as two processes would have them: nothing is shared but the database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from moksori.accounts import keystore, ledger
from moksori.accounts.accounts import Accounts, open_accounts
from moksori.accounts.billing import Books, CallAccount, NotAffordable
from moksori.accounts.keys import ADMIN, KeyRing
from moksori.accounts.keystore import KeyRefused, NewKey
from moksori.accounts.ledger import Entry, Ledger
from moksori.accounts.prices import Price, PriceTable, dearest
from moksori.accounts.tables import CreditRow, SpentRow, UsageRow
from moksori.agent.principal import Caller, Principal
from moksori.store import Database

__all__ = [
    "test_a_credit_is_shared_by_servers_and_each_learns_what_the_others_spent",
    "test_a_key_is_kept_as_it_was_made_and_its_value_nowhere",
    "test_a_key_made_or_revoked_at_one_server_is_so_at_the_other",
    "test_a_ledger_that_could_not_be_written_is_written_later_and_once",
    "test_a_row_is_written_once_however_many_write_it",
    "test_calls_at_once_hold_leases_and_overrun_a_customers_credit_by_one_answer_at_most",
    "test_credits_given_at_once_add_up",
    "test_many_servers_may_make_the_tables_at_once",
    "test_no_row_of_credits_and_usage_can_be_changed",
    "test_sums_of_usage_are_the_ledgers_also_for_one_that_was_there_before_them",
]

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
PRICE = Price(
    provider="p",
    models=("m",),
    per_million={"text_in": Decimal(4), "text_out": Decimal(24)},
    source="this test",
)
PRICES = PriceTable(version="test", currency="USD", prices=(PRICE,))
TOKEN_MICRO = 24


@asynccontextmanager
async def server(address: str) -> AsyncIterator[Accounts]:
    """One server's accounts, its books open."""
    accounts = Accounts(KeyRing([]), address)
    accounts.books = Books(PRICES, accounts.ledger, charging=frozenset())
    await accounts.database()
    await accounts.refresh()
    try:
        yield accounts
    finally:
        await accounts.close()


def books(accounts: Accounts) -> Books:
    assert accounts.books is not None
    return accounts.books


def open_call(accounts: Accounts, call: str, key: str = "key_1", customer: str | None = None) -> CallAccount:
    caller = Caller(customer, "signed") if customer is not None else None
    return books(accounts).open(
        call, Principal(key, "k", caller), provider="p", model="m", route="r", call_micro=None
    )


def entry(reference: str, micro: int = 7, call: str = "sess_1", customer: str | None = None) -> Entry:
    return Entry(
        NOW,
        call,
        "response",
        reference,
        "key_1",
        customer,
        "r",
        "m",
        {"text_out": 1},
        micro,
        "USD",
        "t",
        False,
    )


async def rows(database: Database) -> list[UsageRow]:
    async with database.reading() as session:
        return list(await session.scalars(select(UsageRow).order_by(UsageRow.serial)))


async def test_a_key_is_kept_as_it_was_made_and_its_value_nowhere(address: str) -> None:
    made = NewKey(
        "shop",
        (ADMIN,),
        ("voice",),
        ("https://shop.example",),
        3,
        30,
        500_000,
        5_000_000,
        NOW + timedelta(days=1),
    )
    async with await open_accounts(address) as database:
        key_id, value = await keystore.create(database, made, NOW)
        (kept,), (listed,) = await keystore.known(database), await keystore.listed(database)
        ring = KeyRing([kept], now=NOW.timestamp)
        principal = ring.principal(value)
        assert principal is not None and (principal.key_id, principal.scopes) == (key_id, {ADMIN})
        assert kept.rules.models == {"voice"} and kept.rules.origins == {"https://shop.example"}
        assert (kept.rules.sessions, kept.rules.per_minute, kept.rules.call_micro) == (3, 30, 500_000)
        assert kept.rules.expires_at == (NOW + timedelta(days=1)).timestamp()
        assert KeyRing([kept], now=lambda: NOW.timestamp() + 86_400).principal(value) is None
        assert (listed.credit_micro, listed.spent_micro, listed.created_at) == (5_000_000, 0, NOW)
        everything = []
        async with database.reading() as session:
            for table in ("accounts_key", "accounts_credit", "accounts_usage"):
                everything += list(await session.execute(text(f"SELECT * FROM {table}")))
        assert value not in str(everything) and listed.hint == value[-4:]
        await keystore.revoke(database, key_id, NOW)
        await keystore.revoke(database, key_id, NOW + timedelta(days=1))
        assert (await keystore.listed(database))[0].revoked_at == NOW
        with pytest.raises(KeyRefused):
            await keystore.revoke(database, "key_of_nobody", NOW)


async def test_a_key_made_or_revoked_at_one_server_is_so_at_the_other(address: str) -> None:
    async with server(address) as one, server(address) as other:
        key_id, value = await one.create(NewKey("shop"))
        assert other.ring.principal(value) is None
        await other.refresh()
        principal = other.ring.principal(value)
        assert principal is not None and principal.key_id == key_id
        secret, _ = other.secrets.create(principal, None)
        ended: list[frozenset[str]] = []
        other.on_ended = ended.append
        await one.revoke(key_id)
        assert one.ring.principal(value) is None
        await other.refresh()
        assert other.ring.principal(value) is None
        assert ended == [frozenset({key_id})] and other.secrets.find(secret) is None


async def test_no_row_of_credits_and_usage_can_be_changed(address: str) -> None:
    async with server(address) as accounts:
        database = await accounts.database()
        await keystore.add_credit(database, "key:key_1", 100, NOW, "given")
        accounts.ledger.add(entry("resp_1"))
        await accounts.ledger.flush()
        changes = [
            "UPDATE {} SET micro = 0",
            "DELETE FROM {}",
            "DELETE FROM {} WHERE serial = -1 OR micro > 0",
        ]
        if database.kind == "postgresql":
            changes += ["TRUNCATE {}"]
        for table in ("accounts_credit", "accounts_usage"):
            for change in changes:
                with pytest.raises(DBAPIError, match="append-only"):
                    async with database.engine.begin() as connection:
                        await connection.execute(text(change.format(table)))
        assert [row.micro for row in await rows(database)] == [7]
        assert (await keystore.balances(database))["key:key_1"] == (100, 7)


async def test_a_row_is_written_once_however_many_write_it(address: str) -> None:
    async with await open_accounts(address) as database:

        async def there() -> Database:
            return database

        ledgers = [Ledger(there) for _ in range(8)]
        for n in range(60):
            for each in ledgers:
                each.add(entry(f"resp_{n}", micro=n))
        await asyncio.gather(*(each.flush() for each in ledgers))
        written = await rows(database)
        assert sorted(row.reference for row in written) == sorted(f"resp_{n}" for n in range(60))
        assert sum(row.micro for row in written) == sum(range(60))
        assert (written[0].at, written[0].units, written[0].estimated) == (NOW, {"text_out": 1}, False)


async def test_sums_of_usage_are_the_ledgers_also_for_one_that_was_there_before_them(address: str) -> None:
    async with await open_accounts(address) as database:

        async def there() -> Database:
            return database

        for each in (Ledger(there), Ledger(there)):  # the second writes the same rows again
            for n in range(20):
                each.add(entry(f"resp_{n}", micro=n, customer=f"c{n % 2}" if n % 3 else None))
            await each.flush()
        kept = await sums(database)
        assert kept["key:key_1"] == sum(range(20))
        assert kept["customer:c1"] == sum(n for n in range(20) if n % 3 and n % 2)
        async with database.engine.begin() as connection:  # as the first release left it
            for statement in BEFORE_THE_SUMS[database.kind]:
                await connection.execute(text(statement))
    async with await open_accounts(address) as database:
        assert await sums(database) == kept


BEFORE_THE_SUMS = {
    "sqlite": ["DROP TRIGGER accounts_usage_summed"],
    "postgresql": [
        "DROP TRIGGER accounts_usage_summed ON accounts_usage",
        "DROP FUNCTION accounts_sum_usage()",
    ],
}
for statements in BEFORE_THE_SUMS.values():
    statements += ["DROP TABLE accounts_spent", "UPDATE accounts_version SET version_num = '0001'"]


async def sums(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        return {row.subject: row.micro for row in await session.scalars(select(SpentRow))}


async def test_a_ledger_that_could_not_be_written_is_written_later_and_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RETRY_S", 0.0)
    monkeypatch.setattr(ledger, "AT_ONCE", 3)
    async with await open_accounts(address) as database:
        away = 4

        async def sometimes() -> Database:
            nonlocal away
            away -= 1
            if away >= 0 and away % 2:
                raise OSError("the database is away")
            return database

        each = Ledger(sometimes)
        for n in range(10):
            each.add(entry(f"resp_{n}", customer="c"))
        assert each.unwritten() == {"key:key_1": 70, "customer:c": 70}
        await each.flush()
        assert each.unwritten() == {}
        assert [row.reference for row in await rows(database)] == [f"resp_{n}" for n in range(10)]


async def test_credits_given_at_once_add_up(address: str) -> None:
    async with server(address) as one, server(address) as other:
        given = [random.Random(n).randrange(1, 10_000) for n in range(40)]
        databases = [await one.database(), await other.database()]
        await asyncio.gather(
            *(
                keystore.add_credit(databases[n % 2], "customer:c", micro, NOW, f"gift {n}")
                for n, micro in enumerate(given)
            )
        )
        assert (await keystore.balances(databases[0]))["customer:c"] == (sum(given), 0)
        async with databases[1].reading() as session:
            assert len(list(await session.scalars(select(CreditRow)))) == len(given)


async def test_a_credit_is_shared_by_servers_and_each_learns_what_the_others_spent(address: str) -> None:
    """Given one key at three servers, answers are charged in any order; after a refresh each knows exactly what is left."""
    dice = random.Random(4)
    async with server(address) as one, server(address) as two, server(address) as three:
        servers = (one, two, three)
        credit = dearest(PRICE, 0, None) * 3 + 40 * TOKEN_MICRO * 30
        await keystore.add_credit(await one.database(), "key:key_1", credit, NOW, "given")
        for each in servers:
            await each.refresh()
        calls = [open_call(each, f"sess_{n}") for n, each in enumerate(servers)]
        spent = 0
        for n in range(60):
            charged = dice.choice(calls).charge("response", f"resp_{n}", {"text_out": dice.randrange(1, 40)})
            assert charged.micro is not None
            spent += charged.micro
            if dice.random() < 0.3:
                await asyncio.sleep(dice.choice([0, 0.01]))  # rows are written in the middle of it
                await dice.choice(servers).refresh()
        for each in servers:
            await each.ledger.flush()
        for each in servers:
            await each.refresh()
        assert [call.left for call in calls] == [credit - spent] * 3
        # And nobody's own spending is counted twice, written or not.
        calls[0].charge("response", "last", {"text_out": 10})
        await one.refresh()
        assert calls[0].left == credit - spent - 10 * TOKEN_MICRO

        # What one server uses up is gone at the others.
        calls[0].charge("response", "dear", {"text_out": credit})
        await one.ledger.flush()
        await two.refresh()
        with pytest.raises(NotAffordable, match="used up"):
            open_call(two, "sess_late")


@pytest.mark.parametrize("seed", range(5))
async def test_calls_at_once_hold_leases_and_overrun_a_customers_credit_by_one_answer_at_most(
    address: str, seed: int
) -> None:
    """Given two keys and one customer, calls begin, answer and end at once, until the customer has no more."""
    dice = random.Random(seed)
    async with server(address) as accounts:
        longest = dearest(PRICE, 0, None)
        credit = longest * dice.randrange(2, 6) + dice.randrange(longest)
        await keystore.add_credit(await accounts.database(), "customer:c", credit, NOW, "given")
        await accounts.refresh()
        costs: list[int] = []
        most_at_once, running = 0, 0

        async def one(n: int) -> None:
            nonlocal most_at_once, running
            try:
                account = open_call(accounts, f"sess_{n}", f"key_{n % 2}", "c")
            except NotAffordable:
                return
            running += 1
            most_at_once = max(most_at_once, running)
            for turn in range(dice.randrange(1, 6)):
                await asyncio.sleep(0)
                # As the meter has it: an answer is asked for while more is free than others hold.
                if account.free is not None and account.free <= 0:
                    break
                await asyncio.sleep(dice.choice([0, 0, 0.001]))
                charge = account.charge("response", f"resp_{n}_{turn}", dear_units(dice, longest))
                assert charge.micro is not None
                costs.append(charge.micro)
                account.expect(0, None)
            running -= 1
            books(accounts).close(account)

        await asyncio.gather(*(one(n) for n in range(40)), refreshing(accounts))
        assert most_at_once > 1
        assert sum(costs) - credit <= max(costs)
        assert sum(costs) > credit - 2 * longest, "the credit is of use"
        await accounts.ledger.flush()
        assert sum(row.micro for row in await rows(await accounts.database())) == sum(costs)
        assert (await keystore.balances(await accounts.database()))["customer:c"] == (credit, sum(costs))


def dear_units(dice: random.Random, longest: int) -> dict[str, int]:
    """An answer that costs up to what was held for it."""
    return {"text_out": dice.randrange(1, longest // TOKEN_MICRO)}


async def refreshing(accounts: Accounts) -> None:
    for _ in range(10):
        await asyncio.sleep(0.001)
        await accounts.refresh()


async def test_many_servers_may_make_the_tables_at_once(address: str) -> None:
    databases = await asyncio.gather(*(open_accounts(address) for _ in range(4)))
    made: list[Any] = await asyncio.gather(
        *(keystore.create(database, NewKey(f"k{n}"), NOW) for n, database in enumerate(databases))
    )
    assert len(await keystore.listed(databases[0])) == len(made) == 4
    for database in databases:
        await database.close()
