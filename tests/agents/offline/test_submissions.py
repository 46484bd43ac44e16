"""What a panel needs of every submission: a paper and no more."""

from __future__ import annotations

import pytest

from nightlab.agents.offline.chairing import OfflineChair, averaged
from nightlab.agents.offline.reviewing import offline_panel
from nightlab.agents.team import Review, StudySubmission, Submission
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.pdf import document_of

PAGE = """Small networks and their noise
Abstract
We compare two recipes on 12 fresh seeds and find no difference that the test tells from none.
1 Introduction
Does a longer warm-up help small networks? We expect that it does.
2 Results
The error of both recipes is 0.21 on the held-out split, with an interval from -0.01 to 0.02.
3 Limitations
All runs are on one data set.
References
[1] A. Hill. On valleys. 2001.
"""


class SubmissionContract:
    """What every submission must do for whoever reviews it."""

    @pytest.fixture
    def reviews(self, seen: Submission) -> list[Review]:
        return [reviewer.review(seen) for reviewer in offline_panel()]

    def test_it_is_a_document_with_words(self, seen: Submission) -> None:
        assert seen.document.title
        assert any(s.text for part in seen.document.parts for s in part.sentences)

    def test_what_is_wrong_with_it_is_told_once(self, seen: Submission) -> None:
        assert all(isinstance(found, Finding) for found in seen.found)
        assert len(set(seen.found)) == len(seen.found)

    def test_each_reviewer_fills_the_form_and_finds_faults(self, reviews: list[Review]) -> None:
        assert len({review.reviewer for review in reviews}) == len(reviews) == 3
        assert all(review.summary and review.weaknesses for review in reviews)

    def test_the_chair_sums_up(self, seen: Submission, reviews: list[Review]) -> None:
        meta = OfflineChair().weigh(seen, reviews, averaged(reviews, 0))
        assert meta.decision in ("accept", "reject")

    def test_experiments_are_asked_of_studies_alone(self, seen: Submission, reviews: list[Review]) -> None:
        asked = {request.kind for review in reviews for request in review.requests}
        assert asked <= ({"evidence", "text"} if isinstance(seen, StudySubmission) else set())


class TestOfAStudy(SubmissionContract):
    @pytest.fixture
    def seen(self, submission: StudySubmission) -> Submission:
        return submission


class TestOfAManuscript(SubmissionContract):
    @pytest.fixture
    def seen(self, submission: StudySubmission) -> Submission:
        return Submission(manuscript=submission.manuscript)

    def test_its_evidence_is_missed(self, reviews: list[Review]) -> None:
        assert all("evidence is not at hand" in review.summary for review in reviews)
        assert {review.confidence for review in reviews} == {2}


class TestOfAPdf(SubmissionContract):
    @pytest.fixture
    def seen(self) -> Submission:
        return Submission(foreign=document_of([PAGE]), pages=1)


def test_a_submission_without_a_paper_is_none() -> None:
    with pytest.raises(ValueError, match="a manuscript or a document"):
        _ = Submission().document
