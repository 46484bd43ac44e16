"""The digest: what a study has tried, what helped, what failed and how, bounded however long the study is.

It is what any proposer sees. It holds numbers of the dev split only, as the search sees them, in the objective's own
direction; what an experiment said of itself stands apart, so that whoever shows it can mark it as data.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.numbers import written
from nightlab.experiments.records import BASELINE, Change, Knob
from nightlab.experiments.search.policy import Tried, incumbent
from nightlab.experiments.template.artifact.diffs import Files, changed, diffs
from nightlab.experiments.template.template import Template

CHARACTERS = 2400  # of the digest's text
SAID = 1200  # of what experiments said
LINE = 160
EXHAUSTED = 6  # settled trials of a strategy, none of them kept, after which it is called exhausted
Read = Callable[[str], Files]  # an artifact's files by its hash

# Sections in the order of what to give up last, with the most lines of each.
SECTIONS: Mapping[str, int] = {
    "Best so far": 3,
    "Kept": 6,
    "Failed": 6,
    "Near misses": 4,
    "Made it worse": 6,
    "Exhausted": 6,
    "Running": 4,
}


@dataclass(frozen=True, kw_only=True)
class Digest:
    """sections: title -> lines, the most telling first. said: trial -> the experiment's own words on its failure."""

    trials: int
    sections: Mapping[str, tuple[str, ...]]
    said: Mapping[int, str]

    @property
    def text(self) -> str:
        """At most CHARACTERS long: whole lines, the last of the last sections left out first."""
        kept = {title: list(lines[: SECTIONS[title]]) for title, lines in self.sections.items()}
        while len(text := _joined(kept)) > CHARACTERS:
            last = next(title for title in reversed(list(SECTIONS)) if kept.get(title))
            kept[last].pop()
        return text

    @property
    def errors(self) -> str:
        """What experiments said of their failures, latest first, at most SAID characters long."""
        lines: list[str] = []
        for number in sorted(self.said, reverse=True):
            line = f"trial {number}: {self.said[number]}"
            if sum(map(len, lines)) + len(lines) + len(line) <= SAID:
                lines.append(line)
        return "\n".join(lines)


def digest(template: Template, trials: Sequence[Tried], history: Sequence[Trial], read: Read) -> Digest:
    """The digest of all trials claimed so far; `trials` and `history` start with the baseline."""
    book = _Book(template, trials, history, read)
    sections = {
        "Best so far": book.best(),
        "Kept": book.kept(),
        "Failed": book.failed(),
        "Near misses": book.near(),
        "Made it worse": book.worse(),
        "Exhausted": book.exhausted(),
        "Running": tuple(book.trial_line(t.number) for t in reversed(trials) if t.verdict is None),
    }
    said = {
        t.number: _line(t.verdict.reason)
        for t in history
        if t.verdict and t.verdict.kind == "failed" and t.verdict.cause != "duplicate"
    }
    latest = dict(sorted(said.items())[-20:])
    return Digest(trials=len(trials) - 1, sections={k: v for k, v in sections.items() if v}, said=latest)


