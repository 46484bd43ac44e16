"""Two kernels of Triton: a scaled product of matrices by two methods, and one or two steps of a heat equation."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def product_rows(a, d, b, c, rows, depth, columns, HIGH: tl.constexpr, WIDE: tl.constexpr):  # noqa: N803
    """The textbook's: HIGH x WIDE cells of c by one column of a and one row of b after the other."""
    i = tl.program_id(0) * HIGH + tl.arange(0, HIGH)
    j = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    total = tl.zeros((HIGH, WIDE), dtype=tl.float32)
    for k in range(0, depth):
        left = tl.load(a + i * depth + k, mask=i < rows, other=0.0) * tl.load(d + k)
        right = tl.load(b + k * columns + j, mask=j < columns, other=0.0)
        total += left[:, None] * right[None, :]
    tl.store(c + i[:, None] * columns + j[None, :], total, mask=(i < rows)[:, None] & (j < columns)[None, :])


@triton.jit
def product_dot(a, d, b, c, rows, depth, columns, HIGH: tl.constexpr, WIDE: tl.constexpr, DEEP: tl.constexpr):  # noqa: N803
    """HIGH x WIDE cells of c by products of blocks that are DEEP along the depth, in single precision."""
    i = tl.program_id(0) * HIGH + tl.arange(0, HIGH)
    j = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    total = tl.zeros((HIGH, WIDE), dtype=tl.float32)
    for start in range(0, depth, DEEP):
        k = start + tl.arange(0, DEEP)
        left = tl.load(a + i[:, None] * depth + k[None, :], mask=(i < rows)[:, None] & (k < depth)[None, :], other=0.0)
        left *= tl.load(d + k, mask=k < depth, other=0.0)[None, :]
        right = tl.load(
            b + k[:, None] * columns + j[None, :], mask=(k < depth)[:, None] & (j < columns)[None, :], other=0.0
        )
        total = tl.dot(left, right, total, input_precision="ieee")
    tl.store(c + i[:, None] * columns + j[None, :], total, mask=(i < rows)[:, None] & (j < columns)[None, :])


@triton.jit
def stepped(u, rate, at):
    """What cells at these places are after a step; `at` lies within the margin, which has rate zero."""
    here = tl.load(u + at[0])
    around = tl.load(u + at[1]) + tl.load(u + at[2]) + tl.load(u + at[3]) + tl.load(u + at[4])
    return here + tl.load(rate + at[0]) * (around - 4.0 * here)


@triton.jit
def around(at, stride):
    """The places of cells and of their four neighbours."""
    return at, at - stride, at + stride, at - 1, at + 1


@triton.jit
def stencil(u, rate, after, stride, MARGIN: tl.constexpr, HIGH: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr):  # noqa: N803
    """One step for HIGH x WIDE cells, or two at once, of which the first is worked out for each neighbour again."""
    y = tl.program_id(0) * HIGH + tl.arange(0, HIGH) + MARGIN
    x = tl.program_id(1) * WIDE + tl.arange(0, WIDE) + MARGIN
    at = y[:, None] * stride + x[None, :]
    here = stepped(u, rate, around(at, stride))
    if STEPS == 2:
        near = stepped(u, rate, around(at - stride, stride)) + stepped(u, rate, around(at + stride, stride))
        near += stepped(u, rate, around(at - 1, stride)) + stepped(u, rate, around(at + 1, stride))
        here += tl.load(rate + at) * (near - 4.0 * here)
    tl.store(after + at, here)
