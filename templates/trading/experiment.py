"""A trading rule for three markets; this is the file that the research may change.

`start` sets the rule up before the first day. `decide` gets the closing prices of one day, in an order and at levels
that say nothing of the markets, and returns how much of each market's part of the account to hold, from -1 to 1. The
judge fills the order at the next close, so what a rule earns comes after what it has seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEEK, YEAR = 5, 252  # trading days
RULE: dict[str, Rule] = {}


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001
    RULE["rule"] = Rule(params)


def decide(prices: list[float]) -> list[float]:
    return RULE["rule"].decide(np.log(prices))


class Rule:
    """Trend following with volatility scaling: each part of it is a method of its own."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.p = params
        self.logs: list[Array] = []  # of the prices, day by day
        self.variance: Array | None = None  # of a day's move, weighted towards the last days
        self.held = np.zeros(0)

    def decide(self, today: Array) -> list[float]:
        if not self.logs:
            self.held = np.zeros(len(today))
        self.logs.append(today)
        self.learn()
        if len(self.logs) > 30 and len(self.logs) % self.p["rebalance"] == 0:
            self.held = self.traded(self.target())
        return [float(x) for x in self.held]

    def learn(self) -> None:
        if len(self.logs) < 2:
            return
        square = (self.logs[-1] - self.logs[-2]) ** 2
        weight = 2 / (1 + min(self.p["volatility_days"], len(self.logs)))
        self.variance = square if self.variance is None else (1 - weight) * self.variance + weight * square

    def target(self) -> Array:
        """What the rule would like to hold: the signal, made smaller where the market moves more."""
        assert self.variance is not None
        lookback = self.p["lookback"]
        signal = self.trend(lookback)
        if self.p["blend"] > 0:
            signal = (1 - self.p["blend"]) * signal + self.p["blend"] * self.trend(max(5, lookback // 4))
        if self.p["reversal"] > 0:
            signal = signal - self.p["reversal"] * self.score(self.change(WEEK), WEEK)
        signal = np.where(signal > 0, signal, signal * self.p["short"])
        yearly = np.sqrt(self.variance * YEAR) + 1e-9
        return np.clip(signal * (self.p["volatility_target"] / yearly) ** self.p["volatility_power"], -1, 1)

    def trend(self, days: int) -> Array:
        """Which way each market goes over `days`, from -1 to 1."""
        if self.p["signal"] == "moving_average":
            window = np.array(self.logs[-days:])
            raw, span = self.logs[-1] - window.mean(axis=0), days / 3
        elif self.p["signal"] == "breakout":
            window = np.array(self.logs[-days:])
            low, high = window.min(axis=0), window.max(axis=0)
            return 2 * (self.logs[-1] - low) / (high - low + 1e-12) - 1
        else:
            raw, span = self.change(days), days
        return np.sign(raw) if self.p["shape"] == "sign" else self.score(raw, span)

    def change(self, days: int) -> Array:
        return self.logs[-1] - self.logs[max(0, len(self.logs) - 1 - days)]

    def score(self, raw: Array, days: float) -> Array:
        """A change in units of what chance would make of so many days, bent into -1 to 1."""
        assert self.variance is not None
        return np.tanh(raw / (np.sqrt(self.variance * days) + 1e-9))

    def traded(self, target: Array) -> Array:
        """What to hold in the end: a part of the way to the target, and nothing new where the way is not worth it."""
        moved = self.held + (target - self.held) * self.p["speed"]
        return np.where(abs(moved - self.held) > self.p["band"], moved, self.held)
