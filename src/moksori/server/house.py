"""What the routes share: the settings, who may come in, the sessions and the engine, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from starlette.types import Receive, Scope, Send

from moksori.accounts.accounts import Accounts
from moksori.accounts.client_secrets import ClientSecrets
from moksori.accounts.keys import ADMIN, KeyRing, KnownKey
from moksori.accounts.origins import OriginRule
from moksori.agent.brain import Brain
from moksori.agent.speech import Recogniser, Voice
from moksori.server.errors import SERVER_ERROR, ApiError
from moksori.sessions.registry import ConnectRequest, LiveCall
from moksori.sessions.wire import Wire, WireEvents
from moksori.settings import Settings
from moksori.telemetry import Telemetry

SERVICE_RESTART = 1012
"""Close codes that openai's own clients reconnect on: 1012 restart, 1013 try again later."""
TRY_AGAIN_LATER = 1013
RETRY_AFTER_S = 2

CONVERSES_WITHOUT = frozenset({"llm"})
"""Parts a call may begin without: it hears, and says what is the matter when asked for an answer."""

MCP_PATH = "/shop/mcp"
"""Where the shop's tools are offered over MCP."""

Phase = Literal["warming", "open", "draining"]


class Engine(Protocol):
    """The local engine, as far as the server's life is concerned."""

    async def start(self) -> None: ...

    def parts(self) -> dict[str, str]:
        """Each part's state: "ready", "warming", "off" or "failed: " and a sentence."""
        ...

    async def close(self) -> None: ...


class Sessions(Protocol):
    """The conductor's front door."""

    async def open(self, wire: Wire, request: ConnectRequest) -> WireEvents: ...

    def live(self) -> int: ...

    def calls(self) -> list[LiveCall]: ...

    async def drain(self, seconds: float) -> None: ...


class Shop(Protocol):
    """The shop, as far as the server's life is concerned."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request at `MCP_PATH`."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Parts(Protocol):
    """The local engine, as far as the routes use it that offer its parts one by one."""

    @property
    def recogniser(self) -> Recogniser: ...

    @property
    def voice(self) -> Voice: ...

    @property
    def brain(self) -> Brain: ...

    def language_of(self, text: str, heard: str | None) -> str: ...


class Remote(Protocol):
    """Other people's models, as far as routes speak of them."""

    def models(self) -> list[str]:
        """Names that can be asked for without any [models]."""
        ...


@dataclass(slots=True)
class House:
    """Built once by `server.app`; routes find it in `app.state.house`."""

    settings: Settings
    sessions: Sessions
    engine: Engine | None
    telemetry: Telemetry
    accounts: Accounts
    origins: OriginRule
    remote: Remote | None = None
    shop: Shop | None = None
    speech: Parts | None = None
    """The engine's parts one by one, for the routes that offer them over HTTP."""
    draining: bool = False

    @classmethod
    def build(
        cls,
        settings: Settings,
        sessions: Sessions,
        engine: Engine | None,
        telemetry: Telemetry,
        remote: Remote | None = None,
        *,
        accounts: Accounts | None = None,
    ) -> House:
        return cls(
            settings=settings,
            sessions=sessions,
            engine=engine,
            telemetry=telemetry,
            accounts=accounts or build_accounts(settings),
            origins=OriginRule(settings.server.allowed_origins),
            remote=remote,
        )

    @property
    def keys(self) -> KeyRing:
        return self.accounts.ring

    @property
    def secrets(self) -> ClientSecrets:
        return self.accounts.secrets

    def parts(self) -> dict[str, str]:
        """The engine's parts, and the server itself while it stops."""
        parts = self.engine.parts() if self.engine is not None else {"engine": "off"}
        return {**parts, "server": "draining"} if self.draining else parts

    def phase(self) -> Phase:
        if self.draining:
            return "draining"
        for part, state in self.parts().items():
            if state not in ("ready", "off") and part not in CONVERSES_WITHOUT:
                return "warming"
        return "open"

    @property
    def ready(self) -> bool:
        """Whether a balancer should send calls here."""
        return self.phase() == "open" and not self.failures()

    def failures(self) -> list[str]:
        """The sentences of the parts that failed."""
        return [
            f"{part}: {state.removeprefix('failed').lstrip(': ')}"
            for part, state in self.parts().items()
            if state.startswith("failed")
        ]

    def must_be_open(self) -> None:
        """Raise the refusal of a new session while the server cannot take one."""
        match self.phase():
            case "open":
                return
            case "draining":
                raise _not_now(
                    "The server is stopping: try again shortly.", "server_draining", SERVICE_RESTART
                )
            case "warming" if failures := self.failures():
                raise _not_now(
                    f"The engine cannot start: {' '.join(failures)}", "engine_failed", TRY_AGAIN_LATER
                )
            case "warming":
                raise _not_now(
                    "The models are still loading: try again shortly.", "server_warming_up", TRY_AGAIN_LATER
                )


def build_accounts(settings: Settings) -> Accounts:
    """Nothing is opened before its `start`. Keys of the settings are their owner's, and may do everything."""
    ring = KeyRing(KnownKey(key.name, key.sha256, scopes=frozenset({ADMIN})) for key in settings.auth.keys)
    return Accounts(ring, settings.accounts.database)


def _not_now(message: str, code: str, close_code: int) -> ApiError:
    return ApiError(
        503,
        message,
        code=code,
        type=SERVER_ERROR,
        close_code=close_code,
        headers={"retry-after": str(RETRY_AFTER_S)},
    )
