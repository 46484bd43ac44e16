"""The list of trials, of a study whose trials and runs are written into its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, reopen
from nightlab.experiments.template.loading import load
from nightlab.telling import trials_view
from tests.conftest import TOML, MakeTemplate

BOUND = "max = 1.5\npenalty = 10.0"
HARD = "; the constraint is hard, so that a trial that violates it is not kept"


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (BOUND, f"10 for each unit of cost beyond max = 1.5{HARD}"),
        (f"{BOUND}\nhard = false", "10 for each unit of cost beyond max = 1.5"),
        ("min = 3.0\npenalty = 5.0", f"5 for each unit of cost beyond min = 3{HARD}"),
        ("min = 1.0\nmax = 1.75\npenalty = 20.0", f"20 for each unit of cost beyond min = 1 and max = 1.75{HARD}"),
        ("max = 2.5\npenalty = 10.0", ""),
        ("max = 1.5", ""),  # it costs nothing
    ],
)
def test_what_a_penalty_adds_to_a_trial_is_told_with_its_reason(
    bound: str, told: str, make_template: MakeTemplate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = load(make_template(files={"template.toml": TOML.replace(BOUND, bound)}))
    with reopen(create(template, Settings(seeds=2), tmp_path)) as study:
        change = Change(
            strategy="east", hypothesis="h", params=template.defaults, artifact=study.baseline_artifact,
            parent=None, proposer="test",
        )  # fmt: skip
        for number, cost in enumerate((1.4 if "max" in bound else 3.5, 2.0)):
            study.ledger.claim(number, change)
            for replicate in range(2):
                run = study.ledger.claim_run("search", str(number), replicate, seed=replicate)
                metrics = {"dev": {"height": 0.25, "cost": cost}}
                study.ledger.settle_run(run.id, RunOutcome(status="ok", metrics=metrics))
            study.ledger.settle(number, Settled(kind="reverted", reason="", numbers={}))
        first, second = trials_view.rows(study)
        assert first["penalties"] == []
        assert [one["penalty"] for one in second["penalties"]] == ([5.0] if told else [])
        trials_view.print_trials(study)
        table = capsys.readouterr().out
        trials_view.print_trial(study, 1)
        whole = capsys.readouterr().out
    assert ("penalty" in table, "of it, since" in whole) == (bool(told), bool(told))
    if told:
        assert table.splitlines()[2].split()[:5] == ["1", "reverted", "5.25", "(2)", "5"]
        assert table.splitlines()[-1] == f"penalty: the part of the fitness that is {told}"
        assert f"5 of it, since cost = 2: {told}" in whole
