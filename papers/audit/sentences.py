"""The gate for free sentences: what a text may say that no code and no frame says.

What can be decided exactly is: marks, numbers, names, quotations, what a cited abstract and the record say. Of all else
a trained reader says how much it sounds like an assertion about the study, as a whole and clause by clause. A sentence
whose clauses the grammar licenses (a denial or an omission with the negation at its verb, a guess marked as one, a
question, a next step, a caution, a limit, motivation) may sound more like one than a sentence that it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nightlab.papers.audit import paraphrase, reader
from nightlab.papers.audit.grammar import licences, lists, pattern, stem
from nightlab.papers.audit.numerals import named, numeral

_MARK = re.compile(r"\{(fact|say|cite|ref):([^{}]*)\}")
_DOUBTED, _LICENSED = 0.0, 1.0  # scores above which a sentence is cut that the grammar does not license, or does
# What no reading says: that there is no fault or doubt, whether another sentence is true, that the record may be forged
_BEYOND = ("faultless", "beyond_doubt", "neighbour", "suspected")


@dataclass(frozen=True, kw_only=True)
class Work:
    """A cited work: its title and abstract, and the family names of its authors."""

    title: str
    abstract: str = ""
    families: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.title}. {self.abstract}"

    @property
    def sentences(self) -> tuple[str, ...]:
        return (self.title, self.abstract)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What a free sentence may lean on.

    record: sentences that trusted code says of this study. targets: what a `{ref:KEY}` shows, in its caption's words.
    topic: words of the task, of the knobs and of the metrics. knobs: what the search may move, in words. improved: the
    verdict; None before there is one.
    """

    works: Mapping[str, Work] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    record: Collection[str] = ()
    topic: Collection[str] = ()
    names: Collection[str] = ()
    knobs: Collection[str] = ()
    improved: bool | None = None

    @cached_property
    def things(self) -> frozenset[str]:
        """Stems of what the study has: what a sentence cannot call left out."""
        return frozenset(s for text in (*self.record, *self.topic) for s in paraphrase.content(text))

    @cached_property
    def proper(self) -> frozenset[str]:
        """Words that may have capitals."""
        works = (part for w in self.works.values() for part in (w.text, " ".join(w.families)))
        texts = (*self.names, *self.topic, *self.record, *self.targets.values(), *works)
        return frozenset(w for text in texts for w in re.findall(r"[\w-]+", text))


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
    bare = _bare(plain)
    if paraphrase.says(bare, ground.record):
        return ""
    if not _has("other", bare) and paraphrase.denies(bare, ground.record):
        return "the record says the contrary"
    return _free(plain, ground)


def formal(sentence: str, ground: Ground) -> str:
    """What the marks and the form of a free sentence alone forbid, whatever it says; empty if nothing."""
    return "it holds a mark" if _MARK.search(sentence) else _form(sentence, ground)


def heard(text: str) -> list[str]:
    """What the reader hears of a sentence: the whole of it and each of its clauses."""
    found = _clauses(text)
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
    bare = _bare(text)
    for kind in ("boast", "work", "device", "happened", "forbidden_tense"):
        if m := pattern(kind).search(bare):
            return f"{m[0]!r} tells of more than what is to be found out"
    return ""


_NO_CAPTION = "a sentence that names a figure, a table or a section says no more than its caption or its opening"
_NO_PASSAGE = "the abstract of the cited work does not say this in these words"


def _cites(plain: str, works: list[Work]) -> bool:
    families = {part.casefold() for w in works for name in w.families for part in name.split()}
    words = [w for w in _bare(plain).split() if w not in families]
    share = [set(paraphrase.content(" ".join(words))) & set(paraphrase.content(w.text)) for w in works]
    return all(share) and any(paraphrase.says(_predicate(words, w), w.sentences, turned=True) for w in works)


def _predicate(words: list[str], work: Work) -> str:
    """What is said of a work, without who it is by or how it is called: its title may be the subject."""
    names = lists()["cited"] | lists()["empty"] | set(_bare(work.title).split())
    start = next((i for i, w in enumerate(words) if w not in names), len(words))
    end = next((i for i in range(len(words), 0, -1) if words[i - 1] not in lists()["cited"]), 0)
    whole, bare = words[:end], words[start:end]
    return " ".join(bare if len(paraphrase.content(" ".join(bare))) > 1 else whole)


def _refers(plain: str, targets: list[str]) -> bool:
    low = f" {_bare(plain)} "
    if " that " in low or " how " in low:
        return False
    said = " ".join(w for w in low.split() if w not in lists()["ref"] or w == "all")
    return any(set(paraphrase.content(said)) <= set(paraphrase.content(t)) for t in targets)


