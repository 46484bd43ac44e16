"""Likeness of a paper's parts to one another: what is no English, stands there twice, or belongs to another paper.

Nothing here knows what a paper should say. Words of a part that stand nowhere else in the paper are strange; a part of
mostly strange words belongs elsewhere. A caption belongs where the sentences that refer to it share its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.grammar import lists, stem
from nightlab.papers.audit.reading.document import Document, Part, Sentence, Shown

# Function words make up 40 to 55 % of English prose; texts of names and numbers come down to 25 %.
FUNCTION = frozenset(
    [
        "the",
        "of",
        "and",
        "a",
        "in",
        "to",
        "is",
        "it",
        "that",
        "for",
        "was",
        "on",
        "are",
        "as",
        "with",
        "at",
        "be",
        "by",
        "this",
        "from",
        "or",
        "an",
        "which",
        "have",
        "has",
        "had",
        "not",
        "but",
        "we",
        "our",
        "its",
        "their",
        "they",
        "were",
        "been",
        "than",
        "when",
        "where",
        "no",
        "all",
        "each",
        "one",
        "more",
        "so",
        "if",
        "can",
        "may",
        "what",
        "there",
        "out",
        "into",
        "other",
        "only",
        "any",
        "after",
        "before",
        "over",
        "under",
        "both",
        "between",
        "while",
        "who",
        "how",
        "then",
        "these",
        "those",
        "them",
        "his",
        "her",
        "do",
        "does",
        "did",
        "will",
        "would",
        "should",
        "could",
        "up",
        "about",
        "through",
        "also",
        "such",
        "some",
        "most",
        "every",
        "whose",
        "nor",
        "yet",
        "us",
        "i",
        "you",
        "he",
        "she",
    ]
)
DETERMINERS = frozenset(["the", "a", "an", "its", "our", "their", "this", "these", "those", "each", "every"])
STUMBLES = frozenset(
    [
        "of",
        "and",
        "or",
        "is",
        "are",
        "was",
        "were",
        "to",
        "by",
        "with",
        "the",
        "a",
        "an",
        "which",
        "that",
        "than",
        "from",
        "but",
        "if",
    ]
)
FEWEST = 25  # words of a text of which anything can be told
LEAST_FUNCTION, MOST_STUMBLES = 0.16, 0.2
STRANGE = {"abstract": 0.3, "conclusion": 0.3, "result": 0.3}  # share of strange words from which a part is elsewhere's
STRANGE_PART, STRANGE_TITLE, STRANGE_SENTENCE = 0.5, 0.5, 0.7
LEAST_STEMS = 5
SHINGLE, TWICE_SHARE, LONG = 6, 0.5, 12
CAPTION_MARGIN = 0.08


def content(words: Iterable[str]) -> list[str]:
    """The stems of the words that carry meaning."""
    return [s for w in words for s in _stems(w)]


@cache
def _stems(word: str) -> tuple[str, ...]:
    parts = re.split(r"[-'’]", word.casefold())
    return tuple(stem(p) for p in parts if len(p) > 2 and p not in FUNCTION and p not in lists()["empty"])


def gibberish(doc: Document) -> Iterator[Finding]:
    """Parts whose words are no English sentences: too few function words, or articles before what follows none.

    A PDF is judged as a whole: a part of it may be one table.
    """
    texts = [(p.where, p.words) for p in doc.parts]
    if not doc.of_study:
        texts = [("text", tuple(w for _, words in texts for w in words))]
    texts.append(("captions", tuple(w for f in doc.shown if f.kind != "listing" for w in f.words)))
    for where, words in texts:
        if len(words) < FEWEST:
            continue
        function = sum(w in FUNCTION for w in words) / len(words)
        pairs = [(a, b) for a, b in pairwise(words) if a in DETERMINERS]
        stumbles = sum(b in STUMBLES for _, b in pairs) / len(pairs) if len(pairs) >= 5 else 0.0
        if function < LEAST_FUNCTION:
            yield Finding("gibberish", where, "most of its words make no English sentences")
        elif stumbles > MOST_STUMBLES:
            yield Finding("gibberish", where, "its words stand in no order that makes a sentence")


def doubled(doc: Document) -> Iterator[Finding]:
    """Sections that repeat one another, and paragraphs or long sentences that stand twice in one."""
    parts = (*doc.sections, *doc.appendix)
    for one, other in combinations(parts, 2):
        if one.heading.strip().casefold() == other.heading.strip().casefold():
            yield Finding("doubled", other.where, f"a second section is headed {other.heading!r}")
        elif _repeats(one, other):
            yield Finding("doubled", other.where, f"it repeats much of the section {one.heading!r}")
    for part in (p for p in doc.parts if p.key != "replies"):
        counts = Counter(" ".join(s.words) for s in part.sentences if len(s.words) >= LONG)
        if twice := [text for text, n in counts.items() if n > 1]:
            yield Finding("doubled", part.where, f"it says twice: {twice[0][:80]!r}")


def _repeats(one: Part, other: Part) -> bool:
    """Whether most of the shorter part's runs of words stand in the other, too."""
    first, second = _shingles(one.words), _shingles(other.words)
    few = min(len(first), len(second))
    return few >= FEWEST and len(first & second) > TWICE_SHARE * few and not _sums_up(one, other)


