"""What a language model wrote, as markup that the audit has no objection to: sentence by sentence, or not at all.

Nothing that a model returns is markup by itself: only `{say:FRAME}`, `{cite:KEY}` and `{ref:KEY}` are read as such,
and all else is printed letter by letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nightlab.papers.audit.audit import PLACEHOLDER
from nightlab.papers.audit.ground import Ground
from nightlab.papers.audit.sentences import objection, proposal
from nightlab.papers.frames.frames import placed, unknown
from nightlab.papers.frames.words import Phrasings
from nightlab.papers.manuscript.manuscript import Passage
from nightlab.papers.manuscript.markup import literal

LONGEST_TEXT = 12_000  # characters that are looked at
LONGEST_SENTENCE = 450  # characters
SHORTEST_SENTENCE = 3  # words
LONGEST_WORD = 40  # characters

_MARK = re.compile(r"(\{(?:fact|ref):[^{}\s]+\}|\{(?:cite|say):[^{}]+\})")
_LOOSE_MARK = re.compile(r"[\[({]{1,2}\s*(fact|cite|ref|say)\s*:\s*([^\[\](){}]+?)\s*[\])}]{1,2}")
_END = re.compile(r"(?<=[.!?。！？])[\"'”’]?\s+")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|cf|vs|al|Fig|resp|etc|approx)\.$")
_NO_PROSE = r"[\\{}$`^~<>|]"
_SAY = re.compile(r"\{say:[^{}]*\}")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a sentence may refer to. names: phrases that may hold any sign, such as the template's own."""

    ground: Ground = field(default_factory=Ground)
    frames: Mapping[str, Phrasings] = field(default_factory=dict)
    names: Collection[str] = ()


def sentences(text: str) -> list[list[str]]:
    """Paragraphs of sentences, without what Markdown adds, control characters and an end that was cut off."""
    text = text[:LONGEST_TEXT].replace("\r\n", "\n")
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    text = _LOOSE_MARK.sub(lambda m: f"{{{m[1]}:{m[2]}}}", text)
    text = re.sub(r"(^|[.!?]\s+|\n)(\{say:[^{}\n]*\})[.,;]?(?=\s+[A-Z{]|\s*(?:\n|$))", r"\1\2.", text)
    text = re.sub(r"^\s*(?:#+\s.*|(?:[-*•]|\d+[.)])\s+)", "", text, flags=re.MULTILINE)
    paragraphs = []
    for part in re.split(r"\n\s*\n", text):
        lines = [" ".join(re.sub(r"\*+", "", line).split()) for line in part.split("\n")]
        found = [s for line in _lines(lines) for s in _sentences(line)]
        if found:
            paragraphs.append(found)
    if paragraphs and not re.search(r"[.!?][\"'”’)]*$", paragraphs[-1][-1]) and len(paragraphs[-1]) > 1:
        paragraphs[-1].pop()
    return paragraphs


def _lines(lines: Sequence[str]) -> list[str]:
    """Lines that were broken within a sentence are joined."""
    found: list[str] = []
    for line in filter(None, lines):
        if found and not re.search(r"[.!?:]$", found[-1]):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


def _sentences(line: str) -> list[str]:
    found: list[str] = []
    for piece in _END.split(line):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        elif piece.strip():
            found.append(piece.strip())
    return found


def markup(sentence: str) -> str:
    """The sentence as markup that prints it as it is, but for its marks."""
    parts = (p if i % 2 else literal(p.replace("_", " ")) for i, p in enumerate(_MARK.split(sentence)))
    return "".join(parts)


def fault(sentence: str, rules: Rules) -> str:
    """Why the sentence cannot stand; empty if it can."""
    if _SAY.search(sentence):
        if not _SAY.fullmatch(sentence.rstrip(". ")):
            return "a frame is a whole sentence: nothing may stand before or after {say:...} in it"
        missing = unknown(sentence, rules.frames)
        return f"there is no frame {missing[0]!r}" if missing else ""
    plain = _MARK.sub(" ", sentence)
    return _form(sentence, plain, rules) or _placeholder(sentence) or objection(_unnamed(sentence, rules), rules.ground)


