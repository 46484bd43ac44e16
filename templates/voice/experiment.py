"""Trains a classifier of spoken words that holds against perturbations, with numpy alone.

It hands in arrays, which the judge runs and attacks itself: `bands` and `floor` of the ear, `weight_i` and `bias_i`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hearing import Ear, Layers, backward, bounded, climb, forward
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def run(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Write `network.npz`."""
    rng = np.random.default_rng(seed)
    sound, words = np.load(inputs / "train_sound.npy"), np.load(inputs / "train_word.npy")
    ear = Ear(params["bands"], 10 ** params["floor"])
    features = ear.hear(sound)
    shift, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    sizes = [features.shape[1], *[params["width"]] * params["depth"], int(words.max()) + 1]
    layers = [(rng.normal(0, np.sqrt(2 / a), (a, b)), np.zeros(b)) for a, b in pairwise(sizes)]
    moments: list[tuple[Array, Array]] = [(np.zeros_like(p), np.zeros_like(p)) for layer in layers for p in layer]
    steps, number = params["epochs"] * (len(words) // params["batch"]), 0
    for _ in range(params["epochs"]):
        order = rng.permutation(len(words))
        for start in range(0, len(words) // params["batch"] * params["batch"], params["batch"]):
            chosen, number = order[start : start + params["batch"]], number + 1
            heard = altered(rng, ear, folded(layers, shift, scale), sound[chosen], words[chosen], params)
            gradients = loss_gradients(layers, (ear.hear(heard) - shift) / scale, words[chosen], params)
            rate = params["learning_rate"] * (1 - (number - 1) / steps)
            layers = adam(layers, gradients, moments, number, rate, params["weight_decay"])
    kept = {
        f"{kind}_{i}": a
        for i, layer in enumerate(folded(layers, shift, scale))
        for kind, a in zip(("weight", "bias"), layer, strict=True)
    }
    np.savez(out / "network.npz", bands=np.array(params["bands"]), floor=np.array(10 ** params["floor"]), **kept)


def folded(layers: Layers, shift: Array, scale: Array) -> Layers:
    """The layers for features as they are heard."""
    weight, bias = layers[0]
    return [(weight / scale[:, None], bias - (shift / scale) @ weight), *layers[1:]]


def altered(
    rng: np.random.Generator, ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], params: dict[str, Any]
) -> Array:
    """Utterances as they are trained on: with noise, and some with perturbations that mislead the classifier."""
    noise = rng.standard_normal(sound.shape, np.float32)
    heard = sound + bounded(noise, sound, params["noise"] * rng.uniform(0, 1, (len(sound), 1)))
    some = rng.uniform(size=len(sound)) < params["attacked"]
    if some.any():
        loudness = params["loudness"]
        heard[some] += climb(ear, layers, heard[some], words[some], loudness, params["climbs"], 1.5 / params["climbs"])
    return heard


def loss_gradients(layers: Layers, features: Array, words: NDArray[np.int64], params: dict[str, Any]) -> Layers:
    """Of the cross-entropy against smoothed labels."""
    values = forward(layers, features)
    odds = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    wanted = np.full_like(odds, params["label_smoothing"] / odds.shape[1])
    wanted[np.arange(len(words)), words] += 1 - params["label_smoothing"]
    return backward(layers, values, (odds - wanted) / len(words))[0]


def adam(
    layers: Layers, gradients: Layers, moments: list[tuple[Array, Array]], number: int, rate: float, decay: float
) -> Layers:
    """One step of Adam, with decay that is decoupled from the gradient."""
    made = []
    for i, (value, gradient) in enumerate(
        zip([p for x in layers for p in x], [g for x in gradients for g in x], strict=True)
    ):
        first, second = moments[i]
        first, second = 0.9 * first + 0.1 * gradient, 0.99 * second + 0.01 * gradient**2
        moments[i] = first, second
        step = first / (1 - 0.9**number) / (np.sqrt(second / (1 - 0.99**number)) + 1e-8)
        made.append(value - rate * (step + decay * value))
    return list(zip(made[::2], made[1::2], strict=True))
