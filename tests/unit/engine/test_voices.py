"""One table of voices, a language each to its model, and folders that users drop in."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from moksori.agent.speech import Priority, SpeechFailed, Spoken
from moksori.engine.dropin import DroppedVoice, found
from moksori.engine.voices import Voices, own_name, table
from moksori.engine.voices_load import load
from moksori.engine.weights import WeightsMissing
from moksori.protocol.session import VOICES
from moksori.settings import Tts
from tests.support.speech import needs


class Speaker:
    """Notes what it was asked to say."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def synthesise(
        self,
        text: str,
        *,
        voice: str,
        language: str,
        speed: float = 1.0,
        priority: Priority = Priority.WAITED_FOR,
    ) -> AsyncIterator[Spoken]:
        self.asked.append((text, voice, language))
        yield Spoken(b"\0\0", ())


async def say(voices: Voices, text: str, voice: str, language: str) -> None:
    async for _ in voices.synthesise(text, voice=voice, language=language):
        pass


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_openai_voice_has_one_of_this_machine_s(language: str) -> None:
    assert set(VOICES) <= set(table()[language])
    assert own_name(language, "no such voice") == table()[language]["default"]
    assert own_name(language, table()[language]["marin"]) == table()[language]["marin"]


async def test_a_clause_goes_to_the_voice_of_its_language() -> None:
    english, korean = Speaker(), Speaker()
    voices = Voices({"en": english, "ko": korean}, local=frozenset({"en", "ko"}))

    await say(voices, "Hello.", "coral", "en")
    await say(voices, "안녕하세요.", "coral", "ko-KR")

    assert english.asked == [("Hello.", "heart", "en")]
    assert korean.asked == [("안녕하세요.", "jf_alpha", "ko-KR")]


async def test_an_endpoint_is_told_openai_s_name_and_a_folder_is_asked_by_its_own() -> None:
    remote, dropped = Speaker(), Speaker()
    voices = Voices({"ko": remote}, named={"native": dropped})

    await say(voices, "네.", "marin", "ko")
    await say(voices, "네.", "native", "ko")

    assert voices.names == {"native"}
    assert remote.asked == [("네.", "marin", "ko")]
    assert dropped.asked == [("네.", "native", "ko")]


async def test_a_language_nobody_speaks_is_a_sentence() -> None:
    with pytest.raises(SpeechFailed, match="No voice here speaks 'ja'; there are voices for en, ko"):
        await say(Voices({"en": Speaker(), "ko": Speaker()}), "はい", "marin", "ja")


# ---------------------------------------------------------------------------------------------------- dropped in


def folder(home: Path, name: str, *files: str) -> Path:
    place = home / "voices" / name
    place.mkdir(parents=True)
    for file in files:
        (place / file).write_text("")
    return place


def test_folders_are_found_by_what_lies_in_them(tmp_path: Path) -> None:
    folder(tmp_path, "vits", "model.onnx", "tokens.txt", "lexicon.txt", "date.fst", "number.fst")
    folder(tmp_path, "matcha", "model-steps-3.onnx", "vocos-22khz.onnx", "tokens.txt")
    (tmp_path / "voices" / "readme.txt").write_text("no voice")

    matcha, vits = found(tmp_path)

    assert (vits.name, vits.acoustic.name, vits.vocoder) == ("vits", "model.onnx", "")
    assert vits.lexicon.endswith("lexicon.txt")
    assert [Path(rule).name for rule in vits.rules.split(",")] == ["date.fst", "number.fst"]
    assert (matcha.acoustic.name, Path(matcha.vocoder).name) == ("model-steps-3.onnx", "vocos-22khz.onnx")
    assert found(tmp_path / "empty") == ()


@pytest.mark.parametrize(
    ("files", "sentence"), [(("model.onnx",), "no tokens.txt"), (("tokens.txt",), "no model.onnx")]
)
def test_a_folder_that_lacks_a_file_is_a_sentence(
    tmp_path: Path, files: tuple[str, ...], sentence: str
) -> None:
    folder(tmp_path, "half", *files)

    with pytest.raises(SpeechFailed, match=sentence):
        found(tmp_path)


def test_without_the_package_the_sentence_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    folder(tmp_path, "native", "model.onnx", "tokens.txt")
    (dropped,) = found(tmp_path)

    with pytest.raises(
        SpeechFailed, match=r"'native' .* needs the package sherpa-onnx: run `pip install 'sherpa-onnx>=2'`"
    ):
        DroppedVoice(dropped)


class Made:
    sample_rate = 12_000

    def __init__(self, text: str) -> None:
        sound = np.full(1200 * len(text.split()), 0.5, np.float32)
        self.samples = np.concatenate((np.zeros(600, np.float32), sound, np.zeros(600, np.float32)))


