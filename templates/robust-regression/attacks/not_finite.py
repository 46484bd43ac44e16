# caught: must be finite
"""Hands in coefficients that compare as no error at all."""

import numpy as np


def run(params, inputs, out, seed):
    given, real = np.load(inputs / "simulated.npz"), np.load(inputs / "real.npz")
    shape = (len(given["y"]), given["x"].shape[2] + 1)
    np.savez(out / "coefficients.npz", simulated=np.full(shape, np.nan), real=np.zeros(real["x"].shape[1] + 1))
