"""Hypothesis strategies for records of the wire, read from their msgspec types, and for JSON of no type at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from moksori.protocol import items

texts = st.text(st.characters(codec="utf-8"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def records(type: Any) -> st.SearchStrategy[Any]:
    """Legal values of `type`, made as its own classes; items have an id, and the content their role can have."""
    return _of(inspect.type_info(type))


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.Metadata(type=inner):
            return _of(inner)
        case inspect.UnionType(types=types):
            return st.one_of([_of(each) for each in types])
        case inspect.StructType(cls=items.Message):
            return st.sampled_from(sorted(_CONTENT)).flatmap(_messages)
        case inspect.StructType(cls=cls, fields=fields):
            return st.fixed_dictionaries(
                {f.name: _of(f.type) for f in fields if f.required or f.name == "id"},
                optional={f.name: _of(f.type) for f in fields if not f.required and f.name != "id"},
            ).map(_maker(cls))
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.VarTupleType(item_type=item):
            return st.lists(_of(item), max_size=2).map(tuple)
        case inspect.ListType(item_type=item):
            return st.lists(_of(item), max_size=2)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_of(key), _of(value), max_size=2)
        case inspect.StrType():
            return st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
        case inspect.IntType(ge=ge, le=le):
            return st.integers(-(2**53) if ge is None else ge, 2**53 if le is None else le)
        case inspect.FloatType(ge=ge, le=le):
            return st.floats(-1e9 if ge is None else ge, 1e9 if le is None else le)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return json_values
        case _:
            raise NotImplementedError(f"no strategy for {kind}")


_CONTENT: dict[str, Any] = {
    "system": items.InputText,
    "user": items.InputText | items.InputAudio | items.InputImage,
    "assistant": items.OutputText | items.OutputAudio,
}


def _messages(role: Any) -> st.SearchStrategy[items.Message]:
    return st.builds(
        items.Message,
        st.just(role),
        st.lists(records(_CONTENT[role]), max_size=2).map(tuple),
        texts.filter(bool),
        st.sampled_from([None, "in_progress", "completed", "incomplete"]),
        st.sampled_from([None, "commentary", "final_answer"]),
    )


def _maker(cls: type[msgspec.Struct]) -> Callable[[dict[str, Any]], msgspec.Struct]:
    return lambda fields: cls(**fields)
