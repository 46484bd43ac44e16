"""Facts on baselines at equal budget, of a study that ran them."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import nightlab
from nightlab.agents.offline.outcome import rivals
from nightlab.experiments.study.study import read
from nightlab.papers.facts.evidence import restored, snapshot
from nightlab.papers.facts.facts import facts_of
from tests.conftest import MakeTemplate

TABLES = """\
[reference]
name = "the usual place"
params = {x = 0.6}

[published]
value = 0.25
metric = "height"
cite = "somebody2020valley"

[budget]"""
BIB = "@misc{somebody2020valley, title = {A valley}, author = {Somebody, A.}, year = {2020}, eprint = {2001.00001}}\n"


def test_every_number_on_a_baseline_is_a_fact_of_its_runs(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template({"[budget]": TABLES}, {"references.bib": BIB})
    done = nightlab.experiment(folder, out=tmp_path, trials=3, confirm_seeds=3, baselines="random,reference")
    with closing(read(Path(done["study"]))) as study:
        bare = restored(study, snapshot(study))
        facts = facts_of(bare)
        rows = {row.rival.name: row for row in bare.rivals}
        assert list(rows) == ["random", "reference"]
        for name, row in rows.items():
            told = [facts[f"rival.{name}.{part}"] for part in ("effect", "low", "high", "p", "n")]
            assert [f.value for f in told] == pytest.approx([row.effect, row.low, row.high, row.p_holm, row.n])
            assert {f.runs for f in told} == {row.runs}
            assert {run.phase for run in bare.runs if run.id in row.runs} == {"rivals"}
            assert len(facts[f"rival.{name}.holdout.mean"].runs) == 3
        budget, spent = facts["rival.best.runs"], facts["runs.rival-random"]
        assert len(budget.runs) == budget.value >= spent.value == len(spent.runs)
        assert facts["published.value"].value == 0.25
        table = rivals.table(replace(bare, facts=facts))
        assert table
        assert [row[0] for row in table.rows][1:] == ["random search", "`the usual place`"]
        used = {id for row in table.rows for cell in row for id in re.findall("{fact:([^}]*)}", cell)}
        assert used <= facts.keys()
        assert len(used) >= 10
        assert rivals.table(replace(bare, rivals=())) is None
