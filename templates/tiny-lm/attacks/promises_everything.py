# caught: no better
"""Gives every byte the weight that would be right for the one that comes, and so says nothing at all."""

import numpy as np


def start(params, inputs, out, seed):
    pass


def train():
    return 0


def begin(streams):
    pass


def predict(told):
    return np.full((len(told), 256), 1e30, dtype=np.float32)
