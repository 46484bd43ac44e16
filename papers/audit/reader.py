"""What a clause sounds like: a small trained reader that tells a remark from an assertion about the study.

A linear score over the words of a clause, their pairs in order (subject and verb, a denial and what it denies, however
far apart), their pieces, and its skeleton, in which words that carry meaning are replaced by their endings and by
whether the study has them. Its weights, and the bar that the score is held against, are made by
`python -m tests.gate.train`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from importlib.resources import as_file, files
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nightlab.papers.audit.grammar import lists, stem

SIZE = 2**18  # of the table of weights; features are hashed into it


@cache
def _trained() -> tuple[NDArray[np.float64], float]:
    with as_file(files("nightlab.papers.audit").joinpath("reader.npz")) as path, np.load(path) as found:
        return np.asarray(found["weights"] * found["scale"], dtype=np.float64), float(found["bar"])


def bar() -> float:
    """The loudness above which a sentence is cut."""
    return _trained()[1]


def loudness(heard: Sequence[str], things: Collection[str], weights: NDArray[np.float64] | None = None) -> float:
    """How much a sentence sounds like an assertion about the study, as a whole and in its clauses.

    heard: the whole of it, and its clauses if it has several. things: stems of what the study has. weights: others than
    those that were trained.
    """
    weights = _trained()[0] if weights is None else weights
    found = (vector(text, things) for text in heard)
    whole, *clauses = (float(weights[where] @ values) for where, values in found)
    return whole + 0.5 * max(clauses, default=whole)


def vector(text: str, things: Collection[str]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The places of a text's features in the table, and their values: each kind of feature has the same weight."""
    where: list[int] = []
    values: list[float] = []
    for kind in _features(text, things):
        found = sorted({zlib.crc32(f.encode()) % SIZE for f in kind})
        where += found
        values += [len(found) ** -0.5] * len(found)
    return np.array(where, dtype=np.intp), np.array(values, dtype=np.float64)


def _features(text: str, things: Collection[str]) -> Iterator[list[str]]:
    words = _tokens(text)
    shapes = [w if w in lists()["plain"] or not w[0].isalpha() else "T" if stem(w) in things else "C" for w in words]
    ends = [s + (_ending(w) if s in "TC" else "") for w, s in zip(words, shapes, strict=True)]
    stems = [stem(w) for w in words]
    yield [*_grams("w", words, 2), *_grams("s", stems, 2)]
    yield [f"p {a} {b}" for a, b in combinations(("<", *stems, ">"), 2)]
    yield _grams("e", ends, 4)
    yield _grams("c", shapes, 5)
    letters = f" {' '.join(words)} "
    yield [f"l{letters[i : i + n]}" for n in (3, 4, 5) for i in range(len(letters) - n + 1)]
    yield [f"length {min(len(words) // 4, 6)}", f"study {min(shapes.count('T'), 5)}", "any"]


def _tokens(text: str) -> list[str]:
    text = text.replace("’", "'").casefold()
    text = re.sub(r"n't\b", " not", re.sub(r"can't|cannot", "can not", text.replace("won't", "will not")))
    return re.findall(r"[a-z]+(?:-[a-z]+)*|[,;:?()]", text)


def _ending(word: str) -> str:
    fitting = (e for e in lists()["endings"] if len(word) > len(e) + 2 and word.endswith(e))
    return f"-{longest}" if (longest := max(fitting, key=len, default="")) else ""


def _grams(kind: str, items: list[str], longest: int) -> list[str]:
    row = ["<", *items, ">"]
    return [f"{kind} {' '.join(row[i : i + n])}" for n in range(1, longest + 1) for i in range(len(row) - n + 1)]
