"""A paper's LaTeX in parts: what stands before the text, its front, each section, the references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

BEGIN, END = r"\begin{document}", r"\end{document}"
FRONT, REFERENCES = "front", "references"
_START = re.compile(r"^(?:\\section\*?\{|(?:\\ifvenuebst.*)?\\begin\{thebibliography\}|\\appendix\b)", re.MULTILINE)
_LABEL = re.compile(r"\\label\{([^}]+)\}")


@dataclass(frozen=True)
class Part:
    """Some lines of the source. key: of the section that they are."""

    key: str
    text: str


@dataclass(frozen=True)
class Source:
    """head: everything up to the beginning of the document."""

    head: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return f"{self.head}{''.join(p.text for p in self.parts)}{END}\n"

    def alone(self, part: Part) -> str:
        """A document of one part."""
        return f"{self.head}{part.text}\n{END}\n"

    @property
    def first_line(self) -> int:
        """The number of the line, in a document of one part, on which that begins."""
        return self.head.count("\n") + 1


def split(text: str) -> Source:
    """The parts of a paper.tex as `render` writes it."""
    before, begin, after = text.partition(BEGIN)
    body = after.rpartition(END)[0] if END in after else after
    line = re.match(r"[^\n]*\n?", body)
    start = line.end() if line else 0
    return Source(before + begin + body[:start], tuple(_parts(body[start:])))


def _parts(body: str) -> Iterator[Part]:
    starts = [0, *(m.start() for m in _START.finditer(body)), len(body)]
    for here, there in pairwise(starts):
        if text := body[here:there]:
            label = _LABEL.search(text) if text.startswith(r"\section") else None
            other = (
                REFERENCES
                if text.startswith((r"\begin{thebib", r"\ifvenuebst"))
                else FRONT
                if here == 0
                else "appendix"
            )
            yield Part(label[1] if label else other, text)
