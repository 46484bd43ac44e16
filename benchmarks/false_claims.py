"""How often does a study claim what is not so, how well does its interval cover, and what does it find?

Simulated studies pass through the verdicts, the selection, the rule of the confirmation and the tests that the product
uses; only the runs are simulated. In each world no change improves the population by anything, unless the world says
otherwise. A claim is false when what its sentence says is: it names its population (this split; items; draws) and its
estimand, and is held against that. Coverage is that of the printed interval for the same. Power is that of the
confirmation of one fixed configuration whose effect is one robust standard deviation (IQR / 1.349) of what varies in
the world: a run, or an item where items are sampled.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the studies run side by side
import numpy as np

from nightlab.experiments.claim.family import FAMILY_LEVEL, coverage
from nightlab.experiments.claim.repeats import nearly
from nightlab.experiments.claim.selection import select
from nightlab.experiments.claim.statistics.crossed import Row, crossed
from nightlab.experiments.claim.statistics.inference import Effect, compare
from nightlab.experiments.claim.statistics.reliability import Score, Sides, observed, watched, with_losses
from nightlab.experiments.loop.decision import More, Noise, judge
from nightlab.experiments.loop.loop import CALIBRATION
from nightlab.experiments.study.data.data import SEARCH_DRAWS
from nightlab.experiments.template.contract import BudgetTable

SEEDS, CONFIRM = 3, BudgetTable().confirm_seeds
GROUPS = 40  # of items, where a world has items
Array = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def normal(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return rng.normal(size=size)


@dataclass(frozen=True, kw_only=True)
class World:
    """noise: of a run. shared: sd of what a seed does to all. split: sd of configuration x split. design: what the
    template declares: nothing, "items" (each split has its own) or "draws". cluster: items of a group. item: what a
    change does to a group of items beside the baseline, with mean 0 and sd 1; by default all have their own ways. rest:
    sd of seed x configuration x item. disaster: rate and loss of changes; gain: their effect otherwise. fails: rate at
    which its runs fail. flattery: sd of what a leak on dev pretends. drift: of all runs, by time. best: the search
    takes the best of so many by true values on dev. claims: that a study makes at most. cheap: runs are. copied: the
    holdout is dev but for so much; a claim is then false unless it is noticed.
    """

    noise: Draw = normal
    best_noise: Draw | None = None
    shared: float = 0.0
    split: float = 0.0
    design: str = ""
    cluster: int = 1
    item: Draw | None = None
    rest: float = 0.0
    disaster: tuple[float, float] = (0.0, 0.0)
    fails: float = 0.0
    gain: float = 0.0
    flattery: float = 0.0
    drift: Callable[[Array], Array] | None = None
    best: int = 0
    claims: int = 1
    trials: int = 40
    copied: float | None = None
    cheap: bool = True


def none(_: np.random.Generator, size: tuple[int, ...]) -> Array:
    return np.zeros(size)


def skewed(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return SKEWED_CENTRE - rng.exponential(size=size)


def lognormal(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return -np.exp(rng.normal(size=size))


SKEWED_CENTRE = 0.9306  # so that the typical difference to a normal baseline is 0
WORLDS: dict[str, World] = {
    "normal": World(),
    "cauchy": World(noise=lambda rng, size: rng.standard_cauchy(size)),
    "t_2df": World(noise=lambda rng, size: rng.standard_t(2, size)),
    "lognormal": World(noise=lognormal),
    "two_point": World(noise=lambda rng, size: rng.choice([-1.0, 1.0], size)),
    "ties": World(noise=lambda rng, size: np.round(rng.normal(size=size))),
    "mostly_ties": World(noise=lambda rng, size: np.where(rng.random(size) < 0.1, rng.normal(size=size), 0.0)),
    "other_shape": World(best_noise=skewed),
    "quieter_best": World(best_noise=lambda rng, size: 0.2 * rng.normal(size=size)),
    "shared_seed": World(shared=3.0),
    "drift": World(drift=lambda t: 0.02 * t),
    "change_point": World(drift=lambda t: 5.0 * (t > 150)),
    "split_03": World(split=0.3),
    "split_1": World(split=1.0),
    "split_3": World(split=3.0),
    "split_1_items": World(split=1.0, design="items"),
    "split_3_items": World(split=3.0, design="items"),
    "correlated_items": World(split=1.0, design="items", cluster=20),
    "noisy_items": World(split=0.3, design="items", rest=10.0),
    "heavy_items": World(split=1.0, design="items", item=lambda rng, size: rng.standard_t(3, size) / math.sqrt(3)),
    "items_that_lose": World(split=1.0, design="items", item=lambda rng, size: 1.0 - rng.exponential(size=size)),
    "items_that_gain": World(split=1.0, design="items", item=lambda rng, size: rng.exponential(size=size) - 1.0),
    "split_1_draws": World(split=1.0, design="draws"),
    "split_3_draws": World(split=3.0, design="draws"),
    "cauchy_draws": World(split=1.0, noise=lambda rng, size: rng.standard_cauchy(size), design="draws"),
    "deterministic": World(noise=none, split=1.0),
    "deterministic_items": World(noise=none, split=1.0, design="items"),
    "disaster": World(disaster=(0.02, 50.0), gain=0.49),
    "dear_disaster": World(disaster=(0.02, 50.0), gain=0.49, cheap=False),
    "failures": World(fails=0.3),
    "leaky_dev": World(flattery=1.0),
    "adversarial_dev": World(split=1.0, design="items", best=400),
    "adversarial_dev_draws": World(split=1.0, design="draws", best=400),
    "five_claims": World(claims=5),
    "five_claims_split": World(claims=5, split=1.0),
    "five_claims_draws": World(claims=5, split=1.0, design="draws"),
    "stopping_at_a_claim": World(claims=10),
    "copied_holdout": World(split=1.0, copied=0.0),
    "nearly_copied_holdout": World(split=1.0, copied=1e-3),
}


@dataclass(frozen=True)
class Outcome:
    claimed: bool
    false: bool
    harmful: bool  # the mean of what was claimed is worse than the baseline's
    mean: bool  # the claim is one of the mean
    covered: float  # share of its intervals that hold the truth


class Lab:
    """The runs of one simulated study; configuration 0 is the baseline. An extension has configurations of its own."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.noticed = True
        self._seeds, self._splits, self._time = dict[int, float](), dict[tuple[int, str], Any](), 0

    def effects(self, config: int, split: str) -> Any:
        """What a split, or its items, add to a configuration."""
        split = "dev" if self.world.copied is not None else split
        world, items = self.world, GROUPS * self.world.cluster
        if (config, split) not in self._splits:
            if "items" in world.design:
                effect = normal if not world.item else world.item if config else none
                by_group = world.split * math.sqrt(GROUPS) * effect(self.rng, (GROUPS,))
                self._splits[config, split] = np.repeat(by_group, world.cluster)
                assert len(self._splits[config, split]) == items
            else:
                self._splits[config, split] = self.rng.normal(0, world.split) if world.split else 0.0
        return self._splits[config, split]

    def value(self, config: int, split: str) -> float:
        """The true value of a configuration on a split."""
        leak = abs(self._leak(config)) if split.startswith("dev") else 0.0
        return (self.world.gain if config else 0.0) + leak + float(np.mean(self.effects(config, split)))

    def dev(self, replicate: int) -> str:
        """The split that a replicate of the search is on: one of several draws where the template redraws."""
        return f"dev {replicate % SEARCH_DRAWS}" if self.world.design == "draws" else "dev"

    def _leak(self, config: int) -> float:
        return float(np.random.default_rng(config).normal(0, self.world.flattery)) if config else 0.0

    def scores(self, config: int, split: str, seeds: range) -> list[float]:
        """Runs of a configuration on seeds of a split's own."""
        world, rng, n = self.world, self.rng, len(seeds)
        noise = (world.best_noise if config and world.best_noise else world.noise)(rng, (n,))
        if config and world.disaster[0]:
            noise = noise - world.disaster[1] * (rng.random(n) < world.disaster[0])
        if world.shared:
            key = hash(split) % 1000 * 10**6
            noise = noise + [self._seeds.setdefault(key + s, rng.normal(0, world.shared)) for s in seeds]
        if world.drift:
            noise = noise + world.drift(self._time + np.arange(n))
        self._time += n
        return (self.value(config, split) + noise).tolist()

    def failed(self, config: int, scores: list[float]) -> list[Score]:
        rate = self.world.fails if config else 0.0
        return [None if rate and self.rng.random() < rate else s for s in scores]


