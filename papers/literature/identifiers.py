"""DOI and arXiv id of a BibTeX entry, in all the forms and fields in which exporters put them."""

from __future__ import annotations

import re
from collections.abc import Mapping

DOI = re.compile(r"10\.\d{4,9}/[^\s{}\\]+")
ARXIV = re.compile(r"(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?")

_IN_TEXT = re.compile(rf"(?i:arxiv(?:\.org/\w+/|[.:\s]\s*)|\babs/)(?:{ARXIV.pattern})(?!\d)")
_DOI_IN_TEXT = re.compile(rf"(?i:doi\.org/|\bdoi\s*[:=]?\s*)({DOI.pattern})")
_TOLD = ("title", "booktitle", "abstract", "keywords", "annote", "annotation")  # words about works, and of others too


def doi(fields: Mapping[str, str]) -> str:
    """The DOI; what stands in its field where that is none; empty if there is no such field and no other holds one."""
    if given := fields.get("doi", ""):
        found = DOI.search(given)
        return _ended(found[0]) if found else "" if _IN_TEXT.search(given) else given
    return next((_ended(m[1]) for text in _elsewhere(fields) if (m := _DOI_IN_TEXT.search(text))), "")


def arxiv(fields: Mapping[str, str]) -> str:
    """The arXiv id without its version; what was given for one where it is none; empty if there is none."""
    kind = (fields.get("eprinttype") or fields.get("archiveprefix") or "").lower()
    if kind in ("", "arxiv") and (given := fields.get("eprint") or fields.get("arxiv", "")):
        if found := _IN_TEXT.search(given) or re.match(rf"{ARXIV.pattern}(?!\d)", given):
            return found[1]
        if kind or re.match(r"(?i:arxiv:)|\d{4}\.\d", given):
            return given
    return next((m[1] for text in _elsewhere(fields) if (m := _IN_TEXT.search(text))), "")


def _elsewhere(fields: Mapping[str, str]) -> list[str]:
    return [text for name, text in fields.items() if name not in _TOLD]


def _ended(found: str) -> str:
    """Without the stop or bracket of the sentence that it stood in; brackets of its own are in pairs."""
    found = found.rstrip(".,;")
    return found[:-1] if found.endswith(")") and found.count(")") > found.count("(") else found
