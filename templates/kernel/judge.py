"""Asks two kernels for products and for steps of a heat equation, takes the time, and checks every answer.

What an answer depends on is drawn and sent at the moment of the question. What stays the same is loaded before, and the
time that this takes counts as well, so that work done ahead wins nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

PRODUCTS = {
    "dev": [(256, 256, 256), (192, 320, 224)],
    "holdout": [(240, 288, 256), (320, 176, 264)],
}  # rows, depth, columns
FIELDS = {"dev": [(256, 256, 32), (200, 312, 33)], "holdout": [(264, 240, 32), (176, 360, 31)]}  # rows, columns, steps
TURNS = 3  # of each
STENCIL_INTENSITY = 7 / 12  # operations for each byte, with three arrays for each step
UNIT = 2.0**-23  # the spacing of single precision at one

Array = NDArray[np.float64]


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, Any]:
    """`share`: the percentage of the roofline that both kernels reach, as the geometric mean over all timed questions;
    `wrong`: cells of answers that are beyond what single precision explains.

    The roof of a product is the peak; that of a stencil is the bandwidth, with three arrays for each step. `arrays` has
    the roofline and where the kernels stand below it, for a figure.

    Raises ValueError where an answer has another shape.
    """
    rng = np.random.default_rng([*json.loads((private / f"{split}.json").read_text(encoding="utf-8")), seed])
    roof = json.loads((private / "roofline.json").read_text(encoding="utf-8"))
    rates: dict[str, list[float]] = {"product": [], "stencil": []}
    points, wrong = list[list[float]](), 0
    scale = roof.get("scale", 1)  # of the sides of what is timed, on a device that needs more work
    for shape in (tuple(scale * side for side in shape) for shape in PRODUCTS[split]):
        seconds, mistakes = timed_product(candidate, rng, shape)
        rates["product"].append(2 * np.prod(shape) / seconds / 1e9)
        points.append([product_intensity(*shape), rates["product"][-1]])
        wrong += mistakes
    for h, w, steps in ((scale * h, scale * w, steps) for h, w, steps in FIELDS[split]):
        seconds, mistakes = timed_stencil(candidate, rng, (h, w), steps)
        rates["stencil"].append(12 * h * w * steps / seconds / 1e9)
        points.append([STENCIL_INTENSITY, STENCIL_INTENSITY * rates["stencil"][-1]])
        wrong += mistakes
    wrong += nasty_products(candidate, rng) + nasty_stencils(candidate, rng)
    mean = {name: float(np.exp(np.mean(np.log(found)))) for name, found in rates.items()}
    product, stencil = 100 * mean["product"] / roof["gflops"], 100 * mean["stencil"] / roof["gb_per_s"]
    return {
        "share": float(np.sqrt(product * stencil)),
        "wrong": float(wrong),
        "product_share": product,
        "stencil_share": stencil,
        "product_gflops": mean["product"],
        "stencil_gb_per_s": mean["stencil"],
        "peak_gflops": roof["gflops"],
        "peak_gb_per_s": roof["gb_per_s"],
        "arrays": {
            "roof": [[x, min(roof["gflops"], x * roof["gb_per_s"])] for x in np.geomspace(0.25, 128, 60).tolist()],
            "kernels": points,
        },
    }


def product_intensity(m: int, k: int, n: int) -> float:
    """Operations for each byte, where each matrix crosses the memory once."""
    return 2 * m * k * n / (4 * (m * k + k * n + m * n))


def timed_product(candidate: Any, rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[float, int]:
    """Seconds of an answer, with its part of the loading, and how many cells were wrong in all."""
    m, k, n = shape
    a, b = single(rng.normal(size=(m, k))), single(rng.normal(size=(k, n)))
    candidate.call("load_product", a, b)
    spent, wrong = candidate.seconds, 0
    for _ in range(TURNS):
        d = single(rng.normal(size=k))
        answer = asked(candidate, "product", (m, n), d)
        spent += candidate.seconds
        wrong += product_mistakes(answer, a, d, b)
    return spent / TURNS, wrong


def timed_stencil(candidate: Any, rng: np.random.Generator, shape: tuple[int, int], steps: int) -> tuple[float, int]:
    rate = single(rng.uniform(0, 0.25, shape))
    candidate.call("load_stencil", rate)
    spent, wrong = candidate.seconds, 0
    for _ in range(TURNS):
        u = single(rng.normal(size=shape))
        answer = asked(candidate, "stencil", shape, u, steps)
        spent += candidate.seconds
        wrong += stencil_mistakes(answer, u, rate, steps)
    return spent / TURNS, wrong


def nasty_products(candidate: Any, rng: np.random.Generator) -> int:
    """Small, odd and thin shapes, values of very different sizes, zeros, and a row that is not finite."""
    wrong = 0
    for shape in [(1, 1, 1), (1, 9, 1), (3, 1, 5), (17, 33, 65), (65, 2, 3), (31, 130, 1)]:
        m, k, n = shape
        for scale in (1.0, 1e12, 1e-12, 0.0, np.inf):
            a, b = rng.normal(size=(m, k)), single(rng.uniform(0.5, 1, size=(k, n)))
            a *= np.where(rng.uniform(size=(m, 1)) < 0.5, scale, 1.0) if np.isfinite(scale) else 1.0
            if not np.isfinite(scale):
                a[m // 2, k // 2] = scale
            a, d = single(a), single(rng.uniform(0.5, 2, size=k))
            candidate.call("load_product", a, b)
            wrong += product_mistakes(asked(candidate, "product", (m, n), d), a, d, b)
    return wrong


def nasty_stencils(candidate: Any, rng: np.random.Generator) -> int:
    """Small, odd and thin fields, none or few steps, the fastest conductivity, and constant and very large values."""
    wrong = 0
    for h, w, steps in [(1, 1, 3), (1, 9, 2), (2, 2, 5), (3, 3, 1), (5, 70, 17), (34, 33, 0), (66, 7, 9)]:
        rows, columns = np.indices((h, w))
        for u in (
            (-1.0) ** (rows + columns),
            np.full((h, w), 3.0),
            1e30 * rng.normal(size=(h, w)),
            rng.normal(size=(h, w)),
        ):
            rate = single(rng.choice([0.0, 0.1, 0.25], size=(h, w)))
            candidate.call("load_stencil", rate)
            wrong += stencil_mistakes(asked(candidate, "stencil", (h, w), single(u), steps), single(u), rate, steps)
    return wrong


def asked(candidate: Any, name: str, shape: tuple[int, ...], *question: Any) -> NDArray[Any]:
    answer = candidate.call(name, *question, returns=np.ndarray, finite=False)
    if answer.shape != shape or answer.dtype.kind != "f":
        raise ValueError(
            f"{name}() must return an array of numbers of shape {shape}, not {answer.dtype} {answer.shape}"
        )
    return np.asarray(answer)


def product_mistakes(answer: NDArray[Any], a: NDArray[Any], d: NDArray[Any], b: NDArray[Any]) -> int:
    """Cells further from the product in double precision than a sum in single precision ends; of a sum that is not
    finite, cells that are."""
    left, right = a.astype(np.float64) * d, b.astype(np.float64)
    with np.errstate(all="ignore"):
        expected, size = left @ right, abs(left) @ abs(right)
        far = abs(answer - expected) > (8 + np.sqrt(len(d))) * UNIT * size + 1e-30
    return int(np.where(np.isfinite(size), far | ~np.isfinite(answer), np.isfinite(answer)).sum())


def stencil_mistakes(answer: NDArray[Any], u: NDArray[Any], rate: NDArray[Any], steps: int) -> int:
    expected = heated(u.astype(np.float64), rate.astype(np.float64), steps)
    with np.errstate(all="ignore"):
        near = abs(answer - expected) <= (6 + np.sqrt(steps)) * UNIT * abs(u).max()  # single precision needs a third
    return int((~near).sum())


def heated(u: Array, rate: Array, steps: int) -> Array:
    """The temperatures (h, w) after so many steps, each by the four neighbours of a cell; the border stays as it is."""
    now, after, inner = u.copy(), u.copy(), (slice(1, -1), slice(1, -1))
    around, rate = np.empty_like(u[inner]), rate[inner]
    own = 1 - 4 * rate
    for _ in range(steps):  # in place, as an array made anew for each operation takes twice the time
        np.add(now[:-2, 1:-1], now[2:, 1:-1], out=around)
        around += now[1:-1, :-2]
        around += now[1:-1, 2:]
        around *= rate
        np.multiply(own, now[inner], out=after[inner])
        after[inner] += around
        now, after = after, now
    return now


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)
