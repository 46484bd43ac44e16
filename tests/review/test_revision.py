"""What a review asks for is run, told and answered; what it makes worse is not kept; what is refused is told."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from nightlab.agents.offline.chairing import averaged, compared
from nightlab.agents.offline.reviewing import OfflineReviewer, offline_panel
from nightlab.agents.team import Comparison, MetaReview, Review, StudySubmission, Submission
from nightlab.experiments.study.study import read
from nightlab.graph import reviewing
from nightlab.papers.audit.finding import Finding
from nightlab.papers.manuscript.manuscript import Manuscript
from nightlab.papers.manuscript.manuscript import read as read_manuscript
from nightlab.verification.verify import verify
from tests.review import papers
from tests.review.damage import DAMAGES
from tests.review.fresh import FRESH
from tests.review.measure import damaged, seen


@pytest.fixture(scope="module")
def revised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with a wide interval, whose review asks for a baseline and for more seeds."""
    return papers.make("noisy", tmp_path_factory.mktemp("studies"), trials=5, rounds=1)


def metas(folder: Path) -> list[MetaReview]:
    with closing(read(folder)) as study:
        return list(study.ledger.all(MetaReview).values())


def paper(folder: Path) -> Manuscript:
    return read_manuscript(folder / "paper" / "manuscript.json")


def test_a_baseline_and_more_seeds_are_run_told_and_answered(revised: Path) -> None:
    first, second = metas(revised)
    assert (first.decision, second.decision) == ("reject", "accept")
    done = {a.request.action for a in first.answers if a.kind == "experiment"}
    assert {"baseline", "replication"} <= done
    with closing(read(revised)) as study:
        assert {"rival-random", "rivals", "replication"} <= {run.phase for run in study.ledger.runs()}
    draft = read_manuscript(revised / "paper" / "rounds" / "0" / "manuscript.json")
    assert {s.key for s in draft.appendix} == {"trials", "reproduction"}
    assert "sensitivity" in {s.key for s in draft.sections}
    assert {c.reviewer for c in second.compared} == {"methodology", "literature", "clarity"}
    assert second.kept
    told = paper(revised)
    body = " ".join(s.body for s in told.sections)
    assert "{fact:replication.effect}" in body
    assert "{float:rivals}" in body
    evidence = {f["id"] for f in json.loads((revised / "paper" / "evidence.json").read_text(encoding="utf-8"))}
    assert {"replication.effect", "rival.random.effect"} <= evidence
    response = next(s.body for s in told.appendix if s.key == "replies")
    assert "random search use as many runs" in response
    assert "tested the claim once more" in response
    assert "Asked by the reviewer on methodology" in response
    assert not [f for f in verify(revised) if f.severity == "error"]


def test_audit_and_panel_name_damage_and_pass_what_is_clean(revised: Path) -> None:
    submission = papers.submitted(revised)
    clean = seen(submission, revised / "paper")
    assert clean.findings == ()
    assert clean.overall >= 6
    sample = [*DAMAGES, *FRESH][::4]  # `python -m tests.review` makes them all, on four papers
    outcomes = list(damaged({"noisy": (submission, revised / "paper")}, sample))
    assert len({o.damage for o in outcomes}) >= 15
    assert sum(o.named for o in outcomes) >= 0.9 * len(outcomes)
    assert [o.damage for o in outcomes if o.found and not o.fell] == []


class Sour(OfflineReviewer):
    """Finds every revision worse than the first version."""

    def review(self, submission: Submission) -> Review:
        return super().review(submission).model_copy(update={"overall": 5 if submission.stage == "round 0" else 4})


def panel(monkeypatch: pytest.MonkeyPatch, kind: type[OfflineReviewer]) -> None:
    from nightlab.agents.offline.reviewing import FIELDS

    made = tuple(kind(field) for field in FIELDS)
    monkeypatch.setattr("nightlab.agents.offline.reviewing.offline_panel", lambda: made)


def filled(overall: int, *actions: str) -> dict[str, object]:
    """A model's form."""
    scores = ("originality", "quality", "clarity", "significance", "soundness", "presentation", "contribution")
    wishes = [{"action": action, "text": "Please."} for action in actions]
    told = {"summary": "A search with a test.", "strengths": ["Sealed."], "weaknesses": ["Narrow."], "confidence": 3}
    return {**dict.fromkeys(scores, 3), **told, "overall": overall, "requests": wishes}


WORD = {"agreement": ["It is narrow."], "disagreement": [], "summary": "As they say.", "decision": "accept"}


def script(second: int, better: str, *actions: str) -> list[dict[str, object]]:
    """A model that gives a first version 5 points and asks for something, and a second one so many. better: which of
    two versions it prefers, whatever they are."""
    return [
        {"stage": "* chair", "answer": WORD},
        {"stage": "round 1 compared *", "answer": {"reason": "It is so.", "better": better}},
        {"stage": "round 0 *", "answer": filled(5, *actions)},
        {"stage": "round 1 *", "answer": filled(second)},
    ]


@pytest.mark.long
def test_a_scripted_panel_asks_for_a_baseline_and_more_seeds(tmp_path: Path) -> None:
    folder = papers.make("noisy", tmp_path, trials=4, rounds=1, reviews=script(7, "neither", "baseline", "replication"))
    first, second = metas(folder)
    assert (first.decision, second.decision, second.kept) == ("reject", "accept", True)
    assert {a.request.action: a.kind for a in first.answers} == {"baseline": "experiment", "replication": "experiment"}
    told = paper(folder)
    body = " ".join(s.body for s in told.sections)
    assert "{fact:replication.effect}" in body
    assert "{float:rivals}" in body
    response = next(s.body for s in told.appendix if s.key == "replies")
    assert "random search use as many runs" in response
    assert "tested the claim once more" in response
    assert not [f for f in verify(folder) if f.severity == "error"]


