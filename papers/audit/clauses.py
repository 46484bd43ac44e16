"""The clauses of a free sentence, and whether the grammar licenses each.

It may be a denial or an omission with the negation at its verb, a guess marked as one, a question, a next step, a
caution, a limit, or motivation.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nightlab.papers.audit import paraphrase
from nightlab.papers.audit.grammar import bare_words, has, licences, lists, pattern, stem
from nightlab.papers.audit.ground import Ground


def licensed(plain: str, ground: Ground) -> bool:
    """Whether the grammar licenses each clause of a sentence."""
    last = "-"
    for clause in clauses_of(plain):
        last = last and _licence(clause, ground, "" if last == "-" else last)
    return bool(last)


def clauses_of(plain: str) -> list[str]:
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
    bare = _opened(bare_words(clause)) + " ?" * clause.endswith(" ?")
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
        return has("turn", bare) or has("fault", m["what"]) or (_had(m["what"], ground) and not has("other", bare))
    if has("verdict_noun", bare) or has("boast", bare):
        return True
    if kind not in ("question", "next", "caution", "voice", "text", "remark") and has("work", bare):
        return True
    if kind in ("voice", "text", "remark", "condition", "foreign"):
        return _claims(kind, rest, bare, ground) or (kind == "text" and _denies(bare, ground))
    if kind == "question":
        return _presupposes(bare) or (not bare.endswith("?") and _against_verdict(bare, ground, loose=True))
    if has("super", bare) or (has("win", bare) and " than " in bare) or _against_verdict(bare, ground, loose=True):
        return True
    return (kind in ("guess", "next") and has("amount", bare)) or (kind == "guess" and _too_sure(bare))


def _denies_too_much(denial: str, rest: str) -> bool:
    """Whether a denial takes back in its complement what it denies, or takes a claim for granted there."""
    if re.search(r"\b(?:why|how|what)\b", rest) and any(map(_in(rest), ("loaded", "boast", "work"))):
        return True
    twice = re.search(r"\b(?:not|no|never|nothing|anything$|cannot|fails?|without)\b", rest)
    return bool(has("turn", rest) or twice or ("evidence" in denial and has("fault", rest)))


def _presupposes(bare: str) -> bool:
    """Whether a question takes a claim for granted."""
    if has("rhetorical", bare) or (has("win", bare) and " than " in bare):
        return True
    if not bare.endswith("?"):
        return False
    taken = re.match(r"(?:what|why|how|who|which)\b", bare) and pattern("strong").search(bare)
    return not has("other", bare) and bool(taken or (has("win", bare) and has("own", bare)))


def _denies(bare: str, ground: Ground) -> bool:
    return bool(ground.improved) and has("denied", bare)


def _beyond_a_remark(bare: str, ground: Ground) -> bool:
    """Whether a general remark is one on the study's own matter: what it is good for, what it owes to which part."""
    matter = has("matter", bare) or has("own", bare)
    knob = any(re.search(rf"\b{re.escape(name)}\b", bare) for name in ground.knobs)
    if matter and (has("universal", bare) or has("win_verb_or_degree", bare)):
        return True
    if has("advised", bare) and has("persuades", bare) and (matter or knob):
        return True
    return has("cleft", bare) or (knob and re.match(r"(?:the|this|these|our|its)\b", bare) is not None)


def _claims(kind: str, rest: str, bare: str, ground: Ground) -> bool:
    """Whether a remark on the world, on the text or by its writer is a claim about the study."""
    bare, rest = (pattern("aside").sub(" ", text) for text in (bare, rest))
    told = bare if kind in ("remark", "foreign") else rest
    if has("test", told) or has("device", told) or (has("assert_verb", bare) and kind != "condition"):
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
        promised = has("win_verb_or_degree", bare) and (has("own", bare) or has("promised", bare))
        quoted = has("work", bare) and has("that", bare)
        return (
            bool(pattern("strong").search(bare))
            or _in_the_past(bare)
            or claimed
            or promised
            or quoted
            or has("amount", bare)
        )
    if kind == "condition":
        return has("win", told) and (has("own", told) or bool(studied))
    return (has("win", told) and has("own", told)) or bool(pattern("happened").search(told))


def _in_the_past(bare: str) -> bool:
    """Whether the main verb tells of something done."""
    main = pattern("subordinate").split(bare)[0]
    return has("happened", main) or has("forbidden_tense", main)


def _in(bare: str) -> Callable[[str], bool]:
    return lambda name: has(name, bare)


def _too_sure(bare: str) -> bool:
    """A guess about all things, about a test, or on how the study was made is none."""
    made = pattern("made").search(bare)
    measured = has("win", bare) and pattern("measured").search(bare)
    return bool(
        has("universal", bare)
        or re.search(r" no (?:other|better|\w+er) ", bare)
        or any(map(_in(bare), ("sureness", "test", "device")))
        or made
        or measured
    )


def _against_verdict(bare: str, ground: Ground, *, loose: bool = False) -> bool:
    """Whether a clause denies the gain that the test found, or takes for granted the one that it did not find."""
    beyond = has("other", bare)
    if ground.improved is False:
        return has("win", bare) and (bool(pattern("taken").search(bare)) or (loose and not beyond))
    if ground.improved and not loose:
        return (has("win", bare) or " hypothesis" in bare) and not beyond
    return bool(ground.improved) and has("denied", bare) and not beyond


def _had(what: str, ground: Ground) -> bool:
    """Whether the study has what a clause says that it lacks: the noun that the phrase is about."""
    m_to = what.startswith("to ")
    what = pattern("tail").split(f" {what}")[0]
    words = [w for w in what.split() if w not in lists()["empty"]]
    if not words:
        return not what.strip() and not m_to
    return not has("other", what) and all(stem(w) in ground.things for w in words)
