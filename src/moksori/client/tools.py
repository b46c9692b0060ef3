"""Functions the client offers to the model: running them, answering, and letting the model go on by `desk`."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moksori.client import desk
from moksori.client.events import Problem
from moksori.protocol import client_events as c
from moksori.protocol.errors import Error
from moksori.protocol.ids import random_id
from moksori.protocol.items import FunctionCall

ToolFunction = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """`schema` is the JSON schema of the arguments."""

    name: str
    schema: dict[str, Any]
    description: str
    function: ToolFunction

    def declaration(self) -> dict[str, Any]:
        """The tool as a session lists it."""
        declared = {"type": "function", "name": self.name, "parameters": self.schema}
        return {**declared, "description": self.description} if self.description else declared


async def run_tool(tool: Tool, arguments: str) -> str:
    """Call the function with the JSON object `arguments`; its result as the text the model reads.

    Raises what the function raises, and ValueError for arguments that are no JSON object.
    """
    given = json.loads(arguments or "{}")
    if not isinstance(given, dict):
        raise ValueError(f"The arguments of {tool.name} are not a JSON object.")
    result = tool.function(**given)
    if inspect.isawaitable(result):
        result = await result
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)


class Toolbox:
    """The tools of one client. `send` takes what goes to the server, `problem` what a function raised."""

    def __init__(self, send: Callable[[c.ClientEvent], None], problem: Callable[[Problem], None]) -> None:
        self._send = send
        self._problem = problem
        self._tools: dict[str, Tool] = {}
        self._desk = desk.Desk()
        self._asked: str | None = None  # event id of our last response.create
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether a function runs, or the model is yet to take up what one returned."""
        return bool(self._desk.running or self._desk.owed or self._desk.asked)

    def add(self, tool: Tool) -> None:
        """Offer a tool; one of the same name is replaced."""
        self._tools[tool.name] = tool

    def declarations(self) -> list[dict[str, Any]]:
        """The tools as a session lists them."""
        return [tool.declaration() for tool in self._tools.values()]

    def called(self, call: FunctionCall) -> None:
        """The model calls a function. One that is not ours is the server's own, and left alone."""
        tool = self._tools.get(call.name)
        if tool is None:
            return
        self._step(desk.Called(call.call_id))
        task = asyncio.get_running_loop().create_task(self._answer(tool, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def added(self, item_id: str) -> None:
        """The server announced an item."""
        self._step(desk.Seen(item_id))

    def began(self, response_id: str) -> None:
        """A response began."""
        self._step(desk.Began(response_id))

    def ended(self, response_id: str) -> None:
        """A response ended."""
        self._step(desk.Ended(response_id))

    def erred(self, event: Error) -> None:
        """An error came; it may be the answer to our response.create."""
        if self._asked is not None and event.error.event_id == self._asked:
            self._step(desk.Denied())

    def forget(self) -> None:
        """The session is gone, and with it every call that waits for an output."""
        for task in self._tasks:
            task.cancel()
        self._desk = desk.Desk()

    def _step(self, event: desk.Event) -> None:
        self._desk, go_on = desk.step(self._desk, event)
        if go_on:
            self._asked = random_id("event")
            self._send(c.ResponseCreate(event_id=self._asked))

    async def _answer(self, tool: Tool, call: FunctionCall) -> None:
        try:
            output = await run_tool(tool, call.arguments)
        except Exception as error:
            # The model can tell the caller, or try again; the application gets to know as well.
            output = json.dumps({"error": f"{type(error).__name__}: {error}"}, ensure_ascii=False)
            self._problem(Problem(f"{tool.name}: {error}", "tool"))
        item_id = random_id("item")
        item = {"id": item_id, "type": "function_call_output", "call_id": call.call_id, "output": output}
        self._send(c.ConversationItemCreate(item=item, event_id=random_id("event")))
        self._step(desk.Answered(call.call_id, item_id))
