"""Draws what the judge's questions come from; nothing of it is public."""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_lowercase

import numpy as np


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write to `private` a vocabulary and a secret for each split."""
    (inputs / "README.txt").write_text("The pairs of texts are drawn by the judge while it asks.\n", encoding="utf-8")
    rng = np.random.default_rng(seed)
    for split in ("dev", "holdout"):
        syllables = ["".join(rng.choice(list(ascii_lowercase), rng.integers(1, 4))) for _ in range(80)]
        words = ["".join(rng.choice(syllables, rng.integers(1, 5))) for _ in range(400)]
        kept = {"words": words, "secret": [int(n) for n in rng.integers(0, 2**32, 4)]}
        (private / f"{split}.json").write_text(json.dumps(kept), encoding="utf-8")
