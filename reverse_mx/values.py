"""What frozen values are made of, as ``@dataclass(frozen=True, eq=False)`` would make them.

``dataclasses`` writes the methods of each class as text and compiles it at every start. That is 3
to 6 M instructions a class, and was a tenth of a whole check for those of the facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        """Do what ``typing`` has from Python 3.11 on: tell type checkers (PEP 681)."""
        return lambda cls: cls


V = TypeVar("V", bound="Value")


class _Slotted(type):
    """Makes a class's annotations its slots: as dictionaries, values were most of the memory."""

    __slots__: tuple[str, ...]
    defaults: dict[str, Any]

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Slotted:
        fields = tuple(body.get("__annotations__", ()))
        defaults = {field: body.pop(field) for field in fields if field in body}
        return super().__new__(
            cls, name, bases, {**body, "__slots__": fields, "defaults": defaults}
        )


@dataclass_transform(eq_default=False, frozen_default=True)
class Value(metaclass=_Slotted):
    """A class's annotations are its fields, in their order, and what it sets are their defaults.

    That just they are given is mypy's to see. A value equals only itself.
    """

    def __init__(self, *fields: object, **named: object) -> None:
        given = {**type(self).defaults, **dict(zip(type(self).__slots__, fields)), **named}
        for name, value in given.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} is not to be changed")

    def replace(self: V, **named: Any) -> V:
        """Return one like it but for some fields."""
        fields = {name: getattr(self, name) for name in type(self).__slots__}
        assert named.keys() <= fields.keys()
        return type(self)(**{**fields, **named})
