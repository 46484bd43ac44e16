"""The words of a command: `{name}` in any part of one stands for a place or a parameter, `{{name}}` for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BRACES = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|(?<!\$)\{([A-Za-z_]\w*)\}")
_ARGUMENT = re.compile(r"[\w./:=,@%+{}-]*")

Piece = str | tuple[str, str, str | None]  # text as it is; or a name, what stands there without a value, and with one


def is_argument(word: str) -> bool:
    """Whether a word is a plain argument and no program text, in which braces have a meaning of their own."""
    return _ARGUMENT.fullmatch(word) is not None


def text(value: int | float | str) -> str:
    """A parameter as a word, which reads as the same number again."""
    return repr(value) if isinstance(value, float) else str(value)


def named(word: str) -> Iterator[str]:
    """The names that stand in single braces in a word; a shell's `${name}` is none."""
    return (match[2] for match in _BRACES.finditer(word) if match[2])


def pieces(word: str) -> list[Piece]:
    """A word as whoever runs it fills it, with what is known of the braces here.

    Where a name has a value, that stands for it, or the third of a piece where that is not None. In program text, names
    without a value stay as they are.
    """
    found, end = list[Piece](), 0
    for match in _BRACES.finditer(word):
        found.append(word[end : match.start()])
        end = match.end()
        if match[2]:
            found.append((match[2], match[0], None))
        else:
            found.append(match[0][1:-1] if is_argument(word) else (match[1], match[0], match[0][1:-1]))
    return [piece for piece in (*found, word[end:]) if piece]