def _sums_up(one: Part, other: Part) -> bool:
    return any("conclusion" in p.heading.casefold() for p in (one, other)) and one.kind != other.kind


def _shingles(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def strangers(doc: Document) -> Iterator[Finding]:
    """A title, a keyword, a part or a caption whose words the rest of the paper does not know."""
    known = {p.key: Counter(content(p.words)) for p in doc.parts}
    shown = {f.key: Counter(content(w for s in f.sentences for w in s.words)) for f in doc.shown}
    works = [r for r in doc.references if r.key in doc.cited]
    cited = Counter(w for r in works for w in content(_words(" ".join((r.title, r.abstract, *r.authors)))))
    title = content(_words(doc.title))
    whole = sum((*known.values(), *shown.values()), Counter[str]())
    if title and (odd := [w for w in title if w not in whole]) and len(odd) > STRANGE_TITLE * len(title):
        yield Finding("off-topic", "title", f"the paper does not speak of {_named(odd)}, which its title names")
    for keyword in doc.keywords:
        if (stems := content(_words(keyword))) and not any(w in whole for w in stems):
            yield Finding("off-topic", "keywords", f"the paper does not speak of its keyword {keyword!r}")
    ids = Counter(stem_ for id in doc.facts for stem_ in content(_words(id)))
    for part in (p for p in doc.parts if doc.of_study or p.key == "abstract" or "conclusion" in p.heading.casefold()):
        rest = whole - known[part.key] + cited + ids + Counter(title)
        most = next((m for name, m in STRANGE.items() if name in part.heading.casefold()), STRANGE_PART)
        yield from _strange(part.where, part.sentences, rest, most)
        for paragraph in part.paragraphs if part.kind == "section" and len(part.paragraphs) > 1 else ():
            if sum(len(s.words) for s in paragraph) >= FEWEST // 2:
                yield from _strange(part.where, paragraph, rest, STRANGE_SENTENCE)
        if most != STRANGE_PART:
            for sentence in part.sentences:
                yield from _strange(part.where, (sentence,), rest, STRANGE_SENTENCE)
    for f in doc.shown:
        if f.kind != "listing":
            rest = whole - shown[f.key] + cited + ids
            yield from _strange(f.where, f.caption, rest, STRANGE_SENTENCE)


def _strange(where: str, sentences: Sequence[Sentence], rest: Counter[str], most: float) -> Iterator[Finding]:
    own = [(s, [w for w in content(_unquoted(s.plain).split()) if w.isalpha()]) for s in sentences]
    stems = [w for _, found in own for w in found]
    if len(set(stems)) >= LEAST_STEMS:
        odd = [w for w in dict.fromkeys(stems) if w not in rest]
        if len(odd) > most * len(set(stems)):
            yield Finding("off-topic", where, f"the rest of the paper does not speak of {_named(odd)}")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.casefold())


