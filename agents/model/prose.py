"""What a language model wrote, as markup that the audit has no objection to: sentence by sentence, or not at all.

Nothing that a model returns is markup by itself: only `{fact:ID}`, `{cite:KEY}` and `{ref:KEY}` are read as such, and
all else is printed letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlab.experiments.records import Fact
from nightlab.papers.audit.audit import PLACEHOLDER
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript, Passage, Section, check
from nightlab.papers.manuscript.markup import literal

LONGEST_TEXT = 12_000  # characters that are looked at
LONGEST_SENTENCE = 450  # characters
SHORTEST_SENTENCE = 3  # words
LONGEST_WORD = 40  # characters

_MARK = re.compile(r"(\{(?:fact|ref):[^{}\s]+\}|\{cite:[^{}]+\})")
_LOOSE_MARK = re.compile(r"[\[({]{1,2}\s*(fact|cite|ref)\s*:\s*([^\[\](){}]+?)\s*[\])}]{1,2}")
_END = re.compile(r"(?<=[.!?。！？])[\"'”’]?\s+")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|cf|vs|al|Fig|resp|etc|approx)\.$")
_NUMBER = re.compile(
    r"\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|dozens?|percent(?:age)?|per ?cent|half|halves"
    r"|halved?|halving|thirds|(?:a|one) (?:third|quarter|fifth|tenth)|quarters|twice|thrice|doubl\w+|tripl\w+"
    r"|quadrupl\w+|\w+fold|orders? of magnitude)\b",
    re.IGNORECASE,
)
_BOAST = re.compile(
    r"\b(?:state[- ]of[- ]the[- ]art|sota|prov(?:e|es|ed|en|ing)|proofs?|guarantee\w*|breakthrough|groundbreaking"
    r"|unprecedented|revolution\w*|first ever|undoubtedly|best[- ](?:known|published))\b",
    re.IGNORECASE,
)
_GAIN = re.compile(
    r"\b(?:improv\w*|outperform\w*|superior\w*|better|gain\w*|significan\w*|effective\w*|success\w*|surpass\w*"
    r"|beats?|exceed\w*|w[io]ns?|advantage\w*|confirm(?:s|ed)|validat\w*|support(?:s|ed)|enhanc\w*|reduc(?:es|ed)|increas(?:es|ed)|rais(?:es|ed)|lowers)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:no|not|nor|never|none|nothing|cannot|without|neither|fail\w*|unclear|negative|whether|would|could|might"
    r"|may|little|lack\w*|open|ask\w*|question\w*|hypothes\w*|aim\w*)\b|n['’]t\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\bnegative result|\bno (?:significant |real |clear )?(?:improvement|gain|effect)\b", re.IGNORECASE
)
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the a an of and in to is are was were that this these those it its for on with as by be not from at or which"
        " than but can we our has have each when all no only their they does do how what so more may one",
    )
)
# A fact may only stand where its sentence says what it is.
_TOLD = tuple(
    (re.compile(id), re.compile(said, re.IGNORECASE), what)
    for id, said, what in (
        (r"^baseline\.", r"baseline|default", "the baseline"),
        (r"^best\.", r"\b(?:best|chosen|found|selected)\b", "the best"),
        (r"\.p$", r"\bp\b|\bp[- ]values?\b|significan", "a p value"),
        (r"\.stderr$", r"error", "a standard error"),
        (r"\.(?:low|high)$", r"interval|between|range|from", "an interval"),
        (r"^claim\.(?:effect|relative)$", r"gain|improv|effect|differ|better|reduc|lower|higher|creas", "the effect"),
        (r"^claim\.n$", r"seed|pair", "the number of seeds"),
        (r"^ablation\.", r"ablat|without|taken? out|part|los[est]|contribut|owe", "what a part contributes"),
        (r"^importance\.", r"varia|importan|share", "a share of the variance"),
        (r"^search\.trials$", r"trial", "the number of trials"),
        (r"^search\.failed", r"fail|crash|broke", "failures"),
        (r"^search\.kept", r"kept|keep", "what was kept"),
        (r"^search\.reverted", r"revert|reject", "what was reverted"),
    )
)
_NO_PROSE = r"[\\{}$`^~<>|]"
_P_VALUE = re.compile(r"\bp[- ]values?\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a sentence may refer to. names: phrases that may hold digits. improved: what the confirmation says."""

    facts: Mapping[str, Fact]
    references: Sequence[Reference] = ()
    targets: Collection[str] = ()
    names: Collection[str] = ()
    improved: bool | None = None  # None before there is an outcome


def sentences(text: str) -> list[list[str]]:
    """Paragraphs of sentences, without what Markdown adds, control characters and an end that was cut off."""
    text = text[:LONGEST_TEXT].replace("\r\n", "\n")
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    text = _LOOSE_MARK.sub(lambda m: f"{{{m[1]}:{m[2]}}}", text)
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
    plain = _MARK.sub(" ", sentence)
    return _form(sentence, plain, rules) or _content(sentence, plain, rules) or _audited(sentence, rules)


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
    if len(found) >= 6 and sum(w.casefold() in _ENGLISH for w in found) < 0.12 * len(found):
        return "it is not English"
    return ""


def _without(text: str, names: Collection[str]) -> str:
    """The text with a blank for each of the template's own names."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    return text


def _content(sentence: str, plain: str, rules: Rules) -> str:
    if m := _NUMBER.search(plain):
        return f"{m[0]!r} is a number, and numbers stand as {{fact:ID}} only"
    if m := _BOAST.search(plain):
        return f"{m[0]!r} says more than the study can show"
    if re.search(r"\bet al\b", plain) and "{cite:" not in sentence:
        return "a work is named without {cite:KEY}"
    if rules.improved is False and _GAIN.search(plain) and not _DOUBT.search(plain):
        return "the test found no improvement"
    if rules.improved and _DENIED.search(plain):
        return "the test found an improvement"
    return _misnamed(sentence, plain)


def _misnamed(sentence: str, plain: str) -> str:
    ids = re.findall(r"\{fact:([^{}\s]+)\}", sentence)
    for id in ids:
        for pattern, said, what in _TOLD:
            if pattern.search(id) and not said.search(plain):
                return f"{{fact:{id}}} is {what}, which the sentence does not say"
    if ids and _P_VALUE.search(plain) and not any(id.endswith(".p") for id in ids):
        return "its number is no p value"
    return ""


def _audited(sentence: str, rules: Rules) -> str:
    """The audit's own eyes on this one sentence."""
    sections = tuple(Section(key, "", "") for key in rules.targets)
    alone = Manuscript(title="", authors_note="", abstract=markup(sentence), sections=sections)
    for finding in check(alone, rules.facts, rules.references, rules.names):
        if finding.where == "abstract":
            return finding.text
    if m := PLACEHOLDER.search(sentence):
        return f"{m[0]!r} stands for something that is missing"
    return ""


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
            good.append(_ended(markup(sentence)))
        if good:
            paragraphs.append(" ".join(good))
        if used > words:
            break
    return "\n\n".join(p if not p.startswith("- ") else p[2:] for p in paragraphs)


def _ended(text: str) -> str:
    return text if re.search(r"[.!?][\"'”’)]*$", text) else f"{text.rstrip(':;, ')}."


def phrase(text: str, rules: Rules, *, words: int = 40) -> str:
    """One line of plain text, without any mark, for a title or a hypothesis; empty if nothing of it can stand."""
    unmarked = replace(rules, facts={}, references=(), targets=())
    return " ".join(Passage("phrase", kept(text, unmarked, words=words)).printed.split())
