"""Speaks the words: a voice's source and filter, a room, and noise, all of it made here.

A word is a glide from one vowel to another. The source is a series of harmonics under a moving pitch, the filter three
resonances whose frequencies follow the vowels and the length of the vocal tract. Rooms are boxes by the image method of
Allen and Berkley.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hearing import RATE, SAMPLES
from numpy.typing import NDArray

VOWELS = {
    "a": (730, 1090, 2440),
    "i": (270, 2290, 3010),
    "u": (300, 870, 2240),
    "o": (570, 840, 2410),
    "e": (530, 1840, 2480),
}
WORDS = ["ai", "ia", "ua", "au", "oi", "io", "ue", "eu"]
SIZES = {"train": 240, "dev": 120, "holdout": 160}
VOICES = {"train": 12, "dev": 8, "holdout": 10}
PIECE = 32  # samples for which a filter stands still

Array = NDArray[np.float64]


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `train_*` to `inputs`, and to `private` the utterances of both splits, of other voices and rooms each."""
    rng = np.random.default_rng(seed)
    for split, size in SIZES.items():
        words = rng.permutation(np.arange(size) % len(WORDS))
        voices = rng.permutation(np.arange(size) % VOICES[split])
        sound = spoken(rng, words, voices)
        folder = inputs if split == "train" else private
        np.save(folder / f"{split}_sound.npy", sound.astype(np.float32))
        np.save(folder / f"{split}_word.npy", words)
        np.save(folder / f"{split}_voice.npy", rng.integers(2**62, size=VOICES[split])[voices])
    (inputs / "words.json").write_text(json.dumps(WORDS), encoding="utf-8")


def spoken(rng: np.random.Generator, words: NDArray[np.int64], voices: NDArray[np.int64]) -> Array:
    """Utterances (n, 2048) of an effective value of one."""
    n, many = len(words), int(voices.max()) + 1
    pitch, tract, breath = rng.uniform(90, 240, many), rng.uniform(0.87, 1.15, many), rng.uniform(0.01, 0.06, many)
    time = np.linspace(0, 1, SAMPLES)
    hertz = pitch[voices, None] * rng.uniform(0.92, 1.08, (n, 1)) * (1 + rng.uniform(-0.15, 0.1, (n, 1)) * time)
    phase = np.exp(2j * np.pi * np.cumsum(hertz, axis=1) / RATE)
    pieces = hertz[:, ::PIECE]
    middle, haste = rng.uniform(0.35, 0.65, (n, 1)), rng.uniform(8, 25, (n, 1))
    along = 1 / (1 + np.exp(-haste * (time[::PIECE] - middle)))
    targets = np.array([[VOWELS[vowel] for vowel in word] for word in WORDS])[words]  # (n, 2, 3)
    targets = targets * rng.normal(1, 0.05, targets.shape) / tract[voices, None, None]
    formants = targets[:, 0, :, None] + (targets[:, 1] - targets[:, 0])[..., None] * along[:, None]  # (n, 3, pieces)
    sound, harmonic = np.zeros((n, SAMPLES)), np.ones_like(phase)
    for k in range(1, int(RATE / 2 / 80)):
        harmonic = harmonic * phase
        at = k * pieces
        height = (at < 0.47 * RATE) / k
        for f in range(3):
            ratio, width = at / formants[:, f], 60 + 40 * f
            height = height / np.sqrt((1 - ratio**2) ** 2 + (at * width / formants[:, f] ** 2) ** 2)
        sound += np.repeat(height, PIECE, axis=1) * harmonic.imag
    sound += breath[voices, None] * sound.std(axis=1, keepdims=True) * rng.normal(size=sound.shape)
    sound *= np.minimum(1, np.minimum(time, 1 - time) * 12)  # fades in and out
    sound = np.array([echoed(rng, one) for one in sound])
    sound /= sound.std(axis=1, keepdims=True)
    quiet = 10 ** (-rng.uniform(12, 25, (n, 1)) / 20)
    sound += quiet * noise(rng, n)
    return sound / sound.std(axis=1, keepdims=True)


def echoed(rng: np.random.Generator, sound: Array) -> Array:
    """In a room: the direct sound and its reflections of up to two walls along each side."""
    box = rng.uniform([3, 3, 2.2], [7, 6, 3.2])
    source, ear, wall = rng.uniform(0.2, 0.8, 3) * box, rng.uniform(0.2, 0.8, 3) * box, rng.uniform(0.2, 0.75)
    turns = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    answer = np.zeros(SAMPLES)
    for mirrored in np.indices((2, 2, 2)).reshape(3, -1).T:
        away = np.linalg.norm((1 - 2 * mirrored) * source + 2 * turns * box - ear, axis=1)
        walls = (abs(turns - mirrored) + abs(turns)).sum(axis=1)
        late = np.rint((away - np.linalg.norm(source - ear)) / 343 * RATE).astype(int)
        np.add.at(answer, late.clip(0, SAMPLES - 1), wall**walls / away * (late < SAMPLES))
    return np.fft.irfft(np.fft.rfft(sound, 2 * SAMPLES) * np.fft.rfft(answer, 2 * SAMPLES))[:SAMPLES]


def noise(rng: np.random.Generator, n: int) -> Array:
    """Between white and brown, of an effective value of one."""
    spectrum = np.fft.rfft(rng.normal(size=(n, SAMPLES)))
    found = np.fft.irfft(spectrum / (1 + np.arange(spectrum.shape[1])) ** rng.uniform(0, 1, (n, 1)))
    return found / found.std(axis=1, keepdims=True)
