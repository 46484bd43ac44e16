# caught: negative, not finite or all zero
"""Takes weight from some bytes to give others more than there is."""

import numpy as np


def start(params, inputs, out, seed):
    pass


def train():
    return 0


def begin(streams):
    pass


def predict(told):
    weights = np.full((len(told), 256), -1.0, dtype=np.float32)
    weights[:, 32:127] = 3.0
    return weights
