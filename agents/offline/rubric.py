"""The published rubric: what is looked for in a paper, and which score of the form it moves.

A criterion reads the document alone: what it rewards must stand there. The sign and the size of an effect move nothing:
an improvement and its absence are worth the same where they are shown as well. The rubric is written out in the readme
of this room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nightlab.agents.actions.action import Judgement
from nightlab.agents.team import Submission
from nightlab.experiments.numbers import plural
from nightlab.papers.audit.reading.document import Part

Criterion = Callable[[Submission], Iterator[Judgement]]
PAIRS = 8  # of runs, from which a confirmation is more than an impression
EXACT = re.compile(r"\bexact arithmetic\b|\bby exact (?:computation|calculation)\b", re.I)
ABSTRACT = range(60, 281)  # words
MARRED = {  # headings of limits that leave the claim on ground of its own making
    "Holdout": "The holdout gives what the development split gives, so it hardly is one.",
    "Shared data": "Private data stand among the inputs, so the experiments could read what they are scored by.",
    "Both splits": "Items stand in the development split and in the holdout alike.",
}


def _sound(points: float, text: str, question: str = "") -> Judgement:
    return Judgement(side="soundness", points=points, text=text, question=question)


def _clear(points: float, text: str, question: str = "") -> Judgement:
    return Judgement(side="presentation", points=points, text=text, question=question)


def _learnt(points: float, text: str, question: str = "") -> Judgement:
    return Judgement(side="contribution", points=points, text=text, question=question)


def _ids(*parts: Part | None) -> set[str]:
    return {id for p in parts if p for s in p.sentences for id in s.facts}


def sealed(s: Submission) -> Iterator[Judgement]:
    """Is the outcome told on data that the search could not see?"""
    doc = s.document
    limits = doc.section("limitation")
    headings = {x.text.rstrip(". ") for x in limits.sentences} if limits else set()
    if marred := [text for heading, text in MARRED.items() if heading in headings]:
        yield _sound(-1.0, marred[0])
    elif EXACT.search(doc.text):
        yield _sound(0.5, "The result is judged anew by exact arithmetic, which needs no split of its own.")
    elif any(".holdout." in id for id in _ids(doc.section("result"))):
        yield _sound(0.5, "The outcome is told on a sealed split that the search had not seen.")
    elif any(id.startswith("earlier.") and ".holdout." in id for id in doc.used):
        yield _sound(0.0, "Only the first claim was tested on a sealed split, that of the extension was not.")
    elif not doc.of_study and re.search(r"\bhold-?out|held-out|test (?:set|split)", doc.text, re.I):
        yield _sound(0.25, "It speaks of data that were held out.")
    else:
        yield _sound(-1.0, "No outcome is told on data that the search had not seen.")


def fixed(s: Submission) -> Iterator[Judgement]:
    """Were claim and test fixed in advance?"""
    doc = s.document
    parts = [p for p in (doc.abstract, doc.section("method", "approach", "protocol")) if p]
    text = " ".join(p.text for p in parts)
    if re.search(r"before the (?:search|first trial|experiments?)|in advance|pre-?regist", text, re.I):
        yield _sound(0.25, "Claim and test were fixed before the runs that they judge.")
    else:
        yield _sound(-0.5, "It is not said when the claim and its test were fixed.")


def trusted(s: Submission) -> Iterator[Judgement]:
    """Who measured?"""
    pattern = r"(?:reported by the experiment|marked as reported|counts? as reported|reports its own metric)"
    if re.search(pattern, s.document.text, re.I):
        yield _sound(-1.0, "The metric is the experiment's own report, which no evaluator verified.")


def replicated(s: Submission) -> Iterator[Judgement]:
    """On how many runs does the outcome rest?"""
    doc = s.document
    said = _ids(*doc.sections)
    counts = [id for id in ("claim.n", "baseline.holdout.n", "baseline.dev.n") if id in said and id in doc.facts]
    if not doc.of_study:
        found = re.search(
            r"\b(?:\d+|several|multiple|five|ten|three) (?:random |different |fresh )*(?:seed|draw|repetition)s?\b",
            doc.text,
        )
        yield _sound(0.25 if found else -0.5, "It names its seeds." if found else "It names no seeds or repetitions.")
    elif not counts:
        yield _sound(-0.75, "It is not said on how many runs the outcome rests.")
    elif doc.facts[counts[0]].value < PAIRS and not EXACT.search(doc.text):
        yield _sound(-0.75, f"The confirmation has fewer than {PAIRS} runs a side.")
    else:
        yield _sound(0.25, f"The outcome rests on {doc.facts[counts[0]].text} runs a side.")


def uncertain(s: Submission) -> Iterator[Judgement]:
    """Is the uncertainty told?"""
    doc = s.document
    results = doc.section("result")
    text, ids = (results.text, _ids(results)) if results else ("", set[str]())
    if {"claim.low", "claim.high"} <= ids or re.search(r"\bconfidence interval|\bstandard (?:error|deviation)|±", text):
        yield _sound(0.25, "Results come with their uncertainty.")
    elif re.search(r"the same on every seed|in every pair|exact\b", text):
        yield _sound(0.25, "The runs do not differ, and the paper says so.")
    else:
        yield _sound(-0.5, "The outcome is told without an interval or a spread.")


def failures(s: Submission) -> Iterator[Judgement]:
    """Is told what went wrong, and what the study does not show?"""
    doc = s.document
    none = "search.failed" in doc.facts and not doc.facts["search.failed"].value
    if re.search(r"\bfail", doc.text) and (not doc.of_study or none or "search.failed" in _ids(*doc.sections)):
        yield _sound(0.25, "It tells how many of its trials failed.")
    else:
        yield _sound(-0.25, "It does not say what failed.")
    limits = doc.section("limitation", "threats")
    if limits and len(limits.words) >= 80:
        yield _sound(0.25, "Its limits are told one by one.")
    else:
        yield _sound(-0.5, "Its limits are told in a few words or not at all.")


def asked(s: Submission) -> Iterator[Judgement]:
    """Does the paper ask something, and does it answer that?"""
    doc = s.document
    intro, end = doc.section("introduction"), doc.section("conclusion")
    if intro and re.search(r"\bquestion|\bhypothes[ie]s|\bwe ask\b", intro.text, re.I):
        yield _learnt(0.25, "It asks a question that its experiments can answer.")
    else:
        yield _learnt(-0.5, "The introduction asks no question and states no hypothesis.")
    answers = [row[-1].text.strip() for f in doc.shown if f.key == "hypothesis" for row in f.cells[1:]]
    if any(a in ("supported", "refuted") for a in answers):
        yield _learnt(0.5, "The hypothesis is answered part by part.")
    elif answers or (end and re.search(r"\bhypothes[ie]s|\bquestion", end.text, re.I)):
        yield _learnt(0.25, "It returns to its hypothesis, and leaves parts of it open.")
    else:
        yield _learnt(-0.25, "It does not come back to what it asked.")


def informative(s: Submission) -> Iterator[Judgement]:
    """Is a reader wiser, whichever way it came out?"""
    doc = s.document
    of, said = doc.facts, _ids(*doc.sections)
    if {"claim.low", "claim.high"} <= said & of.keys() and of["claim.low"].value > 0:
        yield _learnt(0.5, "The interval of the effect leaves its sign in no doubt.")
    elif {"setting.smallest", "setting.power"} <= said or ("claim.high" in said and "claim.n" in said):
        yield _learnt(0.5, "It says which effects the study would have found, so that finding none tells something.")
    elif "claim.effect" in said and re.search(r"\bexact\b", doc.text):
        yield _learnt(0.5, "The effect is exact, so there is no doubt about it on these data.")
    elif doc.of_study:
        yield _learnt(-0.25, "It does not say which effects the study could have found.")
    question = "Does the outcome hold on a second task?"
    yield _learnt(-0.25, "It covers one task; whether its findings carry over is open.", question)
    if "reach.strategies" in doc.used & of.keys() and of["reach.strategies"].value >= 3:
        yield _learnt(0.25, "Changes of several kinds compete under equal conditions.")


def literature(s: Submission) -> Iterator[Judgement]:
    """Where does the work stand?"""
    doc = s.document
    cited = len(doc.listed) if not doc.of_study else len(doc.cited)
    if cited >= 12:
        yield _learnt(0.25, f"It cites {plural(cited, 'work')}.")
    else:
        yield _learnt(-0.5, f"It cites {plural(cited, 'work')} only.")
    related = doc.section("related", "background")
    if related and re.search(
        r"\bnearest|\bclosest|\bunlike\b|\bin contrast|\bdiffers?\b|\bin this study\b", related.text, re.I
    ):
        yield _learnt(0.25, "It says how it stands to the nearest work.")
    else:
        yield _learnt(-0.25, "It does not say how it differs from the work before it.")


def readable(s: Submission) -> Iterator[Judgement]:
    """Length of the abstract and of the sentences."""
    doc = s.document
    abstract = len(doc.abstract.words)
    if abstract not in ABSTRACT:
        told = f"{ABSTRACT.start} to {ABSTRACT.stop - 1} read well"
        yield _clear(-0.25, f"The abstract has {plural(abstract, 'word')}; {told}.")
    lengths = [len(x.words) for p in doc.sections for x in p.sentences if x.words]
    if lengths and sum(lengths) / len(lengths) > 30:
        yield _clear(-0.25, "Sentences are long: more than thirty words on average.")


def pictured(s: Submission) -> Iterator[Judgement]:
    """Figures and tables."""
    doc = s.document
    figures, tables = (sum(f.kind == kind for f in doc.shown) for kind in ("figure", "table"))
    if figures >= 1 and tables >= 2:
        text = f"{plural(figures, 'figure')} and {plural(tables, 'table')} show the course and the outcome."
        yield _clear(0.25, text[0].upper() + text[1:])
    else:
        yield _clear(-0.5, "There are too few figures and tables to follow the work.")


def complete(s: Submission) -> Iterator[Judgement]:
    """The sections that a reader looks for."""
    doc = s.document
    wanted = ("introduction", "related", "method", "result", "discussion", "conclusion")
    missing = [name for name in wanted if doc.section(name, *_ALIASES.get(name, ())) is None]
    if missing:
        yield _clear(-0.25 * len(missing), f"A reader looks in vain for: {', '.join(missing)}.")
    else:
        yield _clear(0.5, "It has the sections that a reader looks for.")


def repeatable(s: Submission) -> Iterator[Judgement]:
    """Is it said how a reader repeats the study?"""
    text = s.document.text
    if re.search(r"\brepeat(?:ed|s)? (?:by|the study)|\breproduc|\bcode (?:is|and data are) available", text, re.I):
        yield _clear(0.25, "It says how the study is repeated.")
    else:
        question = "What does a reader need to repeat the study?"
        yield _clear(-0.5, "It does not say how a reader repeats the study.", question)


_ALIASES = {
    "related": ("background", "literature", "prior"),
    "method": ("approach", "model", "design", "set-up"),
    "result": ("experiment", "evaluation", "finding"),
    "discussion": ("analysis", "ablation", "limitation"),
}
METHODS: tuple[Criterion, ...] = (sealed, fixed, trusted, replicated, uncertain, failures)
LITERATURE: tuple[Criterion, ...] = (asked, informative, literature)
CLARITY: tuple[Criterion, ...] = (readable, pictured, complete, repeatable)
