"""What a paper says of its outcome and of how it was made, held against its evidence and against itself.

A sentence is read for what it asserts: quotations, and what is denied or only supposed, assert nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import Document, Part, Sentence

Stance = Literal["improved", "not improved"]

_QUOTE = re.compile(r"“[^”]*(?:”|$)")
_NEGATIVE = re.compile(
    r"\bnegative (?:result|outcome|finding)|\bno (?:\w+ ){0,2}(?:improvement|gain|evidence of (?:an? )?improvement)\b"
    r"|\b(?:does|did|do|is|are|was|were|can|could)(?: not|n't) (?:\w+ ){0,4}(?:improve|significant|better|bear"
    r"|claimed?)|\bcannot be claimed|\bclaims? none\b|\bwe claim none\b|\bin vain\b"
    r"|\b(?:worsens|deteriorates|degrades|falls behind)\b|\bnot significant|\binsignificant"
    r"|\bfails? to improve|\bno test took place|\ban outcome without a test",
    re.I,
)
_POSITIVE = re.compile(
    r"\bimproves? (?:from|by|significantly|clearly|the|on|upon|over)\b|\b(?:an?|the) improvement\b(?! (?:is )?of)"
    r"|\bimprovement (?:is|was) (?:\w+ )?(?:significant|confirmed|real|clear)"
    r"|\bsignificant(?:ly)? (?:improve|better|gain"
    r"|lower|higher)\w*|\b(?:outperforms|beats|surpasses|betters|is superior to)\b|\bgain of\b|\bthe gain is\b"
    r"|\b(?:is|are|was|were) (?:\w+ )?(?:significant|confirmed)\b",
    re.I,
)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|may|might|could|would|only if|needs?|asks?|can be|supported by|follows? from"
    r"|is supported|mistake"
    r"|mistaken|hypothesis|expected|supported:|refuted:|excluded|ruled out)\b|\?",
    re.I,
)
_NOT = re.compile(
    r"\b(?:not?|never|nothing|none|neither|nor|cannot|no one|nobody|without|outside|refused?"
    r"|only the evaluator|hardly"
    r"|instead of|rather than|prevents?|forbid\w*|out of reach|sealed from|hidden from|avoid\w*)\b|n't\b",
    re.I,
)
DECLARED = ("Holdout", "Shared data", "Both splits")  # headings of limits that own up to a leak
LONGEST = 60  # words and numbers of a sentence; what is longer is a table that was taken for one
SUMMARIES = ("abstract", "conclusion")

_SEALED = (
    r"(?:hold-?outs?|held-out|test (?:set|split|data|labels?|scores?)|private (?:data|files?|labels?|split)"
    r"|sealed (?:data|split|\w+)|confirmation(?:'s)? (?:seeds?|split|data)|evaluator(?:'s)? (?:code"
    r"|data|files?)"
    r"|(?:true|correct) (?:answers|labels)|labels of the)"
)
_USED = (
    r"(?:use[ds]?|using|look(?:ed|ing)? at|read|reads|saw|seen|see|scored?|scores|consult\w*|available"
    r"|visible|expos\w*"
    r"|includ\w*|mix\w*|leak\w*|train(?:s|ed)?|tun\w*|fit(?:s|ted)?|cho[so]e\w*|select\w*|pick\w*|peek\w*"
    r"|inspect\w*|optimi\w*"
    r"|guid\w*|informed|steer\w*|monitor\w*|check\w*|consider\w*|access\w*|measured|known|contain\w*"
    r"|shar(?:e[ds]?|ing)|overlap\w*"
    r"|evaluat\w*|fed|feeds?|part of|copied|copies|given|help\w*|decid\w*|rank\w*|compar\w*)"
)
_SEARCHING = (
    r"(?:search|select\w*|choos\w*|chose|tun(?:e|ed|ing)|train(?:ed|ing)?|early stopping|stopping|hyper-?parameters?"
    r"|candidates?|proposals?|trials?|each change|every change|incumbents?|model selection|knobs?|best configuration"
    r"|experiments?|during|between|verdicts?)"
)
_FITTED = re.compile(
    r"\b(?:train|tun|fit|optimi[sz]|select|cho[so]|pick|develop|calibrat|validat)\w*(?: \w+){0,4} (?:on|with|by|using"
    rf"|against|from|to)(?: \w+){{0,4}} {_SEALED}\b",
    re.I,
)
_CITING = re.compile(r"\[\d+(?:, ?\d+)*\]")  # as a PDF prints it
_BOUGHT = (
    r"(?:significan\w*|improvement|better|favou?rabl\w*|p[- ]?values?|worse|wanted|desired|expected|positive|best)"
)
_AGAIN = (
    r"(?:same as|identical (?:to|with)|re-?used|also used|taken from|drawn from|shared with|copied from|part of"
    r"|those of)"
)
_FRESH = rf"(?:{_SEALED}|confirmation|fresh seeds)"
_S, _U, _Q, _F, _A = (re.compile(rf"\b{w}\b", re.I) for w in (_SEALED, _USED, _SEARCHING, _FRESH, _AGAIN))
_OF_SEARCH = re.compile(r"\b(?:search|training|selection|tuning)\b", re.I)
LEAKS = (  # what stands in this order in one clause
    (_S, _U, _Q), (_S, _Q, _U), (_Q, _U, _S), (_U, _S, _Q), (_U, _Q, _S), (_F, _A, _OF_SEARCH), (_OF_SEARCH, _A, _F),
)  # fmt: skip
_FORKING = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\b(?:failed|missing|crashed|bad|lost|broken|invalid) (?:runs?|values?|seeds?|pairs?|scores?|results?)\b.*\b"
        r"(?:given|replaced|filled|imputed|set to|assigned|substituted|repaired)\b",
        r"\b(?:tests?|confirmations?|analys[ie]s|comparisons?|seeds?|runs?|experiments?|draws?|pairs?|it|we)\b.*\b"
        r"(?:until|till)\b.*\b(?:significan\w*|p\b|p[- ]?values?|improvement|better|claim|level|threshold|positive)",
        r"\b(?:stopped|ended|halted|ceased|quit)\b.*\b(?:as soon as|when|once)\b.*\b" + _BOUGHT,
        r"\b(?:several|many|different|various|all|multiple|few|two|three|dozens? of|number of)\b.*\b(?:tests|metrics"
        r"|seeds|analyses|outcomes|splits|measures|hypotheses)\b.*\b(?:report\w*|kept|present\w*|show\w*|chosen|chose"
        r"|tell|give)\b.*\b(?:best|only|one|strongest|smallest|largest|lowest|most)\b",
        r"\b(?:only|just)\b.*\b(?:best|successful|favou?rable|lucky|significant|good)\b.{0,30}\b(?:runs?"
        r"|seeds?|draws?"
        r"|trials?|results?|pairs?|replicates?)\b.*\b(?:report\w*|counted|kept|shown?|used|included|told)",
        r"\b(?:report\w*|present\w*|show|kept|counted)\b.*\bonly\b.*\b(?:best|successful|favou?rable|lucky"
        r"|significant)"
        r"\b.{0,30}\b(?:runs?|seeds?|draws?|trials?|results?|pairs?|replicates?)",
        r"\b(?:exclud\w*|dropp\w*|remov\w*|discard\w*|left out|omit\w*|ignor\w*|replac\w*"
        r"|redr\w*)\b.*\b(?:runs?|seeds?"
        r"|pairs?|outliers?|trials?|items?|draws?|results?)\b.*\b(?:after|because|since|that|where|which"
        r"|whose|when|if"
        r"|as)\b.*\b(?:worse|against|unfavou?rabl\w*|look\w*|see\w*|did|contradict\w*|hurt|spoil\w*|disagree\w*|bad"
        r"|support\w*|disappoint\w*|low\w*|high\w*)",
        r"\b(?:runs?|seeds?|pairs?|outliers?|items?|draws?|replicates?)\b.*\b(?:worse|against|unfavou?rabl\w*"
        r"|contradict\w*|disappoint\w*|disagree\w*)\b.*\b(?:exclud\w*|dropp\w*|remov\w*|discard\w*|left out|omit\w*"
        r"|ignor\w*|replac\w*|redr\w*)",
        r"\b(?:hypothes[ie]s|claims?|metrics?|tests?|levels?|thresholds?|analysis|question|seeds?"
        r"|protocol)\b.{0,40}\b"
        r"(?:chosen|changed|written|fixed|adjusted|formulated|set|selected|picked|decided|revised|switched|adapted"
        r"|specified|registered|made up|reworded)\b.{0,30}\b(?:after|once|when|in the light of|afterwards|post[- ]hoc"
        r"|because|so that|by looking|to make|following|depending on|as soon as|later|with the results)\b",
        r"\b(?:after|having|by|upon) (?:seeing|looking at|inspecting|knowing|examining|the results?"
        r"|the outcome|peeking)"
        r"\b.*\b(?:chose|chosen|changed|fixed|adjusted|selected|picked|decided|revised|switched|set|wrote|written)",
        r"\b(?:seeds?|splits?|draws?)\b.{0,40}\b(?:chosen|selected|picked|searched|tuned"
        r"|varied)\b.{0,40}\b(?:that|which"
        r"|so|for|to|by|where|until|with)\b.*\b" + _BOUGHT,
        r"\bpost[- ]hoc (?:hypothes|claim|test|analys|select)\w*|\bhark\w*\b|\bcherry-?pick\w*|\bp-?hack\w*",
    )
)
_BOAST = re.compile(
    r"\bstate[- ]of[- ]the[- ]art|\bground-?breaking|\bbreakthrough|\brevolution\w*|\bunprecedented"
    r"|\bdramatic(?:ally)?"
    r"|\bremarkabl[ey]|\bspectacular\w*|\bguarantee[sd]?\b|\bproves? (?:that|beyond|conclusively)|\bconclusively"
    r"|\bwithout (?:any )?doubt|\bundoubtedly|\b(?:all|any|every) (?:other )?(?:tasks?|data ?sets?|domains?|problems?"
    r"|settings?|models?)\b|\buniversal(?:ly)?\b|\boutperforms? (?:all|every|any)|\bfar superior|\bhuman[- ]level"
    r"|\bsuperhuman|\bfirst ever|\bfor the first time|\bbest (?:known|published|possible|result ever)|\boptimal\b"
    r"|\bgeneral(?:ises|izes|ly holds?|ises) (?:to|across|beyond)|\bcarr(?:y|ies) over to\b"
    r"|\bholds? (?:for|on|in) (?:all|any|every)"
    r"|\bsolv(?:es|ed) the (?:task|problem)|\bperfect(?:ly)?\b|\bbeyond (?:any|all) (?:doubt|question)",
    re.I,
)
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all |any |the |your |every )*(?:previous|prior|above|earlier|other"
    r"|instructions?)"
    r"|\b(?:reviewers?|referees?|language models?|LLMs?|assistants?|chairs?|panels?|you)\b.{0,60}\b(?:must"
    r"|should|shall"
    r"|have to|are (?:asked|told|instructed|required) to|please|will)\b.{0,60}\b(?:accept|score|rate"
    r"|praise|recommend|give"
    r"|grade)|\b(?:give|award|assign) (?:this|the) (?:paper|submission|work|manuscript)\b|\baccept this (?:paper|work"
    r"|submission|manuscript)|\b(?:highest|top|full|maximum) (?:score|rating|marks)\b",
    re.I,
)
_NO_LIMITS = re.compile(
    r"\b(?:no|without|free of|not any|lacks?|hardly any|never any)\b.{0,30}\b(?:limitations?|threats?"
    r"|weaknesses|caveats?"
    r"|shortcomings|restrictions?)\b|\b(?:limitations?|threats?|caveats?)\b.{0,30}\b(?:none|do not exist"
    r"|are not known"
    r"|negligible|irrelevant)\b",
    re.I,
)


def asserted(s: Sentence) -> str:
    """What a sentence says in its own words."""
    return _QUOTE.sub(" ", s.text)


def _stance(s: Sentence) -> Stance | None:
    text = asserted(s)
    if re.search(r"\bearlier\.\d", " ".join(s.facts)):
        return None  # of the claim before an extension
    if _NEGATIVE.search(text):
        return "not improved"
    if _POSITIVE.search(text) and not _SUPPOSED.search(text):
        return "improved"
    return None


def _of_claim(s: Sentence) -> bool:
    """Whether it speaks of the whole, and not of a part, of a knob or of one trial of the search."""
    text = asserted(s)
    return not any(
        id.startswith(("ablation.", "sensitivity.", "rival.", "trial.", "set_back.", "finalist.")) for id in s.facts
    ) and not re.search(
        r"\b(?:ablation|part|parts|knob|knobs|neighbours?|tak(?:es|ing) out|without the|candidate)\b", text
    )


def outcome(doc: Document) -> Iterator[Finding]:
    """An outcome that is told in one place so and elsewhere otherwise, or otherwise than the evidence has it."""
    found: dict[str, set[Stance]] = {}
    places = [doc.abstract, *(p for n in ("result", "conclusion") if (p := doc.section(n)))]
    for part in places:
        told = {stance for s in part.sentences if _of_claim(s) and (stance := _stance(s))}
        if told:
            found[part.where] = told
    if re.search(r"\bno (?:\w+ )?improvement|negative result", doc.title, re.I):
        found["title"] = {"not improved"}
    known = evidence_says(doc)
    extended = any(id.startswith("earlier.") for id in doc.facts)
    for where, told in found.items():
        if extended:
            continue
        if known and told == {"improved"} and known == "not improved":
            yield Finding("outcome", where, "it tells an improvement, and the evidence bears none out")
        elif known and told == {"not improved"} and known == "improved" and not _withheld(doc):
            yield Finding("outcome", where, "it tells no improvement, and the evidence bears one out")
        elif len(told) > 1 and not _withheld(doc):
            yield Finding("outcome", where, "it tells an improvement, and that there is none")
    sure = {where: next(iter(told)) for where, told in found.items() if len(told) == 1}
    if not extended and len(set(sure.values())) > 1:
        told_so = ", ".join(f"{where}: {stance}" for where, stance in sure.items())
        yield Finding("disagreement", "abstract", f"its parts tell different outcomes ({told_so})")


def _withheld(doc: Document) -> bool:
    return any("cannot be claimed" in s.text or "we claim none, since" in s.text for _, s in doc.sentences())


def evidence_says(doc: Document) -> Stance | None:
    """What the facts of the claim come to; None where they are not at hand."""
    of = {id: f.value for id, f in doc.facts.items()}
    if not {"claim.effect", "claim.p", "claim.low", "claim.high"} <= of.keys():
        return None
    if of["claim.low"] == of["claim.high"]:
        return "improved" if of["claim.effect"] > of.get("setting.min_effect", 0.0) else "not improved"
    return "improved" if of["claim.p"] < of.get("setting.level", 0.05) and of["claim.effect"] > 0 else "not improved"


def direction(doc: Document) -> Iterator[Finding]:
    """A metric of which it says that larger is better, and which fell where it improved."""
    of = {id: f.value for id, f in doc.facts.items()}
    sides = [(of[a], of[b]) for split in ("holdout", "dev")
             if (a := f"baseline.{split}.mean") in of and (b := f"best.{split}.mean") in of]  # fmt: skip
    if not sides or not of.get("claim.effect"):
        return
    lower = (sides[0][1] < sides[0][0]) == (of["claim.effect"] > 0)
    for part, s in doc.sentences():
        m = re.search(r"\b(smaller|lower|less|larger|higher|greater|more) is better", asserted(s))
        if m and (m[1] in ("smaller", "lower", "less")) != lower:
            yield Finding("direction", part.where, f"it says that {m[1]} is better, and the numbers say the contrary")


def practice(doc: Document) -> Iterator[Finding]:
    """What it tells of its own making that no sound study does: leaks, and choices made by the outcome."""
    limits = doc.section("limitation")
    declared = limits is not None and any(s.text.strip("•. ") in DECLARED for s in limits.sentences)
    for part, s in doc.sentences():
        text = asserted(s)
        quoted = bool(s.cited) or bool(_CITING.search(text)) or "related" in part.heading.casefold()
        if quoted or part.key == "replies" or len(text.split()) > LONGEST:
            continue
        clauses = re.split(r"[;:]\s", text)
        leaks = any(_leaks(c) and not _NOT.search(c) for c in clauses)
        if leaks and not (declared and part is limits):
            yield Finding("leak", part.where, f"the search knew what it is judged by: {text.strip()[:120]!r}")
        elif any(p.search(c) and not _NOT.search(c) for c in clauses for p in _FORKING):
            yield Finding("forking", part.where, f"a choice was made by its outcome: {text.strip()[:120]!r}")


def _leaks(clause: str) -> bool:
    return bool(_FITTED.search(clause)) or any(_in_order(clause, words) for words in LEAKS)


def _in_order(text: str, words: Sequence[re.Pattern[str]]) -> bool:
    """Whether these stand in the text in this order, in time that grows with its length alone."""
    at = 0
    for word in words:
        if (m := word.search(text, at)) is None:
            return False
        at = m.end()
    return True


def praise(doc: Document) -> Iterator[Finding]:
    """Claims beyond any evidence, limits that are denied, and orders to who reads."""
    for part, s in doc.sentences():
        text = asserted(s)
        if part.key == "replies" or "related" in part.heading.casefold():
            text = "" if part.key != "replies" and s.cited else text
        if _ORDERS.search(text):
            yield Finding("orders", part.where, f"it tells its reviewers what to do: {text.strip()[:120]!r}")
        if (m := _BOAST.search(text)) and not _NOT.search(text):
            yield Finding("overclaim", part.where, f"{m[0]!r} is more than any study of one task shows")
        if _NO_LIMITS.search(text):
            yield Finding("overclaim", part.where, f"it denies its limits: {text.strip()[:120]!r}")


def summaries(doc: Document) -> tuple[Part, ...]:
    """The parts that sum up the paper."""
    return tuple(p for p in doc.parts if any(n in p.heading.casefold() for n in SUMMARIES))
