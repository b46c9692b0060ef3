"""The local mind: Qwen2.5-Coder 1.5B on llama.cpp in this process. No network, no key, one or two callers at once."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import json
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from moksori.agent.brain import BrainEvent, BrainFailed, Called, Finished, Said, Thought
from moksori.engine.llama_prompt import PROMPT_TOKENS, grammar, identifiers, prompt, system_prompt, tokens
from moksori.protocol.session import Tool

Json = dict[str, Any]

MODEL = "qwen2.5-coder-1.5b"
THREADS = min(2, os.cpu_count() or 1)
"""Of two cores. They wait for each other at every layer, asleep (`llama_server.SPINS`); three would wait for a core."""
MAX_ANSWER_TOKENS = 256
"""More is not said on a telephone: about a minute of speech."""
MAX_CONVERSATIONS = 1024
"""Conversations whose slot is remembered; state itself is kept for `slots` of them."""
REPEAT_PENALTY = 1.05
"""Keeps a small model from saying the same sentence for ever."""
KEPT_RUN = 16
"""Tokens in a row that are worth keeping when what stood before them is gone: when the oldest turns leave the prompt,
those that stay are moved forward (their positions turned back), not read again. 0.5 instead of 6 s for 500 tokens."""


class Completions(Protocol):
    """What `LlamaBrain` needs of a loaded model; `LlamaServer` is the real one."""

    slots: int

    def chat(self, request: Json, on_chunk: Callable[[Json], bool], /) -> None: ...
    def save(self, slot: int, name: str, /) -> bool: ...
    def restore(self, slot: int, name: str, /) -> bool: ...
    def close(self) -> None: ...


class LlamaBrain:
    """`Brain` on a local model. Make it with `load`, on a thread: it takes seconds.

    A conversation keeps its slot, and with it what the model has read, as long as no more than `slots` talk in turn.
    """

    def __init__(self, server: Completions, *, context: int = 2048, model_id: str = MODEL) -> None:
        self._server = server
        self._context = context
        self._model_id = model_id
        self._slots = _Slots(server.slots)
        self._threads = ThreadPoolExecutor(server.slots, thread_name_prefix="llama")

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        threads: int = THREADS,
        slots: int = 2,
        context: int = 2048,
        states: Path | None = None,
    ) -> LlamaBrain:
        """Load the model. `states` is a folder for the state of warmed prompts, so that a restart need not read them.

        Blocking, about 5 s. Raises `BrainFailed`, or `WeightsMissing` if the model was not pulled.
        """
        from moksori.engine import weights
        from moksori.engine.llama_server import LlamaServer

        file = path or weights.path(MODEL)
        server = LlamaServer(file, threads=threads, slots=slots, context=context, states=states)
        about = file.stat()
        return cls(server, context=context, model_id=f"{file.name}:{about.st_size}:{context}")

    def warm(
        self,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        language: str | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Read the beginning of the prompt once into every slot. Blocking; seconds the first time, then from disk.

        A conversation that begins with the same instructions, tools and language then only reads its own words.
        `stopped` is asked after each batch of the prompt.
        """
        system = system_prompt(instructions, tools, language)
        name = hashlib.sha256(f"{self._model_id}\n{system}".encode()).hexdigest()[:32] + ".state"
        for slot in range(self._server.slots):
            if stopped():
                return
            if self._server.restore(slot, name):
                continue
            messages = [{"role": "system", "content": system}, {"role": "user", "content": "."}]
            self._server.chat(self._request(messages, _Slot(slot), 1), lambda chunk: stopped())
            if slot == 0 and not stopped():
                self._server.save(slot, name)

    def close(self) -> None:
        """Stop and unload. Answers in progress end within a token."""
        self._slots.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._server.close()

    async def think(self, thought: Thought) -> AsyncIterator[BrainEvent]:
        """Stream the answer; closing the iterator stops the model within a token, or 64 of the prompt."""
        system = system_prompt(thought.instructions, thought.tools, thought.language)
        messages = prompt(thought.history, system, PROMPT_TOKENS)
        limit = min(thought.max_tokens or MAX_ANSWER_TOKENS, MAX_ANSWER_TOKENS)
        if sum(tokens(message["content"]) for message in messages) > self._context - limit:
            raise BrainFailed(
                f"Instructions and the last turn are too long for the local language model ({self._context} tokens).",
                code="context_length_exceeded",
            )
        rules = grammar(thought.tools, thought.tool_choice, identifiers(thought.history))
        slot = await self._slots.take(thought.conversation_id, int(thought.priority))
        work = _Work(asyncio.get_running_loop())
        request = self._request(messages, slot, limit, rules)
        try:
            running = work.loop.run_in_executor(self._threads, work.run, self._server, request)
        except RuntimeError as e:
            self._slots.give_back(slot.number)
            raise BrainFailed("The local language model was closed.", code="llm_unavailable") from e
        # The slot is free when the model has really stopped, not when nobody listens any more.
        running.add_done_callback(lambda _: self._slots.give_back(slot.number))
        answer = _Answer()
        try:
            while (chunk := await work.chunks.get()) is not None:
                events = answer.take(chunk)
                self._slots.reads(slot.number, thought.conversation_id)
                for event in events:
                    yield event
            try:
                await running
            except (RuntimeError, ValueError) as e:
                raise BrainFailed(
                    f"The local language model failed ({type(e).__name__}).", code="llm_unavailable"
                ) from e
        finally:
            work.stop.set()
        for event in answer.finish():
            yield event

    def _request(self, messages: list[Json], slot: _Slot, limit: int, rules: str | None = None) -> Json:
        return {
            "messages": messages,
            "max_tokens": limit,
            "temperature": 0,
            "repeat_penalty": REPEAT_PENALTY,
            "cache_prompt": True,
            "id_slot": slot.number,
            # What was read behind somebody else's words carries some of them: only the beginning may stay then.
            "n_cache_reuse": KEPT_RUN if slot.own else 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            # A chunk after each batch of the prompt: the only moments at which reading can be stopped.
            "return_progress": True,
            **({"grammar": rules} if rules else {}),
        }


