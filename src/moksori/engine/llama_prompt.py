"""What a small local model is asked, and the grammar that holds its answer to what can be spoken or called. Pure.

Reading the prompt is what costs on a CPU, so the prompt is short, its beginning stays the same from turn to turn,
and the oldest turns are left out in steps, not one by one. A 1.5 B model invents order numbers; the grammar lets it
choose only among those that were really said or looked up.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from moksori.engine.chat import to_messages
from moksori.protocol.items import FunctionCallOutput, InputAudio, InputText, Item, Message
from moksori.protocol.session import FunctionTool, Tool, ToolChoice, ToolChoiceFunction

Json = dict[str, Any]

PROMPT_TOKENS = 1000
"""Turns are left out above this: about 16 s of reading on two cores, were nothing of it kept from before."""
DROP_STEP = 400
"""Tokens left out at once, so that the turns after still begin like the turn before and need no new reading."""
MAX_RESULT_CHARS = 1600
"""Of a tool's result, about 500 tokens."""

# ------------------------------------------------------------------------------------------------- the prompt


@cache
def texts(language: str) -> Mapping[str, str]:
    """The catalogue's texts in a language, English where it has none."""
    catalogue = tomllib.loads(files("moksori.engine").joinpath("texts/llama.toml").read_text("utf-8"))
    table: Mapping[str, str] = catalogue.get(language[:2].lower(), catalogue["en"])
    return table


def system_prompt(instructions: str, tools: Sequence[Tool], language: str | None) -> str:
    """The part of the prompt that stays the same through a conversation."""
    said = texts(language or "en")
    parts = [instructions.strip(), said["style"]]
    if offered := [tool for tool in tools if isinstance(tool, FunctionTool)]:
        parts.append("\n".join([said["tools"], *map(_signature, offered)]))
    return "\n\n".join(part for part in parts if part)


def _signature(tool: FunctionTool) -> str:
    """`get_order(order_id, note?): Look up an order` takes a third of the tokens of the JSON schema."""
    schema = tool.parameters or {}
    required = schema.get("required") or ()
    names = []
    for name, kind in (schema.get("properties") or {}).items():
        values = kind.get("enum") if isinstance(kind, dict) else None
        shown = f"{name}={'|'.join(map(str, values[:8]))}" if values else name
        names.append(shown if name in required else f"{shown}?")
    description = " ".join((tool.description or "").split())
    first = re.split(r"(?<=[.!?])\s", description)[0][:160]
    return f"{tool.name}({', '.join(names)})" + (f": {first}" if first else "")


def tokens(text: str) -> int:
    """About how many tokens Qwen2.5's tokenizer makes of a text; measured 0.8 a Hangul syllable, 1 a digit."""
    hangul = len(re.findall("[\uac00-\ud7a3\u3131-\u318e\u3040-\u30ff\u4e00-\u9fff]", text))
    digits = len(re.findall(r"\d", text))
    return round(hangul * 0.9 + digits + (len(text) - hangul - digits) / 3.5) + 5


