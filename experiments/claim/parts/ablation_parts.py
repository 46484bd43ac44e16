"""What the best trial differs in from the baseline, as parts that can be taken out one by one."""

from __future__ import annotations

from dataclasses import replace

from nightlab.experiments.claim.selection import chosen
from nightlab.experiments.executors.local.isolation.syntax import fault
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.repair import standing
from nightlab.experiments.records import BASELINE, Change, Params, Part
from nightlab.experiments.template.artifact.diffs import changed, without
from nightlab.experiments.template.knobs.rules import broken, settled


def taken_out(part: Part, best: Change, defaults: Params) -> Change:
    """The best without a part of it."""
    params = {**best.params, **{knob: defaults[knob] for knob in part.knobs}}
    return replace(best, params=params, artifact=part.artifact or best.artifact)


def parts_of_best(loop: Loop) -> list[Part]:
    """The parts of the best trial, in the order of their trials."""
    line = lineage(loop)
    best, defaults = loop.entries[chosen(loop)].trial.change, loop.template.defaults
    mine = (part for part in _knobs(loop, line) if differs(loop, taken_out(part, best, defaults).params))
    return sorted((*mine, *_edits(loop, line)), key=lambda c: (c.trial, c.strategy, c.key))


def differs(loop: Loop, params: Params) -> bool:
    """Whether an assignment is one that the template allows, and another one than the best's."""
    best, knobs = loop.entries[chosen(loop)].trial.change, loop.template.knobs
    return not broken(knobs, params) and settled(knobs, params) != settled(knobs, best.params)


def lineage(loop: Loop) -> list[int]:
    """From the baseline to the best: each trial that ran and that the next one comes from."""
    history, number = loop.history(), chosen(loop)
    line = [number]
    while number != BASELINE:
        parent = history[number].change.parent
        number = standing(history, BASELINE if parent is None else parent)
        line.append(number)
    return line[::-1]


def _knobs(loop: Loop, line: list[int]) -> list[Part]:
    changes = [loop.entries[number].trial.change for number in line]
    owner: dict[str, int] = {}
    for number, before, after in zip(line[1:], changes, changes[1:], strict=False):
        owner |= dict.fromkeys(changed(after.params, before.params), number)
    strategy_of = {k.name: k.strategy for k in loop.template.knobs}
    defaults, found = loop.template.defaults, dict[tuple[int, str], list[str]]()
    for knob, number in owner.items():
        if changes[-1].params[knob] != defaults.get(knob):
            found.setdefault((number, strategy_of.get(knob, "other")), []).append(knob)
    return [
        Part(key=f"without-{number}-{strategy}", trial=number, strategy=strategy, knobs=tuple(knobs))
        for (number, strategy), knobs in found.items()
    ]


def _edits(loop: Loop, line: list[int]) -> list[Part]:
    artifacts = [loop.entries[number].trial.change.artifact for number in line]
    store, found = loop.study.artifacts, []
    latest = store.read(artifacts[-1])
    steps = [i for i in range(1, len(line)) if artifacts[i] != artifacts[i - 1]]
    for place, i in enumerate(steps):
        rest = without(store.read(artifacts[i]), store.read(artifacts[i - 1]), latest)
        later = tuple(line[j] for j in steps[place + 1 :])
        if rest is None or fault(rest):
            rest = store.read(artifacts[i - 1])
        else:
            later = ()
        if rest != latest:
            change = loop.entries[line[i]].trial.change
            key = f"without-{line[i]}-edit"
            artifact = store.add(rest)
            found.append(Part(key=key, trial=line[i], strategy=change.strategy, artifact=artifact, joint=later))
    return found