def searched(lab: Lab) -> int:
    """The configuration that the loop's search and selection bring to the confirmation; 0 for none."""
    groups: list[list[float]] = []
    noise, incumbent = Noise(), 0

    def run(number: int, wanted: int) -> None:
        for i in range(len(groups[number]), wanted):
            groups[number] += lab.scores(number, lab.dev(i), range(i, i + 1))

    groups.append([])
    run(0, CALIBRATION)
    noise.add(groups[0])
    for number in range(1, lab.world.trials + 1):
        groups.append([])
        wanted = 1
        while True:
            run(number, wanted)
            verdict = judge(
                groups[number], groups[incumbent], noise, rule="paired", max_replicates=SEEDS, min_effect=0.0
            )
            if not isinstance(verdict, More):
                break
            wanted = verdict.replicates
        noise.add(groups[number])
        incumbent = number if verdict.kind == "kept" else incumbent
    while isinstance(chosen := select(groups, noise, searched=SEEDS), dict):
        for number, wanted in chosen.items():
            run(number, wanted)
    return chosen


def confirmed(lab: Lab, best: int, split: str, level: float) -> tuple[Effect, bool, float]:
    """The effect, whether it is claimed, and the truth for the population that the claim names."""
    world = lab.world

    def side(config: int, replicates: range) -> list[Score]:
        if world.design == "draws":
            each = [lab.scores(config, f"{split}/{i}", range(1)) for i in replicates]
            return [s[0] for s in each]
        return lab.failed(config, lab.scores(config, split, replicates))

    def pairs(replicates: range) -> Sides:
        if not world.drift:
            return side(0, replicates), side(best, replicates)
        both: Sides = ([], [])
        for i in replicates:  # side by side, as the time goes on
            for config in (0, best):
                both[bool(config)].extend(side(config, range(i, i + 1)))
        return both

    more = watched(CONFIRM) if world.cheap and world.noise is not none else 0
    sides, seen = observed(CONFIRM, pairs, lambda replicates: side(best, replicates), more=more)
    before, after = with_losses(*sides)
    gain = lab.world.gain
    if world.copied is not None:
        sides_of = {"baseline": before, "best": after}
        there = {name: [(v, v + world.copied * lab.rng.normal()) for v in side] for name, side in sides_of.items()}
        lab.noticed = nearly(there)
    if "items" in world.design and split == "holdout":
        found = crossed(_rows(lab, best, split, before, after), level=level, coverage=coverage(level))
    else:
        found = compare(before, after, level=level, coverage=coverage(level))
        gain = gain if world.design == "draws" else lab.value(best, split) - lab.value(0, split)
    return found, found.significant and seen.holds, gain


