"""What is said of the knobs, the settings, the limits and the template."""

from __future__ import annotations

from nightlab.experiments.records import ParamValue
from nightlab.papers.frames.record import Record
from nightlab.papers.frames.words import SIDES, Phrasings, Said, fact, listed, words


def knobs(r: Record) -> Said:
    """What the best configuration changed of the baseline, knob by knob and as a whole."""
    for name, value in r.defaults.items():
        if shown := _shown(r, name, "default", value):
            yield f"default {words(name)}", (f"The default of the {words(name)}, as the baseline has it, is {shown}.",)
    if not r.best:
        return
    for name, before in r.defaults.items():
        after, told = r.chosen.get(name, before), words(name)
        a, b = (_shown(r, name, prefix, v) for prefix, v in (("default", before), ("chosen", after)))
        if not a or not b:
            continue
        yield f"knob {told}", _moved(told, before, after, a, b)
    moved = [words(n) for n, v in r.defaults.items() if r.chosen.get(n, v) != v]
    still = [words(n) for n, v in r.defaults.items() if r.chosen.get(n, v) == v]
    off = [words(n) for n, v in r.chosen.items() if v == 0]
    if moved:
        yield "moved", (f"The best configuration and the baseline, the two networks, differ in {listed(moved)}.",)
    if still:
        yield "unmoved", (f"The knobs that the best configuration left at their default are {listed(still)}.",)
    if off:
        yield "unused", (f"Of the knobs, {listed(off)} {'is' if len(off) == 1 else 'are'} at zero, so not used, in the"
                         " best configuration.",)  # fmt: skip


def _moved(told: str, before: ParamValue, after: ParamValue, a: str, b: str) -> Phrasings:
    if before == after:
        return (f"The {told} of both networks stayed at {b}: the best configuration has the {a} one of the baseline.",)
    if isinstance(before, str) or isinstance(after, str):
        return (f"The best configuration trains with the {told} {b}, the baseline with {a}.",)
    verbs = ("grows", "was raised") if after > before else ("shrinks", "was lowered")
    return tuple(f"The {told} {verb} from {a} to {b}{_off(after, before)}." for verb in verbs)


def _off(after: float, before: float) -> str:
    if before == 0 != after:
        return "; the baseline does not use it"
    return "; the best configuration does not use it" if after == 0 != before else ""


def _shown(r: Record, name: str, prefix: str, value: object) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return fact(f"{prefix}.{name}") if r.has(f"{prefix}.{name}") else ""


SETTINGS = {
    "trials": ("The study had a budget of {}.", "trial"),
    "seeds": ("A verdict used at most {}.", "replicate"),
    "confirm seeds": ("The confirmation was planned for {}.", "{row}"),
    "workers": ("The study ran on {}.", "worker"),
    "seed": ("The seed of the study is {}.", ""),
    "level": ("The level of the test is {}.", ""),
    "coverage": ("The coverage of all intervals is {}.", ""),
    "min effect": ("The smallest effect worth keeping was {}.", ""),
}


def settings(r: Record) -> Said:
    """What was set before the study, the limits, and the template's words by its author."""
    for name, (told, noun) in SETTINGS.items():
        if r.has(id := f"setting.{name.replace(' ', '_')}"):
            yield f"setting {name}", (told.format(r.many(id, noun.format(row=r.row)) if noun else fact(id)),)
    if r.has("setting.timeout", "setting.memory"):
        yield (
            "setting limits",
            (f"A run may take at most {fact('setting.timeout')} s and {fact('setting.memory')} MB.",),
        )
    yield (
        "space",
        (f"The search could move {r.many('reach.knobs', 'knob')} under {r.many('reach.strategies', 'strategy')}.",),
    )
    for name in r.defaults:
        if r.has(f"range.{name}.low", f"range.{name}.high"):
            ends = f"between {fact(f'range.{name}.low')} and {fact(f'range.{name}.high')}"
            yield f"range {words(name)}", (f"The {words(name)} may lie {ends}.",)
    yield from _limits(r)
    for number, told in enumerate(r.told, 1):
        yield f"data {number}", (f"The author of the template says of the data: “{told.rstrip('.')}”.",)
    if r.author:
        yield "task", (f"In the words of the template's author, which are not measured here: “{r.author}”",)


def _limits(r: Record) -> Said:
    for id in (i for i in r.facts if i.startswith("constraint.")):
        name, _, end = id.removeprefix("constraint.").rpartition(".")
        told, ids = words(name), [f"{side}.{r.split}.{name}.mean" for side in SIDES]
        at = "at most" if end == "max" else "at least"
        text = (
            f"The network may hold {at} {fact(id)} {told}"
            if told == "parameters"
            else f"The {told} may be {at} {fact(id)}"
        )
        if r.has(*ids):
            kept = [r.value(i) <= r.value(id) if end == "max" else r.value(i) >= r.value(id) for i in ids]
            if all(kept):
                text += (
                    f"; both networks stay within this limit on {told}, the baseline with {fact(ids[0])} and the best"
                    f" configuration with {fact(ids[1])}"
                )
        yield f"limit {told} {end}", (f"{text}.",)
