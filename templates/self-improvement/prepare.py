"""Draws the tasks once per study. All of them are private: a policy learns of a task what its own trials say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TASKS = {"dev": 16, "holdout": 24}
STRATEGIES = ("first", "second", "third")
TYPES = ("float", "float", "int", "choice")


def prepare(inputs: Path, private: Path, seed: int) -> None:  # noqa: ARG001
    """Write `dev.json` and `holdout.json` to `private`: lists of tasks, as `task` makes them. `inputs` stays empty."""
    rng = np.random.default_rng(seed)
    for split, count in TASKS.items():
        (private / f"{split}.json").write_text(json.dumps([task(rng) for _ in range(count)]))


def task(rng: np.random.Generator) -> dict[str, Any]:
    """A small tuning task: its knobs, and a function of them whose best value is zero, at `optimum`.

    loss(u) = sum_i weight_i * (d_i ** power_i + ripple_i * (1 - cos(2 pi d_i * waves_i))) + (direction . d)^2, where
    d_i = |u_i - optimum_i| on the unit axis of an ordered knob (signed in the last part), and costs_i[choice] for one
    without an order. `noise` is the standard deviation of an evaluation, as a share of the default's loss.
    """
    count = int(rng.integers(4, 9))
    knobs, optimum, parts = [], [], []
    for i in range(count):
        kind = str(rng.choice(TYPES))
        knob: dict[str, Any] = {"name": f"x{i}", "type": kind, "strategy": STRATEGIES[i % 3]}
        best = float(rng.uniform(0.05, 0.95))
        if kind == "float":
            knob |= {"low": 0.0, "high": 1.0, "default": 0.5}
        elif kind == "int":
            knob |= {"low": 0, "high": 16, "default": 8}
            best = round(best * 16) / 16
        else:
            choices = [f"c{j}" for j in range(int(rng.integers(3, 6)))]
            knob |= {"choices": choices, "default": choices[0]}
        costs = rng.uniform(0.2, 1.0, size=6) * 0.4
        costs[rng.integers(len(knob.get("choices", "123")))] = 0.0
        parts.append(
            {
                "weight": float(rng.choice([0.05, 0.3, 1.0, 1.0])),  # some knobs hardly matter
                "power": float(rng.uniform(1.0, 2.0)),
                "ripple": float(rng.choice([0.0, 0.0, 0.05])),
                "waves": int(rng.integers(2, 6)),
                "costs": costs.tolist(),
            }
        )
        knobs.append(knob)
        optimum.append(best)
    direction = np.where([k["type"] == "choice" for k in knobs], 0.0, rng.normal(size=count)) * 0.5
    return {
        "knobs": knobs,
        "optimum": optimum,
        "parts": parts,
        "direction": direction.tolist(),
        "noise": float(rng.uniform(0.01, 0.06)),
        "secret": int(rng.integers(2**62)),
    }