def _free(plain: str, ground: Ground) -> str:
    if reason := _form(plain, ground):
        return reason
    bare = _bare(plain)
    if beyond := next((m[0] for kind in _BEYOND if (m := pattern(kind).search(bare))), ""):
        return f"{beyond!r} is more than a writer can know"
    whole, *clauses = (reader.score(text, ground.things) for text in heard(plain))
    sound = whole + 0.5 * max(clauses, default=whole)
    if sound > (_LICENSED if _licensed(plain, ground) else _DOUBTED):
        return "it asserts what neither the record nor a frame says"
    return ""


def _licensed(plain: str, ground: Ground) -> bool:
    last = "-"
    for clause in _clauses(plain):
        last = last and _licence(clause, ground, "" if last == "-" else last)
    return bool(last)


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
    words = [w for w in _bare(plain).split() if len(w) > 1]
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


def _bare(text: str) -> str:
    """A text in small letters without punctuation, contractions written out."""
    text = text.replace("’", "'").casefold()
    text = re.sub(r"n't\b", " not", text.replace("can't", "can not").replace("won't", "will not"))
    text = text.replace("cannot", "can not")
    return " ".join(re.findall(r"[\w@]+(?:['-][\w@]+)*", text))


def _clauses(plain: str) -> list[str]:
    """The clauses of a sentence that each assert something: those that a conjunction or a sign parts."""
    text = re.sub(r"[.!]+\s*$", "", plain.replace("’", "'")).casefold()
    asks = " ?" if text.rstrip().endswith("?") else ""
    found = []
    for part in (p for p in pattern("split").split(text) if p and p.strip(" ,.?")):
        if m := pattern("antecedent").match(part):
            found.append(m[0])
        found += _coordinated(part[m.end() :] if m else part)
    return [f"{clause}{asks}" for clause in found]


def _coordinated(part: str) -> list[str]:
    """Pieces after `and`, `or` or a comma that are clauses of their own: with a subject and a verb, or a verb alone."""
    found: list[str] = []
    for piece in pattern("coordinated").split(part):
        if found and re.match(r"\s*(?:that|whether|how)\b", piece) and pattern("complement").search(found[-1]):
            found[-1] += f" and {piece}"
        elif piece.strip(" ,.?"):
            found.append(piece)
    return found


def _licence(clause: str, ground: Ground, before: str) -> str:
    """The kind of statement that a clause is licensed as; empty if it is of none. before: that of the clause before."""
    bare = _opened(_bare(clause)) + " ?" * clause.endswith(" ?")
    if paraphrase.says(bare, ground.record):
        return "record"
    for kind, shape in licences():
        if (m := shape.search(bare)) and not _refused(kind, m, bare, ground):
            return kind
    follows = before in ("remark", "foreign") and pattern("anaphor").match(bare)
    return "foreign" if follows and not _claims("foreign", bare, bare, ground) else ""


def _opened(bare: str) -> str:
    """A clause without the words that lead into it."""
    while (m := pattern("opening").match(bare)) and m.end() < len(bare):
        bare = bare[m.end() :]
    return bare


def _refused(kind: str, m: re.Match[str], bare: str, ground: Ground) -> bool:
    """Whether a clause of a licensed kind says more than its kind may."""
    rest = bare[m.end() :]
    if kind == "denial":
        return _denies_too_much(m[0], rest) or _against_verdict(bare, ground)
    if kind == "omission":
        return _has("turn", bare) or _has("fault", m["what"]) or (_had(m["what"], ground) and not _has("other", bare))
    if _has("verdict_noun", bare) or _has("boast", bare):
        return True
    if kind not in ("question", "next", "caution", "voice", "text", "remark") and _has("work", bare):
        return True
    if kind in ("voice", "text", "remark", "condition", "foreign"):
        return _claims(kind, rest, bare, ground) or (kind == "text" and _denies(bare, ground))
    if kind == "question":
        return _presupposes(bare) or (not bare.endswith("?") and _against_verdict(bare, ground, loose=True))
    if _has("super", bare) or (_has("win", bare) and " than " in bare) or _against_verdict(bare, ground, loose=True):
        return True
    return (kind in ("guess", "next") and _has("amount", bare)) or (kind == "guess" and _too_sure(bare))


