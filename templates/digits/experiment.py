"""Trains a small fully connected network on the digits; this is the file that the research may change.

What it owes the evaluator is `out/network.npz`: weight_0, bias_0, weight_1, ... and the names of the activations
between the layers. Whatever else training does (averaging, scaling of the inputs) must end up in those weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Step = Callable[[Array, int], Array]  # gradient and number of the step -> direction of the step

CLASSES = 10
EPOCHS = 40
SGD_FACTOR = 20.0  # how much longer its good steps are than Adam's: so one learning-rate knob serves every optimizer


def run(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Train on the images in `inputs` and write the network to `out`."""
    rng = np.random.default_rng(seed)
    images = np.load(inputs / "train_images.npy")
    labels = np.load(inputs / "train_labels.npy")
    centre, scale = images.mean(), images.std()
    network = Network(params, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        train(network, params, (images - centre) / scale, labels, rng)
    if not np.isfinite(network.flat).all():
        raise FloatingPointError(f"training diverged at a learning rate of {params['learning_rate']:g}")

    network.weights[0] /= scale  # the evaluator feeds raw pixels: the scaling moves into the first layer
    network.biases[0] -= centre * network.weights[0].sum(axis=0)
    arrays = {f"weight_{i}": weight for i, weight in enumerate(network.weights)}
    arrays |= {f"bias_{i}": bias for i, bias in enumerate(network.biases)}
    np.savez(out / "network.npz", activations=np.array([params["activation"]] * params["depth"]), **arrays)


class Network:
    """Dense layers. Their numbers lie in one flat array, so that an optimizer handles them all in one expression."""

    def __init__(self, params: dict[str, Any], rng: np.random.Generator) -> None:
        sizes = [64] + [params["width"]] * params["depth"] + [CLASSES]
        self.shapes = list(pairwise(sizes))
        self.flat = np.zeros(sum((rows + 1) * columns for rows, columns in self.shapes), dtype=np.float32)
        self.gradient = np.zeros_like(self.flat)
        self.weights, self.biases = self.layers(self.flat)
        self.weight_gradients, self.bias_gradients = self.layers(self.gradient)
        self.activation, self.slope = ACTIVATIONS[params["activation"]]
        self.dropout = np.float32(params["dropout"])
        for weight in self.weights:  # He et al.: the signal keeps its variance from layer to layer
            weight[:] = rng.normal(0, np.sqrt(2 / len(weight)), weight.shape)

    def layers(self, flat: Array) -> tuple[list[Array], list[Array]]:
        """Views into `flat`: the weights (inputs, outputs) and the biases (outputs,) of each layer."""
        blocks, at = [], 0
        for rows, columns in self.shapes:
            blocks.append(flat[at : at + (rows + 1) * columns].reshape(rows + 1, columns))
            at += (rows + 1) * columns
        return [block[:-1] for block in blocks], [block[-1] for block in blocks]

    def backward(self, batch: Array, targets: Array, rng: np.random.Generator) -> Array:
        """The gradient of the mean cross-entropy of `batch` (n, 64) against `targets` (n, 10), laid out like `flat`."""
        hidden, slopes = [batch], []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = hidden[-1] @ weight + bias
            h, slope = self.activation(z), self.slope(z)
            if self.dropout > 0:
                kept = (rng.random(z.shape, dtype=np.float32) >= self.dropout) / (1 - self.dropout)
                h, slope = h * kept, slope * kept
            hidden.append(h)
            slopes.append(slope)
        error = (softmax(hidden[-1] @ self.weights[-1] + self.biases[-1]) - targets) / np.float32(len(batch))
        for i in reversed(range(len(self.weights))):
            np.matmul(hidden[i].T, error, out=self.weight_gradients[i])
            error.sum(axis=0, out=self.bias_gradients[i])
            if i > 0:
                error = error @ self.weights[i].T * slopes[i - 1]
        return self.gradient


def train(
    network: Network, params: dict[str, Any], images: Array, labels: NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Train `network` in place; it ends with the mean of its weights over the last `averaging` share of the steps."""
    smoothing = params["label_smoothing"]
    targets = ((1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES).astype(np.float32)
    step = OPTIMIZERS[params["optimizer"]](np.float32(params["momentum"]), len(network.flat))
    steps = EPOCHS * -(-len(images) // params["batch_size"])
    mean, averaged = np.zeros_like(network.flat), 0
    for t, rows in enumerate(batches(len(images), params["batch_size"], rng)):
        rate = np.float32(learning_rate(params, t / steps))
        batch = shifted(images[rows], params["shift"], rng).reshape(-1, 64)
        direction = step(network.backward(batch, targets[rows], rng), t + 1)
        network.flat *= 1 - rate * np.float32(params["weight_decay"])  # decoupled from the gradient, as in AdamW
        network.flat -= rate * direction
        if t >= steps * (1 - params["averaging"]):
            averaged += 1
            mean += (network.flat - mean) / np.float32(averaged)
    if averaged:
        network.flat[:] = mean


def batches(n: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """The rows of each step: every epoch goes once through all of them, in a new order."""
    for _ in range(EPOCHS):
        order = rng.permutation(n)
        for start in range(0, n, size):
            yield order[start : start + size]


def learning_rate(params: dict[str, Any], progress: float) -> float:
    """The rate at `progress`, which goes from 0 to 1 through the training: a linear warm-up, then the schedule."""
    if progress < params["warmup"]:
        return params["learning_rate"] * progress / params["warmup"]
    return params["learning_rate"] * SCHEDULES[params["schedule"]](progress)


def shifted(images: Array, most: float, rng: np.random.Generator) -> Array:
    """Each of the `images` (n, 8, 8) moved down and right by its own fraction of a pixel, from -most to most."""
    if most == 0:
        return images
    down, right = rng.uniform(-most, most, (2, len(images), 1, 1)).astype(np.float32)
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = framed[:, 1:-1] + abs(down) * (np.where(down > 0, framed[:, :-2], framed[:, 2:]) - framed[:, 1:-1])
    neighbour = np.where(right > 0, rows[:, :, :-2], rows[:, :, 2:])
    return rows[:, :, 1:-1] + abs(right) * (neighbour - rows[:, :, 1:-1])


def sgd(momentum: np.float32, size: int) -> Step:
    velocity = np.zeros(size, dtype=np.float32)

    def step(gradient: Array, _: int) -> Array:
        velocity[:] = momentum * velocity + (1 - momentum) * gradient
        return np.float32(SGD_FACTOR) * velocity

    return step


def adam(momentum: np.float32, size: int) -> Step:
    mean, square = np.zeros((2, size), dtype=np.float32)

    def step(gradient: Array, t: int) -> Array:
        mean[:] = momentum * mean + (1 - momentum) * gradient
        square[:] = np.float32(0.999) * square + np.float32(0.001) * gradient**2
        corrected = np.sqrt(square / np.float32(1 - 0.999**t)) + np.float32(1e-8)
        return mean / (1 - momentum**t) / corrected

    return step


def rmsprop(momentum: np.float32, size: int) -> Step:
    mean, square = np.zeros((2, size), dtype=np.float32)

    def step(gradient: Array, _: int) -> Array:
        square[:] = np.float32(0.99) * square + np.float32(0.01) * gradient**2
        mean[:] = momentum * mean + (1 - momentum) * gradient / (np.sqrt(square) + np.float32(1e-6))
        return mean

    return step


def softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def sigmoid(z: Array) -> Array:
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * z))


def gate(sharpness: float) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """z * sigmoid(sharpness * z) and its slope."""
    a = np.float32(sharpness)
    return lambda z: z * sigmoid(a * z), lambda z: sigmoid(a * z) * (1 + a * z * (1 - sigmoid(a * z)))


ACTIVATIONS = {  # each with its slope; the evaluator knows the same names, and "linear"
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(np.float32)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "silu": gate(1.0),
    "gelu": gate(1.702),  # the sigmoid form of Hendrycks and Gimpel
}
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "step": lambda progress: 0.1 ** int(3 * progress),  # ten times smaller after each third
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + np.cos(np.pi * progress)),
}
OPTIMIZERS = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop}
