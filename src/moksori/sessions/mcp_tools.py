"""MCP tools of a session, run by this server in front of whatever backend answers.

The backend is told of plain functions; what it says about calling one is told to the client as the `mcp_*` events.
A call's item, and the end of its response, wait until the tool has answered; then the backend is given the output and
asked to go on. A call that needs a person's approval is shown as a request, and made when the approval comes.

Without MCP tools every frame passes as it is.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from moksori.agent.backend import (
    Backend,
    BackendLost,
    BackendRefused,
    Capabilities,
    CloseReason,
    Farewell,
    Opening,
    Sink,
)
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import SOUND, Frame
from moksori.protocol.ids import random_id
from moksori.protocol.items import McpListedTool
from moksori.protocol.session import FunctionTool, McpTool, RealtimeSession
from moksori.sessions.mcp_client import CallFailed, Lines, may_reach, needs_approval
from moksori.telemetry import get_logger

Json = dict[str, Any]
OURS = "moksori-mcp-"
"""Begins the `event_id` of events that the client did not send; what fails because of them is not its business."""
DENIED = "The call was not approved: do not try it again, and say that it was not done."
"""What the model is told; nobody else reads it."""

_log = get_logger(__name__)
_convert = msgspec.json.Encoder().encode


class Clients(Protocol):
    """How servers are reached; a test puts its own here."""

    async def list_tools(self, tool: McpTool) -> tuple[McpListedTool, ...]: ...

    async def call_tool(self, tool: McpTool, name: str, arguments: Json) -> str: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Call:
    """A call of the backend's as the client sees it."""

    item_id: str
    call_id: str
    server: McpTool
    name: str
    arguments: str = ""
    approval: bool = False
    output: str | None = None
    error: Any = None
    approval_request_id: str | None = None

    def item(self) -> Json:
        kind = "mcp_approval_request" if self.approval else "mcp_call"
        shown: Json = {"id": self.item_id, "type": kind, "server_label": self.server.server_label}
        shown |= {"name": self.name, "arguments": self.arguments}
        extra = {"output": self.output, "approval_request_id": self.approval_request_id}
        shown |= {key: value for key, value in extra.items() if value is not None}
        return shown | ({"error": msgspec.to_builtins(self.error)} if self.error is not None else {})


