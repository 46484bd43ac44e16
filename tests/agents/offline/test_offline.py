"""The offline team: ideas are ranked, proposals stay in the idea's strategies, prose holds no bare number, reviews
follow the rubric."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nightlab.agents.model import context
from nightlab.agents.offline import offline_team
from nightlab.agents.offline.ideation import OfflineIdeator
from nightlab.agents.offline.proposing import OfflineCoder
from nightlab.agents.offline.reviewing import offline_panel
from nightlab.agents.offline.rubric import CLARITY, LITERATURE, METHODS
from nightlab.agents.offline.wording import HEADINGS
from nightlab.agents.offline.writing import OfflineWriter, text
from nightlab.agents.team import Brief, Idea, Situation, StudySubmission
from nightlab.agents.telling.words import concern, strategies, words
from nightlab.experiments.ledger.ledger import Settled, Trial, by_verdict
from nightlab.experiments.records import Change, Fact
from nightlab.experiments.search.policy import Exhausted, Tried
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.experiments.template.artifact.diffs import changed
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template
from nightlab.graph.gate import gated
from nightlab.papers.audit.audit import names_of
from nightlab.papers.audit.finding import Finding
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.figures.curve import points
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.checking import check
from tests.agents.offline.conftest import sure, with_claim
from tests.conftest import MakeTemplate


def test_ideas_are_ranked_by_novelty_and_breadth(make_template: MakeTemplate) -> None:
    template = load(make_template())
    known = Reference(
        key="k",
        title="What the east is worth",
        authors=("A B",),
        year=2020,
        arxiv="2001.00001",
        abstract="How far does the east alone lower the height of a valley with noise?",
    )
    ideas = OfflineIdeator().ideate(template, [known])
    assert ideas[0].strategies == template.strategies
    assert [i.rank_score for i in ideas] == sorted((i.rank_score for i in ideas), reverse=True)
    east = next(i for i in ideas if i.strategies == ("east",))
    north = next(i for i in ideas if i.strategies == ("north",))
    assert east.novelty < north.novelty <= 1.0
    assert east.nearest == "k"


def situation(template: Template, strategies: tuple[str, ...]) -> Situation:
    change = Change(
        strategy="baseline", hypothesis="", params=template.defaults, artifact="a", parent=None, proposer="baseline"
    )
    tried = Tried(
        number=0,
        parent=None,
        strategy="baseline",
        params=template.defaults,
        verdict="baseline",
        score=0.0,
        replicates=2,
    )
    idea = Idea(key="i", title="t", question="q?", hypothesis="h", strategies=strategies)
    trial = Trial(number=0, change=change, verdict=None)
    return Situation(template=template, idea=idea, trials=[tried], history=[trial], number=1)


def test_proposals_stay_within_the_idea_s_strategies(make_template: MakeTemplate) -> None:
    template = load(make_template())
    for seed in range(10):
        change = OfflineCoder("greedy", seed).propose(situation(template, ("north",)))
        assert set(changed(change.params, template.defaults)) == {"y"}
        assert change.hypothesis.startswith("Moving y from 0.9 to ")
        assert change.parent == 0


def test_a_template_without_knobs_leaves_the_offline_coder_nothing(make_template: MakeTemplate) -> None:
    folder = make_template()
    text = (folder / "template.toml").read_text()
    head, tail = text.split("[search.space.x]")[0], text.split("[budget]")[1]
    (folder / "template.toml").write_text(f"{head}[budget]{tail}")
    with pytest.raises(Exhausted, match="declares no knobs"):
        OfflineCoder("greedy", 0).propose(situation(load(folder), ()))


def test_a_model_is_told_of_an_exact_effect_without_interval_and_p(submission: StudySubmission) -> None:
    e = submission.evidence
    same = with_claim(submission, low=e.claim.effect, high=e.claim.effect, p_value=0.0, alike=True).evidence
    chance = dataclasses.replace(same, claim=dataclasses.replace(same.claim, alike=False))
    noise = {"claim.low", "claim.high", "claim.p"}
    assert noise <= {id for id, _, _ in context.facts(e)}
    assert not noise & {id for id, _, _ in [*context.facts(same), *context.facts(chance)]}
    assert "exact" in context.outcome(same)
    assert "exact" not in context.outcome(chance)
    assert "cannot be estimated" in context.outcome(chance)
    assert "exact" not in context.outcome(e)


def test_a_positive_and_a_negative_outcome_both_read_without_a_bare_number(submission: StudySubmission) -> None:
    s = submission
    for significant in (True, False):
        changed_claim = with_claim(s, significant=significant)
        brief = Brief(
            evidence=changed_claim.evidence,
            analysis=s.analysis,
            idea=s.idea,
            references=s.references,
            team="Written by the offline team.",
        )
        manuscript = offline_team(Settings()).writer.write(brief)
        names = names_of(s.evidence.template)
        assert check(manuscript, s.evidence.facts, s.references, names) == []
        assert ("negative result" in manuscript.abstract) is not significant


def test_no_section_has_the_key_of_a_figure_or_a_table(submission: StudySubmission) -> None:
    """A section that only some papers have, such as the replies to reviewers, too."""
    floats = {f.key for f in (*submission.manuscript.figures, *submission.manuscript.tables)}
    assert "response" in floats
    assert not HEADINGS.keys() & floats


def test_the_title_says_what_was_varied_and_claims_nothing_that_was_not_found(submission: StudySubmission) -> None:
    s, idea = submission, Idea(**{**submission.idea.model_dump(), "title": "The size of steps."})
    first, *others = s.evidence.trials
    one = s.evidence.template.knobs[0]
    other = next(c for c in (*one.choices, one.low, one.high) if c != first.change.params[one.name])
    moved = dataclasses.replace(
        others[0], change=dataclasses.replace(first.change, params={**first.change.params, one.name: other})
    )

    def told(trials: tuple[Trial, ...], *, significant: bool, edits: bool = False) -> str:
        e = with_claim(s, significant=significant).evidence
        changes = {"trials": trials, "edits": {1: ()} if edits else {}}
        brief = Brief(
            evidence=Evidence(**{**vars(e), **changes}),
            analysis=s.analysis,
            idea=idea,
            references=(),
            team="By nobody.",
        )
        return text("title", brief)

    strategy, task = words(one.strategy), s.evidence.template.spec.template.title
    assert told((first, moved), significant=True) == f"The size of steps – a search over {strategy}"
    negative = f"No confirmed improvement in a search over {strategy}"
    assert told((first, moved), significant=False) == f"{negative}: {task}"
    assert told((first, moved), significant=False, edits=True) == f"{negative} and the code: {task}"
    assert "nothing was varied" in told((first,), significant=False)


def test_the_method_says_what_the_changes_started_from(submission: StudySubmission) -> None:
    e = submission.evidence
    kinds = [t.verdict.kind for t in e.trials if t.verdict]
    parents = [kinds[t.change.parent] for t in e.trials if t.change.parent is not None]
    assert e.facts["search.aside"].value == sum(kind in ("reverted", "failed") for kind in parents)
    for aside, told in (
        (0, "Each change started from a trial that was kept"),
        (3, "3 started from a trial that was not"),
    ):
        fact = Fact(id="search.aside", value=aside, text=str(aside), formula="")
        changed_facts = dataclasses.replace(e, facts={**e.facts, fact.id: fact})
        brief = Brief(
            evidence=changed_facts, analysis=submission.analysis, idea=submission.idea, team="", references=()
        )
        assert told in context.readable(text("method", brief), changed_facts.facts)


def test_how_to_repeat_a_study_is_told_by_its_own_settings(submission: StudySubmission) -> None:
    e = submission.evidence

    def told(evidence: Evidence) -> str:
        brief = Brief(
            evidence=evidence,
            analysis=submission.analysis,
            idea=submission.idea,
            references=submission.references,
            team="Written by the offline team.",
        )
        return context.readable(text("reproduction", brief), evidence.facts)

    def settings(**numbers: int) -> dict[str, Fact]:
        return {f"setting.{k}": Fact(id=f"setting.{k}", value=n, text=str(n), formula="") for k, n in numbers.items()}

    alone, both = (dataclasses.replace(e.settings, workers=n) for n in (1, 2))
    added = settings(**{"trials": 24, "trials.first": 20, "trials.extension.1": 4})
    two = told(dataclasses.replace(e, settings=both, facts={**e.facts, **settings(workers=2)}))
    assert f"{e.settings.trials} trials" in two
    assert "It had 2 workers, and the order in which their runs ended may have changed what was proposed" in two
    one = dataclasses.replace(e, settings=alone, facts={**e.facts, **settings(workers=1)})
    assert "It had 1 worker, and with that a study whose runs follow from their seeds repeats number" in told(one)
    longer = told(dataclasses.replace(e, facts={**e.facts, **added}))
    assert "20 trials and" in longer
    assert "extending it by `nightlab resume --trials +4`; a study of 24 trials from the start is another" in longer


def test_the_curve_and_the_tables_are_on_the_same_seeds(digits: Path, submission: StudySubmission) -> None:
    study, e = read(digits), submission.evidence
    later = [r for r in study.ledger.runs("search") if r.replicate >= e.settings.seeds]
    curve, order = points(study), [t.number for t in by_verdict(study.ledger.trials())]
    study.close()
    assert [p.number for p in curve] == order
    assert later  # of the selection
    shown = {p.number: p.value for p in curve if p.value is not None}
    assert shown == {n: pytest.approx(e.facts[f"trial.{n}.mean"].value) for n in shown}
    captions = [t.caption for t in submission.analysis.tables if t.key == "kept"]
    assert len(captions) == (e.best.number > 0 or any(t.verdict and t.verdict.kind == "kept" for t in e.trials))
    assert all("the search seeds of the verdicts, {fact:setting.seeds} at most" in caption for caption in captions)


def test_a_kept_trial_concerns_all_in_which_it_differs_from_what_it_replaced(submission: StudySubmission) -> None:
    e = submission.evidence
    east, west = (next(k.name for k in e.template.knobs if k.strategy == s) for s in e.template.strategies[:2])
    first = e.trials[0].change
    changes = [
        first,
        dataclasses.replace(first, params={**first.params, east: "other"}, parent=0, strategy=e.template.strategies[0]),
        dataclasses.replace(
            first, params={**first.params, east: "other", west: "other"}, parent=1, strategy=e.template.strategies[1]
        ),
    ]
    kinds = [("baseline", None), ("reverted", 0), ("kept", 0)]
    trials = tuple(
        Trial(number=n, change=change, verdict=Settled(kind=kind, reason="r", incumbent=met))  # type: ignore[arg-type]
        for n, (change, (kind, met)) in enumerate(zip(changes, kinds, strict=True))
    )
    known = dataclasses.replace(e, trials=trials, edits={})
    assert concern(known, trials[2]) == list(e.template.strategies[:2])
    assert strategies(known, trials[2]) == " and ".join(words(s) for s in e.template.strategies[:2])
    assert concern(known, trials[0]) == [first.strategy]


def test_reviews_follow_the_rubric(submission: StudySubmission) -> None:
    """The document is what counts: the same evidence under a paper with less in it scores lower."""
    submission = sure(submission)
    assert submission.manuscript is not None
    kept = tuple(s for s in submission.manuscript.sections if s.key not in ("limitations", "related"))
    poor = dataclasses.replace(submission, manuscript=dataclasses.replace(submission.manuscript, sections=kept))
    for reviewer in offline_panel():
        assert reviewer.review(submission).decision == "accept"
        assert reviewer.review(poor).overall < reviewer.review(submission).overall
        assert reviewer.review(submission) == reviewer.review(submission)
    good = with_claim(submission, significant=True)
    asked = {(r.kind, r.action) for reviewer in offline_panel() for r in reviewer.review(good).requests}
    assert ("evidence", "baseline") in asked


def test_an_error_of_the_audit_rejects(submission: StudySubmission) -> None:
    findings = [Finding("bare-numeral", "section:results", f"{i}") for i in range(8)]
    submission = sure(submission)
    objected = dataclasses.replace(submission, findings=findings)
    for reviewer in offline_panel():
        clean, dirty = reviewer.review(submission), reviewer.review(objected)
        assert dirty.decision == "reject"
        assert dirty.overall < clean.overall
        assert any("(section:results)" in weakness for weakness in dirty.weaknesses)


def test_an_unsound_paper_is_rejected_however_large_its_effect(submission: StudySubmission) -> None:
    assert submission.manuscript is not None
    reported = "The experiment reports its own metric, which is therefore marked as reported."
    sections = tuple(
        dataclasses.replace(s, body=f"{s.body} {reported}") if s.key == "setup" else s
        for s in submission.manuscript.sections
    )
    few = {**submission.evidence.facts}
    few["claim.n"] = dataclasses.replace(few["claim.n"], value=3.0, text="3")
    unsound = dataclasses.replace(
        submission, manuscript=dataclasses.replace(submission.manuscript, sections=sections), facts=few
    )
    assert {r.review(unsound).decision for r in offline_panel()} == {"reject"}


def test_every_criterion_speaks_on_some_paper(submission: StudySubmission) -> None:
    assert submission.manuscript is not None
    bare = dataclasses.replace(submission.manuscript, abstract="Too short.", sections=(), tables=(), figures=())
    poor = dataclasses.replace(submission, manuscript=bare)
    told = [c for c in (*METHODS, *LITERATURE, *CLARITY) if [*c(submission), *c(poor)]]
    assert len(told) == len((*METHODS, *LITERATURE, *CLARITY)) - 1  # of a metric that the experiment reports


def test_readings_of_two_models_name_both(submission: StudySubmission) -> None:
    def reader(of_writer: str, analyst: str) -> str:
        view = {"view": "We suspect that noise hides more."}
        brief = Brief(
            evidence=submission.evidence,
            analysis=dataclasses.replace(submission.analysis, conclusions=view),
            idea=submission.idea,
            references=submission.references,
            team="",
        )
        draft = dataclasses.replace(OfflineWriter().write(brief), reader=of_writer)
        paper, _ = gated(brief, draft, {"writer": "a:one", "analyst": analyst})
        assert "We suspect that noise hides more." in next(s.body for s in paper.sections if s.key == "discussion")
        return paper.reader

    assert reader("a:one", "b:other") == "a:one or b:other"
    assert reader("a:one", "a:one") == "a:one"
    assert reader("", "b:other") == "b:other"
    assert reader("a:stranger", "b:other") == ""
