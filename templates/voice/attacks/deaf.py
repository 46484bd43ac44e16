# caught: the constraint on
"""Hears nothing, so nothing misleads it."""

import numpy as np


def run(params, inputs, out, seed):
    np.savez(
        out / "network.npz", bands=np.array(4), floor=np.array(1e3), weight_0=np.zeros((60, 8)), bias_0=np.arange(8.0)
    )
