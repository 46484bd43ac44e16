"""What is wrong between knobs, and between them and the files that they are written into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nightlab.experiments.records import Knob, ParamValue
from nightlab.experiments.template.contract import Spec
from nightlab.experiments.template.knobs import rules
from nightlab.experiments.template.knobs.handover import PLACED, NoPlace, put


def between_knobs(folder: Path, spec: Spec, knobs: Sequence[Knob]) -> Iterator[str]:
    """`[key]: what is wrong and what would be right`."""
    known = {k.name: k for k in knobs}
    for knob in knobs:
        for other, values in knob.when.items():
            there = known.get(other)
            if there is None or other == knob.name:
                yield f"[search.space.{knob.name}.when]: {other!r} is no other knob; there are {', '.join(known)}"
            elif there.choices and (wrong := [v for v in values if v not in there.choices]):
                yield f"[search.space.{knob.name}.when]: {wrong[0]!r} is no choice of {other}: {list(there.choices)}"
        table = spec.search.space[knob.name]
        for kind in PLACED:
            if place := getattr(table, kind):
                yield from _place_faults(folder, spec, knob, kind, place)
    try:
        rules.in_order(knobs)
    except ValueError as error:
        yield f"[search.space]: {error}"
    for text in spec.search.require:
        if unknown := [name for name in rules.names(text) if name not in known]:
            yield f"[search.require]: {unknown[0]!r} in {text!r} is no knob; there are {', '.join(known)}"
        elif not rules.holds(text, {k.name: k.meant(k.default) for k in knobs}):
            yield f"[search.require]: {text!r} does not hold for the defaults, with which the baseline runs"
    yield from _reference_faults(spec, known)


def _reference_faults(spec: Spec, known: Mapping[str, Knob]) -> Iterator[str]:
    """What of the reference configuration is no assignment that a trial could have."""
    if spec.reference is None:
        return
    given = spec.reference.params
    for name, value in given.items():
        where, knob = f"[reference.params.{name}]", known.get(name)
        if knob is None:
            yield f"{where}: {name!r} is no knob; there are {', '.join(known)}"
        elif not _within(knob, value):
            there = f"one of {list(knob.choices)}" if knob.choices else f"from {knob.low:g} to {knob.high:g}"
            yield f"{where}: must be {there} (found {value!r})"
    if given.keys() <= known.keys():
        params = {name: given.get(name, knob.default) for name, knob in known.items()}
        if all(_within(known[name], value) for name, value in given.items()) and (
            text := rules.broken(tuple(known.values()), params)
        ):
            yield f"[reference.params]: {text!r} does not hold for it"


def _within(knob: Knob, value: ParamValue) -> bool:
    if knob.choices:
        return value in knob.choices
    whole = knob.type == "int" and not isinstance(value, int)
    return not isinstance(value, str | bool) and not whole and knob.low <= value <= knob.high


def _place_faults(folder: Path, spec: Spec, knob: Knob, kind: str, place: str) -> Iterator[str]:
    file, _, key = place.partition(":")
    where = f"[search.space.{knob.name}.{kind}]"
    if file not in (*spec.artifact.editable, *spec.artifact.support):
        yield f"{where}: {file!r} must be listed under artifact.editable or .support"
    elif (folder / file).is_file():
        try:
            put(file, (folder / file).read_bytes(), key, knob.meant(knob.default))
        except NoPlace as error:
            yield f"{where}: {error}"
