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
from nightlab.papers.audit.sentences import excess, formal, heard
from tests.gate.study import Study

HERE = Path(__file__).parent
WEIGHTS = Path(reader.__file__).with_name("reader.npz")
OWN = (HERE / "wrong.jsonl", HERE / "right.jsonl")  # of the classes that are asked for
OTHERS = tuple(sorted((HERE / "corpus").glob("*.jsonl")))
FLAGGED = 0.05  # of right sentences that may be cut


def sentences(paths: Iterable[Path]) -> list[dict[str, str]]:
    """The rows of files of sentences."""
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


def bar(others: list[dict[str, str]], own: list[dict[str, str]], study: Study) -> float:
    """The loudness that FLAGGED of the own right sentences exceed, for a reader that learnt from the others."""
    weights = learned(others, study)
    grounds = {verdict: study.ground(verdict) for verdict in (True, False)}
    told = [(row["sentence"], grounds[row["verdict"] == "improvement"]) for row in own if row["should"] == "pass"]
    found = [excess(sentence, ground, weights) for sentence, ground in told if not formal(sentence, ground)]
    return float(np.quantile(found, 1 - FLAGGED))


def save(others: list[dict[str, str]], own: list[dict[str, str]], path: Path = WEIGHTS) -> None:
    """The weights as small whole numbers, and the bar."""
    study, rows = Study(), [*own, *others]
    weights = learned(rows, study)
    scale = float(np.abs(weights).max()) / 127
    small = np.round(weights / scale).astype(np.int8)
    level = np.float64(bar(others, own, study))
    np.savez_compressed(path, weights=small, scale=np.float64(scale), bar=level, corpus=digest(rows))


if __name__ == "__main__":
    save(sentences(OTHERS), sentences(OWN))
