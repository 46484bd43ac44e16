"""Facts: each is computed by a formula from exactly its runs, and those of a round stay as they were taken down."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

import nightlab
from nightlab.agents.offline import offline_team
from nightlab.agents.offline.outcome.tabulating import LISTED, listed_trials
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.claim.statistics.pairing import effect, pairs
from nightlab.experiments.ledger.documents.claim import AblatedPart
from nightlab.experiments.ledger.documents.search import Notice
from nightlab.experiments.ledger.ledger import Run, Settled, Trial
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, read, reopen
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template
from nightlab.graph import drafting
from nightlab.graph.lab import Lab
from nightlab.papers.facts.evidence import Evidence, restored
from nightlab.papers.facts.registry import FORMULAS, computed, formula, meaning, record
from nightlab.papers.manuscript.manuscript import facts_used
from nightlab.papers.manuscript.manuscript import read as read_manuscript
from nightlab.papers.manuscript.tables import spaced
from tests.conftest import EVALUATE, EXPERIMENT, PREPARE, TOML, MakeTemplate


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the toy template with a paper of two rounds."""
    folder = tmp_path_factory.mktemp("facts")
    (folder / "toy").mkdir()
    files = {"template.toml": TOML, "experiment.py": EXPERIMENT, "evaluate.py": EVALUATE, "prepare.py": PREPARE}
    for name, text in files.items():
        (folder / "toy" / name).write_text(text)
    return nightlab.run(folder / "toy", out=folder / "studies", trials=8, seed=3, rounds=1)


@pytest.fixture
def study(finished: Path) -> Iterator[Study]:
    with closing(read(finished)) as opened:
        yield opened


def lab_of(study: Study) -> Lab:
    return Lab(study, offline_team(Settings()), lambda: pytest.fail("no run is needed"))


def test_every_fact_is_computed_again_from_the_ledger_by_its_formula(study: Study) -> None:
    evidence, _ = drafting.evidence(lab_of(study), 0)
    bare = restored(study, lab_of(study).snapshot("0"))
    assert len(evidence.facts) > 60
    for fact in evidence.facts.values():
        found = computed(bare, fact.formula, fact.arguments)
        assert (found.value, found.runs) == (fact.value, fact.runs), fact.id
        assert meaning(fact) != fact.formula
        assert "{" not in meaning(fact)
        assert fact.runs or record(fact), fact.id


def test_every_number_of_the_finished_paper_leads_to_its_runs_or_to_where_it_is_written_down(study: Study) -> None:
    rows = {row["id"]: row for row in json.loads((study.paper / "evidence.json").read_text())}
    printed = facts_used(read_manuscript(study.paper / "manuscript.json"))
    bare = {id for id in printed if not rows[id]["runs"]}
    formulas = {rows[id]["formula"] for id in bare}
    assert formulas <= {name for name, known in FORMULAS.items() if known.record}
    measured = ("search.", "runs.", "claim.", "trial.", "best.")
    assert not {id for id in bare if id.startswith(measured) and rows[id]["value"]}
    known = {run.id for run in study.ledger.runs()}
    assert {run for id in printed for run in rows[id]["runs"]} <= known


def test_a_fact_names_no_run_that_did_not_enter_it(study: Study) -> None:
    evidence, _ = drafting.evidence(lab_of(study), 0)
    rows = {run.id: run for run in study.ledger.runs()}
    none = [f for f in evidence.facts.values() if f.formula in ("trials", "failures", "trials_aside") and not f.value]
    chosen = [f for f in evidence.facts.values() if f.formula in ("parameter", "step_value")]
    assert none
    assert chosen
    for fact in (*none, *chosen):
        assert (fact.runs, bool(record(fact))) == ((), True), fact.id
    paired = [fact for fact in evidence.facts.values() if fact.formula == "seeds"]
    assert paired
    for fact in paired:
        used = [rows[run] for run in fact.runs]
        assert len(used) == 2 * fact.value
        assert {run.phase for run in used} < {"confirm", "ablate", "knobs", "sensitivity"}
        assert all(run.outcome and run.outcome.status == "ok" for run in used)
        assert len({run.seed for run in used}) == fact.value


def test_the_file_beside_the_paper_names_formula_and_runs(study: Study) -> None:
    rows = {row["id"]: row for row in json.loads((study.paper / "evidence.json").read_text())}
    assert rows["trial.0.mean"]["formula"] == "trial_mean"
    assert rows["trial.0.mean"]["arguments"] == {"trial": 0}
    runs = {run.id: run for run in study.ledger.runs()}
    used = [runs[id] for id in rows["trial.0.mean"]["runs"]]
    assert {(r.phase, r.subject) for r in used} == {("search", "0")}
    assert rows["trial.0.mean"]["value"] == fmean(r.outcome.metrics["dev"]["height"] for r in used if r.outcome)


def test_what_comes_later_changes_nothing_of_a_round(finished: Path, tmp_path: Path) -> None:
    with reopen(shutil.copytree(finished, tmp_path / finished.name)) as study:
        write_more_rows(study)


def write_more_rows(study: Study) -> None:
    before, _ = drafting.evidence(lab_of(study), 0)
    study.ledger.put(Notice(key="late", concern="gaming", trial=1, sentence="Late.", action="report"), "late")
    late = {**vars(NOTHING), "effect": 9.0, "n": 999}
    key = before.ablation[0].key if before.ablation else "later"
    part = AblatedPart(**late, key=key, trial=1, strategy="east", knobs=("x",), p_holm=1.0)
    study.ledger.put(part, f"{key}/999", extension=study.extensions)
    run = study.ledger.claim_run("confirm", "best", 999, 12345)
    study.ledger.settle_run(
        run.id, RunOutcome(status="ok", metrics={s: {"height": -9.0, "cost": 0.0} for s in ("dev", "holdout")})
    )
    after, _ = drafting.evidence(lab_of(study), 0)
    assert after.facts == before.facts
    assert (after.ablation, after.notices, len(after.runs)) == (before.ablation, before.notices, len(before.runs))
    again, _ = drafting.evidence(lab_of(study), 7)
    assert again.facts["overseer.notices"].value == len(before.notices) + 1
    assert run.id in {r.id for r in again.runs}


