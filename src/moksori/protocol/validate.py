"""Untrusted JSON values into records, with errors that name the field.

msgspec checks fast but says little; so a value that it refuses is walked a second time, along the type's
description, to find the first field at fault and say what would have been right. Error texts and codes follow
the real service: `missing_required_parameter`, `unknown_parameter`, `invalid_type`, `invalid_value`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from moksori.protocol.errors import ProtocolError

_SHOWN = 60
"""Characters of a client's value that an error message may repeat."""
_KINDS = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
)


def missing(param: str) -> ProtocolError:
    return ProtocolError(f"Missing required parameter: '{param}'.", "missing_required_parameter", param=param)


def unknown(param: str) -> ProtocolError:
    return ProtocolError(f"Unknown parameter: '{param}'.", "unknown_parameter", param=param)


def wrong_type(param: str, expected: str, got: object) -> ProtocolError:
    return ProtocolError(
        f"Invalid type for '{param}': expected {expected}, but got {_kind(got)} instead.",
        "invalid_type",
        param=param,
    )


def invalid_value(param: str, got: object, supported: Iterable[object]) -> ProtocolError:
    choices = [_quoted(choice) for choice in supported]
    listed = choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} and {choices[-1]}"
    verb = "value is" if len(choices) == 1 else "values are"
    return ProtocolError(
        f"Invalid value: {_quoted(got)}. Supported {verb}: {listed}.", "invalid_value", param=param
    )


def out_of_range(param: str, got: object, limit: str) -> ProtocolError:
    return ProtocolError(
        f"Invalid value for '{param}': expected {limit}, but got {_quoted(got)} instead.",
        "invalid_value",
        param=param,
    )


def convert(value: Any, type: Any, path: str, *, strict: bool = False, allow: Collection[str] = ()) -> Any:
    """Make a `type` of a decoded JSON value.

    `path` is the name of `value` in error messages ("" at the top of an event). Strict refuses unknown keys,
    save those in `allow` at the top level. Raises `ProtocolError`.
    """
    if strict:
        _check(value, _described(type), path, frozenset(allow))
    try:
        return msgspec.convert(value, type)
    except (msgspec.ValidationError, RecursionError) as refusal:
        _check(value, _described(type), path, None)
        raise ProtocolError(f"Invalid '{path}': {refusal}.", "invalid_value", param=path or None) from None


@lru_cache(maxsize=256)
def _described(type: Any) -> inspect.Type:
    return inspect.type_info(type)


def _check(value: Any, kind: inspect.Type, path: str, allow: frozenset[str] | None) -> None:
    """Raise for the first thing wrong with `value`. `allow` None: unknown keys are fine."""
    choices = _alternatives(kind)
    if any(isinstance(choice, inspect.AnyType | inspect.RawType) for choice in choices):
        return
    fits: list[inspect.Type] = []
    match value:
        case None:
            fits = [c for c in choices if isinstance(c, inspect.NoneType)]
        case bool():
            fits = [c for c in choices if isinstance(c, inspect.BoolType)]
        case int():
            fits = [
                c for c in choices if isinstance(c, inspect.IntType | inspect.FloatType) or _literal(c, int)
            ]
        case float():
            fits = [c for c in choices if isinstance(c, inspect.FloatType)]
        case str():
            fits = [c for c in choices if isinstance(c, inspect.StrType) or _literal(c, str)]
        case list():
            fits = [c for c in choices if isinstance(c, inspect.VarTupleType | inspect.ListType)]
        case dict():
            fits = [c for c in choices if isinstance(c, inspect.StructType | inspect.DictType)]
        case _:
            pass
    if not fits:
        raise wrong_type(path, _wanted(choices), value)
    if isinstance(value, dict):
        _check_object(value, fits, path, allow)
    elif isinstance(value, list):
        _check_array(value, fits[0], path, allow)
    elif value is not None and not isinstance(value, bool):
        _check_scalar(value, fits, path)


