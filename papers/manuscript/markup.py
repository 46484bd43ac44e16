"""The markup of a manuscript: few constructs, each with one safe rendering.

`{fact:ID}` is a number out of the evidence, `{cite:key1,key2}` a citation, `{ref:KEY}` a figure, table or section,
`*emphasis*`, `` `code` ``, `$math$`; paragraphs are parted by blank lines, `- ` begins a list's item, and a line with
nothing but `{float:KEY}` places a figure or table. A paragraph of lines that begin with `> ` is a reading: what a model
says beyond the evidence, which the page marks as such. A backslash makes the next character literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Text:
    """What is printed. loose: marks in it that belong to no construct and have no backslash before them."""

    text: str
    loose: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class FactMark:
    id: str


@dataclass(frozen=True)
class Cite:
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Ref:
    key: str


@dataclass(frozen=True)
class Emph:
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Code:
    spans: tuple[Span, ...]  # Text and FactMark


@dataclass(frozen=True)
class Math:
    source: str


@dataclass(frozen=True)
class Paragraph:
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Bullets:
    items: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Reading:
    """What a model says beyond the evidence."""

    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Float:
    key: str


Span: TypeAlias = Text | FactMark | Cite | Ref | Emph | Code | Math
Block: TypeAlias = Paragraph | Bullets | Reading | Float

_SPECIAL = r"\\`*$" + "{}"
_FACT = r"\{fact:(?P<fact>[^{}\s]+)\}"
_INLINE = re.compile(
    rf"""
    \\(?P<literal>[{_SPECIAL}>-])
  | {_FACT}
  | \{{cite:(?P<cite>[^{{}}]+)\}}
  | \{{ref:(?P<ref>[^{{}}\s]+)\}}
  | `(?P<code>[^`\n]+)`
  | \$(?P<math>(?=\S)[^$\n]+(?<=\S))\$(?!\d)
  | (?<![\w*])\*(?=\S)(?P<emph>[^*]+)(?<=\S)\*(?![\w*])
    """,
    re.VERBOSE,
)
_LOOSE = re.compile(r"\{\w*:?[^{}]*\}|[{}`$]")
_FLOAT = re.compile(r"\{float:([^{}\s]+)\}\s*")


def literal(text: str) -> str:
    """Markup that prints `text` as it is, whatever it holds."""
    return re.sub(rf"([{_SPECIAL}]|^ ?[->](?= ))", r"\\\1", re.sub(r"\s+", " ", text))


def inline(source: str) -> tuple[Span, ...]:
    """The spans of a line or paragraph."""
    spans: list[Span] = []
    end = 0
    for match in _INLINE.finditer(source):
        _add_text(spans, _bare(source[end : match.start()]))
        end = match.end()
        kind, content = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "literal":
            _add_text(spans, Text(content))
        else:
            spans.append(_span(kind, content))
    _add_text(spans, _bare(source[end:]))
    return tuple(spans)


def _span(kind: str, content: str) -> Span:
    match kind:
        case "fact":
            return FactMark(content)
        case "cite":
            return Cite(tuple(key.strip() for key in content.split(",")))
        case "ref":
            return Ref(content)
        case "code":
            parts = re.split(_FACT, content)  # text, id, text, id, ..., text
            marks = [FactMark(p) if i % 2 else Text(p) for i, p in enumerate(parts)]
            return Code(tuple(m for m in marks if m != Text("")))
        case "math":
            return Math(content)
        case _:
            return Emph(inline(content))


def _bare(text: str) -> Text:
    return Text(text, tuple(_LOOSE.findall(text)))


def _add_text(spans: list[Span], more: Text) -> None:
    if not more.text:
        return
    if spans and isinstance(last := spans[-1], Text):
        spans[-1] = Text(last.text + more.text, last.loose + more.loose)
    else:
        spans.append(more)


def blocks(source: str) -> tuple[Block, ...]:
    """The paragraphs, lists and floats of a body."""
    found: list[Block] = []
    lines: list[str] = []

    def flush() -> None:
        if not lines:
            return
        if lines[0].startswith("- "):
            items = re.split(r"\n- ", "\n".join(lines)[2:])
            found.append(Bullets(tuple(inline(" ".join(item.split())) for item in items)))
        elif lines[0].startswith("> "):
            found.append(Reading(inline(" ".join(line.removeprefix("> ") for line in lines))))
        else:
            found.append(Paragraph(inline(" ".join(lines))))
        lines.clear()

    for line in source.splitlines():
        text = line.strip()
        if place := _FLOAT.fullmatch(text):
            flush()
            found.append(Float(place[1]))
        elif not text:
            flush()
        else:
            if text[:2] in ("- ", "> ") and lines and lines[0][:2] != text[:2]:
                flush()
            lines.append(text)
    flush()
    return tuple(found)


def lines_of(block: Block) -> tuple[tuple[Span, ...], ...]:
    """The paragraph of a block, or the items of a list; a float has none."""
    match block:
        case Paragraph(spans) | Reading(spans):
            return (spans,)
        case Bullets(items):
            return items
        case Float():
            return ()


def walk(spans: tuple[Span, ...]) -> Iterator[Span]:
    """The spans and those inside them; the text of code is no span of its own, as other rules hold for it."""
    for span in spans:
        yield span
        if isinstance(span, Emph):
            yield from walk(span.spans)
        elif isinstance(span, Code):
            yield from (s for s in span.spans if isinstance(s, FactMark))


def written(code: Code) -> str:
    """A piece of code with a blank for each fact."""
    return "".join(s.text if isinstance(s, Text) else " " for s in code.spans)
