"""Which Korean sentences this server will say again and again: named here, since the engine knows no shop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from moksori.engine import phrases, weights
from moksori.engine.korean.parts import syllables
from moksori.settings import Settings

VOICE = "kokoro-ja"
"""The weights without which there is nothing to render with."""
WORK_PER_SYLLABLE_S = 0.09
"""On two cores: 0.21 s of sound a syllable with its pauses (4.84 a second), 0.43 s of work for a second of it."""


def register(settings: Settings, *, lite: bool = False) -> None:
    """Tell the engine what is worth rendering ahead under these settings. Registering twice changes nothing.

    `lite`: what profile lite says, too, whatever the settings' own profile is.
    """
    phrases.register(said_again(settings, lite=lite))


def said_again(settings: Settings, *, lite: bool = False) -> Iterator[str]:
    """The fixed sentences and templates of all that may answer under these settings, `{slots}` where they vary."""
    from moksori.sessions import filler, goodbye

    yield goodbye.texts()["ko"]
    yield from filler.texts()["ko"]
    if lite or settings.engine.llm.kind in ("lite", "flows"):
        from moksori.engine.lite import fixed_sentences

        yield from fixed_sentences("ko")
    if settings.shop.database is not None or settings.shop.demo:
        yield from _of_the_shop(settings)


def _of_the_shop(settings: Settings) -> Iterator[str]:
    from moksori.shop.flows.data import templates
    from moksori.shop.passages import PolicyIndex
    from moksori.shop.policy import PolicyUnusable, load_policy
    from moksori.shop.texts import entries

    if settings.engine.llm.kind != "openai":
        yield from templates("ko")
    for file in ("read_out", "refusals"):
        yield from _in_korean(entries(file))
    try:
        yield from PolicyIndex(load_policy(settings.shop.policy), "KRW").texts("ko")
    except PolicyUnusable:
        return  # the shop itself says so when it is opened


def _in_korean(texts: Mapping[str, Any]) -> Iterator[str]:
    for text in texts.values():
        yield text["ko"]


def render(console: Console | None = None) -> int:
    """Render what is registered and not stored yet; says first how many and about how long. How many were rendered.

    Interrupted, it goes on the next time: each phrase is stored as soon as it is made. Raises `WeightsMissing`,
    `WeightsFailed` or `SpeechFailed`.
    """
    from moksori.engine.voices_load import korean_voice, lacking_ahead, render_one

    console = console or Console(stderr=True)
    home = weights.default_home()
    every, lacking = phrases.ahead().texts, lacking_ahead(home)
    if not lacking:
        console.print(f"All {len(every)} Korean phrases are rendered already.")
        return 0
    seconds = sum(syllables(text.split()) for text in lacking) * WORK_PER_SYLLABLE_S
    console.print(
        f"Rendering {len(lacking)} of {len(every)} Korean phrases ahead, about {seconds / 60:.1f} minutes on two "
        "idle cores. It can be stopped and goes on next time; --no-phrases leaves it to the server's idle time."
    )
    voice = korean_voice(home)
    columns = (TextColumn("phrases"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        for text in bar.track(lacking):
            render_one(voice, text)
    console.print(f"{len(lacking)} phrases rendered into {home / phrases.FOLDER}.")
    return len(lacking)


if __name__ == "__main__":
    import sys
    from pathlib import Path

    from moksori.engine.phrases_bench import main
    from moksori.settings import load

    register(load(None))
    main(Path(sys.argv[1]))
