"""The terminal: every value is shown as it is, whatever it holds and whatever encoding the terminal has."""

from __future__ import annotations

import codecs
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from nightlab.experiments.executors.local.text import printable

LIKENESS = {"→": "->", "…": "..."}  # of what nightlab itself prints beyond ASCII


class Terminal(Console):
    """A console without markup, emoji codes or highlights: values that look like these are values."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)


def say(text: str, *, error: bool = False) -> None:
    """Print text on standard output or error, wrapped by nobody."""
    Terminal(stderr=error).print(text, soft_wrap=True)


def _degraded(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that a stream cannot show: a likeness, its code, or the byte of a file's name."""
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return character.encode(errors="surrogateescape"), error.start + 1
    return LIKENESS.get(character, ascii(character)[1:-1]), error.start + 1


def show_anything() -> None:
    """Let standard output and error take any text, also where they are ASCII."""
    codecs.register_error("nightlab.degraded", _degraded)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="nightlab.degraded")


def encodable(text: str) -> bool:
    """Whether standard output can show all of it."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
