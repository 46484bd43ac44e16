"""The gate for free sentences: what a text may say that no code and no frame says.

What can be decided exactly is: marks, numbers, names, quotations, what a cited abstract and the record say. Of all else
a trained reader says how much it sounds like an assertion about the study, as a whole and clause by clause. A sentence
whose clauses the grammar licenses (a denial or an omission with the negation at its verb, a guess marked as one, a
question, a next step, a caution, a limit, motivation) may sound more like one than a sentence that it does not.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from nightlab.papers.audit import paraphrase, reader
from nightlab.papers.audit.clauses import clauses_of, licensed
from nightlab.papers.audit.grammar import bare_words, has, lists, pattern
from nightlab.papers.audit.ground import Ground, Work
from nightlab.papers.audit.numerals import named, numeral

_MARK = re.compile(r"\{(fact|say|cite|ref):([^{}]*)\}")
_LICENSED = 1.0  # by how much louder a sentence may be that the grammar licenses
# What no reading says: that there is no fault or doubt, whether another sentence is true, that the record may be forged
_BEYOND = ("faultless", "beyond_doubt", "neighbour", "suspected")


def objection(sentence: str, ground: Ground) -> str:
    """Why a free sentence cannot stand; empty if it can."""
    marks = _MARK.findall(sentence)
    if any(kind in ("fact", "say") for kind, _ in marks):
        return "a measured quantity stands in a frame of its own, {say:...}"
    cited = [key.strip() for kind, keys in marks if kind == "cite" for key in keys.split(",")]
    if unknown := [key for key in cited if key not in ground.works]:
        return f"the bibliography has no key {unknown[0]!r}"
    shown = [key for kind, key in marks if kind == "ref"]
    if unknown := [key for key in shown if key not in ground.targets]:
        return f"there is no figure, table or section {unknown[0]!r}"
    plain = _MARK.sub(" ", sentence)
    if cited:
        return "" if _cites(plain, [ground.works[key] for key in cited]) else _NO_PASSAGE
    if shown:
        return "" if _refers(plain, [ground.targets[key] for key in shown]) else _NO_CAPTION
    bare = bare_words(plain)
    if paraphrase.says(bare, ground.record):
        return ""
    if not has("other", bare) and paraphrase.denies(bare, ground.record):
        return "the record says the contrary"
    return _free(plain, ground)


def formal(sentence: str, ground: Ground) -> str:
    """What the marks and the form of a free sentence alone forbid, whatever it says; empty if nothing."""
    return "it holds a mark" if _MARK.search(sentence) else _form(sentence, ground)


def heard(text: str) -> list[str]:
    """What the reader hears of a sentence: the whole of it and each of its clauses."""
    found = clauses_of(text)
    return [text, *(found if len(found) > 1 else ())]


def proposal(text: str, ground: Ground) -> str:
    """Why a question, a hypothesis or a plan cannot stand; empty if it can.

    It may say what is to be found out, so it asserts nothing; but it names no number, no name and no work that the
    record lacks, boasts of nothing and tells nothing as done.
    """
    if _MARK.search(text):
        return "it holds a mark"
    if reason := _form(text, ground):
        return reason
    bare = bare_words(text)
    for kind in ("boast", "work", "device", "happened", "forbidden_tense"):
        if m := pattern(kind).search(bare):
            return f"{m[0]!r} tells of more than what is to be found out"
    return ""


_NO_CAPTION = "a sentence that names a figure, a table or a section says no more than its caption or its opening"
_NO_PASSAGE = "the abstract of the cited work does not say this in these words"


def _cites(plain: str, works: list[Work]) -> bool:
    families = {part.casefold() for w in works for name in w.families for part in name.split()}
    words = [w for w in bare_words(plain).split() if w not in families]
    share = [set(paraphrase.content(" ".join(words))) & set(paraphrase.content(w.text)) for w in works]
    return all(share) and any(paraphrase.says(_predicate(words, w), w.sentences, turned=True) for w in works)


def _predicate(words: list[str], work: Work) -> str:
    """What is said of a work, without who it is by or how it is called: its title may be the subject."""
    names = lists()["cited"] | lists()["empty"] | set(bare_words(work.title).split())
    start = next((i for i, w in enumerate(words) if w not in names), len(words))
    end = next((i for i in range(len(words), 0, -1) if words[i - 1] not in lists()["cited"]), 0)
    whole, bare = words[:end], words[start:end]
    return " ".join(bare if len(paraphrase.content(" ".join(bare))) > 1 else whole)


def _refers(plain: str, targets: list[str]) -> bool:
    low = f" {bare_words(plain)} "
    if " that " in low or " how " in low:
        return False
    said = " ".join(w for w in low.split() if w not in lists()["ref"] or w == "all")
    return any(set(paraphrase.content(said)) <= set(paraphrase.content(t)) for t in targets)


def _free(plain: str, ground: Ground) -> str:
    if reason := _form(plain, ground):
        return reason
    bare = bare_words(plain)
    if beyond := next((m[0] for kind in _BEYOND if (m := pattern(kind).search(bare))), ""):
        return f"{beyond!r} is more than a writer can know"
    if excess(plain, ground) > reader.bar():
        return "it asserts what neither the record nor a frame says"
    return ""


def excess(plain: str, ground: Ground, weights: NDArray[np.float64] | None = None) -> float:
    """How loud a sentence is, beside what the grammar lets it be; weights: others than the reader's own."""
    return reader.loudness(heard(plain), ground.things, weights) - _LICENSED * licensed(plain, ground)


def _form(plain: str, ground: Ground) -> str:
    """What no free sentence holds, whatever it says."""
    if re.search(r"[\"“”„«»]", plain):
        return "a quotation comes from the record only"
    if not _english(plain):
        return "it is not English"
    if found := numeral(plain):
        return f"{found!r} is a number, and numbers stand in frames only"
    if name := _name(plain, ground):
        return f"{name!r} is a name that the record does not have"
    return ""


def _english(plain: str) -> bool:
    words = [w for w in bare_words(plain).split() if len(w) > 1]
    if any(c.isalpha() and ord(c) > 0x24F for c in plain):
        return False
    return len(words) < 6 or sum(w in lists()["plain"] for w in words) >= 0.1 * len(words)


def _name(plain: str, ground: Ground) -> str:
    """A name of a person, place, machine or program that nothing of the study has."""
    words = re.findall(r"[^\W_]+(?:[-'’.][^\W_]+)*", named(plain))
    word: str
    for i, word in enumerate(words):
        odd = any(c.isupper() for c in word[1:]) or (word[:1].isupper() and i > 0 and word != "I")
        if odd and word not in ground.proper:
            return word
    if re.search(r"\bet al\b", plain):
        return "et al"
    return ""
