"""A foreign bibliography as references.bib, entry by entry: a fault in one costs no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLOCK = re.compile(r"\\begin\{filecontents\*?\}(?:\[[^\]]*\])?\{[^}]*\.bib\}(.*?)\\end\{filecontents\*?\}", re.DOTALL)
_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
_IDENTIFIED = re.compile(
    r"\bdoi\b|10\.\d{4,9}/|arxiv[\s:./]*(?:preprint|abs)?[\s:/]*(?:arxiv:)?\d{4}\.\d{4,5}|\beprint\b", re.I
)


def blocks(tex: str) -> str:
    """What the bibliographies hold that stand in a LaTeX file."""
    return "\n".join(_BLOCK.findall(tex))


def entries(bib: str) -> tuple[str, list[str], list[str]]:
    """The entries, each once; the keys of those without a DOI or an arXiv id in any field, and of those that are left
    out, since they cannot be read."""
    told, bare, broken = dict[str, str](), list[str](), list[str]()
    for kind, key, body in _entries(bib):
        if body is None or not re.fullmatch(r"[\w:./+-]+", key):
            broken.append(key)
        elif kind.lower() not in ("comment", "string", "preamble") and key not in told:
            told[key] = f"@{kind}{{{key},\n{body.strip()}\n}}\n"
            bare += [] if _IDENTIFIED.search(body) else [key]
    return "\n".join(told.values()), bare, broken


def _entries(bib: str) -> Iterator[tuple[str, str, str | None]]:
    """Kind, key and fields of each; no fields where its braces do not end."""
    for match in _ENTRY.finditer(bib):
        depth, place = 1, match.end()
        while place < len(bib) and depth:
            depth += {"{": 1, "}": -1}.get(bib[place], 0)
            place += 1
        yield match[1], match[2], bib[match.end() : place - 1] if not depth else None
