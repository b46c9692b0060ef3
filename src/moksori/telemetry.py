"""Logs and metrics.

Logs go to stderr, as JSON lines or for a console. One id a call (`call`, bound for the task that serves it),
one line a turn. Fields that hold secrets, audio or what was said are blanked in every line, whoever wrote it;
`log.log_transcripts` lets what was said through.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TextIO, cast

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as render
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from moksori.settings import Log

SECRET_FIELDS = frozenset(
    {"api_key", "authorization", "key", "secret", "token", "password", "value", "query"}
)
SAID_FIELDS = frozenset(
    {"arguments", "heard", "instructions", "output", "prompt", "said", "text", "transcript"}
)
AUDIO_FIELDS = frozenset({"audio", "delta", "pcm", "samples"})
REDACTED = "(not logged)"

QUIET_LOGGERS = ("uvicorn", "uvicorn.access", "httpx", "httpcore", "websockets", "mcp")
"""Libraries that write addresses with their query, where a key may stand, at level info."""

SECONDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0)
"""Edges of the voice to voice histogram: fine where the design's targets lie."""

Logger = structlog.typing.FilteringBoundLogger
_Event = MutableMapping[str, Any]


def configure(log: Log, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging, once for the process."""
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[log.level.upper()]
    hidden = SECRET_FIELDS | AUDIO_FIELDS | (frozenset() if log.log_transcripts else SAID_FIELDS)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redactor(hidden),
    ]
    as_json = log.format == "json" or (log.format == "auto" and not stream.isatty())
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
        if as_json
        else [
            # Not rich's tracebacks: they show local variables, and so what was said.
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def get_logger(name: str) -> Logger:
    """A structured logger: `log.info("event_name", field=...)`."""
    return cast(Logger, structlog.get_logger(room=name))


@contextlib.contextmanager
def call(call_id: str) -> Iterator[None]:
    """Every line written inside, by this task and those it starts, carries `call`."""
    with structlog.contextvars.bound_contextvars(call=call_id):
        yield


def _json(event: _Event, default: Callable[[Any], Any]) -> str:
    """One line; what JSON has no form for is shown as Python would."""
    return msgspec.json.encode(event, enc_hook=default).decode()


def _redactor(hidden: frozenset[str]) -> structlog.typing.Processor:
    def redact(logger: Any, method: str, event: _Event) -> _Event:
        for field in hidden & event.keys():
            event[field] = REDACTED
        return event

    return redact


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished turn, for its line and its metrics. All times in milliseconds.

    `v2v_ms` is from the caller's last voiced sample to the first audible one sent; None for a typed turn.
    `stages_ms` is how long each part took (such as `stt`, `llm`, `tts`).
    """

    call_id: str
    model: str
    status: str
    v2v_ms: int | None = None
    stages_ms: Mapping[str, int] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    audio_ms: int = 0
    said: str = ""
    heard: str = ""


class Traffic(Collector):
    """Messages of sessions, which count for themselves: a counter a message would cost the relay more than its peek."""

    def __init__(self) -> None:
        self.past = [0, 0]
        """Messages from and to clients, of sessions that are over."""
        self.live: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """The same of those that are not."""

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "moksori_messages",
            "Messages taken from clients (in) and sent to them (out).",
            labels=["direction"],
        )
        for direction, past, live in zip(("in", "out"), self.past, self.live(), strict=True):
            counted.add_metric([direction], past + live)
        yield counted


class Telemetry:
    """What the house counts, in a Prometheus registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._log: Logger = get_logger(__name__).bind()
        self._live = Gauge("moksori_sessions", "Live sessions.", registry=self.registry)
        self._opened = Counter(
            "moksori_sessions_opened", "Sessions opened.", ["model"], registry=self.registry
        )
        self._closed = Counter(
            "moksori_sessions_closed", "Sessions ended, by close code.", ["code"], registry=self.registry
        )
        self._refused = Counter(
            "moksori_connections_refused",
            "Connections refused, by error code.",
            ["code"],
            registry=self.registry,
        )
        self._lines = Counter(
            "moksori_lines",
            "Connections lost by calls that wait for them (parked), and those that came back (resumed).",
            ["event"],
            registry=self.registry,
        )
        self._routes_failed = Counter(
            "moksori_route_failures",
            "Routes that did not answer at connect, by error code.",
            ["route", "code"],
            registry=self.registry,
        )
        self._turns = Counter("moksori_turns", "Finished turns.", ["model", "status"], registry=self.registry)
        self._v2v = Histogram(
            "moksori_voice_to_voice_seconds",
            "From the caller's last voiced sample to the first audible sample sent.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stage = Histogram(
            "moksori_stage_seconds",
            "Time spent in each part of a turn.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.traffic = Traffic()
        self.registry.register(self.traffic)
        self._cost = Counter(
            "moksori_cost",
            "What the ledger was told that models cost, in units of the currency.",
            ["model", "currency"],
            registry=self.registry,
        )
        self._tokens = Counter(
            "moksori_tokens", "Tokens of finished turns.", ["model", "direction"], registry=self.registry
        )

    def opened(self, call_id: str, model: str, **fields: Any) -> None:
        """A session began. `fields` go into its line."""
        self._live.inc()
        self._opened.labels(model).inc()
        self._log.info("call_opened", call=call_id, model=model, **fields)

    def closed(self, call_id: str, code: int, **fields: Any) -> None:
        """A session ended for good."""
        self._live.dec()
        self._closed.labels(str(code)).inc()
        self._log.info("call_closed", call=call_id, close_code=code, **fields)

    def line(self, call_id: str, what: str) -> None:
        """A call's connection was lost and the call waits (`parked`), or its client came back (`resumed`)."""
        self._lines.labels(what).inc()
        self._log.info(f"call_{what}", call=call_id)

    def route_failed(self, route: str, code: str) -> None:
        """A route did not answer at connect, and the next one was tried if there was one."""
        self._routes_failed.labels(route, code).inc()

    def refused(self, code: str, **fields: Any) -> None:
        """A connection was refused before it became a session."""
        self._refused.labels(code).inc()
        self._log.info("connection_refused", code=code, **fields)

    def cost(self, model: str, currency: str, micro: int) -> None:
        """A use was booked, in millionths of the currency."""
        self._cost.labels(model, currency).inc(micro / 1_000_000)

    def turn(self, turn: Turn) -> None:
        """A turn is over: its one line, and its figures."""
        self._turns.labels(turn.model, turn.status).inc()
        self._tokens.labels(turn.model, "input").inc(turn.input_tokens)
        self._tokens.labels(turn.model, "output").inc(turn.output_tokens)
        if turn.v2v_ms is not None:
            self._v2v.labels(turn.model).observe(turn.v2v_ms / 1000)
        stages = dict(turn.stages_ms or {})
        for stage, ms in stages.items():
            self._stage.labels(stage).observe(ms / 1000)
        self._log.info(
            "turn",
            call=turn.call_id,
            model=turn.model,
            status=turn.status,
            v2v_ms=turn.v2v_ms,
            stages_ms=stages,
            input_tokens=turn.input_tokens,
            output_tokens=turn.output_tokens,
            audio_ms=turn.audio_ms,
            said=turn.said,
            heard=turn.heard,
        )

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        return render(self.registry)
