"""What the conclusion quotes stands before it: in the introduction, or in the table that divides the hypothesis."""

from __future__ import annotations

import pytest

from nightlab.papers.audit.reading.contents import quotations
from nightlab.papers.audit.reading.document import as_read
from nightlab.papers.manuscript.manuscript import Manuscript, Section, Table

WHOLE = "“an estimator whose parts are chosen together has a clearly smaller error, and several of them help”"
PART = "“an estimator whose parts are chosen together has a smaller error”"  # as its author divides it


@pytest.mark.parametrize(
    ("quoted", "divided", "found"),
    [
        (WHOLE, (), 0),
        (PART, (PART,), 0),
        (PART, (), 1),
        ("“a single change of one kind is enough to lower it”", (PART,), 1),
    ],
)
def test_a_quotation_must_stand_before_it(quoted: str, divided: tuple[str, ...], found: int) -> None:
    table = Table(
        "parts", "The hypothesis, part by part.", ("Part", "Answer"), tuple((p, "supported") for p in divided)
    )
    sections = (
        Section("introduction", "Introduction", f"The hypothesis: {WHOLE}."),
        Section("conclusion", "Conclusion", f"Supported: {quoted}."),
    )
    draft = Manuscript(title="T", authors_note="N", abstract="A", sections=sections, tables=(table,) * bool(divided))
    assert len(list(quotations(as_read(draft, {}, ())))) == found
