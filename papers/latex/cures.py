"""What mends a fault of LaTeX, by what LaTeX says of it: escapes, unknown commands, missing packages, open braces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from nightlab.papers.latex.escape import MATH, escape

# What a stranger's LaTeX uses most of packages that the paper does not load
PACKAGES = {
    "amssymb": "mathbb mathfrak gtrsim lesssim checkmark square blacksquare varnothing",
    "bm": "bm",
    "booktabs": "cmidrule addlinespace",
    "caption": "captionof",
    "colortbl": "rowcolor cellcolor columncolor",
    "listings": "lstinline lstinputlisting lstset",
    "multirow": "multirow",
    "natbib": "citep citet citealp citeauthor citeyear",
    "siunitx": "SI si num qty unit",
    "verbatim": "comment endcomment",
}
_PACKAGE_OF = {command: name for name, commands in PACKAGES.items() for command in commands.split()}
_KEPT = r"\$[^$\n]*\$|\\(?:label|ref\*?|hyperref|hyperlink|hypertarget|href|cite|fact|factrow|drawing|begin|end)\b"
_KEPT += r"(?:\[[^\]]*\])?(?:\{[^{}]*\})?|\\."  # mathematics, what commands name, what is escaped
_SYMBOLS = {command for command in MATH.values() if command.startswith("\\")}


@dataclass(frozen=True)
class Fault:
    """What LaTeX says is wrong. line: of the text, from 0; near: what it had read of that line."""

    what: str
    line: int
    near: str


@dataclass(frozen=True)
class Cure:
    """A text without the fault. package: to be loaded for it. told: what was done, as a clause."""

    text: str
    told: str
    package: str = ""


def cure(text: str, fault: Fault, has: Callable[[str], bool]) -> Cure | None:
    """The cure that is known for a fault. has: whether a package is here."""
    for pattern, mend in _CURES:
        if found := re.search(pattern, fault.what):
            made = mend(text, fault, found, has)
            if made and (made.text != text or made.package):
                return made
    return None


def _unknown(text: str, fault: Fault, _: re.Match[str], has: Callable[[str], bool]) -> Cure | None:
    names = re.findall(r"\\([A-Za-z@]+)", fault.near)
    if not names:
        return None
    name = names[-1]
    if (package := _PACKAGE_OF.get(name, "")) and has(package):
        return Cure(text, f"the package {package} is loaded for \\{name}", package)
    printed = rf"\\mbox{{\\ttfamily\\textbackslash{{}}{name}}}"
    return Cure(re.sub(rf"\\{name}(?![A-Za-z@])", printed, text), f"the unknown command \\{name} is printed as a name")


def _no_file(text: str, _: Fault, found: re.Match[str], __: Callable[[str], bool]) -> Cure:
    file = found[1]
    name = re.escape(re.sub(r"\.(?:sty|cls)$", "", file))
    without = re.sub(rf"\\(?:usepackage|RequirePackage)(?:\[[^\]]*\])?\{{{name}\}}", "", text)
    without = re.sub(
        rf"\\(?:drawing|fitgraphic|includegraphics)(?:\[[^\]]*\])?\{{{name}\}}(?:\{{[^{{}}]*\}})?", "", without
    )
    return Cure(without, f"{file}, which is not here, is left out")


def _too_late(text: str, *_: object) -> Cure:
    return Cure(re.sub(r"\\usepackage(?:\[[^\]]*\])?\{[^{}]*\}", "", text), "what only a preamble may load is left out")


def _outside_math(text: str, fault: Fault, *_: object) -> Cure:
    start, end = _paragraph(text, fault.line)
    part = text[start:end]
    if len(re.findall(r"(?<!\\)\$", part)) % 2:
        at = part.rindex("$")
        part = rf"{part[:at]}\${part[at + 1 :]}"
        return Cure(text[:start] + part + text[end:], "a lone dollar sign is escaped")
    escaped = _outside(part, r"[_^]", lambda m: r"\_" if m[0] == "_" else r"\textasciicircum{}")
    if escaped != part:
        return Cure(text[:start] + escaped + text[end:], "signs of mathematics in the text are escaped")
    wrapped = re.sub(
        rf"\$[^$]*\$|\\ensuremath\{{[^{{}}]*\}}|({'|'.join(map(re.escape, _SYMBOLS))})(?![A-Za-z])",
        lambda m: rf"\ensuremath{{{m[1]}}}" if m[1] else m[0],
        part,
    )
    return Cure(text[:start] + wrapped + text[end:], "symbols of mathematics are set as such")


def _sign(sign: str) -> Callable[..., Cure]:
    def mend(text: str, fault: Fault, *_: object) -> Cure:
        start, end = _line(text, fault.line)
        return Cure(text[:start] + _outside(text[start:end], sign, rf"\{sign}") + text[end:], f"{sign} is escaped")

    return mend


def _surplus(text: str, fault: Fault, *_: object) -> Cure:
    start, end = _line(text, fault.line)
    cells = re.split(r"(?<!\\)&", text[start:end])
    fewer = "&".join([*cells[:-2], " ".join(cells[-2:])])
    return Cure(text[:start] + fewer + text[end:], "a row with too many cells has its last two in one")


def _braces(text: str, *_: object) -> Cure:
    """Without the braces that have no partner."""
    lone, opened = set(), []
    for m in re.finditer(r"\\.|%[^\n]*|[{}]", text, re.DOTALL):
        if m[0] == "{":
            opened.append(m.start())
        elif m[0] == "}":
            opened.pop() if opened else lone.add(m.start())
    lone |= set(opened)
    opening = set(opened)  # the name of a command before one must not run into what follows
    kept = (" " if i in opening else c for i, c in enumerate(text) if i not in lone or i in opening)
    return Cure("".join(kept), "braces without a partner are left out")


def _strange_environment(text: str, _: Fault, found: re.Match[str], has: Callable[[str], bool]) -> Cure:
    name = found[1]
    if has(name):
        return Cure(text, f"the package {name} is loaded for the environment of that name", name)
    bare = re.sub(rf"\\(?:begin|end)\{{{re.escape(name)}\}}(?:\[[^\]]*\])?", "", text)
    return Cure(bare, f"the unknown environment {name} is left out, its text stays")


def _unclosed(text: str, _: Fault, found: re.Match[str], __: Callable[[str], bool]) -> Cure | None:
    opened, closed = found[1], found[2]
    told = f"the environment {opened} is closed"
    if opened == "document":
        at = text.rfind(rf"\end{{{closed}}}")
        left = text[:at] + text[at + len(rf"\end{{{closed}}}") :] if at >= 0 else text
        return Cure(left, f"an \\end of {closed} without its beginning is left out")
    if closed == "document":
        return Cure(f"{text.rstrip()}\n\\end{{{opened}}}\n\n", told)
    start = text.rfind(rf"\begin{{{opened}}}")
    at = text.find(rf"\end{{{closed}}}", max(start, 0))
    return Cure(f"{text[:at]}\\end{{{opened}}}\n{text[at:]}", told) if at >= 0 else None


def _letter(text: str, _: Fault, found: re.Match[str], __: Callable[[str], bool]) -> Cure:
    return Cure(text.replace(found[1], escape(found[1])), f"the letter {found[1]} is spelt in others")


def _twice(text: str, *_: object) -> Cure:
    apart = re.sub(r"([_^](?:\{[^{}]*\}|\\[A-Za-z]+|[^\\\s{]))(?=[_^])", _parted, text)
    return Cure(apart, "a second index stands apart")


def _parted(m: re.Match[str]) -> str:
    return f"{m[1]}{{}}" if m[1][0] == m.string[m.end()] else m[1]


def _outside(text: str, sign: str, put: str | Callable[[re.Match[str]], str]) -> str:
    """`text` with a sign replaced where it is neither mathematics nor the name of something."""
    made = put if callable(put) else lambda _: put
    return re.sub(rf"({_KEPT})|({sign})", lambda m: m[1] if m[1] else made(m), text)


def _line(text: str, number: int) -> tuple[int, int]:
    lines = text.splitlines(keepends=True)
    number = min(max(number, 0), max(len(lines) - 1, 0))
    start = sum(map(len, lines[:number]))
    return start, start + len(lines[number]) if lines else start


def _paragraph(text: str, number: int) -> tuple[int, int]:
    """The paragraph that ends on a line or lies about it: LaTeX tells of mathematics when the paragraph is over."""
    lines = text.splitlines(keepends=True)
    last = min(max(number, 0), max(len(lines) - 1, 0))
    while last > 0 and not lines[last].strip(" %\n"):
        last -= 1
    first = last
    while first > 0 and lines[first - 1].strip(" %\n"):
        first -= 1
    return sum(map(len, lines[:first])), sum(map(len, lines[: last + 1]))


_CURES: tuple[tuple[str, Callable[..., Cure | None]], ...] = (
    (r"Undefined control sequence", _unknown),
    (r"File [`']([^']+)' not found", _no_file),
    (r"Can be used only in preamble", _too_late),
    (r"Missing \$ inserted|Display math should end", _outside_math),
    (r"Misplaced alignment tab|alignment tab character", _sign("&")),
    (r"macro parameter character", _sign("#")),
    (r"Extra alignment tab", _surplus),
    (r"Environment (\S+) undefined", _strange_environment),
    (r"\\begin\{([^}]+)\} (?:on input line \d+ )?ended by \\end\{([^}]+)\}", _unclosed),
    (r"Unicode character (\S)", _letter),
    (r"Double (?:super|sub)script", _twice),
    (r"Extra \}|Too many \}|Missing [{}]|Runaway|File ended|Paragraph ended|ended before|Emergency stop", _braces),
)
