"""Measures the roofline of the device, and draws what the judge's questions come from."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyopencl as cl
from device import queue

PEAK = """
kernel void peak(global float *out)
{
    LANES sum[CHAINS], by = (LANES)(1.0f + get_global_id(0) * 1e-9f), more = (LANES)(1e-7f);
    for (int c = 0; c < CHAINS; c++)
        sum[c] = (LANES)(c + 1e-3f * get_global_id(0));
    for (int turn = 0; turn < TURNS; turn++)
#pragma unroll
        for (int c = 0; c < CHAINS; c++)
            sum[c] = sum[c] * by + more;
    LANES all = sum[0];
    for (int c = 1; c < CHAINS; c++)
        all += sum[c];
    vstore8(all, get_global_id(0), out);
}
"""
TRIAD = """
kernel void triad(global const float *a, global const float *b, global float *c)
{
    int at = get_global_id(0);
    vstore8(vload8(at, a) + 0.3f * vload8(at, b), at, c);
}
"""
ITEMS, TURNS = 64, 4096
CELLS = 256 * 256  # of each of the triad's arrays, as large as those of the stencil
PARTS = 9  # of the measurement, of which the best counts


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write to `private` the device's roofline and a secret for each split."""
    (inputs / "README.txt").write_text("The matrices are drawn by the judge while it asks.\n", encoding="utf-8")
    run = queue(lasting())
    roof = {"device": run.device.name, "gflops": peak(run), "gb_per_s": bandwidth(run)}
    (private / "roofline.json").write_text(json.dumps(roof), encoding="utf-8")
    rng = np.random.default_rng(seed)
    for split in ("dev", "holdout"):
        secret = [int(n) for n in rng.integers(0, 2**32, 4)]
        (private / f"{split}.json").write_text(json.dumps(secret), encoding="utf-8")


def lasting() -> str:
    """A folder for what PoCL compiles, which stays as long as this process: PoCL notes the first one for good."""
    if "POCL_CACHE_DIR" not in os.environ:
        os.environ["POCL_CACHE_DIR"] = tempfile.mkdtemp(prefix="pocl-")
        atexit.register(shutil.rmtree, os.environ["POCL_CACHE_DIR"], ignore_errors=True)
    return os.environ["POCL_CACHE_DIR"]


def peak(run: cl.CommandQueue) -> float:
    """Multiplications and additions, in 10^9 a second: the best of several numbers of independent chains."""
    out = cl.Buffer(run.context, cl.mem_flags.WRITE_ONLY, 32 * ITEMS)
    found = []
    for chains in (4, 8, 12):
        options = ["-DLANES=float8", f"-DCHAINS={chains}", f"-DTURNS={TURNS}", "-cl-mad-enable"]
        kernel = cl.Kernel(cl.Program(run.context, PEAK).build(options), "peak")
        found.append(2 * 8 * chains * TURNS * ITEMS / quickest(run, lambda k=kernel: k(run, (ITEMS,), (1,), out)) / 1e9)
    return max(found)


def bandwidth(run: cl.CommandQueue) -> float:
    """10^9 bytes a second from and to arrays of the stencil's size: two are read and one is written."""
    arrays = [cl.Buffer(run.context, cl.mem_flags.READ_WRITE, 4 * CELLS) for _ in range(3)]
    for array in arrays:
        cl.enqueue_fill_buffer(run, array, np.float32(1), 0, 4 * CELLS)
    kernel = cl.Kernel(cl.Program(run.context, TRIAD).build(), "triad")
    rounds = 20

    def launch() -> None:
        for _ in range(rounds):
            kernel(run, (CELLS // 8,), (64,), *arrays)

    return rounds * 12 * CELLS / quickest(run, launch) / 1e9


def quickest(run: cl.CommandQueue, launch: Callable[[], object]) -> float:
    """Seconds of the quickest launch, after one that compiles."""
    seconds = []
    for _ in range(1 + PARTS):
        begun = time.perf_counter()
        launch()
        run.finish()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:])
