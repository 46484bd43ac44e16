"""The space of the declared knobs as points of the unit cube, one axis a knob."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nightlab.experiments.records import Knob, Params, ParamValue
from nightlab.experiments.template.knobs.rules import broken, in_order, settled

Vector: TypeAlias = npt.NDArray[np.float64]  # (knobs,)
Matrix: TypeAlias = npt.NDArray[np.float64]  # (points, knobs)
Mask: TypeAlias = npt.NDArray[np.bool_]  # (knobs,)
Key: TypeAlias = tuple[ParamValue, ...]

ENUMERATE = 40_000  # a space of at most so many points is searched whole, not sampled


class Space:
    """Encodes assignments and finds points that were not tried.

    A float or int knob is its position between low and high (of the logarithms where it is declared so); a choice is
    (index + 1/2) / choices, so that equal bins of the axis are equal shares of the choices.
    """

    def __init__(self, knobs: Sequence[Knob]) -> None:
        if not knobs:
            raise ValueError("a numeric search needs at least one declared knob")
        self.knobs = tuple(knobs)

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """How many values each knob has; 0 for a float."""
        return tuple(
            len(k.choices) if k.type == "choice" else int(k.high - k.low) + 1 if k.type == "int" else 0
            for k in self.knobs
        )

    @cached_property
    def unordered(self) -> Mask:
        """The choices whose values are neither declared to have an order nor rising or falling numbers: no value is
        nearer to one than to another."""
        return np.array([k.type == "choice" and not (k.ordered or _monotone(k.choices)) for k in self.knobs])

    @cached_property
    def alike(self) -> tuple[list[int], ...]:
        """Groups of unordered knobs with the same choices, such as the operations on the edges of a network. Switches
        are none, nor are two of a kind."""
        groups: dict[tuple[ParamValue, ...], list[int]] = {}
        for i, knob in enumerate(self.knobs):
            if self.unordered[i] and len(knob.choices) > 2:
                groups.setdefault(knob.choices, []).append(i)
        return tuple(group for group in groups.values() if len(group) > 2)

    def counts(self, points: Matrix, group: list[int]) -> Matrix:
        """The share of the knobs of a group that have each choice: (points, choices)."""
        n = self.levels[group[0]]
        chosen = np.minimum((points[:, group] * n).astype(int), n - 1)
        return np.stack([(chosen == choice).mean(axis=1) for choice in range(n)], axis=1)

    @cached_property
    def axes(self) -> tuple[Vector, ...]:
        """The positions of each knob's values on its axis; for a float an even grid."""
        return tuple(
            (np.arange(n) + 0.5) / n
            if k.type == "choice"
            else np.array([_position(k, v) for v in range(int(k.low), int(k.high) + 1)])
            if k.type == "int" and n <= ENUMERATE
            else np.linspace(0, 1, 101)
            for k, n in zip(self.knobs, self.levels, strict=True)
        )

    def mask(self, strategies: Sequence[str]) -> Mask:
        """The knobs that belong to one of `strategies`."""
        return np.array([k.strategy in strategies for k in self.knobs])

    def key(self, params: Params) -> Key:
        """What makes two assignments the same."""
        return tuple(params[k.name] for k in self.knobs)

    def encode(self, params: Params) -> Vector:
        return np.array([_position(k, params[k.name]) for k in self.knobs])

    def decode(self, point: Vector) -> dict[str, ParamValue]:
        """The nearest assignment; a knob that has no effect in it has its default."""
        found = {k.name: _value(k, float(u)) for k, u in zip(self.knobs, point, strict=True)}
        return settled(self.knobs, found) if self.conditional else found

    @cached_property
    def conditional(self) -> bool:
        """Whether some knob has no effect in some assignments."""
        return any(k.when for k in self.knobs)

    @cached_property
    def ruled(self) -> bool:
        """Whether some assignments are not valid."""
        return any(k.rules for k in self.knobs)

    def valid(self, params: Params) -> bool:
        """Whether an assignment meets what is required between knobs."""
        return not (self.ruled and broken(self.knobs, params))

    def size(self, free: Mask) -> float:
        """How many assignments differ only in the free knobs; infinite where a float is free."""
        return math.prod(n or math.inf for n, moves in zip(self.levels, free, strict=True) if moves)

    def grid(self, base: Vector, free: Mask) -> Matrix:
        """Every assignment of the free knobs, the others as in `base`."""
        moving = np.flatnonzero(free)
        columns = np.meshgrid(*(self.axes[i] for i in moving), indexing="ij")
        points = np.tile(base, (columns[0].size if columns else 1, 1))
        for i, column in zip(moving, columns, strict=True):
            points[:, i] = column.ravel()
        return points

    def snap(self, points: Matrix) -> Matrix:
        """Points moved to the nearest values of int and choice knobs."""
        points = np.clip(points, 0.0, 1.0)
        for i, n in enumerate(self.levels):
            if n and len(self.axes[i]) == n:
                middles = (self.axes[i][1:] + self.axes[i][:-1]) / 2
                points[:, i] = self.axes[i][np.searchsorted(middles, points[:, i])]
        acting = np.ones(points.shape, dtype=bool)
        for i, default, conditions in self._conditions:
            for j, allowed in conditions:
                near = np.abs(points[:, j, None] - allowed).min(axis=1) < 1e-9
                acting[:, i] &= near & acting[:, j]
            points[~acting[:, i], i] = default
        return points

    @cached_property
    def _conditions(self) -> list[tuple[int, float, list[tuple[int, Vector]]]]:
        """Of each knob that has no effect in some assignments: its axis, its default there, and the positions on other
        axes with which it has one."""
        axis = {k.name: i for i, k in enumerate(self.knobs)}
        found = []
        for knob in in_order(self.knobs):
            others = [(n, np.array([_position(self.knobs[axis[n]], v) for v in vs])) for n, vs in knob.when.items()]
            there = [(axis[name], allowed) for name, allowed in others]
            found.append((axis[knob.name], _position(knob, knob.default), there))
        return found


def _monotone(values: tuple[ParamValue, ...]) -> bool:
    numbers = [v for v in values if not isinstance(v, str)]
    return len(numbers) == len(values) and (numbers == sorted(numbers) or numbers == sorted(numbers, reverse=True))


def _position(knob: Knob, value: ParamValue) -> float:
    if knob.type == "choice":
        return (knob.choices.index(value) + 0.5) / len(knob.choices)
    low, high = _ends(knob)
    x = math.log(value) if _logarithmic(knob) else value  # type: ignore[arg-type]
    return min(1.0, max(0.0, (x - low) / (high - low)))  # type: ignore[operator]


def _value(knob: Knob, position: float) -> ParamValue:
    if knob.type == "choice":
        return knob.choices[min(len(knob.choices) - 1, int(position * len(knob.choices)))]
    low, high = _ends(knob)
    way = min(1.0, max(0.0, position)) * (high - low)
    if _logarithmic(knob):
        return knob.nearest(math.exp(low + way))
    return low + round(way) if knob.type == "int" else knob.nearest(low + way)


def _logarithmic(knob: Knob) -> bool:
    """Whether the axis is one of logarithms; over a short range it would be straight, and they lack the digits."""
    return knob.log and knob.high > 1.001 * knob.low


def _ends(knob: Knob) -> tuple[int, int] | tuple[float, float]:
    """Of the axis; those of an int are whole, since a float has not every large one."""
    if _logarithmic(knob):
        return math.log(knob.low), math.log(knob.high)
    return (int(knob.low), int(knob.high)) if knob.type == "int" else (knob.low, knob.high)
