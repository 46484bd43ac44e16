"""What was to be tested stands before its runs: both programs say where it does not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.ledger.documents.claim import FurtherPlan, ReplicationPlan
from nightlab.experiments.ledger.documents.rivals import RivalPlan
from nightlab.experiments.records import RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, read, reopen
from nightlab.experiments.template.loading import load
from nightlab.verification import rows
from nightlab.verification.bundle import write
from tests.conftest import MakeTemplate
from tests.tamper import small

PLANS: dict[str, Any] = {
    "stress": FurtherPlan(kind="stress", split="dev", pairs=2, level=0.05),
    "replication": ReplicationPlan(split="dev", pairs=2, level=0.05),
    "rivals 1": RivalPlan(rivals=("tpe",), split="dev", pairs=2, level=0.05, test="t"),
}
TOLD = {"before": "was written before what was to be tested", "never": "nothing was written down for"}


def run(study: Study, phase: str, seed: int) -> None:
    claimed = study.ledger.claim_run(phase, "best", 0, seed)
    study.ledger.settle_run(claimed.id, RunOutcome(status="ok", metrics={"dev": {"height": 0.1, "cost": 0.2}}))


@pytest.mark.parametrize("planned", ["first", "before", "never"])
def test_a_test_beside_the_claim_is_planned_before_its_runs(
    make_template: MakeTemplate, tmp_path: Path, planned: str, stranger: Any
) -> None:
    folder = create(load(make_template()), Settings(), tmp_path / "studies", mode="experiment")
    with reopen(folder) as study:
        for seed, (phase, plan) in enumerate(PLANS.items()):
            if planned == "first":
                study.ledger.put(plan, phase)
            run(study, phase, seed)
            if planned == "before":
                study.ledger.put(plan, phase)
        found = list(rows.order(study))
        write(study, to := tmp_path / "study.zip")
    wrong = PLANS.keys() if planned in TOLD else set()
    assert {(f.kind, f.where) for f in found} == {("plan", phase) for phase in wrong}
    assert all(TOLD[planned] in f.text for f in found)
    if planned == "before":
        assert [told.partition(":")[0] for told in stranger.check_order(stranger.Bundle(str(to)))] == [*wrong]


def test_each_fault_of_order_has_words_of_its_own(study: Path, tmp_path: Path, stranger: Any) -> None:
    told = set()
    for kind in ("a second opening", "a claim without a plan", "a plan of no extension"):
        to, _ = small.altered(study, tmp_path / "altered", kind, 0)
        with closing(read(to)) as opened:
            write(opened, bundle := tmp_path / "study.zip")
        (fault,) = stranger.check_order(stranger.Bundle(str(bundle)))
        told.add(fault.partition(": ")[2])
    assert told == {"a second opening", "a claim without a plan", "a plan of no claim that there may be"}
