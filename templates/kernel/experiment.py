"""Two kernels of OpenCL and the host around them: a scaled product of matrices, and steps of a heat equation.

`load_product` and `load_stencil` put onto the device what stays the same; `product` and `stencil` answer questions
about it. Which methods and shapes the kernels in kernels.cl have is chosen by the parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyopencl as cl
from device import queue
from numpy.typing import NDArray

MARGIN = 8  # cells of zeros around those of a stencil: at least the steps that are made at once
HERE: dict[str, Any] = {}  # the programs and what they work on

Matrix = NDArray[np.float32]


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001 - nothing is left to chance
    """Compile the kernels for these parameters."""
    device = compiled(queue(), params)
    HERE.update(product=Product(device, params), stencil=Stencil(device, params))
    one = np.ones((1, 1), dtype=np.float32)  # PoCL compiles for the shape of groups at the first launch
    load_product(one, one)
    product(one[0])
    load_stencil(one)
    stencil(one, 1)


def load_product(a: Matrix, b: Matrix) -> None:
    """Keep a (m, k) and b (k, n)."""
    HERE["product"].load(a, b)


def product(d: Matrix) -> Matrix:
    """a diag(d) b, of shape (m, n)."""
    return HERE["product"].answer(d)


def load_stencil(conductivity: Matrix) -> None:
    """Keep the conductivity (h, w) of each cell; cells at the border keep their values, as if they had none."""
    HERE["stencil"].load(conductivity)


def stencil(u: Matrix, steps: int) -> Matrix:
    """The temperatures (h, w) after so many steps."""
    return HERE["stencil"].answer(u, steps)


class Device(NamedTuple):
    """kernels: those of kernels.cl, by their names."""

    queue: cl.CommandQueue
    kernels: dict[str, cl.Kernel]

    def kept(self, array: Matrix) -> cl.Buffer:
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        return cl.Buffer(self.queue.context, flags, hostbuf=np.ascontiguousarray(array))


def compiled(made: cl.CommandQueue, params: dict[str, Any]) -> Device:
    macros = {f"{kernel}_{params[kernel]}".upper(): 1 for kernel in ("product", "stencil")}
    macros |= {name.upper(): int(params[name]) for name in ("tile", "rows", "width", "unroll", "scale_first")}
    macros |= {name.upper(): params[name] for name in ("cells", "lines", "block", "steps")}
    macros |= {"MARGIN": MARGIN, "ALONG": int(params["fast_axis"] == "rows")}
    options = [f"-D{name}={value}" for name, value in macros.items()]
    if params["fast_math"]:
        options.append("-cl-fast-relaxed-math")
    code = (Path(__file__).parent / "kernels.cl").read_text(encoding="utf-8")
    program = cl.Program(made.context, code).build(options)
    return Device(queue=made, kernels={kernel.function_name: kernel for kernel in program.all_kernels()})


class Product:
    def __init__(self, device: Device, params: dict[str, Any]) -> None:
        self.device, method, group = device, params["product"], params["group"]
        block = params["rows"], params["width"]  # cells of an item
        self.scale_first = params["scale_first"]
        self.each = block if method == "registers" else (1, 1)
        self.group = (params["tile"],) * 2 if method == "tiled" else (group, group)
        self.deep = params["tile"] if method == "tiled" else params["unroll"]

    def load(self, a: Matrix, b: Matrix) -> None:
        self.shape, self.k = (len(a), b.shape[1]), len(b)
        down, across = (each * items for each, items in zip(self.each, self.group, strict=True))
        a, b = padded(a, down, self.deep), padded(b, self.deep, across)
        self.c = np.empty((len(a), b.shape[1]), dtype=np.float32)
        self.d = np.zeros(len(b), dtype=np.float32)
        self.buffers = [self.device.kept(array) for array in (a, self.d, b, self.c, b)]

    def answer(self, d: Matrix) -> Matrix:
        run, (a, weights, b, c, scaled) = self.device.queue, self.buffers
        (down, across), deep = self.c.shape, len(self.d)
        self.d[: self.k] = d
        cl.enqueue_copy(run, weights, self.d, is_blocking=False)
        if self.scale_first:
            self.device.kernels["scale"](run, (across, deep), (self.group[1], 1), weights, b, scaled, np.int32(across))
            b = scaled
        items = across // self.each[1], down // self.each[0]
        self.device.kernels["product"](run, items, self.group, a, weights, b, c, np.int32(deep), np.int32(across))
        cl.enqueue_copy(run, self.c, c)
        return np.ascontiguousarray(self.c[: self.shape[0], : self.shape[1]])


class Stencil:
    def __init__(self, device: Device, params: dict[str, Any]) -> None:
        self.device, self.blocked, block = device, params["stencil"] == "blocked", params["block"]
        self.each = (block, block) if self.blocked else (params["lines"], params["cells"])
        self.group = (block, 1) if self.blocked else (params["reach"], 1)
        self.steps = params["steps"] if self.blocked else 1
        self.turned = not self.blocked and params["fast_axis"] == "rows"

    def load(self, conductivity: Matrix) -> None:
        self.shape = conductivity.shape
        inner = np.zeros_like(conductivity)
        inner[1:-1, 1:-1] = conductivity[1:-1, 1:-1]
        items = (1, 1) if self.blocked else self.group[:: 1 if self.turned else -1]  # of a group, down and across
        down, across = (each * many for each, many in zip(self.each, items, strict=True))
        rates = np.pad(padded(inner, down, across), MARGIN)
        self.field = np.zeros_like(rates)
        self.buffers = [self.device.kept(array) for array in (rates, self.field, self.field)]

    def answer(self, u: Matrix, steps: int) -> Matrix:
        run, (rates, now, after) = self.device.queue, self.buffers
        inside = tuple(slice(MARGIN, MARGIN + size) for size in self.shape)
        self.field[inside] = u
        cl.enqueue_copy(run, now, self.field, is_blocking=False)
        down, across = ((size - 2 * MARGIN) // each for size, each in zip(self.field.shape, self.each, strict=True))
        items = (across * self.group[0], down) if self.blocked else (down, across) if self.turned else (across, down)
        width = np.int32(self.field.shape[1])
        while steps:
            made = min(steps, self.steps)
            self.device.kernels["stencil"](run, items, self.group, now, rates, after, width, np.int32(made))
            now, after, steps = after, now, steps - made
        cl.enqueue_copy(run, self.field, now)
        return np.ascontiguousarray(self.field[inside])


def padded(array: Matrix, down: int, across: int) -> Matrix:
    """With zeros below and to the right, up to whole blocks."""
    return np.pad(array, [(0, -size % block) for size, block in zip(array.shape, (down, across), strict=True)])
