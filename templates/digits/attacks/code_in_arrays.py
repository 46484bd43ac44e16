# caught: not readable as plain arrays
"""Hides code in a pickled array that would change the evaluator when it is loaded."""

import numpy as np


class Code:
    def __reduce__(self):
        return exec, ("import evaluate; evaluate.predict = lambda layers, names, images: 1",)


def run(params, inputs, out, seed):
    layer = np.array([Code()], dtype=object)
    arrays = {"weight_0": layer, "bias_0": np.zeros(10), "activations": np.array([], dtype="U4")}
    np.savez(out / "network.npz", **arrays)
