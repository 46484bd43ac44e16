"""Columns of numbers that stand under one another by their decimal points, whatever fonts and widths they have."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pylatex import NoEscape

from nightlab.papers.latex.typesetting import Setter, number
from nightlab.papers.manuscript.markup import FactMark, Span, Text, inline

Cell = tuple[Span, ...]
_WHOLE = re.compile(r"\D*[\d\u2009]*")  # what stands before the point


def column(cells: Sequence[str], setter: Setter) -> list[NoEscape]:
    """The LaTeX of a right-aligned column: the numbers of cells that are built alike get space up to the widest."""
    parsed = [inline(cell) for cell in cells]
    numeric = [cell for cell in parsed if _numbers(cell) and all(isinstance(span, Text | FactMark) for span in cell)]
    frame = max((_frame(cell) for cell in numeric), key=len, default=())
    alike = [cell for cell in numeric if _frame(cell) in (frame, frame[:1])]
    texts = [_texts(cell, setter) for cell in alike]
    widest = [_widest([found[k] for found in texts if k < len(found)]) for k in range(len(frame))]
    return [_padded(cell, frame, widest, setter) if cell in alike else setter.spans(cell) for cell in parsed]


def _numbers(cell: Cell) -> list[FactMark]:
    return [span for span in cell if isinstance(span, FactMark)]


def _frame(cell: Cell) -> tuple[str, ...]:
    """What stands before each number of a cell."""
    before, found = "", []
    for span in cell:
        if isinstance(span, FactMark):
            found.append(before)
            before = ""
        elif isinstance(span, Text):
            before += span.text
    return tuple(found)


def _texts(cell: Cell, setter: Setter) -> list[str]:
    return [setter.facts[mark.id].text if mark.id in setter.facts else "" for mark in _numbers(cell)]


def _parted(text: str) -> tuple[str, str]:
    """A number's text before its point, and from there on."""
    whole = _WHOLE.match(text)
    end = whole.end() if whole else 0
    return text[:end], text[end:]


def _widest(texts: Sequence[str]) -> tuple[str, str]:
    parts = [_parted(text) for text in texts]
    return max((left for left, _ in parts), key=_width), max((right for _, right in parts), key=_width)


def _width(text: str) -> float:
    """About how wide a number's text is, in digits."""
    return len(text) + 0.6 * sum(text.count(sign) for sign in "-−")


def _padded(cell: Cell, frame: Sequence[str], widest: Sequence[tuple[str, str]], setter: Setter) -> NoEscape:
    latex, texts = "", iter(enumerate(_texts(cell, setter)))
    for span in cell:
        if not isinstance(span, FactMark):
            latex += setter.spans((span,))
            continue
        k, text = next(texts)
        left, right = _parted(text)
        before = _pad(left, widest[k][0]) if k else ""  # what stands left of the first number is the column's edge
        latex += before + setter.spans((span,)) + _pad(f"0{right}", f"0{widest[k][1]}")
    rest = range(len(_numbers(cell)), len(frame))
    lacking = "".join(setter.spans((Text(frame[k]),)) + number("".join(widest[k])) for k in rest)
    return NoEscape(latex + (rf"\phantom{{{lacking}}}" if lacking else ""))


def _pad(text: str, widest: str) -> str:
    """Space for what `widest` is wider than `text`; both are whole numbers, so that powers of ten are set as such."""
    same = re.sub(r"\d", "0", text) == re.sub(r"\d", "0", widest)
    return "" if same else rf"\numpad{{{number(text)}}}{{{number(widest)}}}"
