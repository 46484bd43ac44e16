"""What comes from outside of the package, by its public names alone: a policy, a source of literature, an action, an
executor and a storage work in one study."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import nightlab
from nightlab.agents.actions import registry
from nightlab.agents.actions.action import Action, Judgement
from nightlab.agents.actions.registry import possible, register
from nightlab.agents.team import Brief, StudySubmission
from nightlab.experiments.claim.parts.variants import against_best
from nightlab.experiments.claim.selection import chosen
from nightlab.experiments.claim.statistics.pairing import effect
from nightlab.experiments.executors import registry as executors
from nightlab.experiments.ledger import storage as storages
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.ledger.sqlite.ledger import SqliteLedger
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.records import Knob
from nightlab.experiments.search import registry as policies
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried
from nightlab.experiments.study.study import read
from nightlab.experiments.template.template import Template
from nightlab.graph import session
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas.effects import Part
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.literature import sources
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Section
from tests.conftest import MakeTemplate
from tests.experiments.executors.plain import PlainExecutor

NAME = "halfway"


class ByHand:
    """A policy that knows the answer."""

    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._strategy = strategies[0]

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        if number > 2:
            raise Exhausted
        params = {**trials[0].params, "x": 0.5 + 0.1 * number, "y": 0.2}
        return Proposal(params=params, strategy=self._strategy, parent=0, sampler="by hand")


class Shelf:
    """A source that has one book."""

    whence = "from the shelf"

    def find(self, template: Template) -> list[Reference]:
        return [Reference(key="book", title="On Valleys", authors=("Ada Hill",), year=2001, source="the shelf")]


class Chest:
    """A storage that keeps the ledgers in a place of their own, by the names of the studies."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir()

    def _file(self, study: Path) -> Path:
        return self._place / f"{study.name}.book"

    def open(self, study: Path, *, read_only: bool = False) -> Ledger:
        return SqliteLedger(self._file(study), read_only=read_only)

    def holds(self, study: Path) -> bool:
        return self._file(study).is_file()

    def move(self, study: Path, to: Path) -> None:
        study.rename(to)
        self._file(study).rename(self._file(to))

    def studies(self, place: Path) -> list[Path]:
        return [place / file.stem for file in sorted(self._place.glob("*.book"))]


def wanted(e: Evidence) -> str:
    return "Run the point halfway between baseline and best." if e.improved and not e.runs_of(NAME, NAME) else ""


def run(loop: Loop) -> str:
    best, first = (loop.entries[n].trial.change for n in (chosen(loop), 0))
    numbers = {k: (v + first.params[k]) / 2 for k, v in best.params.items() if isinstance(v, float)}  # type: ignore[operator]
    against_best(loop, NAME, {NAME: replace(best, params={**best.params, **numbers})}, 3)
    return "the point halfway to the best"


@formula("{part} best against the point halfway to it, dev, paired")
def halfway(e: Evidence, part: Part) -> Value:
    found = effect(e.template, [*e.runs_of(NAME, NAME), *e.runs_of("confirm", "best")], NAME, "best", "dev")
    assert found
    return Value(found.p_value if part == "p" else getattr(found, part), found.runs)


def facts(found: Facts) -> None:
    if found.evidence.runs_of(NAME, NAME):
        found.effect(NAME, "halfway")


def section(b: Brief) -> Section | None:
    if "halfway.effect" not in b.evidence.facts:
        return None
    text = "Halfway between the baseline and the best configuration the fitness is worse by {fact:halfway.effect}."
    return Section(NAME, "Halfway", f"{text} The runs are on the seeds of the confirmation and the development split.")


def criterion(s: StudySubmission) -> Iterator[Judgement]:
    if request := possible(s.evidence).get(NAME):
        yield Judgement(side="soundness", points=-2.0, text="The way there is unknown.", request=request)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """All five are known for the time of a test; the folder with the executor's jobs."""
    for module, private in (
        (policies, "_POLICIES"),
        (sources, "_SOURCES"),
        (executors, "_makers"),
        (storages, "_storages"),
    ):
        monkeypatch.setattr(module, private, dict(getattr(module, private)))
    monkeypatch.setattr(registry, "_ACTIONS", dict(registry.actions()))
    policies.register("by hand", ByHand)
    sources.register("shelf", Shelf())
    storages.register("chest", Chest(tmp_path / "chest"))
    executors.register("plain", lambda place: PlainExecutor(place, tmp_path / "jobs"))
    register(
        Action(
            name=NAME,
            kind="evidence",
            wanted=wanted,
            run=run,
            cost=lambda _: 3,
            facts=facts,
            section=section,
            answer=lambda _: "ran the point halfway to the best ({ref:halfway})",
            criterion=criterion,
        )
    )
    return tmp_path / "jobs"


def test_what_comes_from_outside_works_in_a_study(
    registered: Path, make_template: MakeTemplate, tmp_path: Path
) -> None:
    settings = {"policy": "by hand", "executor": "plain", "trials": 2, "seeds": 1, "confirm_seeds": 4, "rounds": 1}
    folder = nightlab.run(make_template(), out=tmp_path / "studies", storage="chest", **settings)
    assert not (folder / "study.db").exists()
    assert (tmp_path / "chest" / f"{folder.name}.book").is_file()
    assert nightlab.scores(folder)
    forked = session.fork(folder, 0, tmp_path / "studies", storage="memory")
    with closing(read(forked)) as study:
        assert (study.settings.storage, (forked / "study.db").exists()) == ("memory", False)
    with closing(read(folder)) as study:
        assert {t.change.proposer for t in study.ledger.trials()} == {"baseline", "by hand"}
        assert len(list(registered.iterdir())) >= len(study.ledger.runs("search"))
        assert len(study.ledger.runs(NAME)) == 3
    paper = json.loads((folder / "paper" / "manuscript.json").read_text())
    told = {s["key"]: s["body"] for s in paper["sections"]}
    assert "{cite:book}" in told["related"]
    assert "{fact:halfway.effect}" in told[NAME]
    response = next(s["body"] for s in paper["appendix"] if s["key"] == "replies")
    assert "We ran the point halfway to the best ({ref:halfway})." in response
    evidence = {f["id"]: f for f in json.loads((folder / "paper" / "evidence.json").read_text())}
    assert len(evidence["halfway.effect"]["runs"]) == 6
