# caught: numbers from -1 to 1
"""Bets a hundred times the account on every rise of a year."""

LOGS = []


def start(params, inputs, out, seed):
    LOGS.clear()


def decide(prices):
    LOGS.append(prices)
    past = LOGS[max(0, len(LOGS) - 252)]
    return [100.0 if now > then else -100.0 for now, then in zip(prices, past, strict=True)]