def _rows(lab: Lab, best: int, split: str, before: list[float], after: list[float]) -> list[Row]:
    """Runs item by item, whose means are the runs' scores."""
    groups = np.repeat(np.arange(GROUPS), lab.world.cluster)
    by_item = lab.effects(best, split) - lab.effects(0, split)
    found = []
    for a, b in zip(before, after, strict=True):
        rest = lab.rng.normal(0, lab.world.rest * math.sqrt(2), len(groups)) if lab.world.rest else 0.0
        found.append(Row(differences=b - a + by_item - by_item.mean() + rest, groups=groups))
    return found


def study(seed: int, *, world: str) -> Outcome:
    lab = Lab(w := WORLDS[world], np.random.default_rng([seed, 7]))
    covered = list[bool]()
    for number in range(w.claims):
        lab = Lab(w, lab.rng) if number else lab
        best = 1 + _best_on_dev(lab) if w.best else searched(lab)
        split = "dev" if number and w.design != "draws" else "holdout"
        found, claimed, truth = confirmed(lab, best or 1, split, FAMILY_LEVEL / 2 ** (number + 1))
        claimed = claimed and best > 0
        mean = truth - w.disaster[0] * w.disaster[1]
        wrong = (mean <= 0 if found.estimand == "mean" else truth <= 0) or not lab.noticed
        covered.append(found.low - 1e-9 <= truth <= found.high + 1e-9)
        if claimed:
            break
    by_mean = found.estimand == "mean"
    return Outcome(claimed, claimed and wrong, claimed and mean <= 0, claimed and by_mean, float(np.mean(covered)))


