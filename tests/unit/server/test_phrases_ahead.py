"""What is rendered by `models pull`: what may be said under the settings, once, and on from where it was stopped."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from moksori.agent.speech import Word
from moksori.conversation.clauses import Saying
from moksori.engine import kokoro_voice, phrases, voices_load, weights
from moksori.engine.kokoro_model import Sound
from moksori.engine.kokoro_voice import KokoroVoice
from moksori.engine.phrases import PhraseStore
from moksori.engine.voices_load import lacking_ahead
from moksori.server import phrases_ahead
from moksori.settings import Settings

LITE = {"profile": "lite"}
FLOWS = {"profile": "lite", "llm": {"kind": "flows"}}


class Network:
    """In Kokoro's place; stopped by the user at its `stops_at`-th text."""

    voices = ("jm_kumo",)
    stops_at = -1
    asked: list[str] = []  # noqa: RUF012 - set anew by the fixture

    def __init__(self, folder: Path, threads: int) -> None: ...

    def speak(self, words: tuple[Saying, ...], voice: str, speed: float) -> Sound | None:
        if len(self.asked) == self.stops_at:
            raise KeyboardInterrupt
        self.asked.append(" ".join(word.written for word in words))
        return Sound(np.full(2400, 0.5, np.float32), tuple(Word(word.written, 0, 1) for word in words))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(phrases, "_registered", {})
    monkeypatch.setattr(weights, "default_home", lambda: tmp_path)
    monkeypatch.setattr(kokoro_voice, "KokoroModel", Network)
    monkeypatch.setattr(
        voices_load,
        "korean_voice",
        lambda home: KokoroVoice(home, store=PhraseStore(home), model_hash=voices_load._edition()),
    )
    monkeypatch.setattr(Network, "asked", [])
    monkeypatch.setattr(Network, "stops_at", -1)
    return tmp_path


def pulled() -> str:
    out = io.StringIO()
    phrases_ahead.render(Console(file=out, width=200))
    return out.getvalue()


def test_it_says_how_many_and_how_long_and_renders_each_once(home: Path) -> None:
    every = phrases.ahead().texts

    first, second = pulled(), pulled()

    assert f"Rendering {len(every)} of {len(every)} Korean phrases ahead, about 0." in first
    assert "--no-phrases" in first
    assert f"All {len(every)} Korean phrases are rendered already." in second
    assert sorted(Network.asked) == sorted(every)
    assert lacking_ahead(home) == ()


def test_stopped_it_goes_on_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = phrases.ahead().texts
    monkeypatch.setattr(Network, "stops_at", 3)
    with pytest.raises(KeyboardInterrupt):
        pulled()
    monkeypatch.setattr(Network, "stops_at", -1)

    said = pulled()

    assert f"Rendering {len(every) - 3} of {len(every)}" in said
    assert sorted(Network.asked) == sorted(every)


@pytest.mark.parametrize(
    ("settings", "said", "not_said"),
    [
        (Settings(engine=LITE), "네, 잘 들립니다.", "네, 주문을 취소했습니다."),
        (
            Settings(engine=FLOWS, shop={"demo": True}),
            "네, 주문을 취소했습니다.",
            "원한 것: {wanted}. 된 것: {done}.",
        ),
        (Settings(shop={"demo": True}), "진행할까요?", "네, 잘 들립니다."),
        (Settings(), "지금은 더 도와드릴 수 없어 통화를 마치겠습니다.", "네, 주문을 취소했습니다."),
    ],
    ids=["lite", "flows", "shop with a language model", "engine alone"],
)
def test_what_is_rendered_is_what_may_be_said(settings: Settings, said: str, not_said: str) -> None:
    phrases_ahead.register(settings)

    assert said in phrases.ahead().texts
    assert not_said not in phrases.registered()
    assert not any("{" in text for text in phrases.ahead().texts)


def test_a_pull_for_profile_lite_renders_what_lite_says() -> None:
    phrases_ahead.register(Settings(), lite=True)

    assert "네, 잘 들립니다." in phrases.ahead().texts


def test_the_policys_numbers_are_in_what_is_rendered() -> None:
    """Given the shop's passages, what is rendered is what is read out: fees and days filled in."""
    phrases_ahead.register(Settings(shop={"demo": True}))

    assert any("3,000원" in text for text in phrases.ahead().whole)
