"""Which backends may answer a model's name, in which order, and the first of them that starts.

`plan` is pure: aliases are followed, weights drawn, and what is left is the order of failover. `begin` acts on it at
connect: a refusal that another route may not share, a time-out or a bad first frame leads to the next; when none is
left, the last one's error is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from moksori.agent.backend import Backend, BackendRefused, CloseReason, Opening, Sink
from moksori.settings import split_weight
from moksori.shop.unfounded import unfounded
from moksori.telemetry import get_logger

_log = get_logger(__name__)

ROUTES_TRIED = 4
"""How many routes one connect tries: with the gateway's connect time each, a caller waits no longer than that."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way to be answered: its name in the settings, and how to make its backend."""

    name: str
    make: Callable[[], Backend]


def plan(model: str, models: Mapping[str, tuple[str, ...]], dice: Callable[[], float]) -> tuple[str, ...]:
    """The routes of a model's name in order of trial; each once.

    Neighbours of which one carries a weight (`openai*3`) are one group, drawn without putting back: the heavier is
    the more often first. `dice` gives numbers in [0, 1).
    """
    routes: list[str] = []
    seen: set[str] = set()

    def follow(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        entries = models.get(name)
        if entries is None:
            routes.append(name)
            return
        for entry in _drawn(entries, dice):
            follow(entry)

    follow(model)
    return tuple(routes)


def _drawn(entries: Sequence[str], dice: Callable[[], float]) -> list[str]:
    """The entries with every weighted group in a drawn order."""
    ordered: list[str] = []
    group: list[tuple[str, int]] = []
    for entry in (*entries, ""):
        if "*" in entry:
            group.append(split_weight(entry))
            continue
        while group:
            left = dice() * sum(weight for _, weight in group)
            at = 0
            while at < len(group) - 1 and left >= group[at][1]:
                left -= group[at][1]
                at += 1
            ordered.append(group.pop(at)[0])
        if entry:
            ordered.append(entry)
    return ordered


class Routed:
    """The routes of one call, not yet decided between."""

    def __init__(
        self, routes: Sequence[Route], told: Callable[[str, str], None] = lambda route, code: None
    ) -> None:
        self._routes = tuple(routes[:ROUTES_TRIED])
        self._told = told
        """Called with a route that failed at connect, and why."""

    async def begin(self, opening: Opening, sink: Sink) -> tuple[str, Backend]:
        """The first route whose backend starts, and its name. Raises the last one's `BackendRefused`."""
        opening = replace(opening, unfounded=unfounded)
        last = BackendRefused("No route leads to this model.", code="model_not_found", status=404)
        for route in self._routes:
            backend = route.make()
            try:
                await backend.start(opening, sink)
            except BackendRefused as refusal:
                await backend.close(CloseReason(1000, ""))
                self._told(route.name, refusal.code)
                _log.warning("route_refused", route=route.name, code=refusal.code, reason=str(refusal))
                last = refusal
                if not refusal.retry:
                    break
            except BaseException:
                await backend.close(CloseReason(1000, ""))
                raise
            else:
                return route.name, backend
        raise last