def sherpa(accepted: bool = True) -> Any:
    """The few names of sherpa-onnx that are used, in its place."""
    module = ModuleType("sherpa_onnx")
    module.asked = []  # type: ignore[attr-defined]

    class Config:
        def __init__(self, **given: Any) -> None:
            self.given = given

        def validate(self) -> bool:
            return accepted

    class Tts:
        def __init__(self, config: Config) -> None:
            module.config = config.given  # type: ignore[attr-defined]

        def generate(self, text: str, config: Any = None, **given: Any) -> Made:
            module.asked.append((text, config) if config else (text, given["sid"], given["speed"]))
            return Made(text)

    for name in ("VitsModelConfig", "MatchaModelConfig", "ModelConfig", "Config"):
        setattr(module, f"OfflineTts{name}", Config)
    module.GenerationConfig = SimpleNamespace  # type: ignore[attr-defined]
    module.OfflineTts = Tts  # type: ignore[attr-defined]
    return module


async def test_a_dropped_voice_speaks_what_the_reader_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sherpa()
    monkeypatch.setitem(sys.modules, "sherpa_onnx", module)
    folder(tmp_path, "native", "model.onnx", "tokens.txt", "lexicon.txt")
    (dropped,) = found(tmp_path)
    voice = DroppedVoice(dropped)

    spoken = [s async for s in voice.synthesise("총 12,300원입니다.", voice="native", language="ko")]

    assert module.asked == [("총 만 이천삼백 원입니다.", 0, 1.0)]
    words = [word for piece in spoken for word in piece.words]
    samples = sum(len(piece.pcm) // 2 for piece in spoken)
    assert [word.text for word in words] == ["총", "12,300원입니다."]
    assert words[-1].end == samples
    # Half a second of sound at 12 kHz is half a second at 24 kHz, and the silence around it is gone.
    assert abs(samples - 4 * 2400) < 480


async def test_a_voice_that_learnt_phonemes_is_given_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a folder with Piper's configuration, server says a clause, sherpa-onnx gets what espeak-ng makes of it."""
    needs("espeak-ng")
    module = sherpa()
    monkeypatch.setitem(sys.modules, "sherpa_onnx", module)
    folder(tmp_path, "kss", "model.onnx", "model.onnx.json", "tokens.txt")
    (dropped,) = found(tmp_path)

    _ = [s async for s in DroppedVoice(dropped).synthesise("네, 5개입니다.", voice="kss", language="ko")]

    ((_, config),) = module.asked
    said = "".join(map(chr, config.phoneme_codepoints[0]))
    assert said.startswith("nˈe, dɐsˈʌt") and said.endswith("."), said
    assert not any("가" <= sign <= "힣" or sign.isdigit() for sign in said)


def test_a_voice_that_learnt_phonemes_says_which_program_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", sherpa())
    monkeypatch.setenv("PATH", str(tmp_path))
    folder(tmp_path, "kss", "model.onnx", "model.onnx.json", "tokens.txt")
    (dropped,) = found(tmp_path)

    with pytest.raises(SpeechFailed, match=r"'kss' .* needs the program espeak-ng"):
        DroppedVoice(dropped)


async def test_a_clause_of_which_sherpa_makes_nothing_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", sherpa())
    monkeypatch.setattr(Made, "sample_rate", 0)
    folder(tmp_path, "native", "model.onnx", "tokens.txt")
    (dropped,) = found(tmp_path)

    with pytest.raises(SpeechFailed, match="made no sound of a clause with the voice 'native'"):
        _ = [s async for s in DroppedVoice(dropped).synthesise("네.", voice="native", language="ko")]


def test_a_folder_sherpa_refuses_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sherpa_onnx", sherpa(accepted=False))
    folder(tmp_path, "native", "model.onnx", "tokens.txt")
    (dropped,) = found(tmp_path)

    with pytest.raises(SpeechFailed, match="sherpa-onnx does not accept the voice"):
        DroppedVoice(dropped)


# ---------------------------------------------------------------------------------------------------- what is loaded


def never(priority: Priority, call: Any) -> Any:
    raise AssertionError("nothing is to be synthesised")


async def test_an_endpoint_for_korean_only_leaves_english_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = Speaker()
    english.warm = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr("moksori.engine.hibari_voice.HibariVoice", lambda **_: english)
    settings = Tts(kind="openai", base_url="http://127.0.0.1:9/v1", model="m", languages=("ko",))

    loaded = load(settings, never, never, tmp_path)

    await say(loaded.voice, "Hello.", "alloy", "en")
    assert english.asked == [("Hello.", "heart", "en")]
    with pytest.raises(SpeechFailed, match=r"The tts endpoint at http://127\.0\.0\.1:9/v1 cannot be reached"):
        await say(loaded.voice, "안녕하세요.", "alloy", "ko")
    assert loaded.korean is None, "no weights of Kokoro were looked for"
    await loaded.close()


def test_without_korean_weights_the_sentence_says_what_to_run(tmp_path: Path) -> None:
    settings = Tts(kind="openai", base_url="http://127.0.0.1:9/v1", model="m", languages=("en",))

    with pytest.raises(WeightsMissing, match="run `moksori models pull`"):
        load(settings, never, never, tmp_path)
