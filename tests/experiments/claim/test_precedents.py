"""The other studies of a template are counted once, as a study begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.claim.precedents import chance, recorded
from nightlab.experiments.ledger.documents.claim import Claim, Precedents
from nightlab.experiments.ledger.documents.study import ForkOrigin
from nightlab.experiments.study.study import Settings, reopen
from nightlab.graph.session import begin
from tests.conftest import MakeTemplate


def test_the_studies_of_the_same_template_are_counted_with_their_claims(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    template = make_template()
    folders = [begin(template, Settings(trials=1), tmp_path / "studies", "experiment") for _ in range(4)]
    (tmp_path / "studies" / "notes").mkdir()
    for folder, significant in ((folders[0], True), (folders[1], False)):
        with reopen(folder) as study:
            found = {**vars(NOTHING), "significant": significant}
            study.ledger.put(Claim(**found, best=1, split="holdout", tested=True), "claim")
    with reopen(folders[2]) as study:
        assert recorded(study) == Precedents(others=3, claimed=1, families=4)
        begin(template, Settings(trials=1), tmp_path / "studies", "experiment")
        assert recorded(study).others == 3  # as it was
        assert chance(recorded(study)) == pytest.approx(1 - 0.95**4)


def test_those_of_another_template_are_not(make_template: MakeTemplate, tmp_path: Path) -> None:
    one = begin(make_template(), Settings(trials=1), tmp_path / "studies", "experiment")
    begin("digits", Settings(trials=1), tmp_path / "studies", "experiment")
    with reopen(one) as study:
        assert recorded(study) == Precedents(others=0, claimed=0, families=1)


def test_a_fork_is_of_the_family_of_its_first_study(make_template: MakeTemplate, tmp_path: Path) -> None:
    out = tmp_path / "studies"
    parent, first, second = (begin(make_template(), Settings(trials=1), out, "experiment") for _ in range(3))
    for folder, origin in ((first, parent), (second, first)):
        with reopen(folder) as study:
            study.ledger.put(ForkOrigin(study=origin.name, trial=0, params=study.template.defaults))
    with reopen(second) as study:
        assert recorded(study) == Precedents(others=2, claimed=0, families=1)