@pytest.fixture(scope="module")
def worsened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose scripted panel likes the revision less, whichever version it reads first."""
    place = tmp_path_factory.mktemp("worsened")
    return papers.make("positive", place, trials=3, rounds=1, reviews=script(4, "A", "baseline"))


def test_a_revision_that_a_scripted_panel_finds_worse_leaves_the_first_version(worsened: Path) -> None:
    first, second = metas(worsened)
    assert (first.kept, second.kept) == (True, False)
    assert [(c.older_first, c.newer_first) for c in second.compared] == [("older", "newer")] * 3  # of A in both orders
    told = paper(worsened)
    assert "did not accept" in told.authors_note
    assert "{float:rivals}" not in " ".join(s.body for s in told.sections)
    assert (worsened / "paper" / "rounds" / "1" / "paper.tex").is_file()  # the attempt is on record


@pytest.mark.long
def test_a_scripted_panel_s_requests_that_are_declined_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightlab.experiments.study.budget.REVISION_SHARE", 0.0)
    folder = papers.make("positive", tmp_path, trials=3, rounds=1, reviews=script(7, "B", "baseline"))
    (meta,) = metas(folder)
    assert [a.kind for a in meta.answers] == ["decline"]
    told = paper(folder)
    assert "Declined, since" in next(s.body for s in told.appendix if s.key == "replies")
    assert "did not accept" in told.authors_note


def test_where_the_scores_are_better_a_comparison_may_still_speak_against_a_version() -> None:
    old = averaged([form("a", 5)], 0)
    new = averaged([form("a", 7)], 1)
    older, newer = (Comparison(reviewer="a", older_first=v, newer_first=v) for v in ("older", "newer"))
    assert reviewing.better(new, old, [newer], ())
    assert not reviewing.better(new, old, [older], ())
    assert reviewing.better(old, old, [newer], ())
    assert not reviewing.better(old, old, [], ())
    assert not reviewing.better(old, new, [newer], ())
    assert not reviewing.better(new, old, [newer], [Finding("altered", "abstract", "it says another thing")])


@pytest.mark.long
def test_a_revision_that_is_worse_leaves_the_first_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel(monkeypatch, Sour)
    folder = papers.make("positive", tmp_path, trials=3, rounds=1)
    first, second = metas(folder)
    assert (first.kept, second.kept) == (True, False)
    told = paper(folder)
    assert "did not accept" in told.authors_note
    assert "did not find the revision that came of it better" in next(
        s.body for s in told.appendix if s.key == "replies"
    )
    assert "{float:rivals}" not in " ".join(s.body for s in told.sections)
    assert not [f for f in verify(folder) if f.severity == "error"]


def test_a_study_whose_requests_are_declined_publishes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightlab.experiments.study.budget.REVISION_SHARE", 0.0)
    folder = papers.make("positive", tmp_path, trials=3, rounds=1)
    (meta,) = metas(folder)
    assert meta.answers
    assert {a.kind for a in meta.answers} == {"decline"}
    response = next(s.body for s in paper(folder).appendix if s.key == "replies")
    assert "Declined, since it would take more time than is kept for revisions" in response
    assert (folder / "paper" / "paper.pdf").is_file()


def form(name: str, overall: int, **more: object) -> Review:
    four = dict.fromkeys(
        ("originality", "quality", "clarity", "significance", "soundness", "presentation", "contribution"), 3
    )
    body = {"summary": "s", "strengths": (), "weaknesses": (), "questions": (), "limitations": (), "confidence": 3}
    decision = "accept" if overall >= 6 else "reject"
    said = {"reviewer": name, "overall": overall, "decision": decision, "ethical_concerns": ""}
    return Review(**{**four, **body, **said, **more})  # type: ignore[arg-type]


class Lenient:
    """A chair that accepts everything."""

    def weigh(self, submission: Submission, reviews: object, mean: MetaReview) -> MetaReview:
        return mean.model_copy(update={"decision": "accept"})


def test_the_chair_may_reject_what_the_threshold_accepts_and_never_the_reverse(revised: Path) -> None:
    submission: StudySubmission = papers.submitted(revised)
    low = [form("a", 5), form("b", 5)]
    assert reviewing.chaired(Lenient(), submission, low, 0).decision == "reject"
    high = reviewing.chaired(Lenient(), submission, [form("a", 7), form("b", 8)], 0)
    assert (high.by_threshold, high.decision, high.spread) == ("accept", "accept", 1)


def test_agreement_and_disagreement_are_named() -> None:
    agreed, apart = compared([form("a", 8), form("b", 4, soundness=1)])
    assert any("soundness they differ: a 3, b 1 of 4" in line for line in apart)
    assert any("would reject" in line for line in apart)
    assert "They give the same for presentation: 3 of 4." in agreed
    assert averaged([form("a", 8), form("b", 4)], 0).overall == 6


def test_the_reviewers_have_words_of_their_own(revised: Path) -> None:
    forms = [r.review(papers.submitted(revised)) for r in offline_panel()]
    for one in forms:
        for other in forms:
            if one is not other:
                assert not set(one.strengths) & set(other.strengths)
                assert one.summary != other.summary
