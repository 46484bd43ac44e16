"""Tasks of AIDE, with what was seen over its solutions."""

from __future__ import annotations

import random
from pathlib import Path

from tests.imports.case import Case

GOAL = "## Goal\nPredict the price of a house.\n\n## Background\nHouses have sizes.\n\n## Evaluation\n{}\n"
RMSE = "Submissions are evaluated on Root-Mean-Squared-Error (RMSE) between the predicted and the observed price."
LOGS = "RMSE between the logarithm of the predicted value and the logarithm of the observed price."
ACCURACY = "The accuracy of the predictions."
SOLUTION = """\
import csv, random
random.seed(42)
SLOPE = 1.5
SHIFT = 0.5
rows = list(csv.DictReader(open("./input/train.csv")))
valid = rows[: len(rows) // 5]
error = sum((SLOPE * float(r["size"]) + SHIFT - float(r["price"])) ** 2 for r in valid) / len(valid)
print(f"Validation RMSE on the hold-out set: {error ** 0.5:.5f}")
with open("./working/submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["Id", "price"])
    for row in csv.DictReader(open("./input/test.csv")):
        out.writerow([row["Id"], SLOPE * float(row["size"]) + SHIFT])
"""
CLASSES = """\
import csv
LIMIT = 1.0
with open("./submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["Id", "dear"])
    for row in csv.DictReader(open("./input/test.csv")):
        out.writerow([row["Id"], int(float(row["size"]) > LIMIT)])
print("done")
"""


def _csv(rows: list[list[object]], names: list[str]) -> str:
    return "\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n"


def _rows(count: int, *, classes: bool = False) -> list[list[object]]:
    rng = random.Random(7)
    sizes = [rng.uniform(0.5, 3) for _ in range(count)]
    label = (lambda s: int(s > 1.8)) if classes else (lambda s: round(2 * s + 0.3 + rng.gauss(0, 0.05), 4))
    return [[number, round(size, 4), label(size)] for number, size in enumerate(sizes)]


def _files(evaluation: str, solution: str = SOLUTION, target: str = "price", place: str = "") -> dict[str, str]:
    rows = _rows(60, classes=target == "dear")
    return {
        "task.md": GOAL.format(evaluation),
        "solution.py": solution,
        f"{place}train.csv": _csv(rows, ["Id", "size", target]),
        f"{place}test.csv": _csv([[900 + n, 1.0] for n in range(5)], ["Id", "size"]),
        f"{place}sample_submission.csv": _csv([[900 + n, 0] for n in range(5)], ["Id", target]),
    }


def _without(files: dict[str, str], name: str) -> dict[str, str]:
    return {file: text for file, text in files.items() if file != name}


def _case(files: dict[str, str], **more):  # type: ignore[no-untyped-def]
    return Case(kind="aide", files=files, **{"metric": "rmse", **more})


def _linked(folder: Path) -> None:
    (folder / "test_labels.csv").symlink_to("/etc/hostname")


AIDE = {
    "plain": _case(_files(RMSE), told="a share of train.csv is held out", fast=True),
    "inputs": _case(_files(LOGS, place="input/"), metric="rmse_of_logs", told="fixes its seed, random.seed(42)"),
    "classes": _case(_files(ACCURACY, CLASSES, "dear"), metric="accuracy"),
    "a link": _case(_files(RMSE), more=_linked, told="it is a link"),
    "no sample": _case(
        _without(_files(RMSE), "sample_submission.csv"),
        options=("--metric", "Validation RMSE on the hold-out set", "--direction", "minimize"),
        metric="Validation RMSE on the hold-out set",
        trust="reported",
        told="it cannot be verified",
    ),
    "no label said": _case(_without(_files(RMSE), "sample_submission.csv"), refused="--metric"),
    "no metric said": _case(_files("The best one wins."), refused="--metric rmse"),
    "two metrics": _case(_files("Mean absolute error, and accuracy."), refused="--metric mae"),
    "no solution": _case(_without(_files(RMSE), "solution.py"), refused="has no solution.py"),
}
