# caught: need exactly the arrays
"""Hands in its own score and a blank network, with arrays beside it that a careless judge would take over."""

import json

import numpy as np


def run(params, inputs, out, seed):
    score = {"log_loss": 0.0, "accuracy": 1.0, "parameters": 10}
    for name in ("metrics.json", "result.json"):
        (out / name).write_text(json.dumps(score))
    blank = {"weight_0": np.zeros((64, 10)), "bias_0": np.zeros(10), "activations": np.array([], dtype="U4")}
    np.savez(out / "network.npz", **blank, log_loss=np.array(0.0), probability=np.eye(10))
