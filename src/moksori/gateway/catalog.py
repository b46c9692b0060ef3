"""The catalogue: which realtime services there are, what is particular about each, which models it has.

Data, not code: `catalog.toml`. A provider says how to reach and greet a service; an *upstream* is a provider with a
key and an address, either named in the settings or made usable by a variable of the environment alone.
"""

from __future__ import annotations

import datetime
import functools
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Literal

import msgspec

from moksori.settings import Secret, Settings

Dialect = Literal["openai-ga", "openai-beta"]
COMPATIBLE = "compatible"
OTHER_MOKSORI = "moksori"


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service's particularities; `catalog.toml` explains each."""

    title: str
    name: str = ""
    """The key of its table."""
    env: str | None = None
    base_url: str | None = None
    env_base_url: str | None = None
    suffix: str = ""
    path: str = "/realtime"
    query: Mapping[str, str] = {}
    dialect: Dialect = "openai-ga"
    auth: Literal["bearer", "basic", "api-key"] = "bearer"
    model_in: Literal["query", "session"] = "query"
    max_session_s: int | None = None
    idle_billed: bool = False
    voices: tuple[str, ...] = ()
    drops: frozenset[str] = frozenset()
    confirms: bool = True
    seen: Literal["documents", "live"] = "documents"
    source: str = ""


class Model(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"upstream_name": "as"}
):
    """A model a client may ask for by `name`; the service calls it `upstream_name`."""

    name: str
    provider: str
    upstream_name: str | None = None
    window: int | None = None
    ends: datetime.date | None = None

    @property
    def there(self) -> str:
        """Its name at the service."""
        return self.upstream_name or self.name


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    providers: Mapping[str, Provider]
    models: tuple[Model, ...]

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A service this server may use: where it is, and how to get its key. The key itself is read at each dial."""

    name: str
    provider: Provider
    base_url: str
    dialect: Dialect
    model: str | None
    """The model of this upstream unless a route names another."""
    key: Callable[[], str] | None
    """Reads the key. Raises `SettingsError` where it is not to be had."""
    key_takes_time: bool = False
    """The key comes from a program, and so must not be read on the event loop."""

    def address(self, model: str, call: str) -> tuple[str, dict[str, str]]:
        """The WebSocket address without its query, and the query."""
        scheme, _, rest = self.base_url.partition("://")
        secure = scheme in ("https", "wss")
        query = {key: value.replace("{call}", call) for key, value in self.provider.query.items()}
        if self.provider.model_in == "query":
            query["model"] = model
        return f"{'wss' if secure else 'ws'}://{rest.rstrip('/')}{self.provider.path}", query


@functools.cache
def shipped() -> Catalog:
    """The catalogue that comes with the program."""
    raw = files("moksori.gateway").joinpath("catalog.toml").read_text("utf-8")
    tables = tomllib.loads(raw)
    for name, provider in tables["providers"].items():
        provider["name"] = name
    return msgspec.convert(tables, Catalog)


def upstreams(settings: Settings, catalog: Catalog) -> dict[str, Upstream]:
    """Every usable upstream by name: those of the settings, then providers whose variable is set."""
    found = {
        name: Upstream(
            name=name,
            provider=_provider(name, given.base_url, given.provider, catalog),
            base_url=given.base_url,
            dialect=given.dialect,
            model=given.model,
            key=given.api_key.reveal if given.api_key is not None else None,
            key_takes_time=given.api_key is not None and given.api_key.command is not None,
        )
        for name, given in settings.upstreams.items()
    }
    for name, provider in catalog.providers.items():
        if name not in found and provider.env is not None and settings.variable(provider.env):
            base_url = _preset_address(settings, provider)
            if base_url is None:
                continue
            found[name] = Upstream(
                name=name,
                provider=provider,
                base_url=base_url,
                dialect=provider.dialect,
                model=next((model.there for model in catalog.models if model.provider == name), None),
                key=_from_variable(settings, provider.env),
            )
    return found


def _preset_address(settings: Settings, provider: Provider) -> str | None:
    if provider.base_url is not None:
        return provider.base_url
    given = settings.variable(provider.env_base_url) if provider.env_base_url else None
    if not given:
        return None
    given = given.rstrip("/")
    return given if given.endswith(provider.suffix) else given + provider.suffix


def _from_variable(settings: Settings, variable: str) -> Callable[[], str]:
    secret = Secret(env=variable)
    secret.bind(f"The preset upstream of {variable}", settings.dotenv)
    return secret.reveal


def _provider(name: str, base_url: str, named: str | None, catalog: Catalog) -> Provider:
    """The provider a configured upstream belongs to: as it says, else by its address, else by its own name."""
    if named is not None and named in catalog.providers:
        return catalog.providers[named]
    for provider in catalog.providers.values():
        if provider.base_url is not None and base_url.startswith(provider.base_url):
            return provider
    if ".openai.azure.com" in base_url:
        return catalog.providers["azure"]
    known = catalog.providers.get(name)
    # A name alone says how a service behaves, not where it is: an upstream called "openai" may be a proxy of one.
    return known if known is not None and known.path == "/realtime" else catalog.providers[COMPATIBLE]
