"""A call by microphone, shown as it happens: whole lines scroll up, the lines in the making change below them."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from moksori.client.events import Problem
from moksori.client.measure import Latency
from moksori.client.recovery import Connected, Reconnecting
from moksori.client.shown import rendered, told
from moksori.client.texts import Language, say
from moksori.client.transcript import Line, Transcript
from moksori.client.voice import VoiceClient


class _Screen:
    """Prints a line once it is final; keeps those that are not in a live area."""

    def __init__(self, live: Live, texts: Language) -> None:
        self._live = live
        self._texts = texts
        self._growing: dict[str, Line] = {}
        self._printed: dict[str, Line] = {}

    def line(self, line: Line) -> None:
        """A line changed."""
        if line.final:
            self._growing.pop(line.item_id, None)
            if self._printed.get(line.item_id) != line:
                self._printed[line.item_id] = line
                self.say(rendered(self._texts, line))
        else:
            self._growing[line.item_id] = line
        self._live.update(
            Group(*(Text.from_markup(rendered(self._texts, each)) for each in self._growing.values()))
        )

    def say(self, markup: str) -> None:
        """Something to keep, above the lines in the making."""
        self._live.console.print(markup)


async def live_call(client: VoiceClient, console: Console, texts: Language) -> None:
    """Show the call of a connected client, whose microphone is on, until it ends or the task is cancelled."""
    transcript = Transcript()
    console.print(escape(say(texts, "speak")), style="dim")
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        screen = _Screen(live, texts)

        def reconnecting(notice: Reconnecting) -> None:
            sentence = say(
                texts, "reconnecting", seconds=f"{notice.delay:.0f}", attempt=notice.attempt, of=notice.of
            )
            screen.say(f"[yellow]{escape(sentence)}[/]")

        def connected(notice: Connected) -> None:
            screen.say(f"[dim]{escape(say(texts, 'resumed' if notice.resumed else 'anew'))}[/]")

        def latency(turn: Latency) -> None:
            screen.say(f"[dim]{escape(told(texts, turn))}[/]")

        def problem(problem: Problem) -> None:
            screen.say(f"[yellow]{escape(say(texts, 'server_error', detail=problem.message))}[/]")

        offs = [
            client.on("reconnecting", reconnecting),
            client.on("connected", connected),
            client.on("latency", latency),
            client.on("error", problem),
        ]
        try:
            async for event in client:
                line = transcript.feed(event)
                if line is not None:
                    screen.line(line)
        finally:
            for off in offs:
                off()
