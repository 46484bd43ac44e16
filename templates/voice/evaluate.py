"""Judges a classifier of spoken words: runs it itself, and looks for perturbations that mislead it.

The attacks of the holdout are others than those of the development split, so what is trained against these alone is
found out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hearing import FRAME, HOP, RATE, SAMPLES, Ear, Layers, bounded, climb, forward, uphill
from numpy.typing import NDArray

LOUDNESS = 10 ** (-32 / 20)  # of a perturbation, in parts of the utterance's: 32 dB below
LOUD = 10 ** (-12 / 20)  # of one that every network falls to whose gradients can be climbed
WORDS, LARGEST = 8, 2**22  # bytes of a network, unpacked
BANDS, FLOOR, RIDGE = 16, 0.1, 300.0  # of the judge's own classifier

Array = NDArray[np.floating[Any]]
Attack = Callable[[Ear, Layers, Array, NDArray[np.int64], np.random.Generator], Array]


def evaluate(out: Path, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, Any]:
    """`robust_accuracy`: the share of utterances that are recognised as they are and under every attack of the split;
    `clean_accuracy`: as they are; `masked`: the share that falls to an attack without gradients though none with them
    succeeds, and `unbroken`: the share that a loud perturbation does not mislead, both as where gradients are hidden;
    `parameters`. `arrays` has where the perturbations have their energy.

    Raises ValueError where the file is missing, is no classifier in the form that the readme describes, or overflows.
    """
    ear, layers = classifier(out / "network.npz")
    sound, words = np.load(private / f"{split}_sound.npy"), np.load(private / f"{split}_word.npy")
    rng = np.random.default_rng([seed, len(sound)])

    def right(noise: Array | float) -> NDArray[np.bool_]:
        scores = forward(layers, ear.hear(sound + noise))[-1]
        if not np.isfinite(scores).all():
            raise ValueError("network.npz has weights so large that its scores or their gradients overflow")
        return np.asarray(scores.argmax(axis=1) == words)

    clean = right(0.0)
    noises = {
        name: bounded(attack(ear, layers, sound, words, rng), sound, LOUDNESS)
        for name, attack in ATTACKS[split].items()
    }
    found = {name: np.any(noise != 0, axis=1) for name, noise in noises.items()}  # else there was no gradient to climb
    stands = {name: right(noise) & found[name] for name, noise in noises.items()}
    by_gradient = np.all([stood for name, stood in stands.items() if name not in BLIND], axis=0)
    unbroken = clean & right(climb(ear, layers, sound, words, LOUD, 8, 0.35))
    robust = clean & np.all(list(stands.values()), axis=0)
    return {
        "robust_accuracy": float(robust.mean()),
        "clean_accuracy": float(clean.mean()),
        "masked": float((clean & by_gradient & ~robust).mean()),
        "unbroken": float(unbroken.mean()),
        "parameters": float(sum(weight.size + bias.size for weight, bias in layers)),
        "under_gradients": float((clean & by_gradient).mean()),
        "under_blind": float((clean & np.all([stands[name] for name in stands.keys() & BLIND], axis=0)).mean()),
        "items": {
            "robust_accuracy": robust.astype(float),
            "clean_accuracy": clean.astype(float),
            "group": np.load(private / f"{split}_voice.npy"),
        },
        "arrays": {"perturbation": spectrogram(noises[SHOWN[split]])},
    }


def spectrogram(noise: Array) -> Array:
    """Mean energy (bands, frames) over the sounds, in decibels, the lowest band first."""
    ear = Ear(28, 1e-12)
    ear.hear(noise)
    return 10 * np.log10(ear.energy.mean(axis=0).T)


def one_step(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator) -> Array:  # noqa: ARG001
    return climb(ear, layers, sound, words, LOUDNESS, 1, 1.0)


def projected(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator) -> Array:  # noqa: ARG001
    return climb(ear, layers, sound, words, LOUDNESS, 6, 0.35)


def loudest_of_noise(
    ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Of several noises in random bands, the one under which the lead of a wrong word is largest: no gradients."""
    best, lead = np.zeros_like(sound), np.full(len(sound), -np.inf)
    for _ in range(8):
        spectrum = np.fft.rfft(rng.normal(size=sound.shape))
        low = rng.integers(0, spectrum.shape[1] - 100, (len(sound), 1))
        at = np.arange(spectrum.shape[1])
        noise = np.fft.irfft(spectrum * ((at >= low) & (at < low + 100)), SAMPLES)
        noise *= LOUDNESS * np.linalg.norm(sound, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
        found = uphill(ear, layers, sound + noise, words)[0]
        best[found > lead], lead = noise[found > lead], np.maximum(found, lead)
    return best


def transferred(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Against a linear classifier that the judge fits to these utterances: no gradients of the candidate."""
    del ear, layers, rng
    own = Ear(BANDS, FLOOR)
    heard = own.hear(sound)
    shift, scale = heard.mean(axis=0), heard.std(axis=0)
    heard = (heard - shift) / scale
    wanted = np.eye(WORDS)[words] - 1 / WORDS
    weight = heard.T @ np.linalg.solve(heard @ heard.T + RIDGE * np.eye(len(heard)), wanted) / scale[:, None]
    return climb(own, [(weight, -shift @ weight)], sound, words, LOUDNESS, 8, 0.35)


def momentum(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Gradient ascent with momentum, from a random start."""
    noise = bounded(rng.normal(size=sound.shape), sound, LOUDNESS / 2)
    speed = np.zeros_like(sound)
    for _ in range(8):
        gradient = uphill(ear, layers, sound + noise, words)[1]
        speed = 0.7 * speed + gradient / np.linalg.norm(gradient, axis=1, keepdims=True).clip(1e-12, None)
        step = 0.3 * LOUDNESS * np.linalg.norm(sound, axis=1, keepdims=True)
        noise = bounded(noise + step * speed, sound, LOUDNESS)
    return noise


def within(chosen: Callable[[Array], Array]) -> Attack:
    """Projected gradient ascent in a part of the sounds alone."""

    def attack(ear: Ear, layers: Layers, sound: Array, words: NDArray[np.int64], rng: np.random.Generator) -> Array:  # noqa: ARG001
        noise = np.zeros_like(sound)
        for _ in range(6):
            gradient = chosen(uphill(ear, layers, sound + noise, words)[1])
            norm = np.linalg.norm(gradient, axis=1, keepdims=True).clip(1e-12, None)
            step = 0.35 * LOUDNESS * np.linalg.norm(sound, axis=1, keepdims=True)
            noise = bounded(noise + step * gradient / norm, sound, LOUDNESS)
        return noise

    return attack


def burst(gradient: Array) -> Array:
    """The quarter of the time in which a gradient has the most energy."""
    energy = np.cumsum(np.pad(gradient**2, [(0, 0), (1, 0)]), axis=1)
    length = SAMPLES // 4
    start = (energy[:, length:] - energy[:, :-length]).argmax(axis=1)[:, None]
    at = np.arange(SAMPLES)
    return gradient * ((at >= start) & (at < start + length))


def low_band(gradient: Array) -> Array:
    """What lies below 1200 Hz."""
    spectrum = np.fft.rfft(gradient)
    spectrum[:, 1200 * SAMPLES // RATE :] = 0
    return np.fft.irfft(spectrum, SAMPLES)


SHOWN = {"dev": "ascent", "holdout": "momentum"}
BLIND = {"noise", "transfer"}  # attacks without gradients
ATTACKS: dict[str, dict[str, Attack]] = {
    "dev": {"step": one_step, "ascent": projected, "noise": loudest_of_noise, "transfer": transferred},
    "holdout": {"momentum": momentum, "burst": within(burst), "low_band": within(low_band), "transfer": transferred},
}


def classifier(file: Path) -> tuple[Ear, Layers]:
    """Read a classifier. Raises ValueError that says what is wrong with the file."""
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise ValueError(f"network.npz unpacks to more than {LARGEST} bytes")
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"network.npz is missing or is no archive of arrays: {error}") from error
    layers: Layers = []
    while f"weight_{len(layers)}" in found and f"bias_{len(layers)}" in found:
        layers.append((found[f"weight_{len(layers)}"], found[f"bias_{len(layers)}"]))
    bands, floor = (found.get(name, np.array(np.nan)) for name in ("bands", "floor"))
    if len(found) != 2 * len(layers) + 2 or not layers or bands.shape != () or floor.shape != ():
        raise ValueError("network.npz is to have bands, floor, and weight_i and bias_i from i = 0 on, and nothing else")
    if not all(np.isfinite(array).all() for array in found.values()):
        raise ValueError("network.npz has numbers that are not finite")
    if not (4 <= bands <= 40 and bands == int(bands) and 1e-8 <= floor <= 1e3):
        raise ValueError("network.npz: bands are to be a whole number from 4 to 40, the floor from 1e-8 to 1e3")
    sizes = [(SAMPLES - FRAME) // HOP * int(bands) + int(bands), *(len(bias) for _, bias in layers)]
    if sizes[-1] != WORDS or any(w.shape != s for (w, _), s in zip(layers, pairwise(sizes), strict=True)):
        raise ValueError(f"network.npz: the layers lead from {sizes[0]} features to {WORDS} scores; the shapes do not")
    return Ear(int(bands), float(floor)), layers
