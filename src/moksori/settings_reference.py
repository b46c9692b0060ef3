"""The settings as a page of documentation, made from the settings themselves: `moksori config reference`."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from moksori.settings import Secret, Section, Settings
from moksori.settings_errors import DELIMITER, PREFIX

HEAD = """# Settings

Made by `moksori config reference`; a test keeps it true. Everything stands in `moksori.toml` (or the file given with
`--config`). Each key can also be set by an environment variable or in `.env`: `server.port` is
`{example}`. The environment wins over `.env`, and `.env` over the file. `moksori config check` names every mistake.

A secret is a string, `{{ env = "NAME" }}`, `{{ file = "PATH" }}` or `{{ command = ["…"] }}`. `MOKSORI_API_KEY` is one
more API key; `MOKSORI_HOME` is where weights and voices are kept.
"""


def page() -> str:
    """The whole page as Markdown."""
    sections = [HEAD.format(example=f"{PREFIX}SERVER{DELIMITER}PORT")]
    sections += [_table("", _plain(Settings))]
    for name, model, note in _sections(Settings, ""):
        sections.append(f"## `[{name}]`\n\n{note}{_table(f'{name}.', model.model_fields)}")
    return "\n".join(sections)


def _plain(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {name: field for name, field in model.model_fields.items() if _section(field.annotation) is None}


def _sections(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[Section], str]]:
    for name, field in model.model_fields.items():
        inner = _section(field.annotation)
        if inner is None:
            continue
        key = f"{prefix}{name}"
        if get_origin(field.annotation) is dict:
            key += ".NAME"
        doc = " ".join((field.description or "").split())
        yield key, inner, f"{doc}\n\n" if doc else ""
        yield from _sections(inner, f"{key}.")


def _section(annotation: Any) -> type[Section] | None:
    """The table a setting is, None for a single value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return None if issubclass(annotation, Secret) else annotation
    if get_origin(annotation) in (dict, typing.Union, types.UnionType):
        for part in get_args(annotation):
            if (found := _section(part)) is not None:
                return found
    return None


def _table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `{prefix}{name}` | {_kind(field.annotation)} | {_default(field)} | {_said(field)} |"
        for name, field in fields.items()
        if _section(field.annotation) is None
    ]
    if not rows:
        return ""
    return "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows, ""])


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin is typing.Annotated:
        return _kind(parts[0])
    if origin in (tuple, list, frozenset):
        return f"list of {_kind(parts[0])}"
    if origin is dict:
        return f"table of {_kind(parts[1])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(part) for part in parts if part is not type(None)))
    if isinstance(annotation, type):
        if issubclass(annotation, Secret):
            return "secret"
        if issubclass(annotation, BaseModel):
            return f"table ({', '.join(f'`{name}`' for name in annotation.model_fields)})"
        return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
            annotation.__name__, annotation.__name__.lower()
        )
    return "value"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple() | frozenset() | list() | dict() if not value:
            return "empty"
        case tuple() | frozenset() | list():
            return f"`{sorted(map(str, value))}`".replace("'", '"')
        case str():
            return f'`"{value}"`'
        case _:
            return f"`{value}`"


def _said(field: FieldInfo) -> str:
    return re.sub(r"\s+", " ", field.description or "").replace("|", "\\|").strip()
