"""The accounts while the server runs: the ring kept up to date with the database, limits, secrets, the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from moksori.accounts import keystore
from moksori.accounts.billing import Books
from moksori.accounts.client_secrets import ClientSecrets
from moksori.accounts.keys import KeyRing
from moksori.accounts.keystore import ListedKey, NewKey
from moksori.accounts.ledger import Ledger
from moksori.accounts.limits import Attempts, Starts
from moksori.accounts.tables import default_database, prepare
from moksori.store import Database, DatabaseUnusable, open_database
from moksori.telemetry import get_logger

REFRESH_S = 2.0
"""A key made or revoked by another process is known here after this."""

_log = get_logger(__name__)


class Accounts:
    """Belongs to the event loop. `database` None is the user's own file, which is opened only once it is there."""

    def __init__(
        self,
        ring: KeyRing,
        database: str | None,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ring = ring
        self.secrets = ClientSecrets(now)
        self.attempts = Attempts(monotonic)
        self.starts = Starts(monotonic)
        self.on_ended: Callable[[frozenset[str]], None] | None = None
        """Told the ids of keys that may no longer be used, so that their calls end."""
        self.ledger = Ledger(self.database)
        self.books: Books | None = None
        """Set where calls cost money; follows the credits of the database."""
        self._url = database
        self._file = default_database() if database is None else None
        self._database: Database | None = None
        self._opening = asyncio.Lock()
        self._refresher: asyncio.Task[None] | None = None
        if database is not None:
            ring.require()

    async def start(self, *, must_exist: bool = True) -> None:
        """Open the database if there is one, or unless it must exist; then follow it. Raises `DatabaseUnusable`."""
        if self._url is not None or not must_exist or (self._file is not None and self._file.exists()):
            await self.database()
            await self.refresh()
        self._refresher = asyncio.get_running_loop().create_task(self._follow(), name="accounts")

    async def close(self) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher
        await self.ledger.close()
        if self._database is not None:
            await self._database.close()
            self._database = None

    async def database(self) -> Database:
        """The database, opened and up to date; made if it is the user's own. Raises `DatabaseUnusable`."""
        async with self._opening:
            if self._database is None:
                self._database = await open_accounts(self._url)
            return self._database

    async def refresh(self) -> None:
        """Take over what other processes changed."""
        if self._database is None:
            return
        if self.books is not None:
            async with self.ledger.still:
                self.books.balances(await keystore.balances(self._database), self.ledger.unwritten())
        ended = self.ring.replace(await keystore.known(self._database))
        self.secrets.forget(ended)
        if ended and self.on_ended is not None:
            self.on_ended(ended)

    async def create(self, key: NewKey) -> tuple[str, str]:
        """A new key's id and value. Raises `KeyRefused`."""
        made = await keystore.create(await self.database(), key, datetime.now(UTC))
        await self.refresh()
        return made

    async def revoke(self, key_id: str) -> None:
        """Raises `KeyRefused` for an id that never was."""
        await keystore.revoke(await self.database(), key_id, datetime.now(UTC))
        await self.refresh()

    async def listed(self) -> list[ListedKey]:
        return await keystore.listed(await self.database())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                if self._database is None and self._file is not None and self._file.exists():
                    await self.database()
                await self.refresh()
            except Exception as error:
                # The keys as they were stay in force: a database that is away must not let anybody in or out.
                _log.warning("accounts_not_refreshed", problem=type(error).__name__)


async def open_accounts(url: str | None) -> Database:
    """The accounts' database, its tables up to date. Raises `DatabaseUnusable`."""
    if url is None:
        file = default_database()
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                file.touch(mode=0o600)
        except OSError as error:
            raise DatabaseUnusable(
                f"The database {file} cannot be made: {error.strerror}; set MOKSORI_HOME to a folder that can be "
                "written."
            ) from error
        url = f"sqlite:///{file}"
    database = await open_database(_at_home(url))
    try:
        await prepare(database)
    except BaseException:
        await database.close()
        raise
    return database


def _at_home(url: str) -> str:
    """A file's name as an address, `~` and all; an address as it is."""
    return url if "://" in url else f"sqlite:///{Path(url).expanduser()}"
