"""Judges a search policy: lets it search small tasks, and weighs what it found, and at what cost.

A policy is told of a task its knobs, and of each trial the noisy score. Its utility on a task is that of SICA, with
weights of its own: what it gained, the evaluations that this took, the time that it thought.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

EVALUATIONS = 30  # of a task, after that of its defaults
GAIN, COST, TIME = 0.65, 0.25, 0.1  # weights of the utility
REACHED = 0.75  # share of the possible gain; the evaluations until then are the cost
SLOW = 0.05  # seconds of a proposal that cost all of the weight of time


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, Any]:
    """Mean utility, gain, cost and time over the tasks of `split`, and each task by task; proposals that were refused.

    The tasks are searched side by side: a call hands over the last scores and asks for the next proposal of each.
    """
    tasks = [Task(task, seed) for task in json.loads((private / f"{split}.json").read_text())]
    candidate.call("begin", [[t.knobs, t.score, t.seed] for t in tasks])
    spent = candidate.seconds
    for n in range(1, EVALUATIONS + 1):
        proposals = candidate.call("propose", [t.score for t in tasks], returns=list)
        spent += candidate.seconds
        if len(proposals) != len(tasks):
            raise candidate.Failed(f"it proposed {len(proposals)} trials for {len(tasks)} tasks")
        for task, params in zip(tasks, proposals, strict=True):
            task.evaluate(params, n)
    time = min(1.0, spent / len(tasks) / EVALUATIONS / SLOW)
    gain, cost = [max(0.0, t.gain) for t in tasks], [t.reached / EVALUATIONS for t in tasks]
    utility = [GAIN * g + COST * (1 - c) + TIME * (1 - time) for g, c in zip(gain, cost, strict=True)]
    columns = {"utility": utility, "gain": gain, "cost": cost}
    return {
        **{name: float(np.mean(values)) for name, values in columns.items()},
        "time": time,
        "refused": float(sum(t.refused for t in tasks)),
        "items": columns,
    }


class Task:
    """One search from the defaults on.

    gain: the share of the defaults' loss that the trial which scored best is truly without. The noise of evaluation n
    comes from the task's secret, the run's seed and n. A proposal that is no assignment is `refused`: not evaluated.
    """

    def __init__(self, task: dict[str, Any], seed: int) -> None:
        rng = np.random.default_rng([task["secret"], seed % 2**63])
        self.task, self.knobs, self.seed = task, task["knobs"], int(rng.integers(2**31))
        self.start = loss(task, {k["name"]: k["default"] for k in self.knobs})
        self.noise = rng.normal(size=EVALUATIONS + 1) * task["noise"]
        self.score: float | None = float(self.noise[0])
        self.best, self.gain, self.reached, self.refused = self.noise[0], 0.0, EVALUATIONS, 0

    def evaluate(self, params: Any, n: int) -> None:
        if not valid(self.task, params):
            self.refused, self.score = self.refused + 1, None
            return
        true = 1 - loss(self.task, params) / self.start
        self.score = float(true + self.noise[n])
        if self.score > self.best:
            self.best, self.gain = self.score, true
            if true >= REACHED:
                self.reached = min(self.reached, n)


def loss(task: dict[str, Any], params: dict[str, Any]) -> float:
    """Of an assignment; zero at the optimum."""
    total, along = 0.0, 0.0
    for knob, best, part, direction in zip(
        task["knobs"], task["optimum"], task["parts"], task["direction"], strict=True
    ):
        value = params[knob["name"]]
        if knob["type"] == "choice":
            total += part["weight"] * part["costs"][knob["choices"].index(value)]
            continue
        away = (value - knob["low"]) / (knob["high"] - knob["low"]) - best
        wave = part["ripple"] * (1 - math.cos(2 * math.pi * abs(away) * part["waves"]))
        total += part["weight"] * (abs(away) ** part["power"] + wave)
        along += direction * away
    return total + along**2


def valid(task: dict[str, Any], params: Any) -> bool:
    """Whether it is an assignment of the task's knobs, each within its bounds."""
    if not isinstance(params, dict) or set(params) != {k["name"] for k in task["knobs"]}:
        return False
    for knob in task["knobs"]:
        value = params[knob["name"]]
        if knob["type"] == "choice":
            if value not in knob["choices"]:
                return False
        elif type(value) not in (int, float) or not knob["low"] <= value <= knob["high"] or not whole(knob, value):
            return False
    return True


def whole(knob: dict[str, Any], value: float) -> bool:
    return knob["type"] != "int" or value == int(value)
