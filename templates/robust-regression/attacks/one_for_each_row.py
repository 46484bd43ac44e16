# caught: must be floats of shape
"""Hands in a table in place of coefficients, in the hope that it is broadcast."""

import numpy as np


def run(params, inputs, out, seed):
    given, real = np.load(inputs / "simulated.npz"), np.load(inputs / "real.npz")
    zeros = np.zeros((len(given["y"]), 1, given["x"].shape[2] + 1))
    np.savez(out / "coefficients.npz", simulated=zeros, real=np.zeros(real["x"].shape[1] + 1))
