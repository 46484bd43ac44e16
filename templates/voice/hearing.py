"""What the classifier hears and how it decides, forwards and backwards: both the training and the judge need it.

A classifier is a table of arrays: `bands` and `floor` say how an utterance becomes features, `weight_0`, `bias_0` and
so on are the layers of a network with rectified linear units. Sounds and features are of single precision, but for the
Fourier transform, which numpy does faster in double.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE, SAMPLES = 8000, 2048  # per second; of an utterance
FRAME, HOP = 256, 128

Array = NDArray[np.floating[Any]]
Layers = list[tuple[Array, Array]]


def filters(bands: int) -> Array:
    """Triangles (129, bands) whose centres lie evenly on the mel scale."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, FRAME // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    return np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre)).clip(0, None)


class Ear:
    """The logarithm of the energy in each band of each frame, above a floor."""

    def __init__(self, bands: int, floor: float) -> None:
        self.filters, self.floor = filters(bands).astype(np.float32), np.float32(floor)
        self.window = np.hanning(FRAME + 1)[:-1]

    def hear(self, sound: Array) -> Array:
        """The features (n, frames * bands) of sounds (n, 2048), which it keeps in mind for `back`."""
        frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME, 1)[:, ::HOP]
        self.spectrum = np.fft.rfft(frames * self.window).astype(np.complex64)
        self.energy = (self.spectrum.real**2 + self.spectrum.imag**2) / FRAME @ self.filters + self.floor
        return np.log(self.energy).reshape(len(sound), -1)

    def back(self, gradient: Array) -> Array:
        """What a gradient in the features is in the samples."""
        energy = gradient.reshape(self.energy.shape).astype(np.float32) / self.energy
        spectrum = (energy @ self.filters.T) * self.spectrum
        spectrum[..., 0] *= 2
        spectrum[..., -1] *= 2
        frames = np.fft.irfft(spectrum, FRAME) * self.window.astype(np.float32)
        sound = np.zeros((len(gradient), SAMPLES // HOP, HOP), dtype=np.float32)
        sound[:, :-1] += frames[..., :HOP]
        sound[:, 1:] += frames[..., HOP:]
        return sound.reshape(len(gradient), -1)


def forward(layers: Layers, features: Array) -> list[Array]:
    """The values of each layer, the scores (n, words) last."""
    values = [features]
    for number, (weight, bias) in enumerate(layers):
        found = values[-1] @ weight + bias
        values.append(found if number == len(layers) - 1 else np.maximum(found, 0))
    return values


def backward(layers: Layers, values: list[Array], gradient: Array) -> tuple[Layers, Array]:
    """The gradients of the layers, and that of the features."""
    found: Layers = []
    for number in reversed(range(len(layers))):
        found.append((values[number].T @ gradient, gradient.sum(axis=0)))
        gradient = gradient @ layers[number][0].T
        if number:
            gradient = gradient * (values[number] > 0)
    return found[::-1], gradient


def uphill(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64]) -> tuple[Array, Array]:
    """The lead (n) of the best wrong score over the right one, and the direction of its gradient (n, samples).

    Only the direction: a network is not robust because its gradients are so small, or so large, that numbers end there.
    """
    values = forward(layers, ear.hear(sound))
    rows, scores = np.arange(len(words)), values[-1].copy()
    right = scores[rows, words].copy()
    scores[rows, words] = -np.inf
    rival = scores.argmax(axis=1)
    gradient = np.zeros_like(scores)
    gradient[rows, rival], gradient[rows, words] = 1, -1
    slope = backward(layers, values, gradient)[1]
    steepest = abs(slope).max(axis=1, keepdims=True)
    return scores[rows, rival] - right, ear.back(slope / np.where(steepest > 0, steepest, 1))


def bounded(noise: Array, sound: Array, loudness: float) -> Array:
    """The noise, made quieter where it is louder than so much of the sound, by their effective values."""
    most = loudness * np.linalg.norm(sound, axis=1, keepdims=True)
    return noise * np.minimum(1, most / np.linalg.norm(noise, axis=1, keepdims=True).clip(1e-12, None))


def climb(
    ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], loudness: float, steps: int, size: float
) -> Array:
    """A perturbation by projected gradient ascent on the lead. size: of a step, in parts of the bound."""
    noise = np.zeros_like(sound)
    for _ in range(steps):
        gradient = uphill(ear, layers, sound + noise, words)[1]
        norm = np.linalg.norm(gradient, axis=1, keepdims=True).clip(1e-12, None)
        step = size * loudness * np.linalg.norm(sound, axis=1, keepdims=True)
        noise = bounded(noise + step * gradient / norm, sound, loudness)
    return noise
