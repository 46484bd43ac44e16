"""Tables in LaTeX that stay within the margins: short ones as a whole, long ones over pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pylatex import LongTable, NoEscape, Tabular, Tabularx

_LINE = 100  # about how many letters a line of \small holds
_SMALLER = 118  # and one of \footnotesize, in which long tables are set
_GAP = 3  # letters that the space between two columns takes
_FIXED = {"l": "P", "X": "P", "r": "Q", "c": "C"}  # the preamble's columns of a given width

Rows = Sequence[Sequence[str]]


def short(
    columns: Sequence[str], rows: Rows, align: str, letters: Sequence[int], least: Sequence[int] | None = None
) -> Tabular:
    """A table of its natural width, or of the line's where text has to wrap.

    columns, rows: LaTeX. align: l, r, c or X a column. letters: about how many each column prints. least: how many a
    column of numbers needs where its head may wrap; None is as many as it prints.
    """
    wide = _wide(letters)
    squeezed = wide and "X" in align and _rest(align, letters) < _LINE // 3
    if wide and "X" not in align:
        widest = letters.index(max(letters))
        align = f"{align[:widest]}X{align[widest + 1 :]}"
    spec, kind = align.replace("X", "L" if wide else "l"), Tabularx if wide else Tabular
    if squeezed:  # the others wrap too, heads of numbers among them
        spec, kind = _fixed(align, _squeezed(align, letters, least or letters)), Tabular
    table = kind(f"@{{}}{spec}@{{}}", width=len(columns))
    table.append(NoEscape(r"\toprule"))
    table.add_row([NoEscape(c) for c in columns])
    return _fill(table, rows)


def long(columns: Sequence[str], rows: Rows, align: str, shares: Sequence[float] | None = None) -> LongTable:
    """A table that breaks over pages and repeats its head. shares: each column's part of the line; None is natural."""
    spec = _fixed(align, shares) if shares else align.replace("X", "l")
    table = LongTable(f"@{{}}{spec}@{{}}", width=len(columns))
    table.append(NoEscape(r"\toprule"))
    table.add_row([NoEscape(c) for c in columns])
    table.append(NoEscape(r"\midrule"))
    table.end_table_header()
    table.append(NoEscape(r"\bottomrule"))
    table.end_table_footer()
    return _fill(table, rows)


def shares(align: str, letters: Sequence[int]) -> list[float] | None:
    """Parts of the line for `long`; None if all columns fit at their natural width.

    Narrow columns get what they need, and those of wrapping text (X, else the widest) the rest.
    """
    if not _wide(letters):
        return None
    wraps = [i for i, a in enumerate(align) if a == "X"] or [letters.index(max(letters))]
    taken = sum(n + 1 for i, n in enumerate(letters) if i not in wraps)
    rest = max(_SMALLER - taken - _GAP * (len(letters) - 1), _SMALLER // 4)
    total = sum(letters[i] for i in wraps)
    widths = [rest * n / total if i in wraps else n + 1 for i, n in enumerate(letters)]
    return [w / sum(widths) for w in widths]


def _fixed(align: str, shares: Sequence[float]) -> str:
    """Columns that take these parts of the line."""
    line = rf"\dimexpr(\linewidth-{2 * (len(align) - 1)}\tabcolsep)"
    return "".join(rf"{_FIXED[a]}{{{line}*{int(1000 * s)}/1000\relax}}" for a, s in zip(align, shares, strict=True))


def _squeezed(align: str, letters: Sequence[int], least: Sequence[int]) -> list[float]:
    """Parts of the line: numbers get what they need, and text the rest by the roots of its lengths."""
    needed = [n + 1 if a in "rc" else 0 for a, n in zip(align, least, strict=True)]
    roots = [0.0 if need else math.sqrt(n) for n, need in zip(letters, needed, strict=True)]
    rest = max(_LINE - sum(needed) - _GAP * (len(letters) - 1), _LINE // 4)
    widths = [need or rest * root / (sum(roots) or 1.0) for need, root in zip(needed, roots, strict=True)]
    return [width / sum(widths) for width in widths]


def _rest(align: str, letters: Sequence[int]) -> int:
    """Letters of a line that are left for each column of wrapping text."""
    taken = sum(n for a, n in zip(align, letters, strict=True) if a != "X")
    return (_LINE - taken - _GAP * (len(letters) - 1)) // align.count("X")


def _wide(letters: Sequence[int]) -> bool:
    return sum(letters) + _GAP * (len(letters) - 1) > _LINE


def _fill(table: Tabular, rows: Rows) -> Tabular:
    if not isinstance(table, LongTable):
        table.append(NoEscape(r"\midrule"))
    for row in rows:
        table.add_row([NoEscape(cell) for cell in row])
    if not isinstance(table, LongTable):
        table.append(NoEscape(r"\bottomrule"))
    return table
