"""What every record on the wire has in common.

The real service is particular about absent and null keys, and strict clients depend on it: inside items,
parts and nested errors an absent value is left out, at the top of a session or a response it is an explicit
null. So every record leaves out a field that still holds its default, and a field that must always be there
says `present(...)`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of an event. Immutable; unknown keys are ignored when decoded."""


class Tagged(Record, frozen=True, omit_defaults=True, tag_field="type"):
    """A record told from its siblings by the key `type`, which each subclass names as its `tag`."""

    @property
    def type(self) -> str:
        """The value of `type` on the wire."""
        return str(self.__struct_config__.tag)


def present(default: T) -> T:
    """The default of a field that is written even when nobody set it. `default` must be immutable."""

    # msgspec leaves a field out when it *is* its default; a value made by a factory never is.
    def make() -> T:
        return default

    field: Any = msgspec.field(default_factory=make)
    return field  # type: ignore[no-any-return]