def _unnamed(sentence: str, rules: Rules) -> str:
    """The sentence with a plain word for each of the template's names that no prose could hold."""
    odd = [n for n in rules.names if not n.isascii() or re.search(_NO_PROSE, n)]
    return re.sub(r"  +", " ", _without(sentence, odd)) if odd else sentence


def _placeholder(sentence: str) -> str:
    m = PLACEHOLDER.search(sentence)
    return f"{m[0]!r} stands for something that is missing" if m else ""


def _form(sentence: str, plain: str, rules: Rules) -> str:
    if len(sentence) > LONGEST_SENTENCE:
        return "it is too long"
    bare = _without(plain, [n for n in rules.names if not n.isascii() or re.search(_NO_PROSE, n)])
    if m := re.search(_NO_PROSE, bare):
        return f"{m[0]!r} is no prose"
    if any(len(word) > LONGEST_WORD for word in plain.split()):
        return "it holds a word that is none"
    found = re.findall(r"[^\W\d_]+", plain)
    if any(not c.isascii() and c.isalpha() and ord(c) > 0x24F for c in bare):
        return "it is not English"
    if len(found) < SHORTEST_SENTENCE:
        return "it is no sentence"
    return ""


def _without(text: str, names: Collection[str]) -> str:
    """The text with a blank for each of the template's own names."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def faults(text: str, rules: Rules, *, most: int = 3) -> str:
    """The sentences that cannot stand and why, for whoever wrote them; at most `most` of them."""
    found = []
    for sentence in (s for paragraph in sentences(text) for s in paragraph):
        if reason := fault(sentence, rules):
            found.append(f"{sentence[:120]!r}: {reason}")
        if len(found) == most:
            break
    return "; ".join(found)


def kept(text: str, rules: Rules, *, words: int) -> str:
    """The markup of the sentences that can stand, no sentence twice, up to about so many words."""
    paragraphs, used, seen = [], 0, set()
    for paragraph in sentences(text):
        good = []
        for sentence in paragraph:
            if sentence in seen or fault(sentence, rules):
                continue
            seen.add(sentence)
            used += len(sentence.split())
            if used > words:
                break
            good.append(_ended(markup(sentence) if not _SAY.search(sentence) else sentence))
        if good:
            paragraphs.append(" ".join(good))
        if used > words:
            break
    return "\n\n".join(p if not p.startswith("- ") else p[2:] for p in paragraphs)


def _ended(text: str) -> str:
    return text if re.search(r"[.!?][\"'”’)]*$", text) else f"{text.rstrip(':;, ')}."


def as_paragraph(text: str, rules: Rules, used: Counter[str] | None = None) -> str:
    """The markup of a text that is kept, its frames in words, as one paragraph."""
    return " ".join(placed(re.sub(r"(\{say:[^{}]*\})\.", r"\1", text), rules.frames, used).split())


def counted(texts: Iterable[str]) -> tuple[int, int]:
    """How many free sentences and how many frames stand in texts that are kept."""
    every = [s for text in texts for paragraph in sentences(text) for s in paragraph]
    frames = sum(bool(_SAY.search(s)) for s in every)
    return len(every) - frames, frames


def unfit(sentence: str, rules: Rules) -> str:
    """Why a sentence cannot stand in a title, a question or a hypothesis, which may say what is to be found out."""
    return _form(sentence, sentence, rules) or _placeholder(sentence) or proposal(sentence, rules.ground)


def phrase(text: str, rules: Rules, *, words: int = 40) -> str:
    """One line of plain text for a title, a question or a hypothesis; empty if nothing of it can stand."""
    found = [s for paragraph in sentences(text) for s in paragraph]
    good = [markup(s) for s in found if not unfit(s, rules)]
    line = " ".join(" ".join(good).split()[:words]) if good else ""
    return " ".join(Passage("phrase", line).printed.split())