def _denies_too_much(denial: str, rest: str) -> bool:
    """Whether a denial takes back in its complement what it denies, or takes a claim for granted there."""
    if re.search(r"\b(?:why|how|what)\b", rest) and any(map(_in(rest), ("loaded", "boast", "work"))):
        return True
    twice = re.search(r"\b(?:not|no|never|nothing|anything$|cannot|fails?|without)\b", rest)
    return bool(_has("turn", rest) or twice or ("evidence" in denial and _has("fault", rest)))


def _presupposes(bare: str) -> bool:
    """Whether a question takes a claim for granted."""
    if _has("rhetorical", bare) or (_has("win", bare) and " than " in bare):
        return True
    if not bare.endswith("?"):
        return False
    taken = re.match(r"(?:what|why|how|who|which)\b", bare) and pattern("strong").search(bare)
    return not _has("other", bare) and bool(taken or (_has("win", bare) and _has("own", bare)))


def _denies(bare: str, ground: Ground) -> bool:
    return bool(ground.improved) and _has("denied", bare)


def _beyond_a_remark(bare: str, ground: Ground) -> bool:
    """Whether a general remark is one on the study's own matter: what it is good for, what it owes to which part."""
    matter = _has("matter", bare) or _has("own", bare)
    knob = any(re.search(rf"\b{re.escape(name)}\b", bare) for name in ground.knobs)
    if matter and (_has("universal", bare) or _has("win_verb_or_degree", bare)):
        return True
    if _has("advised", bare) and _has("persuades", bare) and (matter or knob):
        return True
    return _has("cleft", bare) or (knob and re.match(r"(?:the|this|these|our|its)\b", bare) is not None)


def _claims(kind: str, rest: str, bare: str, ground: Ground) -> bool:
    """Whether a remark on the world, on the text or by its writer is a claim about the study."""
    bare, rest = (pattern("aside").sub(" ", text) for text in (bare, rest))
    told = bare if kind in ("remark", "foreign") else rest
    if _has("test", told) or _has("device", told) or (_has("assert_verb", bare) and kind != "condition"):
        return True
    studied = pattern("studied").search(told)
    if kind in ("remark", "foreign") and _beyond_a_remark(bare, ground):
        return True
    if kind == "foreign":
        return (
            bool(pattern("studied_at_all").search(bare))
            or _in_the_past(bare)
            or any(map(_in(bare), ("win", "super", "superlative", "work", "universal")))
        )
    if kind == "remark":
        claimed = bool(studied) and any(map(_in(bare), ("win", "lose", "super", "work")))
        promised = _has("win_verb_or_degree", bare) and (_has("own", bare) or _has("promised", bare))
        quoted = _has("work", bare) and _has("that", bare)
        return (
            bool(pattern("strong").search(bare))
            or _in_the_past(bare)
            or claimed
            or promised
            or quoted
            or _has("amount", bare)
        )
    if kind == "condition":
        return _has("win", told) and (_has("own", told) or bool(studied))
    return (_has("win", told) and _has("own", told)) or bool(pattern("happened").search(told))


def _in_the_past(bare: str) -> bool:
    """Whether the main verb tells of something done."""
    main = pattern("subordinate").split(bare)[0]
    return _has("happened", main) or _has("forbidden_tense", main)


def _in(bare: str) -> Callable[[str], bool]:
    return lambda name: _has(name, bare)


def _too_sure(bare: str) -> bool:
    """A guess about all things, about a test, or on how the study was made is none."""
    made = pattern("made").search(bare)
    measured = _has("win", bare) and pattern("measured").search(bare)
    return bool(
        _has("universal", bare)
        or re.search(r" no (?:other|better|\w+er) ", bare)
        or any(map(_in(bare), ("sureness", "test", "device")))
        or made
        or measured
    )


def _against_verdict(bare: str, ground: Ground, *, loose: bool = False) -> bool:
    """Whether a clause denies the gain that the test found, or takes for granted the one that it did not find."""
    beyond = _has("other", bare)
    if ground.improved is False:
        return _has("win", bare) and (bool(pattern("taken").search(bare)) or (loose and not beyond))
    if ground.improved and not loose:
        return (_has("win", bare) or " hypothesis" in bare) and not beyond
    return bool(ground.improved) and _has("denied", bare) and not beyond


def _had(what: str, ground: Ground) -> bool:
    """Whether the study has what a clause says that it lacks: the noun that the phrase is about."""
    m_to = what.startswith("to ")
    what = pattern("tail").split(f" {what}")[0]
    words = [w for w in what.split() if w not in lists()["empty"]]
    if not words:
        return not what.strip() and not m_to
    return not _has("other", what) and all(stem(w) in ground.things for w in words)


def _has(name: str, text: str) -> bool:
    return bool(pattern(name).search(text))
