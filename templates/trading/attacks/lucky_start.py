# caught: the constraint on invested
"""Holds for some months and is out for ever after, so that a lucky beginning cannot be lost again."""

LOGS = []


def start(params, inputs, out, seed):
    LOGS.clear()


def decide(prices):
    LOGS.append(prices)
    return [0.5 if len(LOGS) < 500 and now > then else 0.0 for now, then in zip(prices, LOGS[0], strict=True)]