def _check_object(
    value: dict[str, Any], fits: list[inspect.Type], path: str, allow: frozenset[str] | None
) -> None:
    structs = [c for c in fits if isinstance(c, inspect.StructType)]
    if not structs:
        table = fits[0]
        assert isinstance(table, inspect.DictType)
        for key, element in value.items():
            _check(element, table.value_type, _under(path, key), None)
        return
    tag_field = structs[0].tag_field
    struct = structs[0]
    if tag_field is not None:
        tag = value.get(tag_field)
        if tag is None:
            if len(structs) > 1 or allow is not None or tag_field in value:
                raise missing(_under(path, tag_field))
        elif not isinstance(tag, str):
            raise wrong_type(_under(path, tag_field), "a string", tag)
        else:
            named = next((s for s in structs if s.tag == tag), None)
            if named is None:
                raise invalid_value(_under(path, tag_field), tag, [s.tag for s in structs])
            struct = named
    for field in struct.fields:
        if field.encode_name in value:
            inner = None if allow is None else frozenset[str]()
            _check(value[field.encode_name], field.type, _under(path, field.encode_name), inner)
        elif field.required:
            raise missing(_under(path, field.encode_name))
    if allow is not None:
        known = {field.encode_name for field in struct.fields} | {tag_field}
        for key in value:
            if key not in known and key not in allow:
                raise unknown(_under(path, key))


def _check_array(value: list[Any], array: inspect.Type, path: str, allow: frozenset[str] | None) -> None:
    assert isinstance(array, inspect.VarTupleType | inspect.ListType)
    if array.max_length is not None and len(value) > array.max_length:
        raise out_of_range(path, len(value), f"at most {array.max_length} elements")
    if array.min_length is not None and len(value) < array.min_length:
        raise out_of_range(path, len(value), f"at least {array.min_length} elements")
    inner = None if allow is None else frozenset[str]()
    for index, element in enumerate(value):
        _check(element, array.item_type, f"{path}[{index}]", inner)


def _check_scalar(value: str | float, fits: list[inspect.Type], path: str) -> None:
    literals = [v for c in fits if isinstance(c, inspect.LiteralType) for v in c.values]
    if value in literals:
        return
    bounded = [c for c in fits if not isinstance(c, inspect.LiteralType)]
    if not bounded:
        raise invalid_value(path, value, literals)
    match bounded[0]:
        case inspect.IntType(ge=ge, le=le) | inspect.FloatType(ge=ge, le=le):
            assert not isinstance(value, str)
            if ge is not None and le is not None and not ge <= value <= le:
                raise out_of_range(path, value, f"a value from {ge} to {le}")
            if ge is not None and value < ge:
                raise out_of_range(path, value, f"a value of at least {ge}")
            if le is not None and value > le:
                raise out_of_range(path, value, f"a value of at most {le}")
        case inspect.StrType(min_length=shortest, max_length=longest):
            assert isinstance(value, str)
            if shortest is not None and len(value) < shortest:
                raise out_of_range(path, value, f"at least {shortest} characters")
            if longest is not None and len(value) > longest:
                raise out_of_range(path, f"{len(value)} characters", f"at most {longest} characters")
        case _:
            return


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    match kind:
        case inspect.Metadata(type=inner):
            return _alternatives(inner)
        case inspect.UnionType(types=types):
            return [choice for each in types for choice in _alternatives(each)]
        case _:
            return [kind]


def _literal(kind: inspect.Type, type: type) -> bool:
    return isinstance(kind, inspect.LiteralType) and any(isinstance(v, type) for v in kind.values)


def _wanted(choices: list[inspect.Type]) -> str:
    """What would have fitted, in words: `a string or null`."""
    words: list[str] = []
    for choice in choices:
        match choice:
            case inspect.StrType():
                word = "a string"
            case inspect.IntType():
                word = "an integer"
            case inspect.FloatType():
                word = "a number"
            case inspect.BoolType():
                word = "a boolean"
            case inspect.VarTupleType() | inspect.ListType():
                word = "an array"
            case inspect.StructType() | inspect.DictType():
                word = "an object"
            case inspect.NoneType():
                word = "null"
            case inspect.LiteralType(values=values):
                word = (
                    f"one of {', '.join(_quoted(v) for v in values)}"
                    if len(values) > 1
                    else _quoted(values[0])
                )
            case _:
                word = "another type"
        if word not in words:
            words.append(word)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return next((words for type, words in _KINDS if isinstance(value, type)), "an object")


def _quoted(value: object) -> str:
    text = str(value) if not isinstance(value, bool) else str(value).lower()
    if len(text) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return f"'{text}'" if isinstance(value, str) else text


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
