"""The Korean voice as a program of its own, for benchmarks that need somebody to speak Korean.

`python -m moksori.engine.say` reads lines `{"text": "…", "voice": "jf_alpha", "speed": 1.0}` and answers each with
`{"pcm": "…"}`: base64 of mono PCM16 at 24 kHz, the same for the same line, or with `{"error": "…"}`. Nothing is taken
from the phrase store, nor put there.
"""

from __future__ import annotations

import base64
import json
import sys

from moksori.agent.speech import SpeechFailed
from moksori.engine import weights
from moksori.engine.kokoro_voice import KokoroVoice
from moksori.engine.korean.parts import parts


def main() -> None:
    try:
        voice = KokoroVoice(weights.path("kokoro-ja"))
    except (SpeechFailed, weights.WeightsFailed, weights.WeightsMissing) as error:
        sys.exit(str(error))
    for line in sys.stdin:
        given = json.loads(line)
        try:
            sound = b"".join(
                voice.render(part, given["voice"], given["speed"]).pcm for part in parts(given["text"])
            )
        except SpeechFailed as error:
            answer = {"error": str(error)}
        else:
            answer = {"pcm": base64.b64encode(sound).decode()}
        print(json.dumps(answer, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