def _unquoted(text: str) -> str:
    return re.sub(r"“[^”]*(?:”|$)", " ", text)


def _named(stems: Sequence[str]) -> str:
    return ", ".join(repr(s) for s in dict.fromkeys(stems[:4]))


def captions(doc: Document) -> Iterator[Finding]:
    """Captions that fit where another one stands: by file names, columns, and the sentences that refer to it."""
    for kind in ("figure", "table"):
        shown = [f for f in doc.shown if f.kind == kind]
        if len(shown) < 2:
            continue
        places = [_place(doc, f) for f in shown]
        likeness = np.array([[_alike(content(f.words), place) for place in places] for f in shown])
        rows, columns = linear_sum_assignment(-likeness)
        for i, j in zip(rows, columns, strict=True):
            if i != j and likeness[i, j] - likeness[i, i] > CAPTION_MARGIN and likeness[j, j] < likeness[i, j]:
                told = f"its caption fits the {kind} {shown[j].key!r} better"
                yield Finding("exchanged-captions", shown[i].where, told)


def _place(doc: Document, shown: Shown) -> Counter[str]:
    """The words about a figure or table that are not in its caption; the name and those that refer to it count more."""
    name = content(_words(f"{shown.key} {shown.name.removeprefix('figures/')}"))
    cells = content(w for row in shown.cells[:1] for cell in row for w in cell.words)
    refer = content(w for _, s in doc.sentences() if shown.key in s.refs and len(s.refs) <= 2 for w in s.words)
    around = content(_words(next((p.heading for p in doc.parts if shown.key in p.floats), "")))
    return Counter(name * 3 + cells * 3 + around * 2 + refer)


def _alike(words: Sequence[str], place: Counter[str]) -> float:
    if not words or not place:
        return 0.0
    first = Counter({w: 3 if i < 2 else 1 for i, w in enumerate(dict.fromkeys(words))})
    shared = sum(min(first[w], place[w]) for w in first)
    return float(shared / (sum(first.values()) * sum(place.values())) ** 0.5)


# What sections of these headings speak of, in the words of empirical papers of any field.
ROLES = {
    "introduction": "question hypothesis idea contribution task ask mistake separate improvements aim",
    "method": "loop candidate test level written verdict keep objective procedure algorithm selection rule noise",
    "set-up": "data budget seed run memory evaluator template inputs took laid second process hardware",
    "result": "kept reverted improvement interval error value holdout mean show baseline standard stand table metrics",
    "limitation": "one bounded nothing task lie outside carry exhaustive another sample isolation watch doubt limits"
    " threat draw",
    "conclusion": "hypothesis next step set improve supported refuted answered proof future",
}
ROLE_MARGIN = 0.02


def misplaced(doc: Document) -> Iterator[Finding]:
    """Sections whose words are those of another heading, and that one's are theirs."""
    found = [(name, part) for name in ROLES if (part := doc.section(name))]
    roles = {name: frozenset(content(words.split())) for name, words in ROLES.items()}
    fit = {
        (name, part.key): sum(w in roles[name] for w in words) / max(1, len(words))
        for name in ROLES
        for _, part in found
        if (words := content(part.words)) or True
    }
    for (one, first), (other, second) in combinations(found, 2):
        own, crossed = fit[one, first.key] + fit[other, second.key], fit[one, second.key] + fit[other, first.key]
        if crossed - own > ROLE_MARGIN and min(fit[one, second.key], fit[other, first.key]) > 0.02:
            yield Finding("misplaced", first.where, f"it has what {second.heading!r} should have, and that has its own")
    related, most = (
        doc.section("related work"),
        max(doc.sections, key=lambda p: sum(bool(s.cited) for s in p.sentences)),
    )
    if (
        related
        and most
        and related is not most
        and most.kind == "section"
        and "introduction" not in most.heading.casefold()
    ):
        yield Finding("misplaced", related.where, f"works are cited under {most.heading!r}, and not here")