class _Book:
    """The lines of each section."""

    def __init__(self, template: Template, trials: Sequence[Tried], history: Sequence[Trial], read: Read) -> None:
        self._template, self._trials, self._history, self._read = template, trials, history, read
        self._best = incumbent(trials)
        self._settled = [t for t in trials if t.number != BASELINE and t.verdict is not None]

    def best(self) -> tuple[str, ...]:
        better = "lower" if self._template.sign < 0 else "higher"
        start = f"{self._template.metric}, {better} is better; baseline {self._score(self._trials[BASELINE])}"
        if self._best.number == BASELINE:
            return (f"{start}; nothing better yet",)
        default = self._history[BASELINE].change
        whole = self._moves(default, self._history[self._best.number].change)
        return (start, _line(f"trial {self._best.number}: {self._score(self._best)} with {whole}"))

    def kept(self) -> tuple[str, ...]:
        return tuple(self.trial_line(t.number) for t in reversed(self._settled) if t.verdict == "kept")

    def near(self) -> tuple[str, ...]:
        """Reverted, though better than the incumbent that it met, within the noise: worth another look."""
        found = [(self._difference(t.number), t.number) for t in self._settled if t.verdict == "reverted"]
        return tuple(self.trial_line(number) for difference, number in sorted(found, reverse=True) if difference > 0)

    def failed(self) -> tuple[str, ...]:
        """One line for each cause, with what was changed in the latest trials of it."""
        groups: dict[str, list[int]] = defaultdict(list)
        for t in self._history:
            if t.verdict and (t.verdict.kind == "failed" or t.verdict.cause == "constraint"):
                groups[t.verdict.cause].append(t.number)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(_line(f"{cause}, {len(of)} times: {self._several(of)}") for cause, of in ordered)

    def worse(self) -> tuple[str, ...]:
        """Values that lost by most, one line a knob, and edits."""
        worst: dict[str, tuple[float, str]] = {}
        for t in self._settled:
            change, before = self._pair(t.number)
            difference = self._difference(t.number)
            if t.verdict != "reverted" or difference >= 0:
                continue
            moves = changed(change.params, before.params)
            if len(moves) == 1 and change.artifact == before.artifact:
                ((knob, (_, value)),) = moves.items()
                key, told = knob, f"{knob} = {written(value)}: worse by {-difference:.3g}"
            elif change.artifact != before.artifact:
                key, told = f"edit {t.number}", f"{self.trial_line(t.number)}: worse by {-difference:.3g}"
            else:
                continue
            worst[key] = min(worst.get(key, (0.0, "")), (difference, told))
        return tuple(_line(told) for _, told in sorted(worst.values()))

    def exhausted(self) -> tuple[str, ...]:
        """Strategies that were tried often and never kept, and choices that were all tried."""
        strategies: dict[str, list[Tried]] = defaultdict(list)
        for t in self._settled:
            strategies[t.strategy].append(t)
        lines = [
            f"{name}: {len(of)} trials, none kept"
            for name, of in sorted(strategies.items(), key=lambda item: (-len(item[1]), item[0]))
            if len(of) >= EXHAUSTED and not any(t.verdict == "kept" for t in of)
        ]
        return (*lines, *(told for k in self._template.knobs if (told := self._all_tried(k))))

    def trial_line(self, number: int) -> str:
        """A trial in a line."""
        change, before = self._pair(number)
        scored = f" -> {self._score(self._trials[number])}" if self._trials[number].score is not None else ""
        return _line(f"trial {number}: {self._moves(before, change)}{scored}")

    def _all_tried(self, knob: Knob) -> str:
        if knob.type != "choice":
            return ""
        tried = {t.params.get(knob.name) for t in self._settled} | {knob.default}
        return f"every choice of {knob.name} was tried" if tried >= set(knob.choices) else ""

    def _several(self, numbers: Sequence[int]) -> str:
        return "; ".join(f"trial {n} ({self._moves(*reversed(self._pair(n)))})" for n in reversed(numbers[-3:]))

    def _pair(self, number: int) -> tuple[Change, Change]:
        """A change and what it started from."""
        change = self._history[number].change
        return change, self._history[change.parent or BASELINE].change

    def _moves(self, before: Change, after: Change) -> str:
        moves = changed(after.params, before.params)
        told = [f"{name} {written(old)} to {written(new)}" for name, (old, new) in moves.items()]
        if after.artifact != before.artifact:
            edits = diffs(self._read(before.artifact), self._read(after.artifact))
            told += [f"edit of {d.file}, +{d.added} -{d.removed} lines: {_label(after)}" for d in edits]
        return ", ".join(told) or "nothing"

    def _difference(self, number: int) -> float:
        verdict = self._history[number].verdict
        return (verdict.difference if verdict else None) or 0.0

    def _score(self, t: Tried) -> str:
        return "not known" if t.score is None else f"{self._template.sign * t.score:.4g}"


def _joined(sections: Mapping[str, Iterable[str]]) -> str:
    parts = []
    for title, lines in sections.items():
        if body := "\n".join(f"- {line}" for line in lines):
            parts.append(f"{title}:\n{body}")
    return "\n".join(parts)


def _label(change: Change) -> str:
    return change.hypothesis.rstrip(".")


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= LINE else f"{line[: LINE - 3]}..."
