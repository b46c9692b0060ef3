"""An OpenAI-compatible chat endpoint that answers at once and by rule: the mind of a conversation under test.

A real HTTP server on a free port, speaking the documented streaming shapes of `/chat/completions`.

* after a tool's output it says what the tool found;
* "order" in the question, with tools offered, calls the first tool with the question as its argument;
* "what did you say" is answered with everything the assistant is on record to have said;
* "story" gets a long story;
* anything else is repeated.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

STORY = (
    "Once upon a time, a little bird lived in a tall green tree near the river. Every morning it sang a song to the "
    "sun, and every evening it sang a song to the moon. One day the wind was very strong and carried the bird far away "
    "over the hills. It flew for seven days until it found the river again, and there it sang louder than before."
)


def answer(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    """{"text": …} or {"call": (name, arguments)} for a conversation."""
    last = messages[-1]
    if last["role"] == "tool":
        return {"text": f"I looked it up. It says {json.loads(last['content'])['status']}."}
    question = _text(last).lower()
    if "order" in question and tools:
        return {"call": (tools[0]["function"]["name"], json.dumps({"question": question}))}
    if "what did you say" in question:
        said = [_text(m) for m in messages if m["role"] == "assistant"]
        return {"text": "I said: " + " ".join(s for s in said if s)}
    if "story" in question:
        return {"text": STORY}
    return {"text": f"You said: {_text(last)}"}


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def app() -> FastAPI:
    api = FastAPI()

    @api.post("/v1/chat/completions")
    async def completions(request: Request) -> StreamingResponse:
        asked = await request.json()
        given = answer(asked["messages"], asked.get("tools") or [])

        def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            body = {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": asked["model"],
            }
            return f"data: {json.dumps({**body, 'choices': [choice]})}\n\n"

        def stream() -> Iterator[str]:
            if "call" in given:
                name, arguments = given["call"]
                function = {"name": name, "arguments": arguments}
                yield chunk(
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {"index": 0, "id": "call_1", "type": "function", "function": function}
                        ],
                    }
                )
                yield chunk({}, "tool_calls")
            else:
                yield chunk({"role": "assistant", "content": ""})
                for word in given["text"].split(" "):
                    yield chunk({"content": word + " "})
                yield chunk({}, "stop")
            yield "data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    return api


@contextlib.contextmanager
def chat_stub() -> Iterator[str]:
    """The endpoint's base URL, such as `http://127.0.0.1:41234/v1`, while the block runs."""
    server = uvicorn.Server(
        uvicorn.Config(app(), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(10)
