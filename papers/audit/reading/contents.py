"""What a paper leaves out: of its own evidence, and of what every paper has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import Document, Part, Sentence
from nightlab.papers.audit.reading.statements import SUMMARIES

ORDER = ("introduction", "related work", "method", "set-up", "result", "discussion", "limitation", "conclusion")
LEAST_LIMITS, LEAST_CAPTION = 40, 4  # words
UNFINISHED = re.compile(r"[.!?:;”’\")\x03…]$")
LEAST_PROSE = {"introduction": 80, "method": 120, "result": 40, "conclusion": 30}


def left_out(doc: Document) -> Iterator[Finding]:
    """Results of the evidence that the text does not tell."""
    if not doc.facts:
        return
    for what, has, told in _WANTED:
        if has(doc) and not told(doc):
            yield Finding("left-out", "manuscript", f"the evidence has {what}, and the paper does not tell it")


def _body(doc: Document) -> frozenset[str]:
    """The facts that the sections tell in sentences, those that sum up apart."""
    parts = [p for p in doc.sections if not any(n in p.heading.casefold() for n in SUMMARIES)]
    return frozenset(id for p in parts for s in p.sentences for id in s.facts)


def _everything(doc: Document, prefix: str) -> set[str]:
    return {id for id in doc.facts if id.startswith(prefix)}


def _spread(doc: Document) -> bool:
    """Whether the claim was tested, with an interval that says something."""
    return _tested(doc) and doc.facts["claim.low"].value < doc.facts["claim.high"].value


def _tested(doc: Document) -> bool:
    """Whether there is a claim beside the baseline."""
    return "claim.effect" in doc.facts and any(id.startswith("best.dev.") for id in doc.facts)


def _split(doc: Document) -> str:
    return "holdout" if "baseline.holdout.mean" in doc.facts else "dev"


def _in_section(name: str, prefix: str) -> Callable[[Document], bool]:
    """Whether a section, or a table that is placed in one, tells of it, under a heading that names it."""

    def told(doc: Document) -> bool:
        parts = [p for p in (*doc.sections, *doc.appendix) if name in p.heading.casefold()]
        placed = {key for p in parts for key in p.floats}
        sentences = [s for p in parts for s in p.sentences] + [
            s for f in doc.shown if f.key in placed for s in f.sentences
        ]
        return any(id.startswith(prefix) for s in sentences for id in s.facts)

    return told


def _holds(*ids: str) -> Callable[[Document], bool]:
    return lambda doc: all(id.format(split=_split(doc)) in _body(doc) for id in ids)


def _counted(verdict: str, word: str) -> Callable[[Document], bool]:
    """Whether the body counts the trials of a verdict; that there was none may be said in a word."""

    def told(doc: Document) -> bool:
        id = f"search.{verdict}"
        return id in _body(doc) or (doc.facts[id].value == 0 and any(word in p.text for p in doc.sections))

    return told


def _shown(prefix: str) -> Callable[[Document], bool]:
    """Whether a table has most of what the evidence has of it."""

    def told(doc: Document) -> bool:
        cells = {id for f in doc.shown for s in f.sentences for id in s.facts}
        placed = {key for p in doc.parts for key in p.floats}
        own = {id for f in doc.shown if f.key in placed for s in f.sentences for id in s.facts}
        every = {id for id in _everything(doc, prefix) if id.endswith(".mean")}
        return len(own & every) >= min(len(every), 20) / 2 and bool(cells)

    return told


_WANTED: tuple[tuple[str, Callable[[Document], bool], Callable[[Document], bool]], ...] = (
    ("a tested effect", _tested, _holds("claim.effect")),
    ("the interval of the effect", _spread, _holds("claim.low", "claim.high")),
    ("a p value", _spread, _holds("claim.p")),
    ("the number of pairs that the claim rests on", _tested, _holds("claim.n")),
    ("the value of the baseline", lambda d: "claim.effect" in d.facts, _holds("baseline.{split}.mean")),
    ("the value of the best configuration", _tested, _holds("best.{split}.mean")),
    ("how many trials failed", lambda d: "search.failed" in d.facts, _counted("failed", "fail")),
    ("how many trials there were", lambda d: "search.trials" in d.facts, _holds("search.trials")),
    ("how many trials were reverted", lambda d: "search.reverted" in d.facts, _counted("reverted", "revert")),
    ("the level of the test", _spread, _holds("setting.level")),
    ("an ablation", lambda d: bool(_everything(d, "ablation.without")), _in_section("ablation", "ablation.")),
    ("a sensitivity analysis", lambda d: bool(_everything(d, "sensitivity.")), _in_section("sensitiv", "sensitivity.")),
    ("baselines at equal budget", lambda d: bool(_everything(d, "rival.")), _in_section("result", "rival.")),
    ("a replication", lambda d: bool(_everything(d, "replication.")), _in_section("replicat", "replication.")),
    ("a second search", lambda d: bool(_everything(d, "again.")), _in_section("second search", "again.")),
    ("a test at a tighter bound", lambda d: bool(_everything(d, "stress.")), _in_section("bound", "stress.")),
    ("a second task", lambda d: bool(_everything(d, "second.")), _in_section("second task", "second.")),
    ("further draws", lambda d: bool(_everything(d, "draws.")), _in_section("further draws", "draws.")),
    ("the trials of the search", lambda d: bool(_everything(d, "trial.")), _shown("trial.")),
    ("the values that were measured on each split", _tested, _shown("best.")),
    ("the seed of the study", lambda d: "setting.seed" in d.facts, lambda d: "setting.seed" in d.used),
)


def structure(doc: Document) -> Iterator[Finding]:
    """Sections out of their order, too short, broken off, or without what their heading promises."""
    places = [
        (min(i for i, p in enumerate(doc.sections) if name in p.heading.casefold()), name)
        for name in ORDER
        if doc.section(name)
    ]
    for (first, one), (second, other) in pairwise(places):
        if first > second:
            yield Finding("order", f"section:{doc.sections[second].key}", f"the {other} stands before the {one}")
    for part in doc.parts:
        yield from _ended(part)
    if doc.of_study:
        yield from _thin(doc)
        yield from _lacking(doc)


def _thin(doc: Document) -> Iterator[Finding]:
    """Sections and captions of too few words to tell what they should."""
    for name, least in LEAST_PROSE.items():
        if (found := doc.section(name)) and len(found.words) < least:
            yield Finding("thin-section", found.where, f"{found.heading!r} has too few words to tell what it should")
    limits = doc.section("limitation")
    if limits and len(limits.words) < LEAST_LIMITS:
        yield Finding("thin-section", limits.where, "its limits are told in a few words")
    for f in doc.shown:
        if len(f.words) < LEAST_CAPTION:
            yield Finding("thin-caption", f.where, "its caption does not say what it shows")


def _lacking(doc: Document) -> Iterator[Finding]:
    """What no paper of a study is without."""
    if not doc.note.strip():
        yield Finding("no-authors", "authors_note", "the paper does not say who or what wrote it")
    for kind in ("figure", "table"):
        if not any(f.kind == kind for f in doc.shown):
            yield Finding("left-out", "manuscript", f"the paper has no {kind}")
    if doc.section("method") and not re.search(r"\bbefore\b|\bin advance\b|preregist", _method(doc)):
        yield Finding("left-out", "section:method", "it does not say when the claim and its test were fixed")


def _method(doc: Document) -> str:
    parts = [p for p in doc.sections if "method" in p.heading.casefold()]
    return " ".join(p.text for p in parts)


def _ended(part: Part) -> Iterator[Finding]:
    """The last sentence of a part ends."""
    if part.sentences and (last := part.sentences[-1].marked.strip()) and not UNFINISHED.search(last):
        yield Finding("unfinished", part.where, f"it breaks off: {part.sentences[-1].text[-60:]!r}")


def quotations(doc: Document) -> Iterator[Finding]:
    """Hypothesis and question as the parts quote them: what the conclusion quotes, the introduction must, or the table
    that divides the hypothesis, as its author may have put a part of it in other words."""
    intro = doc.section("introduction")
    if intro is None or not (known := _quotes(intro.sentences)):
        return
    known += [quote for f in doc.shown for row in f.cells for quote in _quotes(row)]
    for part in (doc.abstract, *(p for n in ("conclusion",) if (p := doc.section(n)))):
        for quote in _quotes(part.sentences):
            if len(quote.split()) > 4 and not any(quote in k or k in quote for k in known):
                told = f"it quotes {quote[:60]!r}, which the introduction does not"
                yield Finding("disagreement", part.where, told)


def _quotes(sentences: Iterable[Sentence]) -> list[str]:
    text = " ".join(s.plain for s in sentences)
    found = re.findall(r"“([^“”]*)(?:”|$)", text)
    return [" ".join(re.findall(r"\w+", f.casefold())) for f in found if f.strip()]
