"""The tables of what was changed: the knobs, the changes that were kept, and the recipe that came of them."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.agents.offline.wording import caption
from nightlab.agents.telling.words import listed, many, noun, strategies, words
from nightlab.experiments.claim.statistics.inference import equal, exact
from nightlab.experiments.ledger.ledger import Trial, by_verdict
from nightlab.experiments.records import Effect, Knob
from nightlab.experiments.template.artifact.diffs import changed
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.tables import NONE, code, interval, mark, spaced

LISTED = 80  # kept trials at most in a table


def knobs(e: Evidence) -> Table:
    """The knobs in reach of the idea; all, where code alone is."""
    reached = [k for k in e.template.knobs if k.strategy in e.idea_strategies] or e.template.knobs
    return Table(
        "knobs",
        caption("knobs", e),
        ("Knob", "Strategy", "Range", "Baseline"),
        tuple((words(k.name), words(k.strategy), _range(k), _value(k, "default", e)) for k in reached),
        "llXr",
    )


def _range(knob: Knob) -> str:
    if knob.type == "choice":
        shown = (
            code(c) if isinstance(c, str) else mark(f"range.{knob.name}.choice.{i}") for i, c in enumerate(knob.choices)
        )
        return listed(list(shown))
    log = ", logarithmic" if knob.log else ""
    return f"{mark(f'range.{knob.name}.low')} to {mark(f'range.{knob.name}.high')}{log}"


def _value(knob: Knob, prefix: str, e: Evidence) -> str:
    if f"{prefix}.{knob.name}" in e.facts:
        return mark(f"{prefix}.{knob.name}")
    value = knob.default if prefix == "default" else e.best.change.params[knob.name]
    return code(str(value))


def table(e: Evidence) -> Table:
    """All values of the best configuration, and what each of those that differ is worth alone."""
    counts = [many(e, f"{phase}.seeds", noun(e)) for phase in ("set_back", "ablation") if f"{phase}.seeds" in e.facts]
    before, best = e.trials[BASELINE].change, e.best.change
    moved = changed(best.params, before.params)
    lost = [row for name in moved for row, _ in effects(e, name)]
    rows = [
        (
            f"*{words(k.name)}*" if k.name in moved else words(k.name),
            _value(k, "default", e),
            _value(k, "chosen", e),
            *_lost(e, k.name if k.name in moved else ""),
        )
        for k in e.template.knobs
    ]
    if before.artifact != best.artifact:
        rows.append(("*files of the artifact*", "the template's", "changed", NONE, NONE))
    return Table(
        "recipe",
        caption("recipe", e, best=e.best.number, tried=counts, sure=bool(lost) and all(map(exact, lost))),
        ("Knob", "Baseline", "Best", "Worse by", "Interval"),
        tuple(rows),
        "lrrrr",
    )


def _lost(e: Evidence, knob: str) -> tuple[str, str]:
    """What is lost without a knob, and the interval, where it was tried alone."""
    for row, key in effects(e, knob):
        return mark(f"{key}.effect"), NONE if equal(row) else interval(f"{key}.low", f"{key}.high")
    return NONE, NONE


def effects(e: Evidence, knob: str) -> Iterator[tuple[Effect, str]]:
    """The effects of taking out one knob alone, with what the ids of their facts begin with."""
    yield from ((row, f"set_back.{knob}") for row in e.set_back if row.knob == knob)
    yield from ((row, f"ablation.{row.key}") for row in e.ablation if row.knobs == (knob,))


def _line(e: Evidence) -> list[Trial]:
    """The baseline, the kept trials and the winner, in the order of their verdicts."""
    led = [t for t in by_verdict(e.trials) if t.verdict and t.verdict.kind in ("baseline", "kept")]
    return led if e.best in led else [*led, e.best]


def add(facts: Facts) -> None:
    """The values that the kept trials changed, before and after."""
    for trial in spaced(_line(facts.evidence), LISTED):
        before = _before(facts.evidence, trial)
        for name in changed(trial.change.params, before.change.params) if before else ():
            for each in (before, trial):
                if each and isinstance(each.change.params.get(name), int | float):
                    facts.put(f"value.{each.number}.{name}", "parameter", trial=each.number, name=name)


def _before(e: Evidence, trial: Trial) -> Trial | None:
    """The incumbent that a trial was weighed against."""
    met = trial.verdict.incumbent if trial.verdict else None
    return None if met is None else e.trials[met]


def kept(e: Evidence) -> Table:
    every = _line(e)
    shown = spaced(every, LISTED)
    unkept_best = e.best.number and _kind(e.best) != "kept"
    return Table(
        "kept",
        caption("kept", e, unkept_best=unkept_best, sampled=len(shown) < len(every)),
        ("Trial", "Strategy", "What changed", "Verdict", words(e.template.fitness_label).capitalize()),
        tuple(
            (f"`T{t.number}`", strategies(e, t), _what(t, e), _verdict(e, t), mark(f"trial.{t.number}.mean"))
            for t in shown
        ),
        "rlXlr",
    )


def _kind(trial: Trial) -> str:
    return trial.verdict.kind if trial.verdict else "open"


def _verdict(e: Evidence, trial: Trial) -> str:
    return f"{_kind(trial)}, in the confirmation" if trial.number and trial.number == e.best.number else _kind(trial)


def _what(trial: Trial, e: Evidence) -> str:
    before = _before(e, trial)
    if before is None:
        return trial.change.phrase
    told = [
        f"{words(name)} from {_at(before, name)} to {_at(trial, name)}"
        for name in changed(trial.change.params, before.change.params)
    ]
    if trial.number in e.edits:
        told.append(edit(e, trial.number))
    return listed(told) if told else "files of the artifact"


def _at(trial: Trial, name: str) -> str:
    value = trial.change.params.get(name, NONE)
    return code(value) if isinstance(value, str) else mark(f"value.{trial.number}.{name}")


def edit(e: Evidence, number: int) -> str:
    """What a trial changed of the files."""
    files = listed([code(d.file) for d in e.edits[number]])
    return f"{files} ({many(e, f'edit.{number}.added', 'line')} added, {mark(f'edit.{number}.removed')} removed)"