def prompt(history: Sequence[Item], system: str, budget: int = PROMPT_TOKENS) -> list[Json]:
    """Chat messages of about `budget` tokens at most; the oldest turns are left out whole.

    A turn is what the caller said and all that followed from it. The last one always stays.
    """
    rest = budget - tokens(system)
    turns: list[list[Json]] = [[]]
    for message in map(_plain, to_messages(history)):
        if message["role"] == "user":
            turns.append([])
        turns[-1].append(message)
    sizes = [sum(tokens(message["content"]) for message in turn) for turn in turns]
    excess = sum(sizes) - rest
    dropped = 0
    if excess > 0:
        goal = -(-excess // DROP_STEP) * DROP_STEP
        while len(turns) > 1 and dropped < goal:
            dropped += sizes.pop(0)
            turns.pop(0)
    return [{"role": "system", "content": system}, *[message for turn in turns for message in turn]]


def _plain(message: Json) -> Json:
    """A message without the endpoint's fields for tools: calls are the JSON the model itself writes."""
    if message["role"] == "tool":
        return {"role": "tool", "content": message["content"][:MAX_RESULT_CHARS]}
    if calls := message.get("tool_calls"):
        lines = [message["content"]] if message["content"] else []
        for call in calls:
            arguments = call["function"]["arguments"]
            lines.append(f'{{"name": {json.dumps(call["function"]["name"])}, "arguments": {arguments}}}')
        return {"role": "assistant", "content": "\n".join(lines)}
    content = message["content"]
    if not isinstance(content, str):
        content = "\n".join(part["text"] for part in content if part["type"] == "text")
    return {"role": message["role"], "content": content}


# -------------------------------------------------------------------------------- identifiers that were really said

_ID_NAME = re.compile(
    r"(?:^|_)(?:id|ids|number|numbers|no|code|email|phone|zip|tracking|sku)$", re.IGNORECASE
)
_SAID_ID = re.compile(r"#?\b(?=[\w-]*\d)[A-Za-z0-9][A-Za-z0-9_-]{2,40}\b")
_SAID_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SPACED_DIGITS = re.compile(r"\b[A-Za-z]?(?:[ -]?\d){4,20}\b")
MAX_IDS = 40


def is_identifier(name: str) -> bool:
    """Whether an argument of this name must be something that was said, not something made up."""
    return bool(_ID_NAME.search(name))


def identifiers(history: Iterable[Item]) -> tuple[str, ...]:
    """What callers and tools have named that can be an identifier, the latest first, at most `MAX_IDS`."""
    found: dict[str, None] = {}
    for item in reversed(tuple(history)):
        match item:
            case Message(role="user", content=parts):
                for part in parts:
                    if isinstance(part, InputText):
                        said = part.text
                    elif isinstance(part, InputAudio):
                        said = part.transcript or ""
                    else:
                        continue
                    found.update(dict.fromkeys(_ids_in_speech(said)))
            case FunctionCallOutput(output=output):
                found.update(dict.fromkeys(_ids_in_result(output)))
            case _:
                pass
    return tuple(found)[:MAX_IDS]


def _ids_in_speech(text: str) -> list[str]:
    joined = [re.sub(r"[ -]", "", m.group()) for m in _SPACED_DIGITS.finditer(text) if " " in m.group()]
    return [*_SAID_EMAIL.findall(text), *joined, *_SAID_ID.findall(text)]


def _ids_in_result(output: str) -> list[str]:
    """Scalars under keys that name an identifier; of text that is no JSON, what looks like one."""
    try:
        value = json.loads(output)
    except ValueError:
        return _ids_in_speech(output)
    ids: list[str] = []

    def walk(value: object, named: bool) -> None:
        match value:
            case dict():
                for key, inner in value.items():
                    walk(inner, is_identifier(str(key)))
                    if re.fullmatch(r"(?=.*\d)[\w#-]{3,40}", str(key)):
                        ids.append(str(key))  # {"items": {"1008292230": ...}}
            case list():
                for inner in value:
                    walk(inner, named)
            case str() | int() if not isinstance(value, bool):
                if named and 0 < len(str(value)) <= 64:
                    ids.append(str(value))
            case _:
                pass

    walk(value, False)
    return ids


# ------------------------------------------------------------------------------------------------- the grammar

TEXT = r"text ::= [^{}<>`*|#_ \n] [^{}<>`*|\n]*"
"""Spoken text: no braces or angle brackets, so that no call and no tag is ever spoken; no markup, no new line."""
_RULES = r"""
string ::= "\"" ([^"\\\n] | "\\" ["\\/bfnrt]){0,240} "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,8})?
boolean ::= "true" | "false"
null ::= "null"
any ::= string | number | boolean | null
""".strip()


def grammar(tools: Sequence[Tool], choice: ToolChoice, ids: Sequence[str]) -> str:
    """GBNF for one answer: text to speak, or one call.

    Arguments that name an identifier take one of `ids`. A tool that needs one where none is known cannot be called,
    unless the choice leaves nothing else.
    """
    offered = [tool for tool in tools if isinstance(tool, FunctionTool)]
    if isinstance(choice, ToolChoiceFunction):
        offered = [tool for tool in offered if tool.name == choice.name]
    must = choice == "required" or isinstance(choice, ToolChoiceFunction)
    callable_now = [tool for tool in offered if ids or not _needs_identifier(tool)]
    if must and not callable_now:
        callable_now = offered
    if choice == "none" or not callable_now:
        return f"root ::= text\n{TEXT}"
    rules = []
    for n, tool in enumerate(callable_now):
        head = _literal(f'{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": ')
        arguments = _value({"type": "object", **(tool.parameters or {})}, "", ids)
        rules.append(f'call{n} ::= {head} {arguments} "}}"')
    calls = " | ".join(f"call{n}" for n in range(len(callable_now)))
    root = calls if must else f"text | {calls}"
    return "\n".join([f"root ::= {root}", TEXT, *rules, _RULES])


def _needs_identifier(tool: FunctionTool) -> bool:
    schema = tool.parameters or {}
    return any(
        is_identifier(name) and "enum" not in kind
        for name, kind in (schema.get("properties") or {}).items()
        if name in (schema.get("required") or ()) and isinstance(kind, dict)
    )


def _value(schema: Any, name: str, ids: Sequence[str]) -> str:
    """A GBNF expression for a JSON schema; what it does not know becomes any scalar."""
    if not isinstance(schema, dict):
        return "any"
    if "const" in schema:
        return _literal(json.dumps(schema["const"], ensure_ascii=False))
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return _one_of(_literal(json.dumps(value, ensure_ascii=False)) for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if isinstance(schema.get(union), list) and schema[union]:
            return _one_of(_value(part, name, ids) for part in schema[union])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _one_of(_value({**schema, "type": one}, name, ids) for one in kind)
    match kind:
        case "object":
            return _object(schema, ids)
        case "array":
            item = _value(schema.get("items"), name, ids)
            return f'"[" ({item} (", " {item}){{0,15}})? "]"'
        case "string" if is_identifier(name):
            return _one_of(_literal(json.dumps(value, ensure_ascii=False)) for value in ids or ("",))
        case "integer" | "number" if is_identifier(name) and any(value.isdigit() for value in ids):
            return _one_of(_literal(str(int(value))) for value in ids if value.isdigit())
        case "string" | "integer" | "number" | "boolean" | "null":
            return str(kind)
        case _:
            return "any"


def _object(schema: Json, ids: Sequence[str]) -> str:
    """All required properties in order, then any of the optional ones, in order."""
    properties = {
        name: kind if isinstance(kind, dict) else {}
        for name, kind in (schema.get("properties") or {}).items()
    }
    required = [name for name in properties if name in (schema.get("required") or ())]
    fields = {
        name: f"{_literal(json.dumps(name, ensure_ascii=False) + ': ')} {_value(kind, name, ids)}"
        for name, kind in properties.items()
    }
    # An identifier that nobody named is left out where it may be.
    optional = [
        name
        for name, kind in properties.items()
        if name not in required and (ids or not is_identifier(name) or "enum" in kind)
    ]
    if required:
        inner = ' ", " '.join(fields[name] for name in required)
        inner += "".join(f' (", " {fields[name]})?' for name in optional)
        return f'"{{" {inner} "}}"'
    starts = []
    for n, name in enumerate(optional):
        starts.append(fields[name] + "".join(f' (", " {fields[later]})?' for later in optional[n + 1 :]))
    return f'"{{" {_one_of(starts)}? "}}"' if starts else '"{}"'


def _one_of(expressions: Iterable[str]) -> str:
    return f"({' | '.join(dict.fromkeys(expressions))})"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
