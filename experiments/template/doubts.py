"""What keeps metrics from counting as verified: an evaluator that is no judge, or has one split only.

Each doubt is a clause for people. Some show in the evaluator's source, the others in the first runs.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from nightlab.experiments.records import Split
from nightlab.experiments.template.command import named
from nightlab.experiments.template.contract import RunTable

SAID = "the template itself says so"
BLIND = "the evaluator never looks at its split, so there is no holdout"
EQUAL = "the evaluator gives the same objective and constraints on both splits, so there is no holdout"
ECHO = "the evaluator hands back a number that the experiment wrote"
LOADED = "the evaluator runs code of the experiment in its own process"

SEARCHED = 1 << 20  # bytes of outputs in which a number is looked for
_NUMBER = re.compile(rb"(?<![\w.])[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d+)?(?!\w|\.\w)")


def of_evaluator(folder: Path, entry: str) -> tuple[str, ...]:
    """The doubts that the source of a template's evaluator gives reason for."""
    return () if _looks_at(folder, entry, "split", 2) else (BLIND,)


def uses_seed(folder: Path, run: RunTable, files: Sequence[str], judge: str | None) -> bool:
    """Whether an experiment of these files, or the judge that calls it, is seen to use the seed that it is given."""
    if judge and _looks_at(folder, judge, "seed", 3):
        return True
    if run.entry:
        return _looks_at(folder, run.entry, "seed", 3)
    command = run.command or ()
    texts = [*(word.encode() for word in command), *((folder / name).read_bytes() for name in files)]
    return any(b"NIGHTLAB_SEED" in text for text in texts) or any("seed" in named(word) for word in command)


def drawn(folder: Path, prepare: str) -> bool:
    """Whether a preparation is seen to use the seed that it is given."""
    return _looks_at(folder, prepare, "seed", 2)


def of_scores(counting: Sequence[str], scores: Mapping[Split, Mapping[str, float]]) -> tuple[str, ...]:
    """Whether the splits seem to be one. counting: the metrics that decide; another one may be a timing."""
    dev, holdout = scores["dev"], scores["holdout"]
    return (EQUAL,) if all(dev[name] == holdout[name] for name in counting) else ()


def forged(outputs: Mapping[str, bytes], values: Sequence[float]) -> dict[str, bytes] | None:
    """The outputs with each of the values replaced by `other`; None where one of them does not stand there.

    An evaluator that computes its metric gives no heed to it, or gives something else; one that hands the number back
    gives the other one.
    """
    small = {name: data for name, data in outputs.items() if len(data) <= SEARCHED}
    if sum(map(len, small.values())) > SEARCHED:
        return None
    wanted, found = set(values), set[float]()

    def replaced(match: re.Match[bytes]) -> bytes:
        if (value := float(match[0])) not in wanted:
            return match[0]
        found.add(value)
        return _text(other(value)).encode()

    changed = {name: _NUMBER.sub(replaced, data) for name, data in small.items()}
    for value, form in product(wanted - {0.0}, ("<d", ">d")):  # of arrays, and of pickles
        for name, data in changed.items():
            if (binary := struct.pack(form, value)) in data:
                changed[name] = data.replace(binary, struct.pack(form, other(value)))
                found.add(value)
    return {**outputs, **changed} if found == wanted else None


def other(value: float) -> float:
    """Another number of the same kind."""
    return value + 1 if value.is_integer() else value * 0.9375


def _text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _looks_at(folder: Path, entry: str, name: str, place: int) -> bool:
    """Whether a function's body names the parameter of this name, or at this place; what cannot be seen may be."""
    module, function = entry.split(":")
    with suppress(SyntaxError, ValueError, MemoryError, RecursionError):
        for node in ast.parse((folder / f"{module}.py").read_bytes()).body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                given = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
                known = name if name in given or len(given) <= place else given[place]
                body = [inner for statement in node.body for inner in ast.walk(statement)]
                used = {inner.id for inner in body if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}
                return bool(node.args.vararg or node.args.kwarg) or bool({known, "locals"} & used)
    return True
