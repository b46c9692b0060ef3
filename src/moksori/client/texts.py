"""Every sentence the client says to a person, in English and Korean."""

from __future__ import annotations

import locale
import os
from typing import Literal

Language = Literal["en", "ko"]

_TEXTS: dict[str, dict[Language, str]] = {
    # why a call could not begin or go on; {url}, {model}, {detail} may be used
    "unreachable": {
        "en": "No server answers at {url}. Start one with `moksori serve`, or give its address with --url.",
        "ko": "{url}에서 응답하는 서버가 없습니다. `moksori serve`로 서버를 켜거나 --url로 주소를 알려 주세요.",
    },
    "timeout": {
        "en": "{url} accepted the connection but did not greet in time. It may still be starting; try again shortly.",
        "ko": "{url}에 연결됐지만 제때 인사가 오지 않았습니다. 아직 켜지는 중일 수 있으니 잠시 후 다시 시도해 주세요.",
    },
    "wrong_key": {
        "en": "The server at {url} does not accept this key. Give a valid one with --key or MOKSORI_API_KEY.",
        "ko": "{url} 서버가 이 키를 받아들이지 않습니다. --key 또는 MOKSORI_API_KEY로 올바른 키를 주세요.",
    },
    "unknown_model": {
        "en": "The server at {url} has no model named '{model}'. Ask it for /v1/models to see which it has.",
        "ko": "{url} 서버에 '{model}' 모델이 없습니다. /v1/models에서 어떤 모델이 있는지 확인해 주세요.",
    },
    "session_gone": {
        "en": "The line broke and the call could not be found again: its time to come back has passed. Call again.",
        "ko": "연결이 끊겼고 통화를 다시 찾을 수 없습니다. 되돌아올 수 있는 시간이 지났으니 다시 걸어 주세요.",
    },
    "taken_over": {
        "en": "This call was continued from another place, so it ended here.",
        "ko": "이 통화가 다른 곳에서 이어져 여기에서는 끝났습니다.",
    },
    "expired": {
        "en": "The call reached the longest duration the server allows. Call again to go on.",
        "ko": "서버가 허용하는 최대 통화 시간이 지났습니다. 계속하려면 다시 걸어 주세요.",
    },
    "busy": {
        "en": "The server at {url} has no room or is shutting down. Try again in a moment. {detail}",
        "ko": "{url} 서버에 자리가 없거나 종료 중입니다. 잠시 후 다시 시도해 주세요. {detail}",
    },
    "refused": {
        "en": "The server at {url} refused the call. {detail}",
        "ko": "{url} 서버가 통화를 거절했습니다. {detail}",
    },
    "closed": {
        "en": "The server ended the call. {detail}",
        "ko": "서버가 통화를 끝냈습니다. {detail}",
    },
    "dropped": {
        "en": "The connection to {url} broke and did not come back. Check the server and the network, then call again.",
        "ko": "{url} 연결이 끊긴 뒤 돌아오지 않았습니다. 서버와 네트워크를 확인하고 다시 걸어 주세요.",
    },
    "secret": {
        "en": "No secret could be fetched for the call: {detail}",
        "ko": "통화에 쓸 임시 키를 받아 오지 못했습니다: {detail}",
    },
    "bye": {"en": "The call is over.", "ko": "통화를 마쳤습니다."},
    "bad_url": {
        "en": "'{url}' is not a WebSocket address. It should look like ws://127.0.0.1:8080/v1/realtime.",
        "ko": "'{url}'은(는) 웹소켓 주소가 아닙니다. ws://127.0.0.1:8080/v1/realtime 같은 모양이어야 합니다.",
    },
    # devices; {detail} is PortAudio's word
    "microphone.no_package": {
        "en": "The microphone needs the package `sounddevice`: pip install 'moksori[client]'. "
        "Without it, use --file or --text.",
        "ko": "마이크를 쓰려면 `sounddevice` 패키지가 필요합니다: pip install 'moksori[client]'. "
        "없이 쓰려면 --file이나 --text를 쓰세요.",
    },
    "microphone.no_library": {
        "en": "The microphone needs the PortAudio library (Debian: apt install libportaudio2). "
        "Without it, use --file or --text.",
        "ko": "마이크를 쓰려면 PortAudio 라이브러리가 필요합니다(데비안: apt install libportaudio2). "
        "없이 쓰려면 --file이나 --text를 쓰세요.",
    },
    "microphone.no_device": {
        "en": "No microphone was found. Plug one in, or use --file or --text.",
        "ko": "마이크를 찾지 못했습니다. 마이크를 연결하거나 --file 또는 --text를 쓰세요.",
    },
    "microphone.in_use": {
        "en": "The microphone is in use by another program or not permitted ({detail}). "
        "Close the other program, or allow the microphone in the system's settings.",
        "ko": "다른 프로그램이 마이크를 쓰고 있거나 권한이 없습니다({detail}). "
        "그 프로그램을 닫거나 시스템 설정에서 마이크를 허용해 주세요.",
    },
    "microphone.not_supported": {
        "en": "The microphone offers no sample rate that can be used ({detail}). Choose another device.",
        "ko": "마이크가 쓸 수 있는 샘플 속도를 제공하지 않습니다({detail}). 다른 장치를 골라 주세요.",
    },
    "speaker.no_package": {
        "en": "Hearing the answer needs the package `sounddevice`: pip install 'moksori[client]'. "
        "The transcript is shown all the same.",
        "ko": "답을 소리로 들으려면 `sounddevice` 패키지가 필요합니다: pip install 'moksori[client]'. "
        "대화 글은 그대로 보입니다.",
    },
    "speaker.no_library": {
        "en": "Hearing the answer needs the PortAudio library (Debian: apt install libportaudio2). "
        "The transcript is shown all the same.",
        "ko": "답을 소리로 들으려면 PortAudio 라이브러리가 필요합니다(데비안: apt install libportaudio2). "
        "대화 글은 그대로 보입니다.",
    },
    "speaker.no_device": {
        "en": "No speaker was found; the transcript is shown all the same.",
        "ko": "스피커를 찾지 못했습니다. 대화 글은 그대로 보입니다.",
    },
    "speaker.in_use": {
        "en": "The speaker is in use by another program ({detail}); the transcript is shown all the same.",
        "ko": "다른 프로그램이 스피커를 쓰고 있습니다({detail}). 대화 글은 그대로 보입니다.",
    },
    "speaker.not_supported": {
        "en": "The speaker offers no sample rate that can be used ({detail}); the transcript is shown all the same.",
        "ko": "스피커가 쓸 수 있는 샘플 속도를 제공하지 않습니다({detail}). 대화 글은 그대로 보입니다.",
    },
    # talk: what is wrong with what was asked
    "wav_missing": {
        "en": "There is no file {path}.",
        "ko": "{path} 파일이 없습니다.",
    },
    "wav_unreadable": {
        "en": "{path} cannot be read as a WAV: {detail}",
        "ko": "{path} 파일을 WAV로 읽을 수 없습니다: {detail}",
    },
    "wav_silent": {
        "en": "There is no voice in {path}; record it louder, or choose another file.",
        "ko": "{path} 파일에 목소리가 없습니다. 더 크게 녹음하거나 다른 파일을 골라 주세요.",
    },
    "out_unwritable": {
        "en": "The answer could not be written to {path}: {detail}",
        "ko": "답을 {path}에 쓰지 못했습니다: {detail}",
    },
    "file_and_text": {
        "en": "Give either --file or --text, not both.",
        "ko": "--file과 --text 가운데 하나만 주세요.",
    },
    "out_alone": {
        "en": "--out and --stereo need --file (or, for --out, --text) to be given too.",
        "ko": "--out과 --stereo는 --file과 함께 쓰세요(--out은 --text와도 됩니다).",
    },
    "gone_mid_call": {
        "en": "The server at {url} went away in the middle of the call and did not come back. "
        "See whether it still runs, then call again.",
        "ko": "통화 도중 {url} 서버가 사라졌고 돌아오지 않았습니다. 서버가 켜져 있는지 확인하고 다시 걸어 주세요.",
    },
    "no_answer": {
        "en": "No answer came within {seconds} seconds. The server's log tells why.",
        "ko": "{seconds}초 안에 답이 오지 않았습니다. 이유는 서버 로그에 있습니다.",
    },
    "answer_failed": {
        "en": "The server could not answer: {detail}",
        "ko": "서버가 답하지 못했습니다: {detail}",
    },
    "server_error": {
        "en": "The server reports: {detail}",
        "ko": "서버 알림: {detail}",
    },
    # talk: what is shown
    "you": {"en": "You", "ko": "나"},
    "agent": {"en": "Voice", "ko": "목소리"},
    "tool": {"en": "Tool", "ko": "도구"},
    "cut": {"en": "(interrupted)", "ko": "(끊김)"},
    "not_understood": {"en": "(not understood)", "ko": "(알아듣지 못함)"},
    "latency": {
        "en": "voice to voice {ms} ms (first byte {first} ms)",
        "ko": "말이 끝나고 답이 들리기까지 {ms} ms (첫 바이트 {first} ms)",
    },
    "latency_typed": {
        "en": "first sound after {ms} ms (first byte {first} ms)",
        "ko": "첫 소리까지 {ms} ms (첫 바이트 {first} ms)",
    },
    "connected": {"en": "Connected to {url}, {model}.", "ko": "{url}의 {model}에 연결됐습니다."},
    "speak": {"en": "Speak; Ctrl-C hangs up.", "ko": "말씀하세요. Ctrl-C로 끊습니다."},
    "reconnecting": {
        "en": "The line broke; trying again in {seconds} s ({attempt} of {of}).",
        "ko": "연결이 끊겼습니다. {seconds}초 뒤 다시 시도합니다({attempt}/{of}).",
    },
    "resumed": {"en": "The line is back; the call goes on.", "ko": "연결이 돌아와 통화를 이어 갑니다."},
    "anew": {
        "en": "The line is back, but the server began a new conversation.",
        "ko": "연결은 돌아왔지만 서버가 새 대화를 시작했습니다.",
    },
    "goodbye": {"en": "Goodbye.", "ko": "안녕히 계세요."},
    "wrote": {"en": "{path}: {seconds} s of audio", "ko": "{path}: 오디오 {seconds}초"},
}


def say(language: Language, key: str, **values: object) -> str:
    """The sentence `key` in `language`, with its places filled. Raises KeyError for an unknown key or place."""
    return _TEXTS[key][language].format(**values).strip()


def keys() -> frozenset[str]:
    """Every key of the catalogue."""
    return frozenset(_TEXTS)


def language_of(asked: str | None) -> Language:
    """The language to address the person in: the one asked for, else the machine's, else English."""
    name = (
        asked or os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    ).lower()
    return "ko" if name.startswith("ko") else "en"
