"""From facts to tables: cells that are marks, so that no number is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightlab.experiments.records import Fact
from nightlab.papers.manuscript import Table
from nightlab.papers.markup import literal

NONE = "–"  # a cell that has nothing to tell


def mark(fact: Fact | str | None) -> str:
    """The markup of a fact, given itself or by its id."""
    if fact is None:
        return NONE
    return f"{{fact:{fact.id if isinstance(fact, Fact) else fact}}}"


def plus_minus(mean: Fact | str | None, error: Fact | str | None) -> str:
    """A mean with its standard error."""
    if mean is None or error is None:
        return mark(mean)
    return f"{mark(mean)} ± {mark(error)}"


def interval(low: Fact | str, high: Fact | str) -> str:
    """The two ends of an interval."""
    return f"[{mark(low)}, {mark(high)}]"


def code(text: str) -> str:
    """A name as it stands in code, whatever letters it holds."""
    return f"`{text}`" if text and not set(text) & set("`{}\n") else literal(text)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table: what it is about, and its numbers. name: plain text."""

    name: str
    cells: Sequence[Fact | str | tuple[Fact | str | None, Fact | str | None] | None]  # facts, or means with errors


def numbers(key: str, caption: str, columns: Sequence[str], rows: Sequence[Row], *, names: str = "l") -> Table:
    """A table of facts: a name and numbers a row.

    columns: markup, the name's first. A pair of facts is a mean with its standard error. names: the alignment of the
    first column; X wraps long ones.
    """
    body = tuple((literal(row.name), *(_cell(c) for c in row.cells)) for row in rows)
    return Table(key, caption, tuple(columns), body, names + "r" * (len(columns) - 1))


def _cell(cell: Fact | str | tuple[Fact | str | None, Fact | str | None] | None) -> str:
    return plus_minus(*cell) if isinstance(cell, tuple) else mark(cell)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """A line of the trials' table. hypothesis and reason are plain text."""

    number: Fact | str
    strategy: str
    hypothesis: str
    mean: Fact | str | None
    stderr: Fact | str | None
    verdict: str


def trials(key: str, caption: str, rows: Sequence[TrialRow], label: str) -> Table:
    """Every trial in its order: what was tried, what came of it, how it was judged. label: of the score, plain text."""
    columns = ("Trial", "Strategy", "Hypothesis", literal(label[:1].upper() + label[1:]), "Verdict")
    body = tuple(
        (
            mark(row.number),
            literal(row.strategy.replace("_", " ")),
            literal(row.hypothesis),
            plus_minus(row.mean, row.stderr),
            f"*{row.verdict}*" if row.verdict == "kept" else literal(row.verdict),
        )
        for row in rows
    )
    return Table(key, caption, columns, body, "rlXrl")


@dataclass(frozen=True, kw_only=True)
class KnobRow:
    """A declared knob: its domain and two settings, each a fact, or plain text for a choice."""

    knob: str
    strategy: str
    domain: Sequence[Fact | str]  # low and high as facts, or the choices as text
    baseline: Fact | str
    best: Fact | str


def knobs(key: str, caption: str, rows: Sequence[KnobRow]) -> Table:
    """The search space with the settings of baseline and best."""
    body = tuple(
        (
            code(row.knob),
            literal(row.strategy.replace("_", " ")),
            _domain(row.domain),
            _setting(row.baseline),
            _setting(row.best),
        )
        for row in rows
    )
    return Table(key, caption, ("Knob", "Strategy", "Domain", "Baseline", "Best"), body, "lllrr")


def _setting(value: Fact | str) -> str:
    return mark(value) if isinstance(value, Fact) else literal(value)


def _domain(domain: Sequence[Fact | str]) -> str:
    if domain and all(isinstance(end, Fact) for end in domain):
        return " – ".join(_setting(end) for end in domain)
    return ", ".join(_setting(choice) for choice in domain)