def _best_on_dev(lab: Lab) -> int:
    splits = {lab.dev(i) for i in range(SEARCH_DRAWS)}
    return max(range(lab.world.best), key=lambda c: sum(lab.value(c + 1, split) for split in splits))


def found(seed: int, *, world: str, unit: float) -> bool:
    """Whether the confirmation of a fixed configuration with an effect of one unit finds it."""
    w = replace(WORLDS[world], gain=unit, disaster=(0.0, 0.0), fails=0.0, drift=WORLDS[world].drift)
    on_split = not w.design
    lab = Lab(replace(w, split=0.0) if on_split else w, np.random.default_rng([seed, 11]))
    return confirmed(lab, 1, "holdout", FAMILY_LEVEL / 2)[1]


def unit(world: str) -> float:
    """One robust standard deviation of what varies: a run, a run on its draw, or an item; 0 where nothing does."""
    w, rng = WORLDS[world], np.random.default_rng(3)
    values = w.noise(rng, (200_000,))
    if w.design == "items":
        by_item = w.split * math.sqrt(GROUPS) * (w.item or normal)(rng, values.shape)
        values = values + by_item + rng.normal(0, w.rest, values.shape)
    elif w.design == "draws":
        values = values + rng.normal(0, w.split, values.shape)
    low, high = np.percentile(values, [25, 75])
    return float(high - low) / 1.349


def wilson(share: float, n: int, z: float) -> float:
    """The lower limit of a share."""
    half = z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    return (share + z * z / 2 / n - half) / (1 + z * z / n)


def measured(pool: ProcessPoolExecutor, world: str, studies: int) -> dict[str, float | None]:
    outcomes = list(pool.map(partial(study, world=world), range(studies), chunksize=20))
    scale = unit(world)
    powers = list(pool.map(partial(found, world=world, unit=scale), range(studies // 4), chunksize=20)) if scale else []
    return {
        "claims": float(np.mean([o.claimed for o in outcomes])),
        "false_claims": float(np.mean([o.false for o in outcomes])),
        "harmful": float(np.mean([o.harmful for o in outcomes])),
        "harmful_as_mean": float(np.mean([o.harmful and o.mean for o in outcomes])),
        "coverage": float(np.mean([o.covered for o in outcomes])) if not WORLDS[world].fails else None,
        "power_1sd": float(np.mean(powers)) if powers else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="studies of each world, and a quarter for its power")
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS), metavar="WORLD")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="few studies: does it run?")
    args = parser.parse_args()
    studies = 20 if args.quick else args.studies
    started, worlds = time.monotonic(), {}
    with ProcessPoolExecutor(args.workers) as pool:
        for world in args.worlds:
            worlds[world] = row = measured(pool, world, studies)
            cover, power = ("   -" if (v := row[key]) is None else f"{v:.3f}" for key in ("coverage", "power_1sd"))
            print(
                f"{world:<22} claims {row['claims']:.3f}, false {row['false_claims']:.3f} (99.9 % sure above"
                f" {wilson(row['false_claims'] or 0.0, studies, 3.09):.3f}), harmful {row['harmful']:.3f}, as a gain of"
                f" the mean {row['harmful_as_mean']:.3f}, coverage {cover}, power at 1 sd {power}",
                flush=True,
            )
    covers, powers = (
        [v for row in worlds.values() if (v := row[key]) is not None] for key in ("coverage", "power_1sd")
    )
    print(f"{time.monotonic() - started:.0f} s")
    print(
        json.dumps(
            {
                "worst_false_claims": max(row["false_claims"] or 0.0 for row in worlds.values()),
                "worst_coverage": min(covers, default=None),
                "min_power_1sd": min(powers, default=None),
                "worlds": worlds,
            }
        )
    )


if __name__ == "__main__":
    main()
