"""How often does a study of pure noise claim an improvement, and how often is a real one found and confirmed?

Simulated studies pass through the policies, verdicts, selection and test that the loop uses; only the runs are
simulated: a score is the true value plus normal noise of standard deviation 1. On pure noise the knobs do nothing.
For the power the true value is a bowl over the knobs: 0 at the defaults, the named effect at one optimum. The plain
loop keeps what is better on one run and claims what it kept, without confirmation.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the studies run side by side
import numpy as np

from nightlab.experiments.claim.inference import compare
from nightlab.experiments.claim.selection import select
from nightlab.experiments.loop.decision import More, Noise, judge
from nightlab.experiments.loop.loop import CALIBRATION
from nightlab.experiments.records import Knob, Params, Rule
from nightlab.experiments.search.policy import Exhausted, Tried
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.template.contract import BudgetTable

TRIALS, SEEDS, CONFIRM = 100, 3, BudgetTable().confirm_seeds
KNOBS, LEVELS = 3, 7


@dataclass(frozen=True)
class Outcome:
    claimed: bool
    effect: float  # the true effect of what was selected
    runs: int  # without the confirmation


def landscape(effect: float, rng: np.random.Generator) -> tuple[list[Knob], Callable[[Params], float]]:
    """Knobs under two strategies, and the true value: a bowl with random axes' weights, defaults and optimum."""
    default = rng.integers(2, LEVELS - 2, size=KNOBS)
    optimum = default
    while np.abs(optimum - default).max() < LEVELS // 3:
        optimum = rng.integers(LEVELS, size=KNOBS)
    weights = rng.dirichlet(np.ones(KNOBS))
    knobs = [
        Knob(name=f"x{i}", type="int", strategy=f"s{i % 2}", default=int(default[i]), low=0, high=LEVELS - 1)
        for i in range(KNOBS)
    ]
    depth = float(weights @ (default - optimum) ** 2)

    def value(params: Params) -> float:
        x = np.array([params[k.name] for k in knobs], float)
        return effect * (1 - float(weights @ (x - optimum) ** 2) / depth)

    return knobs, value


def study(seed: int, *, effect: float, policy: str, rule: Rule) -> Outcome:
    """One study; its loop is that of nightlab.experiments.loop.loop with one worker."""
    rng = np.random.default_rng([seed, 1])
    knobs, value = landscape(effect, rng)
    search = make_policy(policy, knobs=knobs, strategies=["s0", "s1"], seed=seed)
    trials: list[Tried] = []
    groups: list[list[float]] = []
    noise, incumbent = Noise(), 0

    def run(number: int, wanted: int) -> None:
        truth = value(trials[number].params)
        groups[number] += [truth + rng.normal() for _ in range(wanted - len(groups[number]))]

    def settle(number: int, verdict: str) -> None:
        score = sum(groups[number]) / len(groups[number])
        replicates = len(groups[number])
        trials[number] = replace(trials[number], verdict=verdict, score=score, replicates=replicates)  # type: ignore[arg-type]
        noise.add(groups[number])

    def enter(params: Params, strategy: str, parent: int | None) -> int:
        empty = {"verdict": None, "score": None, "replicates": 0}
        trials.append(Tried(number=len(trials), parent=parent, strategy=strategy, params=params, **empty))  # type: ignore[arg-type]
        groups.append([])
        return len(trials) - 1

    run(enter({k.name: k.default for k in knobs}, "baseline", None), CALIBRATION)
    settle(0, "baseline")
    for number in range(1, TRIALS + 1):
        try:
            proposal = search.propose(trials, number)
        except Exhausted:
            break
        wanted = enter(proposal.params, proposal.strategy, proposal.parent) and 1
        while True:
            run(number, wanted)
            verdict = judge(groups[number], groups[incumbent], noise, rule=rule, max_replicates=SEEDS, min_effect=0.0)
            if not isinstance(verdict, More):
                break
            wanted = verdict.replicates
        settle(number, verdict.kind)
        incumbent = number if verdict.kind == "kept" else incumbent
    if rule == "strict":
        return Outcome(incumbent != 0, value(trials[incumbent].params), sum(map(len, groups)))
    while isinstance(chosen := select(groups, noise, searched=SEEDS), dict):
        for number, wanted in chosen.items():
            run(number, wanted)
    best = value(trials[chosen].params)
    if chosen == 0:
        return Outcome(False, best, sum(map(len, groups)))
    before, after = rng.normal(size=CONFIRM), best + rng.normal(size=CONFIRM)
    claim = compare(before.tolist(), after.tolist())
    return Outcome(claim.significant, best, sum(map(len, groups)))


def share(outcomes: list[Outcome], label: str) -> float:
    """Print and return the share of studies that claim an improvement, with its 95 % Wilson interval."""
    n, p, z = len(outcomes), np.mean([o.claimed for o in outcomes]), 1.96
    middle, half = (p + z * z / 2 / n), z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    effect, runs = np.mean([o.effect for o in outcomes]), np.mean([o.runs for o in outcomes])
    print(
        f"{label:<34} claims in {p:.3f} of {n} studies ({low:.3f} to {high:.3f});"
        f" true effect of what was selected {effect:.2f}, {runs:.0f} runs a study",
        flush=True,
    )
    return round(float(p), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000, help="studies of pure noise")
    parser.add_argument("--power-studies", type=int, default=200, help="studies of each effect")
    parser.add_argument("--null-policy", default="random", help="a cheap one: the knobs do nothing")
    parser.add_argument("--policy", default="greedy")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="few studies: does it run?")
    args = parser.parse_args()
    if args.quick:
        args.studies, args.power_studies = 40, 4
    started = time.monotonic()
    result = {}
    with ProcessPoolExecutor(args.workers) as pool:

        def measure(label: str, count: int, effect: float, policy: str, rule: Rule) -> float:
            job = partial(study, effect=effect, policy=policy, rule=rule)
            return share(list(pool.map(job, range(count), chunksize=4)), label)

        result["false_claims"] = measure("pure noise", args.studies, 0.0, args.null_policy, "paired")
        result["false_claims_plain"] = measure("pure noise, plain loop", args.studies, 0.0, args.null_policy, "strict")
        for sd in (0.5, 1, 2):
            label = f"best reachable effect {sd:g} sd"
            result[f"power_{sd:g}sd"] = measure(label, args.power_studies, sd, args.policy, "paired")
    print(f"{time.monotonic() - started:.0f} s")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
