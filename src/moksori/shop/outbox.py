"""Delivers what the outbox holds to the shop's webhook: at least once, signed, with patience.

The signature is that of Standard Webhooks (standardwebhooks.com): `webhook-id` stays the same over all attempts, so a
receiver drops what it has had before; `webhook-signature` is `v1,` and the base64 of an HMAC-SHA256 over
`id.timestamp.body`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.store import Database
from moksori.telemetry import get_logger

AT_ONCE = 20
"""Entries a worker takes up together."""
LEASE = timedelta(seconds=60)
"""How long an entry that was taken up is left to its worker: well above `TIMEOUT_S` for each of `AT_ONCE` in turn."""
TIMEOUT_S = 10.0
PARALLEL = 8
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
POLL_S = 1.0
"""How long a new entry may lie before the worker looks again."""
SECRET_PREFIX = "whsec_"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the news go. `secret` is shared with the receiver: text, or `whsec_` and base64 of at least 24 bytes."""

    url: str
    secret: str

    def __post_init__(self) -> None:
        if len(self.key) < 24:
            raise ValueError("the webhook's secret is too short: use at least 24 bytes")

    @property
    def key(self) -> bytes:
        if not self.secret.startswith(SECRET_PREFIX):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f"what follows {SECRET_PREFIX} in the webhook's secret is not base64") from error

    def signature(self, message: str, timestamp: int, body: bytes) -> str:
        signed = f"{message}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()


@dataclass(frozen=True, slots=True)
class News:
    """An entry that was taken up."""

    id: int
    attempt: int
    """From 1."""
    kind: str
    at: datetime
    payload: Any
    confirmation_id: str | None


class Outbox:
    """One worker; several servers may run one each on the same database, a lease keeps them apart.

    An entry is gone only when the receiver has answered 2xx: what was delivered by a process that died before it
    could note that is delivered again, with the same `webhook-id`.
    """

    def __init__(
        self,
        database: Database,
        webhook: Webhook,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._database, self._webhook, self._clock = database, webhook, clock
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)

    async def run(self) -> None:
        """Deliver until cancelled. A database that is away for a while ends nothing."""
        while True:
            try:
                busy = await self.deliver()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.warning("outbox_stalled", error=type(error).__name__)
                busy = 0
            if busy < AT_ONCE:
                await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        await self._client.aclose()

    async def deliver(self) -> int:
        """Try what is due, once; returns how many entries that were."""
        taken = await self._database.writing(self._take)
        if not taken:
            return 0
        gate = asyncio.Semaphore(PARALLEL)

        async def one(news: News) -> tuple[News, bool]:
            async with gate:
                return news, await self._post(news)

        outcomes = await asyncio.gather(*(one(each) for each in taken))
        await self._database.writing(lambda session: self._note(session, outcomes))
        return len(taken)

    async def waiting(self) -> int:
        """Entries that are not delivered yet."""
        async with self._database.reading() as session:
            found = await session.scalar(select(func.count()).where(m.OutboxEntry.delivered_at.is_(None)))
            return found or 0

    async def _take(self, session: AsyncSession) -> list[News]:
        now = self._clock()
        entries = await session.scalars(
            select(m.OutboxEntry)
            .where(
                m.OutboxEntry.delivered_at.is_(None),
                or_(m.OutboxEntry.next_at.is_(None), m.OutboxEntry.next_at <= now),
            )
            .order_by(m.OutboxEntry.id)
            .limit(AT_ONCE)
        )
        taken = []
        for entry in entries:
            entry.attempts += 1
            entry.next_at = now + LEASE
            taken.append(
                News(
                    id=entry.id,
                    attempt=entry.attempts,
                    kind=entry.kind,
                    at=entry.at,
                    payload=entry.payload,
                    confirmation_id=entry.confirmation_id,
                )
            )
        return taken

    async def _post(self, news: News) -> bool:
        body = json.dumps(
            {
                "type": news.kind,
                "timestamp": news.at.isoformat(),
                "data": news.payload,
                "confirmation_id": news.confirmation_id,
            },
            ensure_ascii=False,
        ).encode()
        message, timestamp = f"moksori-{news.id}", int(self._clock().timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self._webhook.signature(message, timestamp, body),
        }
        try:
            answer = await self._client.post(self._webhook.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            _log.warning("webhook_failed", entry=news.id, attempt=news.attempt, error=type(error).__name__)
            return False
        if not answer.is_success:
            _log.warning("webhook_failed", entry=news.id, attempt=news.attempt, status=answer.status_code)
        return answer.is_success

    async def _note(self, session: AsyncSession, outcomes: list[tuple[News, bool]]) -> None:
        now = self._clock()
        for news, delivered in outcomes:
            values: dict[str, datetime | None] = (
                {"delivered_at": now, "next_at": None}
                if delivered
                else {"next_at": now + wait_after(news.attempt)}
            )
            await session.execute(
                update(m.OutboxEntry)
                .where(m.OutboxEntry.id == news.id, m.OutboxEntry.delivered_at.is_(None))
                .values(**values)
            )


def wait_after(attempt: int) -> timedelta:
    """5 s after the first failure, then twice as long each time, an hour at most. Nothing is ever given up."""
    doublings = min(attempt - 1, 20)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))
