"""The host of two kernels of Triton: a scaled product of matrices, and steps of a heat equation.

`load_product` and `load_stencil` put onto the device what stays the same; `product` and `stencil` answer questions
about it. Which methods and shapes the kernels in kernels.py have is chosen by the parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from device import PLACE, finish
from numpy.typing import NDArray
from torch import Tensor

# isort: split
import kernels  # after device, which says how Triton works

MARGIN = 2  # cells of zeros around those of a stencil: the steps that are made at once
HERE: dict[str, Any] = {}  # the parameters and what the kernels work on

Matrix = NDArray[np.float32]


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001 - nothing is left to chance
    """Compile the kernels for these parameters, by a first question."""
    HERE.update(params=params)
    for side in (16, 1):  # Triton compiles sizes that sixteen divides for themselves
        ones = np.ones((side, side), dtype=np.float32)
        load_product(ones, ones)
        product(ones[0])
        load_stencil(ones)
        stencil(ones, 3)


def load_product(a: Matrix, b: Matrix) -> None:
    """Keep a (m, k) and b (k, n)."""
    HERE.update(a=placed(a), b=placed(b), c=torch.empty((len(a), b.shape[1]), device=PLACE))


def product(d: Matrix) -> Matrix:
    """a diag(d) b, of shape (m, n)."""
    params, a, b, c = HERE["params"], HERE["a"], HERE["b"], HERE["c"]
    (rows, columns), high, wide = c.shape, params["high"], params["wide"]
    kernel, deep = kernels.product_rows, dict[str, int]()
    if params["product"] == "dot":
        kernel, deep = kernels.product_dot, {"DEEP": params["deep"]}
    kernel[-(-rows // high), -(-columns // wide)](
        a, placed(d), b, c, rows, len(b), columns, HIGH=high, WIDE=wide, num_warps=params["warps"], **deep
    )
    return fetched(c)


def load_stencil(conductivity: Matrix) -> None:
    """Keep the conductivity (h, w) of each cell; cells at the border keep their values, as if they had none."""
    inner = np.zeros_like(conductivity)
    inner[1:-1, 1:-1] = conductivity[1:-1, 1:-1]
    down, across = (-size % HERE["params"][side] for size, side in zip(inner.shape, ("tall", "broad"), strict=True))
    rate = placed(np.pad(inner, [(MARGIN, MARGIN + down), (MARGIN, MARGIN + across)]))
    HERE.update(shape=conductivity.shape, rate=rate, now=torch.zeros_like(rate), after=torch.zeros_like(rate))


def stencil(u: Matrix, steps: int) -> Matrix:
    """The temperatures (h, w) after so many steps."""
    params, rate, now, after = (HERE[name] for name in ("params", "rate", "now", "after"))
    inside = tuple(slice(MARGIN, MARGIN + size) for size in HERE["shape"])
    now[inside] = placed(u)
    grid = tuple((size - 2 * MARGIN) // params[side] for size, side in zip(rate.shape, ("tall", "broad"), strict=True))
    while steps:
        made = min(steps, params["steps"])
        kernels.stencil[grid](
            now, rate, after, rate.shape[1], MARGIN, params["tall"], params["broad"], made, num_warps=params["warps"]
        )
        now, after, steps = after, now, steps - made
    return fetched(now[inside])


def placed(array: Matrix) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32)).to(PLACE)


def fetched(tensor: Tensor) -> Matrix:
    finish()
    return np.ascontiguousarray(tensor.cpu().numpy())
