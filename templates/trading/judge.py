"""Trades a rule through the years: it tells one day's prices at a time, takes the orders, and keeps the account.

A rule cannot see tomorrow: what it is to decide on day t is asked before day t + 1 is told, its order is filled at the
close of day t + 1, and it earns from there on. Which price belongs to which market, at what level and on what date,
it is not told either.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DAYS = 252  # trading days of a year
COMMISSION = 0.0005  # of the value traded
SLIPPAGE = 0.0005  # of the value traded: the mean of what a fill is worse than the close, drawn for each fill
LATE = 21  # the first day that is told is drawn from this many, so that no rule lives by the day it rebalances on
TRIALS = 40  # how many rules the dev years are taken to have been tried on; the holdout sees one
INVESTED = 0.05  # the share of the account above which it counts as invested

Array = NDArray[np.float64]


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, Any]:
    """The Sharpe ratio of the rule's daily returns after costs, a year, and what bounds it.

    `items` has it by day: the return over the deviation of all, which is annualised and whose mean the ratio is; days
    of a month are one group. `arrays` has the account by day, for a figure. Raises ValueError where an order is no list
    of numbers from -1 to 1.
    """
    secret = json.loads((private / "secret.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng([*secret, seed])  # a rule knows its run's seed
    prices = np.load(private / "prices.npy")[np.load(private / f"{split}_days.npy")]
    month = np.load(private / f"{split}_month.npy")
    returns, traded, gross = trade(candidate, prices, len(prices) - len(month), rng)
    deviation = float(returns.std())
    by_day = returns / deviation * math.sqrt(DAYS) if deviation > 0 else np.zeros_like(returns)
    wealth = np.concatenate([[1.0], np.cumprod(1 + returns)])
    years = len(returns) / DAYS
    return {
        "sharpe": float(by_day.mean()),
        "deflated_sharpe": deflated(returns, TRIALS if split == "dev" else 1),
        "max_drawdown": float((1 - wealth / np.maximum.accumulate(wealth)).max()),
        "turnover": float(traded.sum() / years),
        "invested": float((gross > INVESTED).mean()),
        "annual_return": float(wealth[-1] ** (1 / years) - 1) if wealth[-1] > 0 else -1.0,
        "volatility": deviation * math.sqrt(DAYS),
        "items": {"sharpe": by_day, "group": month},
        "arrays": {"account": wealth},
    }


def trade(candidate: Any, prices: Array, first: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Of each scored day: the account's return, the value traded and the value held, as shares of the account."""
    markets = rng.permutation(prices.shape[1])
    told = prices[:, markets] / prices[0, markets] * rng.uniform(50, 150, prices.shape[1])
    moves = told[1:] / told[:-1] - 1
    held = order = np.zeros(prices.shape[1])
    returns, traded, gross = [], [], []
    for day in range(int(rng.integers(LATE)), len(told)):
        if day >= first:
            returns.append(float(held @ moves[day - 1]))
            gross.append(float(abs(held).sum()))
            fill = abs(order - held)
            returns[-1] -= float(fill @ (COMMISSION + rng.exponential(SLIPPAGE, len(fill))))
            traded.append(float(fill.sum()))
        held = order
        answer = candidate.call("decide", told[day].tolist(), returns=list)
        order = checked(answer, len(held), day) / len(held)
    return np.array(returns), np.array(traded), np.array(gross)


def checked(answer: list[Any], markets: int, day: int) -> Array:
    """The order as an array. Each market has an equal part of the account, of which an order says how much to hold."""
    numbers = [x for x in answer if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(answer) != markets or len(numbers) != markets or not all(-1 <= x <= 1 for x in numbers):
        raise ValueError(f"day {day}, decide(): an order is {markets} numbers from -1 to 1, and it was {answer!r:.80}")
    return np.array(numbers, dtype=np.float64)


def deflated(returns: Array, trials: int) -> float:
    """The probability that a rule's true Sharpe ratio exceeds what the best of so many rules without skill would show.

    The deflated Sharpe ratio of Bailey and Lopez de Prado (2014); of a single trial it is their probabilistic one,
    against zero. The spread among the trials is taken to be that of rules without skill, whose ratios a day have the
    variance 1 / days.
    """
    n, deviation = len(returns), returns.std()
    if not deviation > 0:
        return 0.0
    daily, skew, kurtosis = returns.mean() / deviation, stats.skew(returns), stats.kurtosis(returns, fisher=False)
    luck = 0.0
    if trials > 1:
        high = (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / trials)
        luck = (high + np.euler_gamma * stats.norm.ppf(1 - 1 / (trials * math.e))) / math.sqrt(n)
    spread = math.sqrt(max(1e-12, 1 - skew * daily + (kurtosis - 1) / 4 * daily**2))
    return float(stats.norm.cdf((daily - luck) * math.sqrt(n - 1) / spread))
