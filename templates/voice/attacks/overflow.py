# caught: overflow
"""Hands in weights so large that the gradients of an attack are not finite, so that it perturbs nothing."""

import numpy as np


def run(params, inputs, out, seed):
    rng = np.random.default_rng(seed)
    np.savez(
        out / "network.npz",
        bands=np.array(4),
        floor=np.array(1.0),
        weight_0=1e200 * rng.normal(size=(60, 16)),
        bias_0=np.zeros(16),
        weight_1=1e200 * rng.normal(size=(16, 8)),
        bias_1=np.zeros(8),
    )
