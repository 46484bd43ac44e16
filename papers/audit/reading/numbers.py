"""What the words beside a number call it, against what the evidence says it is.

A fact's id says whose it is: a side (baseline or best), a split, a metric, a trial, and which statistic. Words that
call it another one, in a sentence or in a table's head and first column, are a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import MARK, Document, Sentence, Shown

_F = "\x02f:([^\x03]+)\x03"
_SIDES = {
    "baseline": re.compile(r"\b(?:baselines?|default)\b", re.I),
    "best": re.compile(r"\b(?:best|winner|recipe)\b", re.I),
}
_SPLITS = {
    "dev": re.compile(r"\bdev(?:elopment)?\b", re.I),
    "holdout": re.compile(r"\b(?:holdouts?|held-out|test set)\b", re.I),
}
_SIDE = re.compile(r"^(?:earlier\.\d+\.|rival\.)?(?:(?P<baseline>baseline|default)|(?P<best>best|chosen))\.")
_SPLIT = re.compile(r"^(?:earlier\.\d+\.|rival\.)?(?:baseline|best)\.(dev|holdout)\.")
_METRIC = re.compile(r"^(?:baseline|best)\.(?:dev|holdout)\.(.+)\.(?:mean|stderr|low|high|n)$")
_TRIAL = re.compile(r"^(?:trial\.(\d+)\.|finalist\.(\d+)\.|ablation\.without-(\d+)-)")
_OF = re.compile(r"^(?! and\b)[^\x02.;,()]{0,12}?\b(?:for|of|by) (?:that of )?(?:the )?(baseline|best|default)\b", re.I)

# What stands before or after a number, and which facts it may be then.
_CALLED = (
    (rf"standard error(?: of)? {_F}", r"\.stderr$", "a standard error"),
    (rf"± {_F}", r"\.stderr$", "a standard error"),
    (rf"\bp (?:[=<] ?)?{_F}", r"\.p$", "a p value"),
    (rf"\blevel(?: of)? {_F}", r"level", "a level of significance"),
    (rf"\bpower of {_F}", r"power", "a power"),
    (rf"{_F} interval", r"coverage", "the coverage of an interval"),
    (rf"interval (?:runs )?from {_F}", r"\.low$", "the lower end of an interval"),
    (rf"interval \x02f:[^\x03]+\x03 to {_F}", r"\.high$", "the upper end of an interval"),
    (rf"interval (?:runs )?from \x02f:[^\x03]+\x03 to {_F}", r"\.high$", "the upper end of an interval"),
    (rf"interval {_F} to", r"\.low$", "the lower end of an interval"),
    (rf"\bkept {_F}", r"kept", "the trials that were kept"),
    (rf"\breverted {_F}", r"reverted", "the trials that were reverted"),
    (rf"\bsaw {_F} fail", r"failed", "the trials that failed"),
    (rf"{_F} failed\b", r"failed", "what failed"),
    (
        rf"(?:improvement|difference|gain|effect)(?: is| of) {_F}",
        r"(?:effect|optimism|relative|smallest)$",
        "an effect",
    ),
    (
        rf"(?:typically|worse|better|differs from the baseline) by {_F}",
        r"(?:effect|optimism|relative)$",
        "an effect",
    ),
    (rf"{_F} (?:fresh )?(?:seeds|draws|pairs)\b", r"(?:\.n|seeds|draws|pairs)$", "a number of seeds or draws"),
    (rf"{_F} trials\b", r"(?:trials|aside|kept|extension\.\d+)", "a number of trials"),
    (rf"{_F} declared knobs\b", r"knobs", "a number of knobs"),
    (rf"{_F} of the baseline's value", r"relative", "a share of the baseline"),
    (rf"{_F} runs\b", r"(?:runs|\.n$)", "a number of runs"),
)  # fmt: skip
_COLUMNS = (
    (re.compile(r"^p$", re.I), r"\.p$"),
    (re.compile(r"^interval$", re.I), r"\.(?:low|high)$"),
    (re.compile(r"^(?:worse by|improvement|behind)$", re.I), r"\.effect$"),
    (re.compile(r"^runs$", re.I), r"(?:runs|\.n$)"),
    (re.compile(r"^range$", re.I), r"^range\."),
    (re.compile(r"^baseline(?:'s)?$", re.I), r"(?:^|\.)(?:baseline|default)\."),
    (re.compile(r"^(?:of the )?best(?: configuration)?$", re.I), r"(?:^|\.)(?:best|chosen)\."),
)
_VERDICTS = re.compile(r"^(?:baseline|kept|reverted|failed|open)\b")
_ANSWERS = re.compile(r"^(?:supported|refuted|open|not tested)$")
_NUMBERED = re.compile(r"^T\d+$")
_TEXTUAL = (
    "split",
    "metric",
    "knob",
    "strategy",
    "part",
    "configuration",
    "proposed by",
    "what changed",
    "answer",
    "verdict",
)
_WORDS = ((_VERDICTS, "verdict"), (_ANSWERS, "answer"))


def miscalled(doc: Document) -> Iterator[Finding]:
    """Numbers that the words beside them call something else."""
    for part, sentence in doc.sentences():
        yield from (Finding("miscalled", part.where, text) for text in _sentence(sentence))
    for shown in doc.shown:
        for sentence in shown.caption:
            yield from (Finding("miscalled", shown.where, text) for text in _sentence(sentence))
        if shown.kind == "table":
            yield from (Finding("miscalled", shown.where, text) for text in dict.fromkeys(_table(shown)))


def _sentence(s: Sentence) -> Iterator[str]:
    if not s.facts:
        return
    for pattern, may, called in _CALLED:
        for m in re.finditer(pattern, s.marked):
            if not re.search(may, m[1]):
                yield f"it calls {_quoted(s, m[1])} {called}, which it is not"
    for m in MARK.finditer(s.marked):
        if m[1] == "f":
            yield from _position(s, m)


def _position(s: Sentence, mark: re.Match[str]) -> Iterator[str]:
    before, after, id = s.marked[: mark.start()], s.marked[mark.end() :], mark[2]
    if side := _side(id):
        said = _nearest(_words(before), _words(after))
        if said and said != side:
            yield f"it gives {_quoted(s, id)} as the value of the {said}, and it is that of the {side}"
        elif not said and side == "best" and re.search(r"\bfrom $", before):
            yield f"it lets the change begin at {_quoted(s, id)}, which is the value of the best configuration"
    if split := _SPLIT.match(id):
        told = {name for name, pattern in _SPLITS.items() if pattern.search(s.plain)}
        if len(told) == 1 and split[1] not in told:
            yield f"it gives {_quoted(s, id)} for the {told.pop()} split, and it is of the {split[1]} split"
    if (metric := _METRIC.match(id)) and not _names(metric[1], s.plain):
        yield f"{_quoted(s, id)} is of the metric {metric[1]!r}, which it does not name"
    if (trial := _TRIAL.match(id)) and (named := re.findall(r"\bT(\d+)\b", before)):
        number = next(filter(None, trial.groups()))
        if named[-1] != number and number != "0":
            yield f"it gives {_quoted(s, id)} for trial T{named[-1]}, and it is of trial T{number}"
    if (key := re.match(r"ablation\.without-\d+-(.+)\.\w+$", id)) and not _names(key[1], s.plain):
        yield f"{_quoted(s, id)} is of another part than it names"


def _words(marked: str) -> str:
    return MARK.sub("\x02", re.sub(r"“[^”]*(?:”|$)", " ", marked))


def _side(id: str) -> str:
    m = _SIDE.match(id)
    return "" if not m else "baseline" if m["baseline"] else "best"


def _nearest(before: str, after: str) -> str:
    """Which side the words say: right behind the number, or else last before it in its clause."""
    if m := _OF.match(after):
        return "best" if m[1].casefold() == "best" else "baseline"
    clause = re.split(r"[;:]", before)[-1]
    ends = {name: m.end() for name, pattern in _SIDES.items() for m in pattern.finditer(clause)}
    return max(ends, key=lambda name: ends[name]) if ends else ""


def _names(key: str, text: str) -> bool:
    low = text.casefold().replace("-", " ")
    return all(word in low for word in re.split(r"[-_. ]", key.casefold()) if word)


def _quoted(s: Sentence, id: str) -> str:
    facts: Mapping[str, object] = s.facts_of
    return f"{s.facts_of[id].text} ({id})" if id in facts else id


def _table(shown: Shown) -> Iterator[str]:
    if not shown.cells:
        return
    head, *rows = shown.cells
    for column, title in enumerate(head):
        cells = [row[column] for row in rows]
        yield from _column(title.text.strip(), cells)
    for row in rows:
        label = " ".join(cell.plain for cell in row[:2])
        for cell in row:
            yield from _cell(cell, row[0].plain.strip(), label)


def _column(title: str, cells: list[Sentence]) -> Iterator[str]:
    for pattern, may in _COLUMNS:
        if pattern.match(title):
            for id in (id for cell in cells for id in cell.facts[:1]):
                if not re.search(may, id) and not (title.casefold().startswith("baseline") and "trial.0" in id):
                    yield f"the column {title!r} holds {id}"
                    break
    told = [cell.text.strip() for cell in cells if cell.text.strip() not in ("", "–")]
    if not told:
        return
    low = title.casefold()
    if low in _TEXTUAL and cells and not any(re.search(r"[^\W\d_]", cell.plain) for cell in cells):
        yield f"the column {title!r} holds numbers"
    for pattern, name in _WORDS:
        holds = all(map(pattern.match, told))
        if low == name and not holds:
            yield f"the column {title!r} holds no {name}s"
        elif low != name and holds and len(set(told)) > 1:
            yield f"the column {title!r} holds {name}s"
    of_trials = low == "parent" or low.endswith("trial")
    if of_trials and not all(map(_NUMBERED.match, told)):
        yield f"the column {title!r} holds no trials"
    elif not of_trials and len(told) > 1 and all(map(_NUMBERED.match, told)):
        yield f"the column {title!r} holds trials"


def _cell(cell: Sentence, first: str, label: str) -> Iterator[str]:
    for id in cell.facts:
        if (split := _SPLIT.match(id)) and first in _SPLITS and split[1] != first:
            yield f"the row of the {first} split holds {id}"
        if (metric := _METRIC.match(id)) and first in _SPLITS and not _names(metric[1], label):
            yield f"the row {label!r} holds {id}"
        if (trial := _TRIAL.match(id)) and _NUMBERED.match(first) and not id.startswith("ablation"):
            number = next(filter(None, trial.groups()))
            if first != f"T{number}":
                yield f"the row of trial {first} holds {id}"
        if (knob := re.match(r"^(?:default|chosen|range)\.([^.]+)", id)) and not _names(knob[1], first):
            yield f"the row {first!r} holds {id}"
        part, named = re.match(r"^ablation\.without-(\d+)-", id), re.search(r"\bT(\d+)\b", first)
        if part and named and named[1] != part[1]:
            yield f"the row {first!r} holds {id}"
