"""Which trial goes to the confirmation."""

import numpy as np
import pytest

from nightlab.experiments.claim.selection import rungs_within, select
from nightlab.experiments.loop.decision import Noise


def unit_noise() -> Noise:
    return Noise.of(np.random.default_rng(5).normal(size=(200, 3)).tolist())


def finish(truth: list[float], groups: list[list[float]], noise: Noise, rng: np.random.Generator) -> int:
    for _ in range(10):
        chosen = select(groups, noise, searched=3)
        if not isinstance(chosen, dict):
            return chosen
        for number, wanted in chosen.items():
            assert len(groups[number]) < wanted
            groups[number] += [truth[number] + rng.normal() for _ in range(wanted - len(groups[number]))]
    raise AssertionError("the selection does not end")


def test_the_selection_finds_a_better_trial_that_verdicts_missed() -> None:
    rng, found = np.random.default_rng(8), []
    for _ in range(60):
        truth = [0.0] * 20 + [2.0]
        groups = [[t + rng.normal() for _ in range(3)] for t in truth]
        found.append(finish(truth, groups, unit_noise(), rng))
    assert np.mean([n == 20 for n in found]) > 0.85


def test_the_selection_costs_its_rungs_and_no_more() -> None:
    rng = np.random.default_rng(9)
    truth = np.random.default_rng(11).normal(size=101).tolist()
    groups = [[t + rng.normal() for _ in range(3)] for t in truth]
    finish(truth, groups, unit_noise(), rng)
    assert sum(map(len, groups)) <= 101 * 3 + 9 * 5 + 4 * 8


def test_the_baseline_is_selected_where_nothing_leads_it() -> None:
    rng = np.random.default_rng(10)
    truth = [5.0] + [0.0] * 30
    assert finish(truth, [[t + rng.normal() for _ in range(3)] for t in truth], unit_noise(), rng) == 0
    assert select([[1.0, 2.0], []], unit_noise(), searched=3) == 0  # all others failed


def test_a_deterministic_selection_needs_no_further_run() -> None:
    noise = Noise.of([[1.0, 1.0, 1.0]])
    assert select([[1.0] * 3, [0.5], [1.5], []], noise, searched=1) == 2
    assert select([[1.0] * 3, [0.5], []], noise, searched=1) == 0


@pytest.mark.parametrize(
    ("runs", "trials", "rungs"),
    [
        (240, 100, ((8, 8), (3, 16))),
        (88, 40, ((8, 8), (3, 16))),
        (87, 40, ((8, 8), (3, 15))),
        (20, 3, ((8, 7),)),
        (24, 3, ((8, 8),)),
        (7, 8, ()),
        (0, 3, ()),
    ],
)
def test_the_selection_costs_no_more_runs_than_it_is_given(
    runs: int, trials: int, rungs: tuple[tuple[int, int], ...]
) -> None:
    found = rungs_within(runs, trials, 8)
    assert found == rungs
    noise, spent = Noise.of([[0.0, 1.0] * 4]), 0
    groups = [[0.0, 1.0] * 4, *([float(n)] for n in range(trials))]
    while isinstance(chosen := select(groups, noise, searched=1, rungs=found), dict):
        for n, wanted in chosen.items():
            spent += wanted - len(groups[n])
            groups[n] = [groups[n][0]] * wanted
    assert spent <= runs
