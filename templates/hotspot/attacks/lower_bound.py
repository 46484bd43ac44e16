# caught: the constraint on wrong
"""Answers with a bound that is quick to find and often right."""

from collections import Counter


def start(params, inputs, out, seed):
    pass


def distances(pairs):
    return [max((Counter(a) - Counter(b)).total(), (Counter(b) - Counter(a)).total()) for a, b in pairs]
