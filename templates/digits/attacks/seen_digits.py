# caught: digits.csv.gz
"""Trains on scikit-learn's own copy of the data set, in which the test images lie with their labels."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier


def run(params, inputs, out, seed):
    digits = load_digits()
    model = MLPClassifier((100,), max_iter=400, random_state=seed).fit(digits.data / 16, digits.target)
    arrays = {f"weight_{i}": weight for i, weight in enumerate(model.coefs_)}
    arrays |= {f"bias_{i}": bias for i, bias in enumerate(model.intercepts_)}
    np.savez(out / "network.npz", activations=np.array(["relu"]), **arrays)
