"""Judges a trained network: it runs the network itself, on images that the experiment has never seen.

The experiment hands in weights and not predictions. So the count of parameters is the count of the very numbers that
made the predictions, and no code of the experiment runs beside the private files.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

PIXELS, CLASSES = 64, 10
LARGEST = 2**24  # bytes of a network, unpacked: far above the constraint, far below what would fill the memory
CLIP = 1e-15  # a probability below it counts as this much, so that one sure mistake costs 34.5 nats at most

Array = NDArray[np.float64]
Layer = tuple[Array, Array]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "silu": lambda z: z * _sigmoid(z),
    "gelu": lambda z: z * _sigmoid(1.702 * z),  # the sigmoid form of Hendrycks and Gimpel, section 2
}


def evaluate(out: Path, private: Path, split: Literal["dev", "holdout"]) -> dict[str, Any]:
    """The metrics of `out/network.npz` on `split`: log loss (nats per image), accuracy, number of parameters.

    `items` has the first two image by image, with the image's number in the data set.
    Raises ValueError where the file is missing or is no network in the form that the readme describes.
    """
    layers, activations = read_network(out / "network.npz")
    images = np.load(private / f"{split}_images.npy", allow_pickle=False).reshape(-1, PIXELS)
    labels = np.load(private / f"{split}_labels.npy", allow_pickle=False)
    probability = predict(layers, activations, images.astype(np.float64))
    loss = -np.log(probability[np.arange(len(labels)), labels].clip(CLIP))
    right = (probability.argmax(axis=1) == labels).astype(float)
    return {
        "log_loss": float(loss.mean()),
        "accuracy": float(right.mean()),
        "parameters": float(sum(weight.size + bias.size for weight, bias in layers)),
        "items": {"log_loss": loss, "accuracy": right, "group": np.load(private / f"{split}_index.npy")},
    }


def predict(layers: list[Layer], activations: list[str], images: Array) -> Array:
    """The probabilities (n, 10) that the network gives to `images` (n, 64)."""
    hidden = images
    with np.errstate(over="ignore", invalid="ignore"):
        for (weight, bias), activation in zip(layers, [*activations, "linear"], strict=True):
            hidden = ACTIVATIONS[activation](hidden @ weight + bias)
    if not np.isfinite(hidden).all():
        raise ValueError("network.npz: its outputs overflow on the test images; the training has probably diverged")
    odds = np.exp(hidden - hidden.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def read_network(file: Path) -> tuple[list[Layer], list[str]]:
    """The layers and the activations between them, checked."""
    arrays = _read_arrays(file)
    activations = arrays.pop("activations", None)
    if activations is None or activations.ndim != 1 or activations.dtype.kind != "U":
        raise ValueError("network.npz: 'activations' must be a list of names, one for each hidden layer")
    names = [str(name) for name in activations]
    if unknown := set(names) - set(ACTIVATIONS):
        raise ValueError(f"network.npz: unknown activations {sorted(unknown)}; known are {sorted(ACTIVATIONS)}")
    depth = len(names) + 1
    expected = {f"{part}_{i}" for i in range(depth) for part in ("weight", "bias")}
    if set(arrays) != expected:
        raise ValueError(
            f"network.npz: {len(names)} activations need exactly the arrays {sorted(expected)}, found {sorted(arrays)}"
        )
    layers = []
    width = PIXELS
    for i in range(depth):
        weight, bias = arrays[f"weight_{i}"], arrays[f"bias_{i}"]
        _check_layer(i, weight, bias, fan_in=width, fan_out=CLASSES if i == depth - 1 else None)
        layers.append((weight.astype(np.float64), bias.astype(np.float64)))
        width = weight.shape[1]
    return layers, names


def _read_arrays(file: Path) -> dict[str, NDArray[np.generic]]:
    if not file.is_file():
        raise ValueError("network.npz: the experiment did not write it")
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > LARGEST:
            raise ValueError(f"it unpacks to {unpacked} bytes, and {LARGEST} is the most that is read")
        with np.load(file, allow_pickle=False) as arrays:
            found = dict(arrays)
        if foreign := [name for name, value in found.items() if not isinstance(value, np.ndarray)]:
            raise ValueError(f"{foreign[0]!r} is no array")
        return found
    except (ValueError, OSError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"network.npz: not readable as plain arrays: {error}") from None


def _check_layer(
    i: int, weight: NDArray[np.generic], bias: NDArray[np.generic], *, fan_in: int, fan_out: int | None
) -> None:
    if weight.dtype.kind != "f" or bias.dtype.kind != "f":
        raise ValueError(f"network.npz: layer {i} must hold floating-point numbers, found {weight.dtype}, {bias.dtype}")
    if weight.ndim != 2 or weight.shape[0] != fan_in or fan_out not in (None, weight.shape[1]):
        raise ValueError(
            f"network.npz: weight_{i} must have the shape ({fan_in}, {fan_out or 'n'}), found {weight.shape}"
        )
    if bias.shape != (weight.shape[1],):
        raise ValueError(f"network.npz: bias_{i} must have the shape ({weight.shape[1]},), found {bias.shape}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError(
            f"network.npz: layer {i} holds numbers that are not finite; the training has probably diverged"
        )


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * z))
