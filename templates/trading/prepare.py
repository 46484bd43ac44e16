"""Lays out daily prices, once for each study: all of them private, since the judge tells them day by day."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from arch.data import nasdaq, sp500, wti

WARM_UP = 300  # days before the first scored one, from which a rule may learn
SPLITS = {"dev": ("2000-06-01", "2010-12-31"), "holdout": ("2011-01-01", "2018-12-31")}


def prepare(inputs: Path, private: Path, seed: int) -> None:  # noqa: ARG001  (nothing is public)
    """Write to `private`: `prices.npy`, all closing prices (days, 3), and for each split which of them it takes.

    `secret.json` is what the judge's draws start from, beside the run's seed.

    `{split}_days.npy` has their numbers, the first of which warm up; `{split}_month.npy` the month of each scored day,
    as 201101, since days of a month belong together. The scored days of the splits are different ones, while the days
    before the holdout that nobody scores there are the last ones of the search.
    """
    closes = pd.DataFrame(
        {
            "sp500": sp500.load()["Adj Close"],
            "nasdaq": nasdaq.load()["Adj Close"],
            "oil": wti.load()["DCOILWTICO"],
        }
    ).dropna()  # the days on which all three have a price
    np.save(private / "prices.npy", closes.to_numpy(np.float64))
    secret = [int(n) for n in np.random.default_rng(seed).integers(0, 2**32, 4)]
    (private / "secret.json").write_text(json.dumps(secret), encoding="utf-8")
    for split, (first, last) in SPLITS.items():
        begin = int(closes.index.searchsorted(pd.Timestamp(first)))
        end = int(closes.index.searchsorted(pd.Timestamp(last), side="right"))
        scored = closes.index[begin:end]
        np.save(private / f"{split}_days.npy", np.arange(begin - WARM_UP, end))
        np.save(private / f"{split}_month.npy", (scored.year * 100 + scored.month).to_numpy(np.int64))
