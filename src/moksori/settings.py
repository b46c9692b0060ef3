"""The settings: `moksori.toml`, then `.env`, then the environment, each overriding the one before.

Any key is also `MOKSORI__SECTION__KEY`; `MOKSORI_API_KEY` is one more API key. Secrets may be named instead
of written (`{ env = "NAME" }`, `{ file = "PATH" }`): they are read when first used and never printed.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentSettingsError

from moksori.settings_errors import DELIMITER, DOTENV_FILE, PREFIX, Layers, SettingsError, sentences

DEFAULT_FILE = "moksori.toml"
API_KEY_VARIABLE = "MOKSORI_API_KEY"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
LOCAL_ROUTE = "local"
LOCAL_MODEL = "moksori-local"
SECRET_COMMAND_S = 10
"""How long a command that prints a secret may take."""

__all__ = ["LOCAL_MODEL", "LOCAL_ROUTE", "Secret", "Settings", "SettingsError", "hash_key", "load"]


class Section(BaseModel):
    """A table of the file: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Secret(Section):
    """A secret by value or by where it stands; `reveal` is the only way to it."""

    value: SecretStr | None = None
    env: str | None = None
    file: Path | None = None
    command: str | None = None
    """A program whose output is the secret, run without a shell."""
    _where: str = PrivateAttr(default="a secret")
    _dotenv: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plain_text(cls, given: object) -> object:
        return {"value": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.value, self.env, self.file, self.command)) != 1:
            raise ValueError('must be a string, { env = "NAME" }, { file = "PATH" } or { command = "…" }')
        return self

    def bind(self, where: str, dotenv: Mapping[str, str]) -> None:
        """Tell the secret which key it is (for its error sentence) and what `.env` holds."""
        self._where = where
        self._dotenv = dotenv

    def reveal(self) -> str:
        """The secret itself. Raises `SettingsError` when it is not where the settings say."""
        if self.value is not None:
            return self.value.get_secret_value()
        if self.env is not None:
            found = os.environ.get(self.env) or self._dotenv.get(self.env)
            if not found:
                raise SettingsError(
                    f"{self._where} names the environment variable {self.env}, which is not set: "
                    f"set it in the environment or in {DOTENV_FILE}."
                )
            return found
        if self.command is not None:
            return _output_of(self.command, self._where)
        assert self.file is not None
        try:
            return self.file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(
                f"{self._where} names the file {self.file}, which cannot be read: {reason}."
            ) from error


def _output_of(command: str, where: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=SECRET_COMMAND_S, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Not the error's own text: it holds the command line, and with it perhaps a secret.
        raise SettingsError(f"{where} names a command that failed ({type(error).__name__}).") from None
    return done.stdout.strip()


Port = Annotated[int, Field(ge=0, le=65535)]
"""0 lets the system choose; the ready line says which."""
Url = Annotated[str, Field(pattern=r"^(https?|wss?)://[^\s/]+\S*$")]


class Server(Section):
    host: str = "127.0.0.1"
    port: Port = 8080
    allowed_origins: tuple[str, ...] = ("self",)
    """Pages that may connect: "self" (served from the server's own host), "https://shop.example", or "*"."""

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            scheme, found, rest = origin.partition("://")
            if origin in ("self", "*") or (
                found and scheme in ("http", "https") and rest and "/" not in rest
            ):
                continue
            raise ValueError('must list "self", "*" or origins such as "https://shop.example" (no path)')
        return origins


class ApiKey(Section):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]

    @field_validator("sha256")
    @classmethod
    def _lower(cls, digest: str) -> str:
        return digest.lower()


