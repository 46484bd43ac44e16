"""A task of labelled rows: a share of them is held out, without their labels, and what is said of these is scored."""

from __future__ import annotations

import csv
import json
import math
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HELD_OUT = 0.3  # of the rows of train.csv: half of them for the search, half for the confirmation
Row = Mapping[str, str]


def configured() -> dict[str, Any]:
    """What the import wrote down."""
    found: dict[str, Any] = json.loads((Path(__file__).resolve().parent / "imported.json").read_text(encoding="utf-8"))
    return found


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Lay out train.csv without the rows that are held out, and these as test.csv."""
    told, here = configured(), Path(__file__).resolve().parent / "judging" / "data"
    rows, names = _read(here / "train.csv")
    random.Random(seed).shuffle(rows)
    count = max(2, round(HELD_OUT * len(rows)))
    held, kept = rows[:count], rows[count:]
    labels = set(told["targets"])
    for path in (p for p in here.rglob("*") if p.is_file()):
        target = inputs / path.relative_to(here)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    _write(inputs / "train.csv", kept, names)
    _write(inputs / "test.csv", held, [name for name in names if name not in labels])
    blank = {name: _usual([row[name] for row in kept]) for name in told["targets"]}
    _write(inputs / told["sample"], [{**row, **blank} for row in held], [told["id"], *told["targets"]])
    for split, part in (("dev", held[::2]), ("holdout", held[1::2])):
        _write(private / f"{split}.csv", part, [told["id"], *told["targets"]])


def evaluate(out: Path, private: Path, split: str) -> dict[str, float]:
    """The score of submission.csv on the rows of a split, the mean over the columns that are asked for."""
    told = configured()
    wanted, _ = _read(private / f"{split}.csv")
    if not (out / "submission.csv").is_file():
        raise ValueError("it wrote no submission.csv, in ./ or in ./working")
    rows, names = _read(out / "submission.csv")
    if lost := [name for name in (told["id"], *told["targets"]) if name not in names]:
        raise ValueError(f"submission.csv has no column {lost[0]!r}")
    said = {row[told["id"]]: row for row in rows}
    if lost := [row[told["id"]] for row in wanted if row[told["id"]] not in said]:
        raise ValueError(f"submission.csv lacks {len(lost)} rows of test.csv, such as {lost[0]!r}")
    score, found = SCORES[told["metric"]], list[float]()
    for name in told["targets"]:
        found.append(score([row[name] for row in wanted], [said[row[told["id"]]][name] for row in wanted]))
    return {told["metric"]: math.fsum(found) / len(found)}


def _read(file: Path) -> tuple[list[dict[str, str]], list[str]]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        return list(reader), list(reader.fieldnames or ())


def _write(file: Path, rows: Sequence[Row], names: Sequence[str]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _usual(values: Sequence[str]) -> str:
    """The commonest value."""
    return max(dict.fromkeys(values), key=values.count) if len(values) < 2000 else values[0]


def _numbers(texts: Sequence[str]) -> list[float]:
    found = [float(text) for text in texts]
    if not all(map(math.isfinite, found)):
        raise ValueError("a prediction is no finite number")
    return found


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _error(of: Callable[[float], float], power: float) -> Callable[[Sequence[str], Sequence[str]], float]:
    def score(true: Sequence[str], said: Sequence[str]) -> float:
        pairs = zip(_numbers(true), _numbers(said), strict=True)
        return float(_mean([abs(of(t) - of(s)) ** power for t, s in pairs]) ** (1 / power))

    return score


def _logarithm(value: float) -> float:
    return math.log(max(value, 1e-12))


def _label(text: str) -> str:
    """A label as it is compared: 1, 1.0 and True are the same."""
    text = {"true": "1", "false": "0"}.get(text.strip().lower(), text.strip())
    try:
        return str(float(text))
    except ValueError:
        return text


def _accuracy(true: Sequence[str], said: Sequence[str]) -> float:
    return _mean([float(_label(t) == _label(s)) for t, s in zip(true, said, strict=True)])


def _f1(true: Sequence[str], said: Sequence[str]) -> float:
    """The mean over the labels."""
    pairs, found = [(_label(t), _label(s)) for t, s in zip(true, said, strict=True)], list[float]()
    for label in {t for t, _ in pairs}:
        hit = sum(t == s == label for t, s in pairs)
        found.append(2 * hit / (sum(t == label for t, _ in pairs) + sum(s == label for _, s in pairs)))
    return _mean(found)


def _log_loss(true: Sequence[str], said: Sequence[str]) -> float:
    """Of the probability of 1."""
    chances = [min(1 - 1e-15, max(1e-15, p)) for p in _numbers(said)]
    return _mean([-math.log(p if _label(t) == "1.0" else 1 - p) for t, p in zip(true, chances, strict=True)])


def _auc(true: Sequence[str], said: Sequence[str]) -> float:
    """How often a one is above a zero; ties count half."""
    pairs = sorted(zip(_numbers(said), [_label(t) == "1.0" for t in true], strict=True))
    ranks, place = dict[float, float](), 0
    values = [value for value, _ in pairs]
    while place < len(values):
        end = place
        while end < len(values) and values[end] == values[place]:
            end += 1
        ranks[values[place]], place = (place + end + 1) / 2, end
    ones = [ranks[value] for value, one in pairs if one]
    if not ones or len(ones) == len(pairs):
        raise ValueError("the rows of a split are all of one kind")
    return (math.fsum(ones) - len(ones) * (len(ones) + 1) / 2) / (len(ones) * (len(pairs) - len(ones)))


def _r2(true: Sequence[str], said: Sequence[str]) -> float:
    real, given = _numbers(true), _numbers(said)
    spread = math.fsum((t - _mean(real)) ** 2 for t in real)
    return 1 - math.fsum((t - s) ** 2 for t, s in zip(real, given, strict=True)) / (spread or 1.0)


SCORES: Mapping[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    "rmse_of_logs": _error(_logarithm, 2),
    "rmsle": _error(lambda value: math.log1p(max(value, 0.0)), 2),
    "rmse": _error(float, 2),
    "mae": _error(float, 1),
    "accuracy": _accuracy,
    "f1": _f1,
    "log_loss": _log_loss,
    "auc": _auc,
    "r2": _r2,
}