class _Work:
    """One completion: a thread puts chunks, the loop takes them; `None` is the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.stop = threading.Event()
        # Bounded by the answer's token limit and the prompt's batches.
        self.chunks: asyncio.Queue[Json | None] = asyncio.Queue()

    def run(self, server: Completions, request: Json) -> None:
        try:
            if not self.stop.is_set():
                server.chat(request, self._on_chunk)
        finally:
            self._put(None)

    def _on_chunk(self, chunk: Json) -> bool:
        if self.stop.is_set():
            return True
        self._put(chunk)
        return False

    def _put(self, chunk: Json | None) -> None:
        try:
            self.loop.call_soon_threadsafe(self.chunks.put_nowait, chunk)
        except RuntimeError:  # the loop was closed: nobody listens
            self.stop.set()


class _Answer:
    """Tells text from a call by its first character, and adds up the call."""

    def __init__(self) -> None:
        self._call: list[str] | None = None
        self._spoken = False
        self._reason: str | None = None
        self._usage: Json = {}

    def take(self, chunk: Json) -> Sequence[BrainEvent]:
        if "error" in chunk or "code" in chunk:
            error = chunk.get("error")
            kind = error.get("type", "error") if isinstance(error, dict) else "error"
            raise BrainFailed(f"The local language model refused the request ({kind}).", code="llm_rejected")
        self._usage = chunk.get("usage") or self._usage
        events: list[BrainEvent] = []
        for choice in chunk.get("choices") or ():
            self._reason = choice.get("finish_reason") or self._reason
            text = (choice.get("delta") or {}).get("content") or ""
            if not self._spoken and self._call is None:
                text = text.lstrip()
                if text.startswith("{"):
                    self._call = []
            if self._call is not None:
                self._call.append(text)
            elif text:
                self._spoken = True
                events.append(Said(text))
        return events

    def finish(self) -> Sequence[BrainEvent]:
        if self._reason is None:
            raise BrainFailed("The local language model stopped in mid-answer.", code="llm_unavailable")
        reason: Literal["stop", "length"] = "length" if self._reason == "length" else "stop"
        details = self._usage.get("prompt_tokens_details") or {}
        finished = Finished(
            reason,
            input_tokens=self._usage.get("prompt_tokens", 0),
            cached_tokens=details.get("cached_tokens", 0),
            output_tokens=self._usage.get("completion_tokens", 0),
        )
        if self._call is None:
            return [finished]
        try:
            call = json.loads("".join(self._call))
            name, arguments = call["name"], call["arguments"]
        except (ValueError, KeyError, TypeError):
            # Only the token limit can end a call before its end: the grammar allows nothing else.
            return [finished]
        written = json.dumps(arguments, ensure_ascii=False)
        return [Called(f"call_{secrets.token_urlsafe(12)}", str(name), written), finished]


@dataclass(frozen=True, slots=True)
class _Slot:
    """A slot as it was given. `own`: all that it has read beyond the common beginning is this conversation's."""

    number: int
    own: bool = False


class _Slots:
    """Which conversation may use which slot now. Used on the event loop only.

    A conversation gets the slot it had, else the one unused for longest, whose beginning (the instructions) is
    often the same. Who waits is served by priority, then in order.
    """

    def __init__(self, count: int) -> None:
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(count))
        self._last: OrderedDict[str, int] = OrderedDict()
        self._owner: dict[int, str] = {}
        self._read: dict[int, str] = {}
        self._waiting: list[tuple[int, int, str, asyncio.Future[_Slot]]] = []
        self._order = 0

    async def take(self, conversation: str, priority: int) -> _Slot:
        slot = self._pick(conversation)
        if slot is not None:
            return slot
        self._order += 1
        future: asyncio.Future[_Slot] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, self._order, conversation, future))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(future.result().number)
            raise

    def _pick(self, conversation: str) -> _Slot | None:
        mine = self._last.get(conversation)
        if mine is not None and self._owner.get(mine) == conversation:
            # Its own slot or none: another one would have to read the whole conversation again.
            slot = mine if mine in self._free else None
        else:
            slot = next(iter(self._free), None)
        if slot is None:
            return None
        del self._free[slot]
        self._owner[slot] = conversation
        self._last[conversation] = slot
        self._last.move_to_end(conversation)
        if len(self._last) > MAX_CONVERSATIONS:
            self._last.popitem(last=False)
        return _Slot(slot, own=self._read.get(slot) == conversation)

    def reads(self, slot: int, conversation: str) -> None:
        """What another conversation had read in this slot is gone from now on."""
        self._read[slot] = conversation

    def give_back(self, slot: int) -> None:
        self._free[slot] = None
        passed = []
        while self._waiting and self._free:
            entry = heapq.heappop(self._waiting)
            _, _, conversation, future = entry
            if future.done():
                continue
            given = self._pick(conversation)
            if given is None:
                passed.append(entry)
            else:
                future.set_result(given)
        for entry in passed:
            heapq.heappush(self._waiting, entry)

    def close(self) -> None:
        for _, _, _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
