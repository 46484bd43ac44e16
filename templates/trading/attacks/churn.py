# caught: the constraint on turnover
"""Buys what fell and sells what rose, with the whole account, every day: what earns before costs only."""

LAST = []


def start(params, inputs, out, seed):
    LAST.clear()


def decide(prices):
    before = LAST[-1] if LAST else prices
    LAST.append(prices)
    return [1.0 if now < then else -1.0 for now, then in zip(prices, before, strict=True)]
