"""All that is looked at when a paper is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading import arithmetic, contents, likeness, numbers, sources, statements
from nightlab.papers.audit.reading.document import Document

Check = Callable[[Document], Iterator[Finding]]
# By word lists, which clean text may run into: not of a text whose every sentence is held against the code's own.
OF_WORDS: tuple[Check, ...] = (statements.outcome, statements.practice, statements.praise)
CHECKS: tuple[Check, ...] = (
    likeness.gibberish,
    likeness.doubled,
    likeness.strangers,
    likeness.captions,
    likeness.misplaced,
    numbers.miscalled,
    arithmetic.agreeing,
    arithmetic.summed_up,
    statements.direction,
    sources.citations,
    sources.coverage,
    contents.left_out,
    contents.structure,
    contents.quotations,
)


# Of a PDF the text alone is known, with what stands in its tables and formulas in between: what is found there is a
# hint, and where a part breaks off says nothing.
OF_TEXT: tuple[Check, ...] = (
    likeness.gibberish,
    likeness.strangers,
    arithmetic.agreeing,
    arithmetic.summed_up,
    arithmetic.referred,
    *OF_WORDS,
    sources.coverage,
)


def findings(doc: Document, *, compared: bool = False) -> list[Finding]:
    """What is wrong with a paper by its words, numbers and structure, each thing once. compared: its sentences are held
    against what code writes of its evidence, by the gate."""
    if doc.of_study:
        looks = CHECKS if compared else (*CHECKS, *OF_WORDS)
        return list(dict.fromkeys(found for check in looks for found in check(doc)))
    hints = (replace(found, severity="warning") for check in OF_TEXT for found in check(doc))
    return list(dict.fromkeys(hints))
