"""Packs circles into a rectangle so that the sum of their radii is large: many starts, hops, and linear programs.

With every distance replaced by its linearisation at the present centres, the best centres and radii within a step are
a linear program. A distance is convex, so it is at least its linearisation: each program's solution is a valid packing,
and the sum never falls. A run is a function of its parameters alone: `stream` says which random numbers it draws.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

PROGRAMS = 600  # linear programs that a run may solve for the square: the same work at every setting
ASIDE = 24  # and for each of the other instances
MARGIN = 1e-15  # by which radii stay below what rounding allows

Array = NDArray[np.float64]


def run(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001 - the result is no sample
    """Pack every instance of `instances.json` and write `packing.json`: for each its circles as [x, y, radius]."""
    instances = json.loads((inputs / "instances.json").read_text(encoding="utf-8"))
    packed = {
        name: Search(given, params, PROGRAMS if name == "square" else ASIDE).best() for name, given in instances.items()
    }
    (out / "packing.json").write_text(json.dumps(packed), encoding="utf-8")


class Search:
    """Basin hopping with restarts on one instance, until its linear programs are used up."""

    def __init__(self, instance: dict[str, Any], params: dict[str, Any], programs: int) -> None:
        self.n, self.size = instance["circles"], np.array([instance["width"], instance["height"]])
        self.params, self.left = params, programs
        self.rng = np.random.default_rng([params["stream"], self.n])
        self.first, self.second = map(np.array, zip(*combinations(range(self.n), 2), strict=True))

    def best(self) -> list[list[float]]:
        """The circles of the best packing found, valid in exact arithmetic."""
        found = self.settle(self.start())
        while self.left > 0:
            chain = max((self.settle(self.start()) for _ in range(self.params["starts"])), key=worth)
            idle = 0
            while idle < self.params["patience"] and self.left > 0:
                hop = self.settle(self.perturbed(chain))
                chain, idle = (hop, 0) if worth(hop) > worth(chain) + 1e-7 else (chain, idle + 1)
            found = max(found, chain, key=worth)
        return self.secured(self.polished(found)).tolist()

    def start(self) -> Array:
        """Centres (n, 2) to begin with."""
        base = STARTS[self.params["layout"]](self.n, self.size, self.rng)
        return self.inside(base + self.rng.normal(0, self.params["noise"], base.shape))

    def perturbed(self, packing: Array) -> Array:
        """Centres of a neighbour: some circles are put elsewhere, all are shaken."""
        centres, moved = packing[:, :2].copy(), min(self.params["moved"], self.n - 1)
        weight = np.ones(self.n) if self.params["target"] == "any" else 1 / packing[:, 2].clip(1e-3) ** 2
        chosen = self.rng.choice(self.n, moved, replace=False, p=weight / weight.sum())
        stay = np.setdiff1d(np.arange(self.n), chosen)
        for circle in chosen:
            spots = self.rng.random((self.params["spots"], 2)) * self.size
            centres[circle] = spots[self.room(spots, centres[stay], packing[stay, 2]).argmax()]
            stay = np.append(stay, circle)
        return self.inside(centres + self.rng.normal(0, self.params["jitter"], centres.shape))

    def room(self, spots: Array, centres: Array, radii: Array) -> Array:
        """How far each spot (m, 2) is from the walls and from these circles, less than nothing inside of one."""
        apart = np.hypot(*(spots[:, None] - centres).transpose(2, 0, 1)) - radii
        return np.minimum(apart.min(axis=1), np.minimum(spots, self.size - spots).min(axis=1))

    def inside(self, centres: Array) -> Array:
        return centres.clip(0, self.size)

    def settle(self, centres: Array) -> Array:
        """A local optimum (n, 3) near these centres, as far as the programs that are left allow."""
        step, reached = self.params["step"], 0.0
        packing = np.column_stack([centres, np.zeros(self.n)])
        while self.left > 0:
            self.left -= 1
            packing, before = self.improved(packing, step), reached
            reached = worth(packing)
            if reached - before < self.params["tolerance"]:
                break
            step *= self.params["shrink"]
        return packing

    def improved(self, packing: Array, step: float) -> Array:
        """The best packing whose centres lie within `step` of these, by one linear program."""
        n, apart = self.n, packing[self.first, :2] - packing[self.second, :2]
        distance = np.hypot(*apart.T)
        near = distance < 0.4 * self.size.max() + 3 * step  # circles that far apart cannot touch
        i, j = self.first[near], self.second[near]
        ux, uy = (apart[near] / distance[near, None].clip(1e-9)).T
        pair, circle = np.arange(len(i)), np.arange(n)
        wall = len(i) + circle
        rows = [pair] * 6 + [wall + side * n for side in range(4) for _ in range(2)]
        columns = [i, j, n + i, n + j, 2 * n + i, 2 * n + j]
        one, values = np.ones(n), [-ux, ux, -uy, uy, np.ones(len(i)), np.ones(len(i))]
        for axis in range(2):
            columns += [axis * n + circle, 2 * n + circle] * 2
            values += [-one, one, one, one]
        upper = csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))))
        zero = np.zeros(n)
        limits = np.concatenate([np.zeros(len(i)), zero, one * self.size[0], zero, one * self.size[1]])
        flat = packing[:, :2].T.ravel()
        bounds = np.column_stack([np.append(flat - step, zero), np.append(flat + step, one * self.size.max() / 2)])
        cost = np.append(np.zeros(2 * n), -one)
        solved = linprog(cost, A_ub=upper, b_ub=limits, bounds=bounds, method="highs-ds", options=EXACT)
        return solved.x.reshape(3, n).T if solved.status == 0 else packing

    def polished(self, packing: Array) -> Array:
        """The same packing where its contacts are exact to rounding."""
        for step in (1e-2, 1e-3, 1e-4, 1e-5):
            packing = max(packing, self.improved(packing, step), key=worth)
        return packing

    def secured(self, packing: Array) -> Array:
        """The packing with its radii made smaller by whatever a wall or another circle is overlapped."""
        centres, radii = packing[:, :2], packing[:, 2]
        beyond = np.max([radii - centres.T, radii + centres.T - self.size[:, None]])
        distance = np.hypot(*(centres[self.first] - centres[self.second]).T)
        over = np.max(radii[self.first] + radii[self.second] - distance)
        return np.column_stack([centres, (radii - max(0.0, beyond, over / 2) - MARGIN).clip(MARGIN)])


def worth(packing: Array) -> float:
    return float(packing[:, 2].sum())


def scattered(n: int, size: Array, rng: np.random.Generator) -> Array:
    return rng.random((n, 2)) * size


def lattice(n: int, size: Array, rng: np.random.Generator) -> Array:
    """Cells of a square grid, of which some stay empty."""
    across = int(np.ceil(np.sqrt(n * size[0] / size[1])))
    down = -(-n // across)
    cells = rng.choice(across * down, n, replace=False)
    return (np.column_stack([cells % across, cells // across]) + 0.5) / [across, down] * size


def staggered(n: int, size: Array, rng: np.random.Generator) -> Array:
    """Rows that are shifted by half a cell, one against the next."""
    centres = lattice(n, size, rng)
    across = int(np.ceil(np.sqrt(n * size[0] / size[1])))
    row = np.round(centres[:, 1] / size[1] * -(-n // across) - 0.5)
    centres[:, 0] += (row % 2 - 0.5) / 2 * size[0] / across
    return centres


def ringed(n: int, size: Array, rng: np.random.Generator) -> Array:
    """Rings around the middle."""
    turn = rng.random(n) * 2 * np.pi
    reach = np.sqrt(rng.permutation(n) / n) / 2
    return (0.5 + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])) * size


STARTS: dict[str, Callable[[int, Array, np.random.Generator], Array]] = {
    "scattered": scattered,
    "lattice": lattice,
    "staggered": staggered,
    "ringed": ringed,
}
EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
