"""Text files that people write: read where their encoding is beyond doubt, written back in the form that they have."""

from __future__ import annotations

import codecs
import io
import tokenize
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKS = (  # the longer first: one begins with another
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Unreadable(ValueError):
    """A file that cannot be read as text; the message says where and what would be right, but for the file's name."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a file holds its text: the mark before it, its encoding, how its lines end."""

    mark: bytes = b""
    encoding: str = "utf-8"
    newline: str = "\n"

    def text(self, content: bytes) -> str:
        """The text, its lines ended by a newline alone. Raises UnicodeDecodeError."""
        text = content.removeprefix(self.mark).decode(self.encoding)
        return text if self.newline == "\n" else text.replace(self.newline, "\n")

    def content(self, text: str) -> bytes:
        """Raises UnicodeEncodeError."""
        lines = text.replace("\r\n", "\n").replace("\n", self.newline) if self.newline != "\n" else text
        return self.mark + lines.encode(self.encoding)


def form_of(content: bytes, *, python: bool = False) -> Form:
    """The form of a file's content, by its mark and, in a Python file, by what its first lines declare.

    Raises UnicodeDecodeError, and SyntaxError for a Python file that declares an encoding which there is not.
    """
    mark, encoding = next((known for known in MARKS if content.startswith(known[0])), (b"", "utf-8"))
    if python and not mark:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    try:
        text = content.removeprefix(mark).decode(encoding)
    except (LookupError, UnicodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise SyntaxError(f"encoding problem: {encoding}") from None  # a codec that makes no text
    pairs = text.count("\r\n")
    return Form(mark=mark, encoding=encoding, newline="\r\n" if pairs and pairs == text.count("\n") else "\n")


def read_text(file: Path, *, python: bool = False) -> str:
    """The text of a file that is UTF-8, or says what else it is: by a mark, and in Python by its first lines.

    Raises Unreadable.
    """
    try:
        content = file.read_bytes()
        form = _form(content, python)
        text = form.text(content)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        byte, line = error.object[error.start], error.object.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"byte {error.start} ({byte:#04x}, line {line}) is no {error.encoding.upper()}; save the file as UTF-8"
        ) from None
    if python and form.mark and form.encoding != "utf-8":
        raise Unreadable(f"is {form.encoding.upper()}, which Python cannot read; save the file as UTF-8")
    if "\0" in text:
        raise Unreadable(f"byte {text.index(chr(0))} is zero, as in UTF-16 without its mark; save the file as UTF-8")
    return text


def _form(content: bytes, python: bool) -> Form:
    try:
        return form_of(content, python=python)
    except SyntaxError:  # of the two lines that may declare an encoding; Python itself tells of a wrong one
        return form_of(content)


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a file. Raises Unreadable."""
    try:
        return tomllib.loads(read_text(file))
    except Unreadable as error:
        raise Unreadable(f"not valid TOML: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"not valid TOML: {error}") from None
    except ValueError:
        raise Unreadable("not valid TOML: a whole number has more digits than can be read") from None
    except RecursionError:
        raise Unreadable("not valid TOML: brackets are nested too deep") from None