@dataclass(slots=True)
class McpTools:
    """Between the conductor and its backend: the backend's `Sink`, and to the conductor a `Backend`."""

    sink: Sink
    allowed: frozenset[str] = frozenset()
    clients: Clients = field(default_factory=Lines)
    _backend: Backend | None = None
    _functions: list[Json] = field(default_factory=list)
    """The client's own function tools, as it gave them."""
    _servers: dict[str, McpTool] = field(default_factory=dict)
    _listed: dict[str, tuple[McpListedTool, ...]] = field(default_factory=dict)
    _choice: Any = "auto"
    _calls: dict[str, _Call] = field(default_factory=dict)
    _due: list[_Call] = field(default_factory=list)
    """Calls to be made when the running response is over."""
    _held: list[Frame] | None = None
    """What the backend says while a tool works; None while none does."""
    _hidden: set[str] = field(default_factory=set)
    """Items the client is not shown: outputs that went to the backend only."""
    _updates_to_hide: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # ------------------------------------------------------------------ around a backend

    def opening(self, opening: Opening) -> Opening:
        """The opening without MCP tools, which a client secret may bring; `attach` has them listed."""
        session = opening.session
        if not isinstance(session, RealtimeSession) or not any(isinstance(t, McpTool) for t in session.tools):
            return opening
        tools = [t for t in session.tools if isinstance(t, McpTool)]
        try:
            for index, tool in enumerate(tools):
                self._check(tool, f"session.tools[{index}]")
        except ProtocolError as error:
            raise BackendRefused(
                error.message, code=error.code or "invalid_value", status=400, retry=False
            ) from error
        functions = tuple(t for t in session.tools if not isinstance(t, McpTool))
        self._functions = [msgspec.to_builtins(t) for t in functions]
        self._servers = {t.server_label: t for t in tools}
        return dataclasses.replace(opening, session=replace(session, tools=functions))

    def attach(self, backend: Backend) -> None:
        """The backend that started; servers an opening brought are asked for their tools."""
        self._backend = backend
        for label in self._servers:
            self._spawn(self._list(label))

    @property
    def capabilities(self) -> Capabilities:
        assert self._backend is not None
        return self._backend.capabilities

    async def start(self, opening: Opening, sink: Sink) -> None:
        raise AssertionError("the backend inside is started by its routes")

    def reading(self, yes: bool) -> None:
        assert self._backend is not None
        self._backend.reading(yes)

    async def close(self, why: CloseReason) -> Farewell:
        assert self._backend is not None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.clients.close()
        return await self._backend.close(why)

    # ------------------------------------------------------------------ from the client

    def send(self, frame: Frame) -> None:
        assert self._backend is not None
        if frame.type == "session.update" and (self._servers or b'"mcp"' in frame.raw):
            self._guarded(frame, self._session_update)
        elif frame.type == "response.create" and b'"mcp"' in frame.raw:
            self._guarded(frame, self._response_create)
        elif frame.type == "conversation.item.create" and b"mcp_approval_response" in frame.raw:
            self._guarded(frame, self._approval)
        else:
            self._backend.send(frame)

    def _guarded(self, frame: Frame, act: Any) -> None:
        try:
            event = msgspec.json.decode(frame.raw)
            act(frame, event)
        except ProtocolError as error:
            self.sink.frame(Frame.from_event(error.caused_by(frame.event_id).as_event(random_id("event"))))
        except (msgspec.MsgspecError, TypeError, AttributeError, KeyError):
            assert self._backend is not None
            self._backend.send(frame)  # malformed: the backend says what is wrong with it

    def _session_update(self, frame: Frame, event: Json) -> None:
        assert self._backend is not None
        session = dict(event["session"])
        fresh: list[str] = []
        if "tools" in session:
            functions, servers = self._parted(session["tools"] or [])
            fresh = [label for label, tool in servers.items() if self._servers.get(label) != tool]
            self._servers, self._functions = servers, functions
            self._listed = {k: v for k, v in self._listed.items() if k in servers and k not in fresh}
            session["tools"] = self._offered()
        choice = session.get("tool_choice")
        if choice is not None:
            self._choice = choice
        if isinstance(choice, dict) and choice.get("type") == "mcp":
            if choice.get("server_label") not in self._servers:
                raise ProtocolError(
                    f"There is no MCP server '{choice.get('server_label')}' among the session's tools.",
                    "invalid_value",
                    param="session.tool_choice.server_label",
                )
            name = choice.get("name")
            session["tool_choice"] = {"type": "function", "name": name} if name else "required"
        self._backend.send(Frame.from_raw(_convert({**event, "session": session}), frame.at))
        for label in fresh:
            self._spawn(self._list(label))

    def _parted(self, tools: list[Any]) -> tuple[list[Json], dict[str, McpTool]]:
        """Function tools, and MCP servers by label. Raises `ProtocolError` naming what may not be."""
        servers: dict[str, McpTool] = {}
        functions: list[Json] = []
        for index, tool in enumerate(tools):
            if not isinstance(tool, dict) or tool.get("type") != "mcp":
                functions.append(tool)
                continue
            path = f"session.tools[{index}]"
            try:
                server = msgspec.convert(tool, McpTool)
            except msgspec.ValidationError as refusal:
                raise ProtocolError(f"Invalid '{path}': {refusal}.", "invalid_value", param=path) from None
            self._check(server, path)
            if server.server_label in servers:
                raise ProtocolError(
                    f"Two MCP servers are called '{server.server_label}'.",
                    "invalid_value",
                    param=f"{path}.server_label",
                )
            servers[server.server_label] = server
        return functions, servers

    def _check(self, server: McpTool, path: str) -> None:
        for name in ("connector_id", "tunnel_id"):
            if getattr(server, name) is not None:
                raise ProtocolError(
                    f"This server reaches MCP servers by 'server_url' only, not by '{name}'.",
                    "invalid_value",
                    param=f"{path}.{name}",
                )
        if server.server_url is None:
            raise ProtocolError(
                f"Missing required parameter: '{path}.server_url'.",
                "missing_required_parameter",
                param=f"{path}.server_url",
            )
        if not may_reach(server.server_url, self.allowed):
            raise ProtocolError(
                "This server may not reach that MCP server: its operator must add the host to mcp.allowed_hosts.",
                "invalid_value",
                param=f"{path}.server_url",
            )

    def _response_create(self, frame: Frame, event: Json) -> None:
        assert self._backend is not None
        for index, tool in enumerate((event.get("response") or {}).get("tools") or []):
            if isinstance(tool, dict) and tool.get("type") == "mcp":
                raise ProtocolError(
                    "MCP servers are given to the session, not to one response: put them into session.tools.",
                    "invalid_value",
                    param=f"response.tools[{index}]",
                )
        self._backend.send(frame)

    def _approval(self, frame: Frame, event: Json) -> None:
        item = event["item"]
        if item.get("type") != "mcp_approval_response":
            raise TypeError
        asked = self._calls.get(item.get("approval_request_id"))
        if asked is None or not asked.approval:
            raise ProtocolError(
                "There is no approval request with that id.",
                "invalid_value",
                param="item.approval_request_id",
            )
        del self._calls[asked.item_id]
        shown = {**item, "id": item.get("id") or random_id("item"), "approve": bool(item.get("approve"))}
        self._say("conversation.item.added", item=shown, previous_item_id=asked.item_id)
        self._say("conversation.item.done", item=shown, previous_item_id=asked.item_id)
        if shown["approve"]:
            call = _Call(random_id("item"), asked.call_id, asked.server, asked.name, asked.arguments)
            call.approval_request_id = asked.item_id
            self._say("conversation.item.added", item=call.item(), previous_item_id=shown["id"])
            self._spawn(self._run_approved(call))
        else:
            self._go_on([(asked.call_id, json.dumps({"error": DENIED, "reason": item.get("reason")}))])

    # ------------------------------------------------------------------ from the backend

    def lost(self, why: BackendLost) -> None:
        self.sink.lost(why)

    def writable(self, yes: bool) -> None:
        self.sink.writable(yes)

    def frame(self, frame: Frame) -> None:
        if frame.type == SOUND and self._held is None:
            hand_on = self.sink.frame  # what most events are, and none of ours
            hand_on(frame)
        elif not self._servers and not self._calls and not self._hidden and not self._updates_to_hide:
            self.sink.frame(frame)
        elif self._held is not None and frame.type != "error":
            self._held.append(frame)
        else:
            for each in self._shown(frame):
                self.sink.frame(each)

    def _shown(self, frame: Frame) -> list[Frame]:
        """What the client is told in place of one of the backend's events."""
        kind = frame.type
        if kind.endswith(("audio.delta", "transcript.delta", "text.delta")):
            return [frame]
        event: Json = msgspec.json.decode(frame.raw)
        if kind == "error" and str((event.get("error") or {}).get("event_id") or "").startswith(OURS):
            _log.warning("mcp_event_refused", code=event["error"].get("code"))
            return []
        if kind == "session.updated":
            if self._updates_to_hide:
                self._updates_to_hide -= 1
                return []
            return [self._made({**event, "session": self._with_servers(event["session"])})]
        item = event.get("item")
        if isinstance(item, dict):
            return self._item_event(kind, event, item, frame)
        call = self._calls.get(event.get("item_id") or "")
        if kind.startswith("response.function_call_arguments.") and call is not None:
            return self._arguments(kind, event, call)
        if kind == "response.done":
            return self._response_done(event, frame)
        return [frame]

    def _item_event(self, kind: str, event: Json, item: Json, frame: Frame) -> list[Frame]:
        item_id = str(item.get("id"))
        if item_id in self._hidden:
            return []
        if kind == "response.output_item.added" and item.get("type") == "function_call":
            found = self._tool(str(item.get("name")))
            if found is not None:
                approval = needs_approval(found, str(item["name"]))
                self._calls[item_id] = _Call(item_id, item["call_id"], found, item["name"], approval=approval)
        call = self._calls.get(item_id)
        if call is None:
            return [frame]
        if item.get("arguments"):
            call.arguments = item["arguments"]
        if (
            not call.approval
            and kind in ("conversation.item.done", "response.output_item.done")
            and call.output is None
        ):
            if call not in self._due:
                self._due.append(call)
            return []  # they follow when the tool has answered
        return [self._made({**event, "item": call.item()})]

    def _arguments(self, kind: str, event: Json, call: _Call) -> list[Frame]:
        kept = {key: value for key, value in event.items() if key not in ("call_id", "name")}
        kept["type"] = kind.replace("function_call", "mcp_call")
        if kind.endswith("done"):
            call.arguments = event["arguments"]
        elif not call.approval:
            kept["obfuscation"] = ""
        return [] if call.approval else [self._made(kept)]

    def _response_done(self, event: Json, frame: Frame) -> list[Frame]:
        output = event["response"]["output"]
        if not any(item.get("id") in self._calls for item in output):
            return [frame]
        if self._due:
            due, self._due = self._due, []
            self._held = []
            self._spawn(self._run(due, event))
            return []
        return [self._ended(event)]

    def _ended(self, event: Json) -> Frame:
        output = [
            self._calls[item["id"]].item() if item.get("id") in self._calls else item
            for item in event["response"]["output"]
        ]
        return self._made({**event, "response": {**event["response"], "output": output}})

    # ------------------------------------------------------------------ calls

    async def _run(self, due: list[_Call], done: Json) -> None:
        """Make the calls of a finished response, end it before the client, and let the backend go on."""
        response_id = done["response"]["id"]
        ids = [item["id"] for item in done["response"]["output"]]
        for call in due:
            index = ids.index(call.item_id)
            await self._make(call, index)
            self._say("conversation.item.done", item=call.item(), previous_item_id=None)
            self._say(
                "response.output_item.done", item=call.item(), response_id=response_id, output_index=index
            )
        self.sink.frame(self._ended(done))
        held, self._held = self._held or [], None
        for frame in held:
            self.frame(frame)
        self._go_on([(call.call_id, _output(call)) for call in due])

    async def _run_approved(self, call: _Call) -> None:
        await self._make(call, 0)
        self._calls[call.item_id] = call
        self._say("conversation.item.done", item=call.item(), previous_item_id=call.approval_request_id)
        self._go_on([(call.call_id, _output(call))])

    async def _make(self, call: _Call, index: int) -> None:
        self._say("response.mcp_call.in_progress", item_id=call.item_id, output_index=index)
        try:
            arguments = json.loads(call.arguments or "{}")
            call.output = await self.clients.call_tool(call.server, call.name, arguments)
        except CallFailed as failure:
            call.error = failure.error
        ended = "failed" if call.error is not None else "completed"
        self._say(f"response.mcp_call.{ended}", item_id=call.item_id, output_index=index)

    def _go_on(self, outputs: list[tuple[str, str]]) -> None:
        """Give the backend what its calls brought, and ask it for the rest of its answer."""
        assert self._backend is not None
        for call_id, output in outputs:
            item = {
                "id": random_id("item"),
                "type": "function_call_output",
                "call_id": call_id,
                "output": output,
            }
            self._hidden.add(item["id"])
            self._tell("conversation.item.create", item=item)
        self._tell("response.create")

    async def _list(self, label: str) -> None:
        """Learn a server's tools and offer them to the backend."""
        server, item_id = self._servers[label], random_id("item")
        item: Json = {"id": item_id, "type": "mcp_list_tools", "server_label": label, "tools": []}
        self._say("conversation.item.added", item=item, previous_item_id=None)
        self._say("mcp_list_tools.in_progress", item_id=item_id)
        try:
            tools = await self.clients.list_tools(server)
        except CallFailed as failure:
            _log.warning("mcp_list_failed", server=label, reason=str(failure))
            self._say("mcp_list_tools.failed", item_id=item_id)
            return
        if self._servers.get(label) != server:
            return  # taken out again meanwhile
        self._listed[label] = tools
        self._say(
            "conversation.item.done",
            item={**item, "tools": msgspec.to_builtins(tools)},
            previous_item_id=None,
        )
        self._say("mcp_list_tools.completed", item_id=item_id)
        self._updates_to_hide += 1
        self._tell("session.update", session={"type": "realtime", "tools": self._offered()})

    # ------------------------------------------------------------------ inside

    def _offered(self) -> list[Json]:
        """The tools the backend is told of: the client's functions, then those of its servers."""
        taken = {str(tool.get("name")) for tool in self._functions if isinstance(tool, dict)}
        offered = list(self._functions)
        for tools in self._listed.values():
            for tool in tools:
                if tool.name not in taken:
                    taken.add(tool.name)
                    made = FunctionTool(
                        name=tool.name, description=tool.description, parameters=tool.input_schema
                    )
                    offered.append(msgspec.to_builtins(made))
        return offered

    def _tool(self, name: str) -> McpTool | None:
        """The server that offers `name`, unless it is a function of the client's own."""
        if any(isinstance(tool, dict) and tool.get("name") == name for tool in self._functions):
            return None
        return next(
            (
                self._servers[label]
                for label, tools in self._listed.items()
                if any(t.name == name for t in tools)
            ),
            None,
        )

    def _with_servers(self, session: Json) -> Json:
        """A session as its client set it: MCP servers in place of their functions, without their secrets."""
        own = {str(tool.get("name")) for tool in self._functions if isinstance(tool, dict)}
        tools = [tool for tool in session.get("tools") or [] if tool.get("name") in own]
        servers = [
            msgspec.to_builtins(replace(each, authorization=None, headers=None))
            for each in self._servers.values()
        ]
        choice = (
            self._choice if isinstance(self._choice, dict) and self._choice.get("type") == "mcp" else None
        )
        return {**session, "tools": [*tools, *servers], **({"tool_choice": choice} if choice else {})}

    def _say(self, type: str, **fields: Any) -> None:
        self.sink.frame(self._made({"type": type, "event_id": random_id("event"), **fields}))

    def _tell(self, type: str, **fields: Any) -> None:
        assert self._backend is not None
        self._backend.send(self._made({"type": type, "event_id": random_id(OURS + "event"), **fields}))

    @staticmethod
    def _made(event: Json) -> Frame:
        return Frame.from_raw(_convert(event), 0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="moksori-mcp")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _output(call: _Call) -> str:
    return json.dumps({"error": call.error.message}) if call.error is not None else call.output or ""
