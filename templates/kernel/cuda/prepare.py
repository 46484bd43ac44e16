"""Measures the roofline of the GPU, and draws what the judge's questions come from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from device import CUDA, PLACE, finish

# isort: split
import triton  # after device, which says how it works
import triton.language as tl

SCALE = 4 if CUDA else 1  # how many times as long the sides of what is timed are: a GPU needs the work
CHAINS, TURNS, BLOCK = 8, 2048 if CUDA else 2, 1024
PROGRAMS = 4096 if CUDA else 1
CELLS = (1 << 26) if CUDA else (1 << 16)  # of each of the triad's arrays: beyond the caches of any GPU
PARTS = 9  # of the measurement, of which the best counts


@triton.jit
def peak_kernel(out, turns, BLOCK: tl.constexpr):  # noqa: N803
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    by = 1.0 + at * 1e-9
    s0, s1, s2, s3 = by, by + 0.1, by + 0.2, by + 0.3
    s4, s5, s6, s7 = by + 0.4, by + 0.5, by + 0.6, by + 0.7
    for _ in range(0, turns):
        s0, s1, s2, s3 = s0 * by + 1e-7, s1 * by + 1e-7, s2 * by + 1e-7, s3 * by + 1e-7
        s4, s5, s6, s7 = s4 * by + 1e-7, s5 * by + 1e-7, s6 * by + 1e-7, s7 * by + 1e-7
    tl.store(out + at, s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7)


@triton.jit
def triad_kernel(a, b, c, BLOCK: tl.constexpr):  # noqa: N803
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(c + at, tl.load(a + at) + 0.3 * tl.load(b + at))


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write to `private` the device's roofline and a secret for each split."""
    (inputs / "README.txt").write_text("The matrices are drawn by the judge while it asks.\n", encoding="utf-8")
    device = torch.cuda.get_device_name() if CUDA else "Triton's interpreter"
    roof: dict[str, Any] = {"device": device, "gflops": peak(), "gb_per_s": bandwidth(), "scale": SCALE}
    (private / "roofline.json").write_text(json.dumps(roof), encoding="utf-8")
    rng = np.random.default_rng(seed)
    for split in ("dev", "holdout"):
        secret = [int(n) for n in rng.integers(0, 2**32, 4)]
        (private / f"{split}.json").write_text(json.dumps(secret), encoding="utf-8")


def peak() -> float:
    """Multiplications and additions in single precision, in 10^9 a second, by independent chains."""
    out = torch.empty(PROGRAMS * BLOCK, device=PLACE)
    seconds = quickest(lambda: peak_kernel[(PROGRAMS,)](out, TURNS, BLOCK))
    return 2 * CHAINS * TURNS * PROGRAMS * BLOCK / seconds / 1e9


def bandwidth() -> float:
    """10^9 bytes a second from and to the device's memory: two arrays are read and one is written."""
    a, b, c = (torch.ones(CELLS, device=PLACE) for _ in range(3))
    return 12 * CELLS / quickest(lambda: triad_kernel[(CELLS // BLOCK,)](a, b, c, BLOCK)) / 1e9


def quickest(launch: Callable[[], object]) -> float:
    """Seconds of the quickest launch, after one that compiles."""
    seconds = []
    for _ in range(1 + PARTS):
        begun = time.perf_counter()
        launch()
        finish()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:])
