"""The gateway as the sessions see it: which names it can answer, and a backend for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moksori.agent.backend import Backend
from moksori.gateway.catalog import COMPATIBLE, OTHER_MOKSORI, Catalog, Model, Upstream, shipped, upstreams
from moksori.gateway.link import Link
from moksori.settings import Settings


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a route leads: an upstream, and the name of the model there."""

    upstream: Upstream
    model: str

    @property
    def idle_billed(self) -> bool:
        return self.upstream.provider.idle_billed

    @property
    def provider(self) -> str:
        """The name under which its prices stand."""
        return self.upstream.provider.name

    @property
    def voice(self) -> str | None:
        """The voice the service speaks with unless told otherwise; None where it has the standard ones."""
        voices = self.upstream.provider.voices
        return voices[0] if voices else None


class Gateway:
    """All usable upstreams. Immutable after it is made."""

    def __init__(self, settings: Settings, catalog: Catalog | None = None) -> None:
        self._settings = settings
        self.catalog = catalog or shipped()
        self.upstreams: Mapping[str, Upstream] = upstreams(settings, self.catalog)

    def charging(self) -> frozenset[str]:
        """Providers known to send an invoice."""
        return frozenset(name for name in self.catalog.providers if name not in (COMPATIBLE, OTHER_MOKSORI))

    def models(self) -> list[str]:
        """The catalogue's models that can be reached from here, and the configured upstreams by their own names."""
        reachable = [model.name for model in self.catalog.models if model.provider in self.upstreams]
        return [*(name for name in self._settings.upstreams if name not in reachable), *reachable]

    def destination(self, route: str) -> Destination | None:
        """Where a route leads, None if nowhere.

        A route is an upstream's name (its own model), `upstream/model`, or a model of the catalogue.
        """
        upstream = self.upstreams.get(route)
        if upstream is not None and upstream.model is not None:
            return Destination(upstream, upstream.model)
        known: Model | None = self.catalog.model(route)
        if known is not None and known.provider in self.upstreams:
            return Destination(self.upstreams[known.provider], known.there)
        name, slash, model = route.partition("/")
        if slash and model and name in self.upstreams:
            return Destination(self.upstreams[name], model)
        return None

    def needs(self, route: str) -> str | None:
        """The variable that would make a model of the catalogue usable; None for what is not in it."""
        known = self.catalog.model(route)
        return self.catalog.providers[known.provider].env if known is not None else None

    def backend(self, destination: Destination) -> Backend:
        """A conversation there, not yet begun."""
        times = self._settings.gateway
        return Link(
            destination.upstream, destination.model, connect_s=times.connect_s, silent_s=times.silent_s
        )
