"""Candidates that end early on cheaper runs, in the loop on the toy template, with real runs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

import nightlab
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.loop.decision import More
from nightlab.experiments.loop.loop import CALIBRATION, Loop
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, reopen
from nightlab.experiments.template.knobs.tables import FidelityTable
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import EXPERIMENT, MakeTemplate
from tests.experiments.loop.test_loop import judged, move, over

FIDELITY = '[fidelity]\nknob = "epochs"\nlow = 2\nhigh = 20\nfactor = 3\n\n[budget]'
LEARNS = EXPERIMENT.replace('params["y"] - 0.2) ** 2', 'params["y"] - 0.2) ** 2 + 1 / params["epochs"]')


def template(make_template: MakeTemplate) -> Path:
    assert "epochs" in LEARNS
    return make_template({"[budget]": FIDELITY}, {"experiment.py": LEARNS})


def test_levels_rise_by_the_factor_and_stay_well_below_the_full_run() -> None:
    assert FidelityTable(knob="epochs", low=3, high=50).levels == (3, 9)
    assert FidelityTable(knob="share", low=0.1, high=1.0, factor=2).levels == pytest.approx((0.1, 0.2, 0.4))
    assert FidelityTable(knob="epochs", low=3, high=50).full == {"epochs": 50}
    assert isinstance(FidelityTable(knob="epochs", low=3, high=50).full["epochs"], int)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('knob = "epochs"\nlow = 10\nhigh = 20', "at most 1/3 of high"),
        ('knob = "x"\nlow = 1\nhigh = 20', "is also under \\[search.space\\]"),
        ('knob = "a-b"\nlow = 1\nhigh = 20', "no name for a parameter"),
    ],
)
def test_a_fidelity_that_cannot_work_is_refused(make_template: MakeTemplate, text: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        load(make_template({"[budget]": f"[fidelity]\n{text}\n\n[budget]"}))


def test_a_bad_candidate_ends_early_and_its_cheap_runs_count_nowhere(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        folder = create(load(template(make_template)), Settings(), tmp_path / "studies")
        study = stack.enter_context(reopen(folder))
        loop = over(stack, study)
        loop.baseline()
        assert not study.ledger.runs("rung")  # the baseline is what all is measured against: it runs in full
        good = judged(loop, move(loop, x=0.5))
        assert good.kind == "kept"  # type: ignore[attr-defined]
        assert [r.replicate for r in study.ledger.runs("rung")] == [0, 1]
        before = (loop.noise.sd, loop.noise.dof, len(study.ledger.runs("search")))
        bad = judged(loop, move(loop, x=0.0))
        assert (bad.kind, bad.cause) == ("reverted", "fidelity")  # type: ignore[attr-defined]
        assert "epochs = 2 of 20: rank 2 of 2" in bad.reason  # type: ignore[attr-defined]
        assert (loop.noise.sd, loop.noise.dof, len(study.ledger.runs("search"))) == before
        assert loop.scores(2) == []
        foreseen = loop.tried()[2].score
        assert foreseen is not None
        assert foreseen == pytest.approx(-(0.7**2 + 0.7**2 + 1 / 20), abs=0.1)  # the gap of trial 1 was learned
        summary = experiment_summary(study)
        assert summary["fidelity"]["ended_early"] == 1
        assert summary["fidelity"]["cheap_runs"] == 3
        full = len(study.ledger.runs("search"))
        assert full >= CALIBRATION
        assert summary["fidelity"]["full_runs"] == pytest.approx(full + 0.1 + 0.3 + 0.1)
        keys = {r.inputs for r in study.ledger.runs() if r.subject == "1"}
        assert len(keys) == len([r for r in study.ledger.runs() if r.subject == "1"])
        replayed = Loop(loop.accounts)
        assert replayed.tried() == loop.tried()
        assert replayed.incumbent == loop.incumbent


def test_what_was_decided_at_a_level_is_not_decided_anew(make_template: MakeTemplate, tmp_path: Path) -> None:
    """Killed between two steps, a study goes on with the decision that stands in its ledger."""
    folder = create(load(template(make_template)), Settings(), tmp_path / "studies")
    with ExitStack() as stack:
        study = stack.enter_context(reopen(folder))
        loop = over(stack, study)
        loop.baseline()
        loop.claim(1, move(loop, x=0.0))
        while not loop.ready():
            loop.wait()
        assert isinstance(loop.decide(1), More)  # the first to arrive passes
        runs = [r.id for r in study.ledger.runs()]
    with ExitStack() as stack:
        study = stack.enter_context(reopen(folder))
        loop = over(stack, study)
        assert loop.open == [1]
        assert loop.rungs.next(1) == 1
        while loop.open:
            loop.wait()
            for number in loop.ready():
                loop.decide(number)
        ran = [(r.phase, r.subject, r.replicate) for r in study.ledger.runs() if r.id not in runs]
        assert ran[0] == ("rung", "1", 1)
        assert len(set(ran)) == len(ran)


def test_a_whole_experiment_ends_bad_candidates_early_and_still_claims(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    result = nightlab.experiment(template(make_template), out=tmp_path, trials=10, workers=1)
    assert result["trials"] == 10
    assert result["fidelity"]["ended_early"] > 0
    assert result["best"]["mean"] < result["baseline"]["mean"]
    with opened(Path(result["study"])) as ledger:
        ended = {str(t.number) for t in ledger.trials() if t.verdict and t.verdict.cause == "fidelity"}
        assert not ended & {r.subject for r in ledger.runs("search")}
        assert {r.phase for r in ledger.runs()} >= {"search", "rung", "confirm"}
