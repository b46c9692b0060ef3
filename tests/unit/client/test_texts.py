"""Every sentence exists in both languages, with the same places to fill."""

from __future__ import annotations

import string

import pytest

from moksori.client.devices import Refusal
from moksori.client.recovery import Cause
from moksori.client.texts import keys, language_of, say


class Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


@pytest.mark.parametrize("key", sorted(keys()))
def test_both_languages_fill_the_same_places(key: str) -> None:
    from moksori.client.texts import _TEXTS

    places = [
        {name for _, name, _, _ in string.Formatter().parse(_TEXTS[key][language]) if name}
        for language in ("en", "ko")
    ]
    assert places[0] == places[1]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_cause_and_every_refusal_has_its_sentence(language: str) -> None:
    for cause in Cause:
        assert say(language, cause.value, url="ws://x", model="m", detail="d")  # type: ignore[arg-type]
    for refusal in Refusal:
        for device in ("microphone", "speaker"):
            assert say(language, f"{device}.{refusal.value}", detail="d")  # type: ignore[arg-type]


def test_language_follows_what_is_asked_then_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert language_of(None) == "ko"
    assert language_of("en") == "en"
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert language_of(None) == "en"
