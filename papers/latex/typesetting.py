"""From markup to LaTeX: the only place where a manuscript's words become commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pylatex import NoEscape

from nightlab.experiments.records import Fact
from nightlab.papers.latex.bibliography import item
from nightlab.papers.latex.escape import escape, escape_code
from nightlab.papers.manuscript.formula import FormulaError, formula
from nightlab.papers.manuscript.manuscript import EVIDENCE, Manuscript
from nightlab.papers.manuscript.markup import Cite, Code, Emph, FactMark, Math, Ref, Span, Text, inline

_SYSTEM = re.compile(r"\b[Nn]ightlab\b")
_SCIENTIFIC = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?)0*(\d+)(?!\w)")


class Setter:
    """Sets the spans of one manuscript. What it does not know (a fact, a key) it sets as its own name."""

    def __init__(
        self, manuscript: Manuscript, facts: Mapping[str, Fact], numbers: Mapping[str, int], *, named: bool = True
    ) -> None:
        """numbers: the place of each citation key in the bibliography. named: whether the system's name may stand."""
        self.named = named
        self.facts = facts
        self.numbers = numbers
        self.words = {s.key: "Section" for s in manuscript.sections}
        self.words |= {s.key: "Appendix" for s in manuscript.appendix} | {EVIDENCE: "Appendix"}
        self.words |= {f.key: "Figure" for f in manuscript.figures if f.drawn}
        self.words |= {t.key: "Table" for t in manuscript.tables} | {c.key: "Listing" for c in manuscript.listings}

    def inline(self, source: str) -> NoEscape:
        """The LaTeX of a line of markup."""
        return self.spans(inline(source))

    def spans(self, spans: Sequence[Span]) -> NoEscape:
        return NoEscape("".join(self._span(s) for s in spans))

    def plain(self, spans: Sequence[Span]) -> str:
        """What a reader reads, as bare text: for the PDF's own data and for who cannot see a picture."""
        parts = []
        for span in spans:
            match span:
                case Text(text) | Math(text):
                    parts.append(self._unnamed(text))
                case FactMark(id):
                    parts.append(self.facts[id].text if id in self.facts else id)
                case Emph(inner) | Code(inner):
                    parts.append(self.plain(inner))
                case Ref(key):
                    parts.append(self.words.get(key, key))
                case Cite():
                    pass
        return "".join(parts)

    def _span(self, span: Span) -> str:
        match span:
            case Text(text):
                return escape(self._unnamed(text)).replace(r" \ensuremath{\pm} ", r"~\ensuremath{\pm}~")
            case FactMark(id):
                return self._fact(id)
            case Cite(keys):
                return self._cite(keys)
            case Ref(key):
                return self._ref(key)
            case Emph(inner):
                return rf"\emph{{{self.spans(inner)}}}"
            case Code(inner):
                parts = (escape_code(self._unnamed(s.text)) if isinstance(s, Text) else self._span(s) for s in inner)
                return rf"\code{{{''.join(parts)}}}"
            case Math(source):
                return self._math(source)

    def _unnamed(self, text: str) -> str:
        """A text in which another name stands for the system's, where a venue wants papers without names."""
        return text if self.named else _SYSTEM.sub(lambda m: "a system" if m[0][0] == "N" else "system", text)

    def _fact(self, id: str) -> str:
        if id not in self.facts:
            return rf"\code{{{escape_code(id)}}}"
        return rf"\fact{{{anchor(id)}}}{{{number(self.facts[id].text)}}}"

    def _cite(self, keys: Sequence[str]) -> str:
        known = [item(n) for n in sorted({self.numbers[k] for k in keys if k in self.numbers})]
        unknown = "".join(rf" \code{{{escape_code(k)}}}" for k in keys if k not in self.numbers)
        return (rf"\cite{{{','.join(known)}}}" if known else "") + unknown

    def _ref(self, key: str) -> str:
        if key not in self.words:
            return rf"\code{{{escape_code(key)}}}"
        return rf"\hyperref[{key}]{{{self.words[key]}~\ref*{{{key}}}}}"

    def _math(self, source: str) -> str:
        try:
            pieces = formula(source).pieces
        except FormulaError:
            return rf"\code{{{escape_code(source)}}}"
        parts = (rf"\text{{{self._fact(p)}}}" if i % 2 else p for i, p in enumerate(pieces))
        return f"${''.join(parts)}$"


def number(text: str) -> str:
    """A fact's text as LaTeX: true minus signs, powers of ten, no break inside."""
    latex, end = "", 0
    for m in _SCIENTIFIC.finditer(text):
        sign = "-" if m[2] == "-" else ""
        latex += _signed(text[end : m.start()]) + rf"$\mathrm{{{m[1]}}}\times10^{{{sign}{m[3]}}}$"
        end = m.end()
    return (latex + _signed(text[end:])).replace(" ", "~")


def _signed(text: str) -> str:
    """Escaped, spaces at the ends kept; a hyphen before a digit, or at the end, where a power follows, is a minus."""
    return escape(re.sub(r"(?<!\w)-(?=[\d.]|$)", "−", text))


def anchor(id: str) -> str:
    """The name of a fact's row among the PDF's destinations."""
    return "fact." + re.sub(r"[^A-Za-z0-9.]", lambda m: f"-{ord(m[0]):x}-", id)
