"""What the study of the digits submitted first, for all tests of the offline team."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nightlab.agents.offline import offline_team
from nightlab.agents.team import StudySubmission
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph import drafting
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab


@pytest.fixture(scope="session")
def submission(digits: Path) -> StudySubmission:
    study = read(digits)
    lab = Lab(study, offline_team(Settings()), lambda: pytest.fail("no run is needed"))
    evidence, analysis = drafting.evidence(lab, 0)
    idea = the_idea(lab, next(iter(study.ledger.documents("idea"))))
    made = StudySubmission(
        manuscript=drafting.manuscript(lab, 0),
        evidence=evidence,
        analysis=analysis,
        idea=idea,
        references=drafting.references(lab),
        findings=drafting.findings(lab, 0),
        pages=8,
    )
    study.close()
    return made


def sure(s: StudySubmission) -> StudySubmission:
    """The same with an interval of the claim that is narrower than its effect."""
    effect = s.evidence.claim.effect
    return with_claim(s, low=0.8 * effect, high=1.2 * effect)


def with_claim(s: StudySubmission, **claim: object) -> StudySubmission:
    evidence = dataclasses.replace(s.evidence, claim=dataclasses.replace(s.evidence.claim, **claim))
    return dataclasses.replace(s, evidence=evidence)
