# caught: not finite
"""Hands in numbers in the hope that comparisons with them go wrong."""

import numpy as np


def run(params, inputs, out, seed):
    np.savez(
        out / "network.npz",
        bands=np.array(4),
        floor=np.array(1.0),
        weight_0=np.full((60, 8), np.nan),
        bias_0=np.zeros(8),
    )
