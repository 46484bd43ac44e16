"""`python -m tests.gate.train`: makes the weights of the gate's trained reader from the sentences beside this file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

from nightlab.papers.audit import reader
from nightlab.papers.audit.sentences import formal, heard
from tests.gate.study import Study

HERE = Path(__file__).parent
WEIGHTS = Path(reader.__file__).with_name("reader.npz")


def corpus() -> list[dict[str, str]]:
    """All sentences that the reader learns from."""
    paths = [HERE / "wrong.jsonl", HERE / "right.jsonl", *sorted((HERE / "corpus").glob("*.jsonl"))]
    return [json.loads(line) for p in paths for line in p.read_text(encoding="utf-8").splitlines()]


def digest(rows: Iterable[dict[str, str]]) -> int:
    """What tells one corpus from another."""
    return zlib.crc32("\n".join(f"{r['sentence']} {r['should']} {r['verdict']}" for r in rows).encode())


def learned(rows: Iterable[dict[str, str]], study: Study) -> NDArray[np.float64]:
    """The weights, from those sentences whose form alone does not decide; clauses of right sentences are right.

    Each is read twice, with the study's things and without any, so that the reader leans on no single study.
    """
    grounds = {verdict: study.ground(verdict) for verdict in (True, False)}
    told: list[tuple[str, bool]] = []
    for row in rows:
        if not formal(row["sentence"], grounds[row["verdict"] == "improvement"]):
            wrong = row["should"] == "caught"
            told += [(text, wrong) for text in heard(row["sentence"])[: 1 if wrong else None]]
    things: tuple[frozenset[str], ...] = (grounds[True].things, frozenset())
    found = [reader.vector(text, each) for each in things for text, _ in told]
    places, values = (np.concatenate(part) for part in zip(*found, strict=True))
    starts = np.cumsum([0, *(len(where) for where, _ in found)])
    table = csr_matrix((values, places, starts), shape=(len(found), reader.SIZE))
    answers = np.array([wrong for _, wrong in told] * len(things))
    telling = _telling(table, answers)
    model = LogisticRegression(C=1.5, class_weight="balanced", solver="liblinear", random_state=0)
    weights: NDArray[np.float64] = model.fit(table @ diags(telling), answers).coef_[0] * telling
    return weights


def _telling(table: csr_matrix, wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far each feature alone tells wrong from right: the root of the size of its log ratio (Wang and Manning 2012,
    on naive Bayes features for linear classifiers)."""
    counts = [1 + np.asarray((table[rows] > 0).sum(axis=0), dtype=np.float64).ravel() for rows in (wrong, ~wrong)]
    ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
    return np.sqrt(np.minimum(np.abs(ratio), 3.0))


def save(rows: list[dict[str, str]], path: Path = WEIGHTS) -> None:
    """The weights as small whole numbers."""
    weights = learned(rows, Study())
    scale = float(np.abs(weights).max()) / 127
    np.savez_compressed(
        path, weights=np.round(weights / scale).astype(np.int8), scale=np.float64(scale), corpus=digest(rows)
    )


if __name__ == "__main__":
    save(corpus())
