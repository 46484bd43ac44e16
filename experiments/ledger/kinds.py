"""The kinds of documents of a ledger: which types of records stand in it, under which name, and how rows of earlier
versions are read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[T]):
    """How records of a type stand in the ledger.

    key: of a kind of which a study has one. older: makes today's body out of one that an earlier version wrote; a row
    is read through it and stays as it is. formerly: the kind of which it was a part; without a row of its own, it is
    read from the other's.
    """

    shape: type[T]
    name: str
    key: str
    older: Callable[[Any], Any]
    formerly: type[Any] | None = None

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[T]:
        from pydantic import TypeAdapter  # not where a record is only declared, as for the help of the command line

        return TypeAdapter(self.shape)

    def body(self, record: T) -> Any:
        """What is written of a record. Raises ValueError where that could not be read again."""
        body = self._adapter.dump_python(record, warnings=False)
        self._adapter.validate_python(body)
        return body

    def read(self, body: Any) -> T:
        """The record of a body. Raises ValueError where it holds none."""
        return self._adapter.validate_python(self.older(body))


KINDS: dict[type[Any], Kind[Any]] = {}


def document(
    name: str,
    key: str = "",
    *,
    older: Callable[[Any], Any] = lambda body: body,
    formerly: type[Any] | None = None,
) -> Callable[[type[T]], type[T]]:
    """Register a type of records as a kind of documents, under the name that it has in the ledger."""

    def register(shape: type[T]) -> type[T]:
        if any((kind.name, kind.key) == (name, key) for kind in KINDS.values()):
            raise ValueError(f"there is a kind of documents {name!r} {key!r} already")
        KINDS[shape] = Kind(shape=shape, name=name, key=key, older=older, formerly=formerly)
        return shape

    return register


def kind_of(shape: type[T]) -> Kind[T]:
    """Raises LookupError for a type that is no kind of documents."""
    if shape not in KINDS:
        raise LookupError(f"{shape.__name__} is no kind of documents; register it by `document`")
    return KINDS[shape]


def in_extension(name: str, extension: int) -> str:
    """The name of something that each extension of a study has anew: a claim, its runs, its seeds."""
    return f"{name} {extension}" if extension else name
