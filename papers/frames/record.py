"""What the frames say: a study's facts with the words that go with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nightlab.experiments.claim.scope import population, row, withheld
from nightlab.experiments.claim.statistics.inference import equal, untested
from nightlab.experiments.ledger.ledger import replaced
from nightlab.experiments.numbers import plural
from nightlab.experiments.records import Fact, Params, Split
from nightlab.experiments.template.artifact.diffs import concerned
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.frames.words import fact


@dataclass(frozen=True, kw_only=True)
class Record:
    """The facts of a study, and what each of them is of."""

    facts: Mapping[str, Fact]
    metric: str  # what the fitness is called
    lower: bool  # whether smaller is better
    split: Split  # of the claim
    improved: bool
    unclaimed: str = ""  # why nothing is claimed although the test finds an improvement, as a clause
    tested: bool = True
    spread: bool = True  # whether the effect's interval and p value say anything
    row: str = "fresh seed"  # what each pair of the confirmation's runs is on
    population: str = ""  # what the claim generalises over
    why_untested: str = ""
    best: int = 0  # the trial that went to the confirmation; 0 if it is the baseline
    kept: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # trial -> the strategies that it concerned
    parts: Mapping[str, str] = field(default_factory=dict)  # what the ablation took out: key -> in words
    helps: Collection[str] = ()  # those parts whose contribution is significant
    defaults: Params = field(default_factory=dict)
    chosen: Params = field(default_factory=dict)  # of the best configuration
    author: str = ""  # the template's description, by its author
    told: tuple[str, ...] = ()  # what the author says of the data in numbers, a sentence each

    @property
    def found(self) -> bool:
        """Whether the test finds an improvement, claimed or not."""
        return self.improved or bool(self.unclaimed)

    @property
    def coverage(self) -> str:
        """The id of the coverage of the claim's interval; facts of an earlier version have one for all."""
        return own if self.has(own := "setting.coverage.claim") else "setting.coverage"

    def value(self, id: str) -> float:
        return self.facts[id].value

    def many(self, id: str, noun: str) -> str:
        """A fact that counts something, with the noun in its number."""
        return plural(self.value(id), noun, fact(id))

    @property
    def unit(self) -> str:
        """What a pair of runs is on, in one word."""
        return self.row.split()[-1]

    def has(self, *ids: str) -> bool:
        return all(id in self.facts for id in ids)


def record(e: Evidence) -> Record:
    """The record of a study's evidence."""
    kept = [t for t in e.trials if t.verdict and t.verdict.kind == "kept"]
    tested = e.claim.tested
    return Record(
        facts=e.facts,
        metric=e.template.fitness_label,
        lower=e.template.sign < 0,
        split=e.claim.split,
        improved=e.improved,
        unclaimed=withheld(e.claim),
        tested=tested,
        spread=tested and not equal(e.claim),
        row=row(e.claim),
        population=population(e.claim, timed=e.template.interleaved, problem=e.template.exact),
        why_untested="" if tested else untested(e.claim),
        best=0 if e.best.number == BASELINE else e.best.number,
        kept={t.number: tuple(concerned(t.change, replaced(t, e.trials), e.template.knobs)) for t in kept},
        parts={row.key: f"{row.strategy} of trial `T{row.trial}`" for row in e.ablation},
        helps=[row.key for row in e.ablation if row.significant],
        defaults=e.template.defaults,
        chosen={k: v for k, v in e.best.change.params.items() if k in e.template.defaults},
        author=" ".join(e.template.spec.template.description.split()),
        told=e.template.spec.data.told if e.template.spec.data else (),
    )
