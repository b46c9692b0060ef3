"""The shop as live sessions use it: its guards, and what a model is told. Opened when the server starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from moksori.agent.guard import Guards, Transcripts
from moksori.agent.principal import Principal
from moksori.agent.tools import JSON, Language, ToolSet
from moksori.shop.attempts import KeptAttempts
from moksori.shop.guard.call import CallGuard, GuardSettings, ShopGuards, utc_now
from moksori.shop.model import Product
from moksori.shop.prompt import context_of, hearing, instructions
from moksori.shop.texts import LANGUAGES
from moksori.shop.tools.toolset import ShopTools, open_shop


class ShopDesk:
    """`Shop` of the sessions room. Before `start` there are no guards."""

    def __init__(
        self,
        database: str,
        *,
        prompt_id: str = "shop",
        language: Language = "ko",
        policy: Path | None = None,
        settings: GuardSettings | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.prompt_id = prompt_id
        self.language: Language = language
        self.database, self._policy = database, policy
        self._settings, self._clock = settings, clock
        self.tools: ShopTools | None = None
        self.behind: Callable[[ShopTools], Awaitable[ToolSet]] | None = None
        """Makes what stands behind the guard out of our own tools; without it, our own tools do."""
        self._guards: ShopGuards | None = None
        self._passages: dict[str, list[str]] = {}
        self._products: dict[str, list[str]] = {}

    async def start(self) -> None:
        """Open the database. Raises `DatabaseUnusable`, `ShopUnusable` or `PolicyUnusable`, each with a sentence."""
        self.tools = await open_shop(self.database, policy=self._policy)
        await self.tools.warm()
        tools = self.tools if self.behind is None else await self.behind(self.tools)
        self._guards = ShopGuards(
            tools, self._settings, clock=self._clock, attempts=KeptAttempts(self.tools.database)
        )
        self._passages = {each: self.tools.index.texts(each) for each in LANGUAGES}
        async with self.tools.database.reading() as session:
            products = list(await session.scalars(select(Product).order_by(Product.id)))
        self._products = {"ko": [p.name_ko for p in products], "en": [p.name_en for p in products]}

    async def close(self) -> None:
        if self.tools is not None:
            await self.tools.close()

    @property
    def guards(self) -> Guards:
        return self

    @property
    def shop_guards(self) -> ShopGuards:
        assert self._guards is not None, "the shop was started"
        return self._guards

    def open(
        self, session_id: str, principal: Principal, *, language: Language, transcripts: Transcripts
    ) -> CallGuard:
        return self.shop_guards.open(session_id, principal, language=language, transcripts=transcripts)

    def instructions(self, variables: Mapping[str, JSON], language: Language, own: str) -> str:
        assert self.tools is not None, "the shop was started"
        profile = self.tools.profile
        return instructions(
            {"ko": profile.name_ko, "en": profile.name_en}, self._passages, variables, language, own
        )

    def hearing(self, language: Language) -> str:
        return hearing(self._products[language], language)

    def context(self, variables: Mapping[str, JSON]) -> str | None:
        return context_of(variables)
