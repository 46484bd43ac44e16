"""A template: its contract, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.records import Knob, Params, Trust
from nightlab.experiments.template import doubts
from nightlab.experiments.template.command import named
from nightlab.experiments.template.contract import Constraint, ObjectiveTable, Spec
from nightlab.experiments.template.environment import Environment, NoEnvironment
from nightlab.experiments.template.environment import named as named_environment
from nightlab.experiments.template.ideas import SeedIdea
from nightlab.experiments.template.knobs import rules
from nightlab.experiments.template.knobs.handover import Handed, handed
from nightlab.experiments.template.table import MOST

FEWEST_DRAWS = 10  # of a confirmation: an interval over fewer says little


class TemplateError(NightlabError):
    """A template that cannot be used; each line names a file, a key, what is wrong and what would be right."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Template:
    """A research template: a folder and its checked contract.

    home: the folder that it was copied from, where paths begin that lead out of it; its own folder if it is no copy.
    """

    folder: Path
    home: Path
    spec: Spec
    knobs: tuple[Knob, ...]
    ideas: tuple[SeedIdea, ...]
    editable_names: tuple[str, ...] = ()  # as template.toml has them, with patterns; `spec` has the files themselves
    doubts: tuple[str, ...] = ()  # what keeps the evaluator's metrics from being verified, as clauses

    @property
    def name(self) -> str:
        return self.spec.template.name

    @property
    def metric(self) -> str:
        return self.spec.objective.metric

    @property
    def metric_label(self) -> str:
        return self.spec.objective.label or self.spec.objective.words

    @property
    def penalised(self) -> bool:
        """Whether a trial that is kept may pay a penalty, so that its fitness is not the metric itself."""
        return any(c.penalty > 0 and not c.hard for c in self.spec.constraint)

    @property
    def fitness_label(self) -> str:
        """The fitness of what may be kept."""
        return f"penalised {self.metric_label}" if self.penalised else self.metric_label

    @property
    def fined(self) -> bool:
        """Whether the fitness of a trial, kept or not, may hold a penalty."""
        return any(c.penalty > 0 for c in self.spec.constraint)

    @property
    def search_label(self) -> str:
        """The fitness of all trials, those among them that violate a hard constraint."""
        return f"penalised {self.metric_label}" if self.fined else self.metric_label

    @property
    def sign(self) -> float:
        """+1 where larger is better, -1 where smaller is: sign * fitness is to be maximised."""
        return 1.0 if self.spec.objective.direction == "maximize" else -1.0

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies of the knobs, in their order of appearance."""
        return tuple(dict.fromkeys(k.strategy for k in self.knobs))

    @property
    def defaults(self) -> Params:
        return {k.name: k.default for k in self.knobs}

    @property
    def reference(self) -> Params:
        """The whole assignment of the reference configuration; the defaults where there is none."""
        given = self.spec.reference.params if self.spec.reference else {}
        typed = {
            k.name: float(given[k.name]) if k.type == "float" else given[k.name] for k in self.knobs if k.name in given
        }
        return rules.settled(self.knobs, {**self.defaults, **typed})

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Knobs that no word of the command names while some name others, and that are handed over by no other way."""
        found = {name for word in self.spec.run.command or () for name in named(word)}
        found |= {name for name, k in self.spec.search.space.items() if k.env or k.key or k.constant}
        return tuple(k.name for k in self.knobs if k.name not in found) if found & self.defaults.keys() else ()

    @cached_property
    def environment(self) -> Environment | None:
        """Where its runs have their interpreter and packages from; None for nightlab's own. Raises TemplateError."""
        run = self.spec.run
        try:
            return named_environment(run.python, run.environment, self.home)
        except NoEnvironment as error:
            key = "python" if run.python else "environment"
            raise TemplateError(f"{self.folder / 'template.toml'}: [run.{key}]: {error}") from None

    @cached_property
    def bound(self) -> dict[str, Path]:
        """What runs read where it lies, by the name under which the template has it."""
        return {name: (self.home / Path(name).expanduser()).resolve() for name in self.spec.run.bind}

    @property
    def interleaved(self) -> bool:
        """Whether runs must not disturb one another and a comparison holds only for runs made back to back."""
        return self.spec.objective.interleaved

    @property
    def redraws(self) -> bool:
        """Whether a claim is tested over fresh draws of the data."""
        return bool(self.spec.data and self.spec.data.redraw)

    @cached_property
    def drawn(self) -> bool:
        """Whether another seed is seen to lay out other data, on which a claim could be tested."""
        data = self.spec.data
        return self.redraws or bool(data and not self.exact and doubts.drawn(self.folder, data.prepare))

    @property
    def draws(self) -> bool:
        """Whether runs may be on other data than the study's own: other draws, or those of a second task."""
        return self.drawn or bool(self.spec.data and self.spec.data.second)

    @property
    def exact(self) -> bool:
        """Whether a run hands in something whose worth the judge computes exactly, with no sample of data behind it."""
        return self.spec.evaluate.exact

    @property
    def confirmations(self) -> int:
        """Pairs of runs that a confirmation has: each on a draw of its own where the template redraws."""
        asked = self.spec.budget.confirm_seeds
        return max(FEWEST_DRAWS, asked) if self.redraws else asked

    @property
    def uses_seed(self) -> bool:
        """Whether the experiment is seen to use the seed that it is given."""
        return doubts.uses_seed(self.folder, self.spec.run, self.files(), self.spec.evaluate.interactive)

    @property
    def judging_s(self) -> float:
        """Seconds that a judge may take beside the calls of a run; 0 where the evaluator comes after the run."""
        return self.spec.evaluate.timeout_s if self.spec.evaluate.interactive else 0.0

    @property
    def trust(self) -> Trust:
        return "verified" if self.spec.evaluate.judge and not self.doubts else "reported"

    @property
    def has_holdout(self) -> bool:
        """Whether there is a sealed split, which an evaluator that is believed scores."""
        return self.trust == "verified" and self.spec.evaluate.holdout

    def handed(self, params: Params, files: Mapping[str, bytes]) -> Handed:
        """What a run of these files gets of the parameters. Raises NoPlace."""
        by_name = {k.name: k for k in self.knobs}
        meant = {name: by_name[name].meant(value) if name in by_name else value for name, value in params.items()}
        return handed(meant, self.spec.search.space, files)

    def fitness(self, metrics: dict[str, float]) -> float:
        """The objective with the penalties of the constraints, in the objective's own direction; a penalty beyond all
        metrics leaves a number."""
        penalty = sum(c.penalty * c.violation(metrics[c.metric]) for c in self.spec.constraint)
        return max(-MOST, min(MOST, metrics[self.metric] - self.sign * penalty))

    def violated(self, metrics: dict[str, float]) -> tuple[Constraint, ...]:
        """The hard constraints that `metrics` violates."""
        return tuple(c for c in self.spec.constraint if c.hard and c.violation(metrics[c.metric]) > 0)

    @property
    def counting(self) -> tuple[str, ...]:
        """The metrics that decide, which every run owes: the objective and those of the constraints."""
        return (self.metric, *dict.fromkeys(c.metric for c in self.spec.constraint))

    @property
    def spelt(self) -> dict[str, str]:
        """How those of them are called where they are said that have another name there."""
        return {m.metric: m.source for m in self._measures if m.source}

    @property
    def takes(self) -> dict[str, str]:
        """What is taken of several values of one of them, where it is not the last."""
        return {m.metric: m.reduced for m in self._measures if m.reduced != "last"}

    @property
    def _measures(self) -> tuple[ObjectiveTable | Constraint, ...]:
        return (*self.spec.constraint, self.spec.objective)  # which has the last word

    @property
    def constraint_keys(self) -> tuple[str, ...]:
        """A name for each constraint: its metric, and a number where several are on the same one."""
        metrics = [c.metric for c in self.spec.constraint]
        before = [metrics[:i].count(name) for i, name in enumerate(metrics)]
        return tuple(f"{m}.{n + 1}" if n else m for m, n in zip(metrics, before, strict=True))

    def files(self) -> tuple[str, ...]:
        """The editable and support files, relative to the folder: what an experiment may see of the template."""
        return self.spec.artifact.editable + self.spec.artifact.support
