"""What LaTeX's log says that a writer can mend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nightlab.papers.audit.finding import Finding

MARK = "body: the main text ends on page "  # what a paper writes into its log
TOLERANCE_PT = 2.0  # less than this beyond the margin nobody sees

_OVERFULL = re.compile(r"^Overfull \\hbox \((?P<pt>[\d.]+)pt too wide\)(?P<place>[^\n]*)\n(?P<text>[^\n]*)", re.M)
_UNDEFINED = re.compile(r"^LaTeX Warning: (?P<what>Reference|Citation) `(?P<key>[^']*)'[^\n]*undefined", re.M)
_ERROR = re.compile(r"^! ?(?P<what>[^\n]+)(?P<at>(?:\n(?!l\.\d)[^\n]*){0,12}\nl\.(?P<line>\d+)(?P<text>[^\n]*))?", re.M)
_PAGES = re.compile(r"^Output written on .*?\((\d+) pages?", re.M)
_HYPER = re.compile(r"^pdfTeX warning[^\n]*name\{(?P<key>[^}]*)\} has been referenced but does not exist", re.M)


def pages(log: str) -> int:
    """How many pages were written."""
    found = _PAGES.search(log)
    return int(found[1]) if found else 0


def body_pages(log: str) -> int:
    """How many pages the main text has, without references and appendix; 0 where the paper does not say so."""
    found = re.findall(rf"^{MARK}(\d+)", log, re.MULTILINE)
    return int(found[-1]) if found else 0


def read_log(log: str, tex: str) -> Iterator[Finding]:
    """Text outside the margins, and references and links to nothing."""
    for m in _OVERFULL.finditer(log):
        if float(m["pt"]) > TOLERANCE_PT:
            line = re.search(r"lines? (\d+)", m["place"])
            text = _printed(m["text"])
            yield Finding("overfull", _where(tex, line), f"{m['pt']} pt of {text!r} stand outside the margin")
    for what, key in dict.fromkeys((m["what"], m["key"]) for m in _UNDEFINED.finditer(log)):
        yield Finding(f"undefined-{what.lower()}", "paper.tex", f"the {what.lower()} {key!r} leads nowhere")
    for key in dict.fromkeys(m["key"] for m in _HYPER.finditer(log)):
        yield Finding("undefined-reference", "paper.tex", f"a link to {key!r} leads nowhere")


def errors(log: str, tex: str) -> Iterator[Finding]:
    """What made LaTeX stop."""
    for m in _ERROR.finditer(log):
        what = m["what"].strip()
        if what.startswith(("==> Fatal", "Emergency stop")):  # follows from an error that is told already
            continue
        at = re.search(r"l\.(\d+)", m["at"] or "")
        text = f" (line {m['line']}: {(m['text'] or '').strip()[-80:]!r})" if m["line"] else ""
        yield Finding("latex-error", _where(tex, at), f"{what}{text}")


@dataclass(frozen=True)
class Stop:
    """The error at which LaTeX stopped. near: what it had read of that line."""

    what: str
    line: int
    near: str


def first_error(log: str) -> Stop | None:
    """The first error of a log; None where LaTeX did not stop at one."""
    for m in _ERROR.finditer(log):
        what = m["what"].strip()
        if not what.startswith("==> Fatal"):
            return Stop(what, int(m["line"] or 0), (m["text"] or "").strip())
    return None


def _where(tex: str, line: re.Match[str] | None) -> str:
    """The section in which a line of the source lies, by the heading above it."""
    if not line:
        return "paper.tex"
    number = int(line[1])
    sections = re.findall(r"\\section\{.*%\n\\label\{([^}]+)\}", "\n".join(tex.split("\n")[:number]))
    return f"section:{sections[-1]}" if sections else f"paper.tex:{number}"


def _printed(text: str) -> str:
    """A line of the log without font names and hyphenation points."""
    words = re.sub(r"\\[A-Z0-9]+/\S+|\[\]|\$", " ", text).replace("-", "")
    return re.sub(r"\s+", " ", words).strip()[:80]
