"""The archive tells what studies of the same template found, whatever lies beside them."""

from __future__ import annotations

from pathlib import Path

from nightlab.agents.model.idea_archive import earlier
from nightlab.agents.team import Idea
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

IDEA = Idea(key="walk", title="A walk", question="?", hypothesis="walking helps", strategies=("east",))


def finished(template: Path, out: Path, *, significant: bool, tested: bool) -> Path:
    folder = create(load(template), Settings(), out)
    with opened(folder) as ledger:
        ledger.put(IDEA, IDEA.key)
        effect = {**vars(NOTHING), "significant": significant}
        ledger.put(Claim(**effect, best=0, split="dev", tested=tested), "claim")
    return folder


def test_outcomes_of_the_same_template_are_told_and_broken_studies_passed_over(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    template, other, out = make_template(), make_template(), tmp_path / "studies"
    mine = create(load(template), Settings(), out)
    finished(template, out, significant=True, tested=True)
    finished(template, out, significant=False, tested=True)
    finished(other, out, significant=True, tested=True)
    create(load(template), Settings(), out)  # unfinished
    (out / "broken").mkdir()
    (out / "broken" / "study.db").write_text("no database")
    (out / "empty").mkdir()
    (out / "empty" / "study.db").touch()
    study = Study(mine)
    found = earlier(study)
    study.close()
    assert sorted(e.outcome for e in found) == ["an improvement, confirmed", "not confirmed"]
    assert {(e.title, e.strategies) for e in found} == {("A walk", ("east",))}


def test_reading_the_archive_writes_nothing(make_template: MakeTemplate, tmp_path: Path) -> None:
    template, out = make_template(), tmp_path / "studies"
    mine, past = create(load(template), Settings(), out), finished(template, out, significant=False, tested=False)
    before = (past / "study.db").read_bytes()
    study = Study(mine)
    assert [e.outcome for e in earlier(study)] == ["no trial led the baseline clearly enough to be confirmed"]
    study.close()
    assert (past / "study.db").read_bytes() == before