def test_all_trials_lie_beside_the_paper(study: Study) -> None:
    with (study.paper / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    trials = study.ledger.trials()
    assert [int(row["trial"]) for row in rows] == [t.number for t in trials]
    assert [float(row["x"]) for row in rows] == [t.change.params["x"] for t in trials]


def test_an_unknown_formula_is_refused_and_a_name_is_taken_once(study: Study) -> None:
    bare = restored(study, lab_of(study).snapshot("0"))
    with pytest.raises(LookupError, match="no formula 'guess'"):
        computed(bare, "guess", {})
    with pytest.raises(ValueError, match="'trial_mean' already"):
        formula("again")(FORMULAS["trial_mean"].compute)


# Runs behind an effect


def run(id: int, subject: str, seed: int, height: float | None) -> Run:
    metrics = {"dev": {"height": height, "cost": 0.0}} if height is not None else {}
    outcome = RunOutcome(status="crash" if height is None else "ok", metrics=metrics)  # type: ignore[arg-type]
    return Run(id=id, phase="any", subject=subject, replicate=seed, seed=seed, inputs="", outcome=outcome)


@pytest.fixture
def template(make_template: MakeTemplate) -> Template:
    return load(make_template())


def test_a_crashed_run_is_not_among_those_of_an_effect_and_no_used_one_is_missing(template: Template) -> None:
    variant = [run(10 + i, "without", i, None if i == 1 else 2.0 + i) for i in range(4)]
    best = [run(20 + i, "best", i, None if i == 3 else 1.0) for i in range(5)]
    found = effect(template, [*variant, *best], "without", "best", "dev")
    assert found is not None
    assert found.runs == (10, 12, 20, 22)
    assert found.n == 2
    assert found.effect == pytest.approx(2.0)  # heights 2 and 4 against 1, and smaller is better


def test_runs_pair_by_seed_in_whatever_order_they_ended(template: Template) -> None:
    rows = [run(1, "a", 7, 1.0), run(2, "b", 8, 5.0), run(3, "a", 8, 2.0), run(4, "b", 7, 3.0), run(5, "b", 9, 0.0)]
    found = pairs(template, rows, "a", "b", "dev")
    assert (found.first, found.second, found.runs) == ((-1.0, -2.0), (-3.0, -5.0), (1, 3, 4, 2))


def test_few_runs_that_agree_are_not_alike_where_the_search_saw_the_baseline_differ(template: Template) -> None:
    rows = [run(i, subject, i, height) for i in range(2) for subject, height in (("baseline", 2.0), ("best", 1.0))]
    same, other = ([run(i, "0", i, height) for i, height in enumerate((2.0, last))] for last in (2.0, 2.5))
    alike = [effect(template, rows, "baseline", "best", "dev", before=before) for before in ((), same, other)]
    assert [found and found.alike for found in alike] == [True, True, False]


@pytest.mark.parametrize("seeds", [(), (1,)])
def test_fewer_than_two_pairs_are_no_effect(template: Template, seeds: tuple[int, ...]) -> None:
    rows = [run(i, subject, s, 1.0) for i, s in enumerate(seeds) for subject in ("a", "b")]
    assert effect(template, rows, "a", "b", "dev") is None


# What the paper lists of many trials


def many(evidence: Evidence, kinds: dict[int, str], count: int, best: int) -> Evidence:
    def trial(n: int) -> Trial:
        change = Change(
            strategy="east", hypothesis="h", params={"x": 0.1}, artifact="a", parent=0 if n else None, proposer="p"
        )
        verdict = Settled(kind=kinds.get(n, "reverted"), reason="", numbers={})  # type: ignore[arg-type]
        return Trial(number=n, change=change, verdict=verdict)

    return replace(evidence, trials=tuple(map(trial, range(count))), claim=replace(evidence.claim, best=best))


@pytest.mark.parametrize(
    ("failed", "kept", "count"), [(0, 12, 5000), (2500, 12, 5000), (4900, 3, 5000), (10, 300, 5000), (60, 5, 90)]
)
def test_the_table_of_trials_stays_short_and_has_the_best(study: Study, failed: int, kept: int, count: int) -> None:
    evidence, _ = drafting.evidence(lab_of(study), 0)
    kinds = {0: "baseline"} | {7 + 3 * i: "failed" for i in range(failed) if 7 + 3 * i < count}
    kinds |= {count - 2 - i: "kept" for i in range(kept)}
    shown = listed_trials(many(evidence, kinds, count, best=count - 3))
    numbers = [t.number for t in shown]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == LISTED
    assert {0, count - 3} <= set(numbers)
    told = [kinds.get(n, "reverted") for n in numbers]
    if kept <= LISTED // 4:
        assert told.count("kept") == kept
    assert told.count("reverted") > 0
    assert told.count("failed") > 0 or not failed


def test_few_trials_are_all_listed(study: Study) -> None:
    evidence, _ = drafting.evidence(lab_of(study), 0)
    assert listed_trials(evidence) == list(evidence.trials)


def test_spaced_items_keep_their_order_and_both_ends() -> None:
    assert spaced(range(10), 4) == [0, 3, 6, 9]
    assert spaced([1, 2], 5) == [1, 2]
    assert len(set(spaced(range(10_001), 80))) == 80
    assert spaced(range(5), 1) == [0]
