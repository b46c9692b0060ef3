"""The Python client: `VoiceClient` for programs, `talk` for people."""

from moksori.client.events import ConnectFailed, Problem
from moksori.client.measure import Latency
from moksori.client.voice import VoiceClient

__all__ = ["ConnectFailed", "Latency", "Problem", "VoiceClient"]
