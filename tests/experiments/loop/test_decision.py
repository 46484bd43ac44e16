import numpy as np
import pytest

from nightlab.experiments.loop.decision import More, Noise, Verdict, judge
from nightlab.experiments.records import Rule

RNG = np.random.default_rng(11)


def settle(candidate: float, incumbent: list[float], noise: Noise, rng: np.random.Generator) -> tuple[Verdict, int]:
    """Judge a candidate of that true value, with replicates as asked for."""
    scores = [candidate + rng.normal()]
    while isinstance(asked := judge(scores, incumbent, noise, rule="paired", max_replicates=3, min_effect=0.0), More):
        assert asked.replicates == len(scores) + 1
        scores.append(candidate + rng.normal())
    return asked, len(scores)


def unit_noise() -> Noise:
    return Noise.of(np.random.default_rng(5).normal(size=(200, 3)).tolist())


def test_noise_is_pooled_within_trials_not_between_them() -> None:
    means = 100 * RNG.normal(size=(300, 1))
    noise = Noise.of((means + 2 * RNG.normal(size=(300, 3))).tolist())
    assert noise.sd == pytest.approx(2.0, rel=0.1)
    assert noise.dof == 299 * 2


def test_noise_of_few_groups_is_the_pooled_standard_deviation() -> None:
    noise = Noise.of([[1.0, 3.0], [5.0, 5.0, 8.0], [7.0]])
    assert noise.dof == 3
    assert noise.sd == pytest.approx(((2 + 6) / 3) ** 0.5)


def test_what_a_seed_does_to_all_trials_is_no_noise() -> None:
    seeds = np.array([0.0, 5.0, -3.0])
    noise = Noise.of((seeds + RNG.normal(0.0, 0.1, size=(100, 3))).tolist())
    assert noise.sd == pytest.approx(0.1, rel=0.15)


def test_noise_grows_by_groups_as_it_does_at_once() -> None:
    groups = [RNG.normal(size=n).tolist() for n in (1, 2, 3, 8, 3, 2) * 5]
    grown = Noise()
    for group in groups:
        grown.add(group)
    assert (grown.sd, grown.dof) == (Noise.of(groups).sd, Noise.of(groups).dof)


def test_nothing_is_known_of_single_runs() -> None:
    noise = Noise.of([[1.0], [2.0]])
    assert (noise.sd, noise.dof, noise.deterministic) == (0.0, 0, False)


def test_a_deterministic_template_is_recognised_and_costs_one_run() -> None:
    noise = Noise.of([[0.1] * 3, [0.7] * 3])
    assert noise.deterministic
    better = judge([0.2], [0.1], noise, rule="paired", max_replicates=3, min_effect=0.0)
    equal = judge([0.1], [0.1], noise, rule="paired", max_replicates=3, min_effect=0.0)
    small = judge([0.2], [0.1], noise, rule="paired", max_replicates=3, min_effect=0.2)
    assert [v.kind for v in (better, equal, small) if isinstance(v, Verdict)] == ["kept", "reverted", "reverted"]


def test_a_clear_loser_costs_one_run() -> None:
    verdict, runs = settle(-5.0, [0.0, 0.0, 0.0], unit_noise(), RNG)
    assert (verdict.kind, runs) == ("reverted", 1)


def test_a_clear_winner_is_kept_after_all_replicates() -> None:
    verdict, runs = settle(8.0, [0.0, 0.0, 0.0], unit_noise(), RNG)
    assert (verdict.kind, runs) == ("kept", 3)


def test_equal_candidates_are_kept_seldom_and_cost_little() -> None:
    rng, noise = np.random.default_rng(3), unit_noise()
    settled = [settle(0.0, rng.normal(size=3).tolist(), noise, rng) for _ in range(2000)]
    assert np.mean([verdict.kind == "kept" for verdict, _ in settled]) < 0.02
    assert np.mean([runs for _, runs in settled]) < 2.2


def test_better_candidates_are_kept_the_oftener_the_better() -> None:
    rng, noise = np.random.default_rng(4), unit_noise()
    shares = [
        np.mean([settle(effect, rng.normal(size=3).tolist(), noise, rng)[0].kind == "kept" for _ in range(300)])
        for effect in (0.0, 1.5, 3.0, 4.5)
    ]
    assert shares == sorted(shares)
    assert shares[-1] > 0.95


def test_min_effect_is_asked_for_beyond_the_noise() -> None:
    noise = unit_noise()
    kinds = [
        judge([3.0] * 3, [0.0] * 3, noise, rule="paired", max_replicates=3, min_effect=effect) for effect in (0.0, 2.0)
    ]
    assert [v.kind for v in kinds if isinstance(v, Verdict)] == ["kept", "reverted"]


def test_more_runs_of_the_incumbent_than_of_a_verdict_are_no_obstacle() -> None:
    verdict = judge([9.0] * 3, [0.0] * 8, unit_noise(), rule="paired", max_replicates=3, min_effect=0.0)
    assert isinstance(verdict, Verdict)
    assert verdict.kind == "kept"


@pytest.mark.parametrize("noise", [None, Noise(), Noise.of([[0.0, 9.0]])])
def test_strict_keeps_whatever_is_better(noise: Noise | None) -> None:
    better = judge([1.01], [1.0], noise, rule="strict", max_replicates=3, min_effect=0.0)
    equal = judge([1.0], [1.0], noise, rule="strict", max_replicates=3, min_effect=0.0)
    assert [v.kind for v in (better, equal) if isinstance(v, Verdict)] == ["kept", "reverted"]


@pytest.mark.parametrize("rule", ["paired", "strict"])
def test_the_reason_has_the_numbers(rule: Rule) -> None:
    verdict = judge([4.5] * 3, [1.25] * 3, unit_noise(), rule=rule, max_replicates=3, min_effect=0.0)
    assert isinstance(verdict, Verdict)
    assert verdict.difference == 3.25
    assert "3.25" in verdict.reason
    assert verdict.reason.endswith(".")


def test_a_verdict_without_scores_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one score"):
        judge([], [1.0], None, rule="paired", max_replicates=3, min_effect=0.0)


@pytest.mark.parametrize(("gain", "kind"), [(0.5, "reverted"), (1.4, "reverted"), (4.0, "kept"), (-1.0, "reverted")])
def test_one_seed_is_weighed_by_the_noise_of_the_baseline(gain: float, kind: str) -> None:
    baseline = [0.3, -0.2, 0.5, -0.6, 0.1, 0.4, -0.5, 0.0]
    noise = Noise.of([baseline])
    verdict = judge([baseline[0] + gain], baseline[:1], noise, rule="paired", max_replicates=1, min_effect=0.0)
    assert isinstance(verdict, Verdict)
    assert verdict.kind == kind
    assert verdict.numbers["noise_dof"] == 7
