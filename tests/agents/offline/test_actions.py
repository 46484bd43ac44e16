"""What every action must do, and the registry of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import ClassVar

import pytest

from nightlab.agents.actions.action import Action
from nightlab.agents.actions.registry import actions, possible, register
from nightlab.agents.team import Answer, Brief, Request, StudySubmission
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.claim.further import Tightened
from nightlab.experiments.ledger.documents.claim import AblatedPart, FurtherHindered
from nightlab.papers.facts.facts import Facts
from nightlab.papers.manuscript.markup import blocks
from tests.agents.offline.conftest import with_claim


class ActionContract:
    """What every action must do, on a study where it is wanted."""

    name: ClassVar[str]

    @pytest.fixture
    def action(self) -> Action:
        return actions()[self.name]

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        """A paper that lacks it."""
        return with_claim(submission, significant=True)

    def test_it_is_asked_for_in_a_sentence_until_it_is_there(self, action: Action, wanting: StudySubmission) -> None:
        request = possible(wanting.evidence, wanting.manuscript)[self.name]
        assert (request.action, request.kind) == (action.name, action.kind)
        assert re.fullmatch(r"[A-Z].*\.", request.text)

    def test_the_rubric_asks_for_it(self, action: Action, wanting: StudySubmission) -> None:
        asked = [j for j in action.criterion(wanting) if j.request]
        assert [j.request and j.request.action for j in asked] == [self.name]
        assert all(j.points < 0 and j.question.endswith("?") for j in asked)

    def test_an_experiment_runs_something_and_has_a_price(self, action: Action, wanting: StudySubmission) -> None:
        assert (action.run is not None) == (action.kind == "evidence")
        assert (action.cost(wanting.evidence.template) > 0) == (action.kind == "evidence")

    def test_its_facts_and_figures_need_its_runs(
        self, action: Action, wanting: StudySubmission, tmp_path: Path
    ) -> None:
        facts = Facts(wanting.evidence)
        action.facts(facts)
        assert not facts
        assert not action.figures(wanting.evidence, tmp_path)

    def test_a_revision_says_what_was_done(self, action: Action, wanting: StudySubmission) -> None:
        asked = Request(kind=action.kind, action=self.name, text="Do it.")
        brief = Brief(
            evidence=wanting.evidence,
            analysis=wanting.analysis,
            idea=wanting.idea,
            references=(),
            team="",
            answers=[Answer(request=asked, kind="experiment")],
        )
        assert re.fullmatch(r"[a-z].*[^.]", action.answer(brief))
        if section := action.section(brief):
            assert section.key == self.name
            assert blocks(section.body)


def without(s: StudySubmission, key: str) -> StudySubmission:
    """The paper as if a section had not been written, and as if the claim had been made."""
    assert s.manuscript
    sections = tuple(section for section in s.manuscript.sections if section.key != key)
    cut = dataclasses.replace(s.manuscript, sections=sections)
    return dataclasses.replace(with_claim(s, significant=True), manuscript=cut)


class TestReplicates(ActionContract):
    name = "replicates"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        found = {**vars(NOTHING), "low": -0.1, "high": 0.1, "n": 2}
        part = AblatedPart(**found, key="p", trial=1, strategy="optimizer", knobs=("momentum",), p_holm=1.0)
        claimed = with_claim(submission, significant=True)
        return dataclasses.replace(claimed, evidence=dataclasses.replace(claimed.evidence, ablation=(part,)))


class TestSensitivity(ActionContract):
    name = "sensitivity"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        bare = without(submission, "sensitivity")
        return dataclasses.replace(bare, evidence=dataclasses.replace(bare.evidence, sensitivity=()))


class TestAgain(ActionContract):
    name = "again"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        return with_claim(submission, significant=False)


class TestStress(ActionContract):
    name = "stress"

    @pytest.fixture
    def wanting(self, submission: StudySubmission, monkeypatch: pytest.MonkeyPatch) -> StudySubmission:
        found = Tightened(metric="parameters", bound=1.0, trial=1)
        monkeypatch.setattr("nightlab.experiments.claim.further.tightened", lambda *_: found)
        return with_claim(submission, significant=True)


class TestSecond(ActionContract):
    name = "second"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        t = submission.evidence.template
        assert t.spec.data
        data = t.spec.data.model_copy(update={"second": "prepare:other", "second_name": "Letters"})
        named = dataclasses.replace(t, spec=t.spec.model_copy(update={"data": data}))
        claimed = with_claim(submission, significant=True)
        return dataclasses.replace(claimed, evidence=dataclasses.replace(claimed.evidence, template=named))


class TestDraws(ActionContract):
    name = "draws"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        return with_claim(submission, significant=True, draws=0, items=0)


@pytest.mark.parametrize("why", ["preparation", "same data", "runs"])
def test_a_test_that_was_hindered_is_asked_for_no_more_and_the_response_says_why(
    submission: StudySubmission, why: str
) -> None:
    open_ = with_claim(submission, significant=True, draws=0, items=0)
    hindered = {"draws": FurtherHindered(why=why, error="at /tmp/x, line 3")}  # type: ignore[arg-type]
    s = dataclasses.replace(open_, evidence=dataclasses.replace(open_.evidence, hindered=hindered))
    assert "draws" not in possible(s.evidence)
    brief = Brief(evidence=s.evidence, analysis=s.analysis, idea=s.idea, references=(), team="")
    assert actions()["draws"].answer(brief).startswith("could not make this test, since ")
    assert not re.search(r"\d|/", actions()["draws"].answer(brief))


class TestBaseline(ActionContract):
    name = "baseline"


class TestReplication(ActionContract):
    name = "replication"

    @pytest.fixture
    def wanting(self, submission: StudySubmission) -> StudySubmission:
        effect = submission.evidence.claim.effect
        return with_claim(submission, significant=True, low=effect - 9, high=effect + 9)


def test_a_name_is_taken_once_and_an_experiment_runs_something() -> None:
    known = actions()["sensitivity"]
    with pytest.raises(ValueError, match="'sensitivity' already"):
        register(known)
    with pytest.raises(ValueError, match="'idle': an experiment runs something"):
        register(dataclasses.replace(known, name="idle", run=None))
