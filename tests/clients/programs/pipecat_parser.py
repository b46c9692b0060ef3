"""Pipecat's own parser of server events: JSON lines in, for each of them a line out, empty or why it was refused.

Pipecat stops reading a connection whose event it cannot parse; events of a type it does not know it ignores.
"""

from __future__ import annotations

import json
import sys

from loguru import logger
from pipecat.services.openai.realtime import events

logger.remove()
print("ready", flush=True)
for line in sys.stdin:
    try:
        events.parse_server_event(line)
        verdict = ""
    except Exception as refusal:
        verdict = json.dumps(f"{type(refusal).__name__}: {refusal}"[:2000])
    print(verdict, flush=True)