class Auth(Section):
    keys: tuple[ApiKey, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if len({key.sha256 for key in self.keys}) < len(self.keys):
            raise ValueError("must not list the same key twice")
        return self


class Limits(Section):
    max_sessions: Annotated[int, Field(ge=1)] = 32
    """Live sessions at once; the next one is refused."""
    max_session_s: Annotated[int, Field(ge=1)] = 3600
    """A session's life, as on the real service."""
    resume_window_s: Annotated[int, Field(ge=0)] = 60
    """How long a session waits for a client whose connection dropped."""
    resume_log: Literal["spool", "sqlite"] = "spool"
    """Where what it may have missed is kept. spool: a nameless file of this process; sqlite: `calls.db` in the user's
    data folder, which other processes of this machine can read."""
    idle_s: Annotated[int, Field(ge=1)] = 900
    """A session whose client sends nothing at all for so long is ended."""
    max_message_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    """One WebSocket message: 15 MiB of audio in base64, with room."""
    stall_s: Annotated[float, Field(gt=0)] = 10.0
    """A client that takes nothing off its connection for so long is closed with 1013."""
    drain_s: Annotated[float, Field(ge=0)] = 30.0
    """How long running sessions get to finish after SIGTERM."""


class Part(Section):
    """Where one of the engine's models runs: in this process, or at an OpenAI-compatible endpoint."""

    kind: Literal["local", "openai"] = "local"
    base_url: Url | None = None
    model: str | None = None
    api_key: Secret | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 30.0

    @model_validator(mode="after")
    def _endpoint_is_whole(self) -> Self:
        if self.kind == "openai" and (self.base_url is None or self.model is None):
            raise ValueError('must have base_url and model when kind is "openai"')
        return self


class Llm(Part):
    """`echo` answers with what its history holds, `lite` with a few fixed sentences, `flows` holds the shop's
    conversation by rule; none of them needs a model."""

    kind: Literal["local", "openai", "echo", "lite", "flows"] = "local"  # type: ignore[assignment]
    context_tokens: Annotated[int, Field(ge=1024)] = 32_768
    """What the model at an endpoint reads and writes together; of longer conversations it is given what the session's
    `truncation` leaves."""


class Tts(Part):
    languages: tuple[Literal["en", "ko"], ...] = ("en", "ko")
    """What the endpoint speaks when kind is "openai"; other languages keep this machine's voice."""


class Engine(Section):
    profile: Literal["full", "lite", "off"] = "full"
    """full: with the local LLM; lite: without it; off: no local engine, only upstreams."""
    llm: Llm = Llm()
    stt: Part = Part()
    tts: Tts = Tts()
    pipeline: Literal["overlapped", "sequential"] = "overlapped"
    """sequential: one stage after another, after 500 ms of silence; what `moksori bench voice` compares with."""

    @model_validator(mode="before")
    @classmethod
    def _lite_has_no_llm(cls, given: object) -> object:
        """Profile lite answers with fixed sentences unless an LLM elsewhere is named."""
        if not isinstance(given, dict) or given.get("profile") != "lite":
            return given
        llm = given.get("llm", {})
        if not isinstance(llm, dict):
            return given
        if llm.get("kind") == "local":
            raise ValueError(
                'must not have llm.kind = "local" with profile = "lite": that needs profile = "full"'
            )
        return {**given, "llm": {"kind": "lite", **llm}}


class Upstream(Section):
    dialect: Literal["openai-ga", "openai-beta"] = "openai-ga"
    base_url: Url
    api_key: Secret | None = None
    model: str
    provider: str | None = None
    """Whose particularities it has (a name of the catalogue), where the address does not tell."""


class Accounts(Section):
    database: str | None = None
    """Where keys and the usage ledger are kept; by default a file in the user's data folder, made when needed."""
    prices: Path | None = None
    """A price table that is laid over the shipped one."""
    call_budget: Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$")] | None = None
    """What any one call may cost at upstreams, in US dollars, such as "0.50"."""


class Webhook(Section):
    url: Url
    """Where the shop's news are posted: a ticket was opened, an order was cancelled."""
    secret: Secret
    """Signs them, as Standard Webhooks do: at least 24 bytes, or "whsec_" and base64."""


class ExternalShop(Section):
    kind: Literal["mcp", "http"] = "mcp"
    url: Url | None = None
    """The address of the MCP server, or of the API."""
    command: tuple[str, ...] = ()
    """A program that speaks MCP on standard input and output, instead of an address."""
    api_key: Secret | None = None
    reads: tuple[str, ...] = ()
    """Tools that only look something up; every tool not named here changes something and needs the caller's yes."""
    verifies: tuple[str, ...] = ()
    """Tools that find out who is calling."""
    everyone: tuple[str, ...] = ()
    """Tools that need no known customer."""
    previews: dict[str, str] = {}
    """For a tool that changes something, the tool that says beforehand what it would do and cost."""
    customer_argument: str | None = None
    """The argument that names the customer: hidden from the model, filled in by the server."""
    quotes: dict[str, tuple[str, ...]] = {}
    """Fields of a tool's result that other people wrote, such as notes and reviews."""
    own: tuple[str, ...] = ("search_policy", "hand_over")
    """moksori's own tools that are offered beside them."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (not self.command):
            raise ValueError("must have either url or command")
        if self.kind == "http" and self.url is None:
            raise ValueError('must have url when kind is "http"')
        return self


class Shop(Section):
    database: str | None = None
    """The shop's database, such as "sqlite:///shop.db"; without one there is no shop. Keys come by environment."""
    demo: bool = False
    """Fill the database with the demo shop where it is empty; without a database, one in the user's data folder."""
    seed: int = 1
    """Which demo shop."""
    webhook: Webhook | None = None
    external: ExternalShop | None = None
    """The shop's own tools, behind the same guard."""
    policy: Path | None = None
    """The policy file; by default the one shipped for the shop's kind."""
    language: Literal["ko", "en"] = "ko"
    """Of a call that does not say."""
    prompt: str = "shop"
    """The id of the prompt by which a session asks for the shop."""


class Mcp(Section):
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, or host:port, of MCP servers that a session may name as tools; none by default, since this server would
    call whatever address a client wrote."""


class Gateway(Section):
    connect_s: Annotated[float, Field(gt=0)] = 5.0
    """How long one upstream may take to greet before the next route is tried."""
    silent_s: Annotated[float, Field(gt=0)] = 30.0
    """An upstream that owes an answer and says nothing for so long counts as lost."""


class Log(Section):
    format: Literal["auto", "json", "console"] = "auto"
    """auto: console on a terminal, JSON lines elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    log_transcripts: bool = False
    """Write what was said into the log. Off: no transcript ever gets there."""


class Settings(BaseSettings):
    """Everything moksori can be told. Frozen; `load` is how one is made."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_file=DOTENV_FILE,
        dotenv_filtering="only_existing",
        nested_model_default_partial_update=False,
        use_attribute_docstrings=True,
    )

    version: Literal[1] = 1
    server: Server = Server()
    auth: Auth = Auth()
    limits: Limits = Limits()
    engine: Engine = Engine()
    upstreams: dict[str, Upstream] = {}
    models: dict[str, tuple[str, ...]] = {}
    mcp: Mcp = Mcp()
    gateway: Gateway = Gateway()
    accounts: Accounts = Accounts()
    shop: Shop = Shop()
    log: Log = Log()

    _dotenv: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """First wins; what the file says comes in as arguments, and so last."""
        return env_settings, dotenv_settings, init_settings

    @field_validator("models")
    @classmethod
    def _routes_end(cls, models: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, routes in models.items():
            if not routes:
                raise ValueError(f'must name at least one route for "{name}"')
            seen: set[str] = set()
            ahead = list(routes)
            while ahead:
                route, _ = split_weight(ahead.pop())
                if route == name:
                    raise ValueError(f'must not lead "{name}" back to itself')
                if route not in seen:
                    seen.add(route)
                    ahead += models.get(route, ())
        return models

    def variable(self, name: str) -> str | None:
        """An environment variable, or what `.env` says for it; an empty one counts as not set."""
        return os.environ.get(name) or self._dotenv.get(name) or None

    @property
    def dotenv(self) -> Mapping[str, str]:
        """What `.env` holds."""
        return self._dotenv

    @property
    def needs_key(self) -> bool:
        """False when no key is configured: then only this machine may talk to the server."""
        return bool(self.auth.keys) or self.accounts.database is not None


def load(config: Path | None = None, *, host: str | None = None, port: int | None = None) -> Settings:
    """Read and check everything. `host` and `port` are the command line's, and win.

    `config` None means `moksori.toml` in the working folder if it is there. Raises `SettingsError`.
    """
    file = config or Path(DEFAULT_FILE)
    given = _read_toml(file) if config is not None or file.exists() else {}
    dotenv = _read_dotenv(Path(DOTENV_FILE))
    layers = Layers(file=str(file), dotenv=dotenv, environ=os.environ)
    problems = layers.unknown_variables(Settings)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(*problems, *sentences(error, Settings, layers)) from None
    except EnvironmentSettingsError as error:
        raise SettingsError(*problems, layers.unreadable_variable(error)) from None
    if problems:
        raise SettingsError(*problems)
    settings = _with_api_key(settings, os.environ.get(API_KEY_VARIABLE) or dotenv.get(API_KEY_VARIABLE))
    address = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    if address:
        settings = settings.model_copy(update={"server": settings.server.model_copy(update=address)})
    if not settings.needs_key and settings.server.host not in LOOPBACK_HOSTS:
        raise SettingsError(
            f'server.host "{settings.server.host}" lets other machines in, but no API key is configured: '
            f"set {API_KEY_VARIABLE}, list a key under [auth] in {file}, or use the host 127.0.0.1."
        )
    _bind_secrets(settings, dotenv)
    return settings


def split_weight(route: str) -> tuple[str, int]:
    """A route of [models] and its weight: `openai*3` is `openai` three times as often as its neighbours.

    Raises ValueError, as a sentence, for a weight that is no whole number above 0.
    """
    name, starred, weight = route.rpartition("*")
    if not starred:
        return route, 1
    if not name or not weight.isdecimal() or int(weight) < 1:
        raise ValueError(f'must weigh "{route}" with a whole number above 0, as in "openai*3"')
    return name, int(weight)


def hash_key(key: str) -> str:
    """SHA-256 of an API key as hex, the only form in which keys are kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"The settings file {file} does not exist.") from None
    except OSError as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {file} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from None


def _read_dotenv(file: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(file).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file {file} cannot be read: {error}.") from error


def _with_api_key(settings: Settings, key: str | None) -> Settings:
    """The key of the environment stands beside those of the file; the same key twice is one key."""
    if not key or any(known.sha256 == hash_key(key) for known in settings.auth.keys):
        return settings
    keys = (*settings.auth.keys, ApiKey(name=API_KEY_VARIABLE, sha256=hash_key(key)))
    return settings.model_copy(update={"auth": Auth(keys=keys)})


def _bind_secrets(settings: Settings, dotenv: Mapping[str, str]) -> None:
    settings._dotenv = dotenv
    parts = {
        "engine.llm": settings.engine.llm,
        "engine.stt": settings.engine.stt,
        "engine.tts": settings.engine.tts,
    } | {f"upstreams.{name}": upstream for name, upstream in settings.upstreams.items()}
    for where, part in parts.items():
        if part.api_key is not None:
            part.api_key.bind(f"{where}.api_key", dotenv)
    shop = settings.shop
    if shop.webhook is not None:
        shop.webhook.secret.bind("shop.webhook.secret", dotenv)
    if shop.external is not None and shop.external.api_key is not None:
        shop.external.api_key.bind("shop.external.api_key", dotenv)
