"""A trial's mean is the same wherever it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import pytest
from rich.console import Console

from nightlab.experiments.claim.confirmation import NOTHING, preregister
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.loading import load
from nightlab.papers.facts.evidence import restored, snapshot
from nightlab.papers.figures.curve import points
from nightlab.telling import report, trials_view
from tests.conftest import MakeTemplate

SEEDS = 3
# Of each trial the height of its runs in the search, None where one crashed; further ones are the selection's.
RUNS = {
    0: (0.5, 0.6, 0.4, 0.9, 0.8),  # the baseline runs on more seeds than a verdict may use
    1: (0.3, 0.2, 0.1, 0.7),  # kept, and run again by the selection
    2: (0.6, None, 0.5, 0.4, 0.1),  # reverted after a run; then the selection ran it again, and one run crashed
    3: (),  # ended early after a cheaper run
}
MEANS = {0: 0.5, 1: 0.2, 2: 0.55, 3: None}


@pytest.fixture
def study(make_template: MakeTemplate, tmp_path: Path) -> Iterator[Study]:
    cheaper = {"[budget]": '[fidelity]\nknob = "steps"\nlow = 1\nhigh = 9\n\n[budget]'}
    template = load(make_template(cheaper))
    with reopen(create(template, Settings(seeds=SEEDS), tmp_path, mode="experiment")) as made:
        made.data.prepare()
        preregister(made)
        for number, heights in RUNS.items():
            fill(made, number, heights)
        yield made


def outcome(height: float | None) -> RunOutcome:
    if height is None:
        return RunOutcome(status="crash", error="no luck")
    return RunOutcome(status="ok", metrics={"dev": {"height": height, "cost": 1.0}})


def fill(study: Study, number: int, heights: tuple[float | None, ...]) -> None:
    change = Change(
        strategy="east",
        hypothesis="h",
        params={**study.template.defaults, "x": number / 10},
        artifact=study.baseline_artifact,
        parent=0 if number else None,
        proposer="test",
    )
    study.ledger.claim(number, change)
    for phase, found in (("search", heights), ("rung", () if number != 3 else (0.01,)), ("beside", (7.0,))):
        for replicate, height in enumerate(found):
            run = study.ledger.claim_run(phase, str(number), replicate, study.seeds.of("search", replicate))
            study.ledger.settle_run(run.id, outcome(height))
    kind, runs = (("baseline", 5), ("kept", 3), ("reverted", 1), ("reverted", 0))[number]
    cause = "fidelity" if number == 3 else ""
    verdict = Settled(kind=kind, cause=cause, reason="r", runs=runs, elapsed_s=float(number))  # type: ignore[arg-type]
    study.ledger.settle(number, verdict)


def test_the_mean_of_a_trial_is_one_number_wherever_it_is_told(study: Study) -> None:
    study.ledger.put(Claim(**vars(NOTHING), best=0, chosen=0, split="dev", tested=False), "claim")
    runner = local_runner(study.template, inputs=study.inputs, private=study.private, scratch=study.folder / "scratch")
    loop, evidence = Loop(RunAccounts(study, runner)), restored(study, snapshot(study))
    runner.close()
    listed, curve = trials_view.rows(study), {p.number: p.value for p in points(study)}
    console = Console(record=True, width=200)
    report.print_outcome(study, console)
    table = console.export_text()
    for number, value in MEANS.items():
        expected = None if value is None else pytest.approx(value)
        score = loop.tried()[number].score
        assert (score and -score) == expected
        found = [v for _, v in evidence.search_scores(number)]
        assert (fmean(found) if found else None) == expected
        assert curve[number] == expected
        row = listed[number]["fitness"]
        assert (row and row["fitness"]) == expected
    summary = experiment_summary(study)
    assert summary["baseline"]["mean"] == pytest.approx(MEANS[0])
    assert summary["baseline"]["n"] == SEEDS
    assert "0.2" in next(line for line in table.splitlines() if line.strip().startswith("1 "))
