"""Whether the numbers that a paper prints agree with one another, in the manner of statcheck (Nuijten et al., 2016).

What is looked at needs no evidence beside the paper: an interval and its point, a change and its two ends, a p value
and what it is called, a number of the abstract and the body, a reference and what it refers to. It holds for any paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import Document, Sentence

_N = r"[-−–]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
_INTERVAL = re.compile(
    rf"(?P<before>.*?)\b(?:confidence |credible )?(?:intervals?|CIs?)\b[^.;\d]{{0,12}}?(?:runs |goes )?"
    rf"(?:from |of |is |=|:)?\s?[\[(]?(?P<low>{_N})(?:\s?%)?\s?(?:,|to|;|–|—)\s?(?P<high>{_N})"
)
_CHANGE = re.compile(
    rf"\bfrom (?P<a>{_N})(?P<pa>\s?%)?(?: ?\([^)]*\))? to (?P<b>{_N})(?P<pb>\s?%)?(?!\s?%? (?:interval|seeds))"
)
_DOWN = re.compile(
    r"\b(?:falls?|fell|drops?|dropped|decreas\w+|reduc\w+|declin\w+|lowers?|lowered|shrinks?|shrank)\b", re.I
)
_UP = re.compile(r"\b(?:ris(?:es?|ing)|rose|(?:increas|climb|rais)\w+|gr[eo]ws?)\b", re.I)
_BY = rf"\bby (?!(?:19|20)\d\d\b)(?P<by>{_N})(?:(?P<share>\s?%)|(?!\s?(?:of\b|[a-z]+s\b)))"  # and not what is counted
_BY_AFTER, _BY_BEFORE = re.compile(rf"[^.;:\d]{{0,12}}?{_BY}", re.I), re.compile(rf"{_BY}[^.;:\d\w]{{0,3}}$", re.I)
_P = re.compile(rf"\bp\s?(?P<sign>[=<>≤≥])\s?(?P<p>{_N})")
_NOT = re.compile(r"\b(?:not?|never|none|cannot|insignificant|non-?significant|fails?|without)\b|n't\b", re.I)
_DENIED = re.compile(r"(?:\b(?:not|no|never)|n't)(?: \w+){0,3} significan|\b(?:in|non-?)significant", re.I)
_CALLED = re.compile(r"\bsignifican(?:t|tly|ce)\b", re.I)
_LEVEL = re.compile(rf"\blevel(?: of)? (?P<level>{_N})")
_POINT = re.compile(
    rf"(?P<point>{_N})(?:\s?%)?(?:\s[a-zA-Z]+)?\s?[\[(,]?\s?(?:with )?(?:an? |the |its )?(?:\d\d(?:\.\d+)?\s?%\s?)?$"
)
_DECIMAL = re.compile(r"(?<![\w.-])\d+\.\d{2,}(?!\d|\.\d)")
_REFERRED = re.compile(r"\b(?P<kind>Fig(?:ure|\.)|Table)s?\s(?P<number>\d{1,2})(?![\d.]*\d)")
_CITED = re.compile(r"\[(\d{1,3}(?:\s?[,–-]\s?\d{1,3})*)\]")
USUAL_LEVEL = 0.05
LONGEST = 1000  # characters of a sentence


def agreeing(doc: Document) -> Iterator[Finding]:
    """Sentences whose numbers contradict one another."""
    for where, s in _told(doc):
        text = " ".join(s.text.split())
        for told in chain(_intervals(text), _changes(text), _p_values(text)):
            yield Finding("arithmetic", where, f"{told}: {text[:120]!r}")


def _told(doc: Document) -> Iterator[tuple[str, Sentence]]:
    every = (
        *((part.where, s) for part, s in doc.sentences()),
        *((f.where, s) for f in doc.shown for s in f.caption),
    )
    yield from ((where, s) for where, s in every if len(s.text) <= LONGEST)


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-").replace("–", "-"))


def _intervals(text: str) -> Iterator[str]:
    for m in _INTERVAL.finditer(text):
        low, high = _value(m["low"]), _value(m["high"])
        if low > high:
            yield f"an interval runs from {m['low']} down to {m['high']}"
        elif (point := _POINT.search(m["before"])) and "." in point["point"]:
            value = _value(point["point"])
            if not low - _unit(m["low"]) <= value <= high + _unit(m["high"]):
                yield f"{point['point']} lies outside of its own interval"


def _changes(text: str) -> Iterator[str]:
    if len(found := list(_CHANGE.finditer(text))) != 1 or "interval" in text:
        return
    (m,) = found
    a, b = _value(m["a"]), _value(m["b"])
    before = re.split(r"[,;:]", text[: m.start()])[-1]
    verb = " ".join(before.split()[-2:])  # what stands further off may be of something else
    for way, wrong in ((_DOWN, b > a), (_UP, b < a)):
        if way.search(verb) and wrong and not _NOT.search(before):
            yield f"what changes from {m['a']} to {m['b']} goes the other way"
    by = _BY_AFTER.match(text, m.end()) or _BY_BEFORE.search(text[: m.start()])
    if by and a:
        told, slack = abs(_value(by["by"])), _unit(m["a"]) + _unit(m["b"]) + _unit(by["by"])
        forms = [abs(b - a)]
        if by["share"]:
            forms += [100 * abs(b - a) / abs(a), 100 * abs(b - a) / abs(b or a)]
            slack += 100 * (_unit(m["a"]) + _unit(m["b"])) / min(abs(a), abs(b) or abs(a))
        if all(abs(told - form) > slack for form in forms):
            yield f"from {m['a']} to {m['b']} is no change by {by['by']}"


def _p_values(text: str) -> Iterator[str]:
    found = list(_P.finditer(text))
    for m in found:
        if not 0 <= _value(m["p"]) <= 1:
            yield f"no probability is {m['p']}"
    if len(found) != 1 or len(_CALLED.findall(text)) != 1:
        return
    (m,) = found
    p, level = _value(m["p"]), _value(told["level"]) if (told := _LEVEL.search(text)) else USUAL_LEVEL
    if _DENIED.search(text) and m["sign"] in "=<≤" and p < level / 10:
        yield f"p {m['sign']} {m['p']} is called not significant"
    elif not _NOT.search(text) and m["sign"] in "=>≥" and p > 2 * level:
        yield f"p {m['sign']} {m['p']} is called significant"


def _unit(number: str) -> float:
    """One in the last digit that is printed."""
    _, dot, digits = number.partition(".")
    return float(10 ** -len(re.match(r"\d*", digits)[0])) if dot else 1.0  # type: ignore[index]


def summed_up(doc: Document) -> Iterator[Finding]:
    """Decimal numbers of the abstract that stand nowhere else in the paper."""
    body = " ".join(s.text for p in doc.parts[1:] for s in p.sentences)
    body += " ".join((*(s.text for f in doc.shown for s in f.sentences), doc.aside))
    known = set(_DECIMAL.findall(body))
    if len(known) < 5:  # no body of numbers that it could be held against
        return
    for s in doc.abstract.sentences:
        for number in _DECIMAL.findall(s.text):
            near = any(k.startswith(number) or number.startswith(k) or _rounds(k, number) for k in known)
            if not near:
                told = f"the abstract tells {number}, which stands nowhere else in the paper"
                yield Finding("disagreement", "abstract", told)


def _rounds(longer: str, shorter: str) -> bool:
    digits = len(shorter.partition(".")[2])
    return len(longer.partition(".")[2]) > digits and f"{float(longer):.{digits}f}" == shorter


def referred(doc: Document) -> Iterator[Finding]:
    """References to figures, tables and works that a paper from elsewhere does not have."""
    numbers = {(f.kind, int(f.key.rpartition("-")[2])) for f in doc.shown}
    most = {kind: max((n for k, n in numbers if k == kind), default=0) for kind in ("figure", "table")}
    for part, s in doc.sentences():
        for m in _REFERRED.finditer(s.text):
            kind = "table" if m["kind"] == "Table" else "figure"
            if most[kind] and int(m["number"]) > most[kind]:
                yield Finding("unknown-float", part.where, f"it refers to {kind} {m['number']}, which is not there")
    marked = [e for e in doc.listed if e.startswith("[") or re.match(r"\d{1,3}\.", e)]
    if len(marked) == len(doc.listed) > 0:
        for part, s in doc.sentences():
            cited = [int(n) for m in _CITED.finditer(s.text) for n in re.findall(r"\d+", m[1])]
            if cited and max(cited) > len(doc.listed):
                yield Finding(
                    "unknown-reference", part.where, f"it cites [{max(cited)}], and the list ends before that"
                )
