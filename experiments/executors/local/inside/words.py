"""The words of a command: `{name}` in any part of one stands for a place or a parameter, `{{name}}` for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_BRACES = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|(?<!\$)\{([A-Za-z_]\w*)\}")
_ARGUMENT = re.compile(r"[\w./:=,@%+{}-]*")


def is_argument(word: str) -> bool:
    """Whether a word is a plain argument and no program text, in which braces have a meaning of their own."""
    return _ARGUMENT.fullmatch(word) is not None


def named(word: str) -> Iterator[str]:
    """The names that stand in single braces in a word; a shell's `${name}` is none."""
    return (match[2] for match in _BRACES.finditer(word) if match[2])


def filled(word: str, values: Mapping[str, str]) -> str:
    """The word with the values of the names in it; in program text, names without a value stay as they are."""

    def fill(match: re.Match[str]) -> str:
        if match[2]:
            return values.get(match[2], match[0])
        return match[0][1:-1] if match[1] in values or is_argument(word) else match[0]

    return _BRACES.sub(fill, word)


def text(value: int | float | str) -> str:
    """A parameter as an argument, which reads as the same number again."""
    return repr(value) if isinstance(value, float) else str(value)
