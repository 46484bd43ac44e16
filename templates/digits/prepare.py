"""Lays out the digits for each draw: the training images in public, the test images and their labels in private."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TRAIN, DEV = 400, 600  # images; what is left is the holdout


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `train` to `inputs`, `dev` and `holdout` to `private`: images (n, 8, 8) in [0, 1] and labels (n,).

    The split is stratified by label and drawn with `seed`, so that no two studies rest on the same draw of images.
    Private has `index` too: which images of the data set they are, so that one is known again in another draw.
    """
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)
    draw = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))  # all bits of the seed count
    train, rest = train_test_split(np.arange(len(images)), train_size=TRAIN, stratify=digits.target, random_state=draw)
    dev, holdout = train_test_split(rest, train_size=DEV, stratify=digits.target[rest], random_state=draw)
    for folder, split, rows in ((inputs, "train", train), (private, "dev", dev), (private, "holdout", holdout)):
        np.save(folder / f"{split}_images.npy", images[rows])
        np.save(folder / f"{split}_labels.npy", digits.target[rows].astype(np.int64))
        if folder == private:
            np.save(folder / f"{split}_index.npy", rows)
