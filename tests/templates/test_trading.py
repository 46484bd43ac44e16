"""The trading template: nothing of tomorrow reaches a rule, and its account is kept right."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from nightlab.experiments.template.loading import load

TEMPLATE = load("trading")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"trading_{name}", TEMPLATE.folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


experiment, judge = module("experiment"), module("judge")


class Candidate:
    """A rule in this process; it remembers what it was told."""

    def __init__(self, rule: Callable[[list[float]], Any]) -> None:
        self.rule, self.told = rule, list[list[float]]()

    def call(self, name: str, prices: list[float], *, returns: type) -> Any:
        assert name == "decide"
        self.told.append(prices)
        answer = self.rule(prices)
        assert isinstance(answer, returns)
        return answer


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random walks in place of real prices: 600 days, of which 300 are scored."""
    folder = tmp_path_factory.mktemp("prices")
    rng = np.random.default_rng(0)
    np.save(folder / "prices.npy", 100 * np.exp(np.cumsum(rng.normal(0.0004, 0.01, (600, 3)), axis=0)))
    for split in ("dev", "holdout"):
        np.save(folder / f"{split}_days.npy", np.arange(600))
        np.save(folder / f"{split}_month.npy", np.arange(300) // 21 + 200001)
    (folder / "secret.json").write_text("[1, 2, 3, 4]")
    return folder


def started(**params: Any) -> Candidate:
    experiment.start({**TEMPLATE.defaults, **params}, Path(), Path(), 0)
    return Candidate(experiment.decide)


def test_the_data_are_real_and_the_holdout_comes_later(tmp_path: Path) -> None:
    pytest.importorskip("arch", reason="trading needs arch")
    module("prepare").prepare(tmp_path, tmp_path, 0)
    dev, holdout = (np.load(tmp_path / f"{split}_month.npy") for split in ("dev", "holdout"))
    assert (dev[0], dev[-1], holdout[0], holdout[-1]) == (200006, 201012, 201101, 201812)
    days = {split: np.load(tmp_path / f"{split}_days.npy") for split in ("dev", "holdout")}
    assert [len(days[split]) - 300 for split in days] == [len(dev), len(holdout)]
    assert not {*days["dev"][300:]} & {*days["holdout"][300:]}
    secrets = [(tmp_path / "secret.json").read_text()]
    module("prepare").prepare(tmp_path, tmp_path, 1)
    assert (tmp_path / "secret.json").read_text() not in secrets
    prices = np.load(tmp_path / "prices.npy")
    assert prices.shape[1] == 3
    assert (prices > 0).all()


def test_a_rule_is_told_one_day_at_a_time_and_no_date(private: Path) -> None:
    prices = np.load(private / "prices.npy")
    candidate = started()
    judge.judge(candidate, private, "dev", 1)
    told = np.array(candidate.told)
    assert len(prices) - 21 < len(told) <= len(prices)
    moves = {tuple(np.round(np.diff(np.log(column)), 9)[-50:]) for column in told.T}
    assert moves == {tuple(np.round(np.diff(np.log(column)), 9)[-50:]) for column in prices.T}
    assert not np.isclose(np.sort(told[-1]), np.sort(prices[-1])).any()


def test_a_rule_that_knows_its_seed_knows_no_draw(private: Path) -> None:
    first = []
    for secret in ("[1, 2, 3, 4]", "[5, 2, 3, 4]", "[1, 2, 3, 4]"):
        (private / "secret.json").write_text(secret)
        candidate = started()
        judge.judge(candidate, private, "dev", 1)
        first.append(candidate.told[0])
    assert first[0] == first[2]
    assert not set(first[0]) & set(first[1])


def test_an_order_earns_from_the_day_after_the_next(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held is what was ordered two days ago, so even a rule that knew tomorrow's price would trade too late for it."""
    monkeypatch.setattr(judge, "COMMISSION", 0.0)
    monkeypatch.setattr(judge, "SLIPPAGE", 0.0)
    seen: list[list[float]] = []
    orders = [[(day % 7 - 3) / 3] * 3 for day in range(700)]
    candidate = Candidate(lambda prices: seen.append(prices) or orders[len(seen) - 1])
    returns, traded, gross = judge.trade(candidate, np.load(private / "prices.npy"), 300, np.random.default_rng(3))
    told = np.array(seen)
    moves = told[1:] / told[:-1] - 1
    held = np.array(orders[: len(told)])[:-2] / 3  # the order of day t is filled at t + 1 and earns from there
    np.testing.assert_allclose(returns, (held * moves[1:]).sum(axis=1)[-len(returns) :])
    np.testing.assert_allclose(gross, abs(held).sum(axis=1)[-len(gross) :])
    assert traded[-1] == pytest.approx(3 * abs(orders[len(told) - 2][0] - orders[len(told) - 3][0]) / 3)


def test_costs_lower_the_return_by_what_is_traded(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dear = judge.trade(started(rebalance=1), np.load(private / "prices.npy"), 300, np.random.default_rng(5))
    for name in ("COMMISSION", "SLIPPAGE"):
        monkeypatch.setattr(judge, name, 0.0)
    free = judge.trade(started(rebalance=1), np.load(private / "prices.npy"), 300, np.random.default_rng(5))
    paid = (free[0] - dear[0]).sum() / dear[1].sum()
    assert 0.0006 < paid < 0.0016  # 5 basis points, and 5 more on average
    assert (free[0] >= dear[0]).all()


def test_the_ratio_is_the_mean_of_its_days(private: Path) -> None:
    metrics = judge.judge(started(), private, "dev", 0)
    assert metrics["sharpe"] == pytest.approx(np.mean(metrics["items"]["sharpe"]), abs=1e-12)
    assert np.std(metrics["items"]["sharpe"]) == pytest.approx(math.sqrt(252))
    assert len(metrics["items"]["group"]) == 300


def test_a_rule_that_holds_nothing_scores_nothing(private: Path) -> None:
    metrics = judge.judge(Candidate(lambda prices: [0.0] * 3), private, "dev", 0)
    assert (metrics["sharpe"], metrics["max_drawdown"], metrics["turnover"], metrics["invested"]) == (0, 0, 0, 0)
    assert [c.metric for c in TEMPLATE.violated(metrics)] == ["invested"]


@pytest.mark.parametrize("order", [[0.0, 0.0], [0.0, 0.0, 1.01], [0.0, True, 0.0], ["1", 0.0, 0.0], []])
def test_what_is_no_order_is_refused(private: Path, order: list[Any]) -> None:
    with pytest.raises(ValueError, match="an order is 3 numbers from -1 to 1"):
        judge.judge(Candidate(lambda prices: order), private, "dev", 0)


def test_luck_is_taken_off_the_ratio_by_the_number_of_trials() -> None:
    """Of rules without skill, the best of 40 reaches 0.5 about as often as the theory of its expected maximum says."""
    rng = np.random.default_rng(0)
    best = [max((rng.normal(0, 0.01, (40, 500))), key=lambda r: r.mean() / r.std()) for _ in range(200)]
    found = [judge.deflated(returns, 40) for returns in best]
    assert 0.35 < np.mean(np.array(found) > 0.5) < 0.6
    assert np.mean([judge.deflated(returns, 1) for returns in best]) > 0.95
    assert judge.deflated(rng.normal(0, 0.01, 500) * 0, 40) == 0


def test_one_trial_is_tested_against_zero() -> None:
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 1000)
    expected = stats.norm.cdf(returns.mean() / returns.std() * math.sqrt(999))
    assert judge.deflated(returns, 1) == pytest.approx(expected, abs=0.01)


def test_the_trials_that_are_taken_off_are_those_of_the_budget() -> None:
    assert TEMPLATE.spec.budget.trials == judge.TRIALS


@pytest.mark.parametrize("knob", TEMPLATE.knobs, ids=lambda k: k.name)
def test_every_bound_and_choice_gives_an_order(private: Path, knob: Any) -> None:
    values = knob.choices if knob.type == "choice" else [type(knob.default)(v) for v in (knob.low, knob.high)]
    for value in values:
        metrics = judge.judge(started(**{knob.name: value}), private, "dev", 0)
        arrays = metrics.pop("arrays")
        assert all(np.isfinite(rows).all() for rows in arrays.values())
        assert all(math.isfinite(v) for name, v in metrics.items() if name != "items")
