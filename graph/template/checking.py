"""What is wrong with a template before a night is spent on it: its contract, its runs, its judge, its noise."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import Any, Literal

from nightlab.experiments.claim.family import FIRST_LEVEL
from nightlab.experiments.claim.statistics.inference import TRIM
from nightlab.experiments.claim.statistics.power import smallest_effect
from nightlab.experiments.executors.executor import Place
from nightlab.experiments.executors.registry import runs_at
from nightlab.experiments.executors.runs import Runs
from nightlab.experiments.records import Draw, Knob, Params, RunOutcome, RunRequest
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template import doubts
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.knobs.moving import beside, moved
from nightlab.experiments.template.knobs.rules import broken, settled
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError
from nightlab.graph.estimate import Probe, cost
from nightlab.graph.template.attacks import attacks, patched
from nightlab.graph.template.requirements import refuse_lacking

SEEDS = 5  # of the noise
MARGIN = 3  # standard deviations from a bound
TOLD = 300  # characters of an error
_MENDS = {
    "timeout": "raise run.timeout_s, or make a run shorter",
    "memory": "raise run.memory_mb, or let a run use less",
    "invalid": "let each run say every metric that [objective] and [[constraint]] name, as a finite number",
    "crash": "mend the program, so that it runs as the template starts it",
    "tampered": "let nothing write to the template while it is checked",
}


@dataclass(frozen=True, kw_only=True)
class TemplateFinding:
    """Something to know of a template. where: the file and the key. mend: what would be right."""

    kind: str
    severity: Literal["problem", "note"]
    where: str
    text: str
    mend: str = ""


@dataclass
class Examination:
    """What was found of a template; `facts` are the numbers that were measured."""

    template: str
    findings: list[TemplateFinding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "problem" for finding in self.findings)


def examine(where: str | Path, heard: Callable[[str], None] = lambda _: None) -> Examination:
    """Check a template by its files and by some runs of it. heard: is told what is being done."""
    found = Examination(template=str(where))
    heard("contract and files")
    try:
        template = load(where)
    except TemplateError as error:
        found.findings += [_refused(line) for line in str(error).splitlines()]
        return found
    try:
        with _prepared(template, found, heard) as check:
            check.all()
    except TemplateError as error:
        found.findings += [_refused(line) for line in str(error).splitlines()[:1]]
    return found


def attacked(where: str | Path) -> dict[str, str]:
    """What became of each entry of a template's `attacks/`: how it was caught; empty where it was not, or does not fit.

    Raises TemplateError where the template or its baseline does not work.
    """
    with _prepared(load(where), Examination(template=str(where)), lambda _: None) as check:
        return check.attacked()


@contextmanager
def _prepared(template: Template, found: Examination, heard: Callable[[str], None]) -> Iterator[_Check]:
    """A study of the template that is thrown away, with its data laid out."""
    refuse_lacking(template)
    with tempfile.TemporaryDirectory(prefix="nightlab-check-") as place:
        made = create(template, Settings(), Path(place), "experiment", vary=True)
        with reopen(made) as study:
            study.data.prepare()
            yield _Check(study, template, found, heard)


def _refused(line: str) -> TemplateFinding:
    where, _, text = line.rpartition("]: ") if "]: " in line else line.partition(": ")
    key = where + ("]" if "]: " in line else "")
    return TemplateFinding(kind="contract", severity="problem", where=key, text=text)


class _Check:
    """The runs of one examination."""

    def __init__(self, study: Study, origin: Template, found: Examination, heard: Callable[[str], None]) -> None:
        self.study, self.template, self.origin = study, study.template, origin
        self.found, self.heard = found, heard
        self.file = str(origin.folder / "template.toml")
        self.files = study.artifacts.read(study.baseline_artifact)
        self.repeats = True

    @contextmanager
    def running(self, draw: Draw | None = None) -> Iterator[None]:
        """Have runs on the study's own data, or on a draw of them."""
        inputs, private = self.study.data.draw(draw) if draw else (self.study.inputs, self.study.private)
        scratch = self.study.folder / "scratch"
        place = Place(template=self.template, inputs=inputs, private=private, scratch=scratch)
        with runs_at("local", place) as runner:
            self.runner: Runs = runner
            yield

    def all(self) -> None:
        """Every check, in an order in which each may rest on those before it."""
        if not self.origin.knobs:
            self._knobless()
        with self.running():
            self.heard("one run")
            first = self._run(probe=bool(self.template.spec.evaluate.judge))
            if first.status != "ok":
                self._failed(first)
                return
            self._judge(first)
            self._metrics(first)
            self._seeds(first)
            self._knobs(first)
            self._canary(first)
            self._attacks(first)
        if self.template.spec.data and self.template.spec.data.second:
            self._second_task()

    def _run(
        self,
        params: Params | None = None,
        replicate: int = 0,
        files: Mapping[str, bytes] | None = None,
        probe: bool = False,
    ) -> RunOutcome:
        artifact = self.study.artifacts.add(files) if files else self.study.baseline_artifact
        request = RunRequest(
            artifact=self.study.artifacts.path(artifact),
            params=self.template.defaults if params is None else params,
            seed=self.study.seeds.of("check", replicate),
            probe=probe,
        )
        return self.runner.submit(request).result()

    def _add(self, kind: str, key: str, text: str, mend: str = "", *, note: bool = False) -> None:
        where = f"{self.file}: [{key}]"
        self.found.findings.append(
            TemplateFinding(kind=kind, severity="note" if note else "problem", where=where, text=text, mend=mend)
        )

    def _knobless(self) -> None:
        if not (tables := derived(self.origin)):
            mend = "declare knobs under [search.space], or give --model"
            self._add("knobs", "search.space", "nothing can be varied without a language model", mend, note=True)
            return
        told = ", ".join(str(table["constant"]) for table in tables.values())
        self._add("knobs", "search.space", f"none are declared: without a model a study varies {told}", note=True)

    def _failed(self, outcome: RunOutcome) -> None:
        tail = outcome.error.strip()[-TOLD:]
        self._add("run", "run", f"the baseline ends in {outcome.status}: {tail}", _MENDS.get(outcome.status, ""))

    def _judge(self, first: RunOutcome) -> None:
        """What speaks against the evaluator, on both splits."""
        for doubt in dict.fromkeys((*self.template.doubts, *first.doubts)):
            mend = "score each split by private rows of its own" if doubt in (doubts.EQUAL, doubts.BLIND) else ""
            key = "evaluate.interactive" if self.template.spec.evaluate.interactive else "evaluate.entry"
            self._add("judge", key, doubt, mend or "let the evaluator compute the metric from plain outputs")
        self.found.facts["trust"] = "reported" if first.doubts else self.template.trust
        if self.template.spec.evaluate.parse:
            mend = "an [evaluate] entry that scores outputs with private data makes it verified"
            self._add("judge", "evaluate.parse", "the program says its own score, so it is reported", mend, note=True)

    def _metrics(self, first: RunOutcome) -> None:
        goal, metrics = self.template.spec.objective, first.metrics["dev"]
        best = goal.highest if goal.direction == "maximize" else goal.lowest
        if best is not None and metrics[goal.metric] == best:
            mend = "make the task harder, or choose a metric that can still improve"
            self._add("metric", "objective.metric", f"the baseline is at the best value there is, {best:g}", mend)
        if "error" in metrics and "error" not in self.template.counting:
            self._add("metric", "evaluate", f"a metric is called error ({metrics['error']:g})", _ERROR, note=True)
        for note in first.notes:
            kind, mend = ("metric", "return numbers alone") if "the metric" in note else ("outputs", "")
            self._add(kind, "evaluate" if kind == "metric" else "run.outputs", note, mend, note=True)

    def _seeds(self, first: RunOutcome) -> None:
        """Whether it repeats, whether the seed acts, and how far its results spread."""
        self.heard("the same seed again, and others")
        again = self._run()
        if again.status != "ok":
            self._add("seed", "run", f"the same run again ends in {again.status}: {again.error[-TOLD:]}", "mend that")
            return
        self.repeats = again.metrics == first.metrics
        others = [self._run(replicate=n) for n in range(1, SEEDS)]
        good = [first, *(o for o in others if o.status == "ok")]
        if len(good) < SEEDS:
            wrong = next(o for o in others if o.status != "ok")
            self._add("seed", "run", f"with another seed it ends in {wrong.status}: {wrong.error[-TOLD:]}", "mend that")
        if self.template.interleaved:
            told = (
                f"timings differ from run to run, and {len(good)} alone are no pairs: each trial runs beside the best"
            )
            self._add("seed", "objective.interleaved", told, _ALONE, note=True)
        elif not self.repeats:
            mend = "seed every generator with the run's seed; a timing belongs under interleaved = true"
            self._add("seed", "run", "the same seed twice gives different metrics", mend, note=True)
        elif all(o.metrics == first.metrics for o in good):
            mend = "hand the seed over: {seed} in run.command, NIGHTLAB_SEED, or the parameter of the entry"
            known = self.template.uses_seed or not self.template.spec.run.seeded
            self._add("seed", "run", "the seed has no effect: all runs agree", mend, note=known)
        self._constraints([dict(o.metrics["dev"]) for o in good])
        self._study_facts([o.metrics["dev"][self.template.metric] for o in good], [o.wall_s for o in good])

    def _constraints(self, good: list[dict[str, float]]) -> None:
        """Whether the baseline keeps the hard constraints, also where chance or another machine moves it a little."""
        for c in filter(lambda c: c.hard, self.template.spec.constraint):
            values = [metrics[c.metric] for metrics in good]
            beyond, spread = sum(c.violation(v) > 0 for v in values), stdev(values) if len(values) > 1 else 0.0
            bounds = " and ".join(f"{side} = {b:g}" for side, b in (("min", c.min), ("max", c.max)) if b is not None)
            told = f"the baseline has {c.metric} from {min(values):g} to {max(values):g}, where {bounds}"
            if beyond:
                told += f": {beyond} of {len(values)} runs violate it, and no change that does can be kept"
            elif any(c.violation(v) for v in (min(values) - MARGIN * spread, max(values) + MARGIN * spread)):
                told += f": that is within {MARGIN} standard deviations of a violation"
            else:
                continue
            self._add("constraint", "constraint", told, _BOUND, note=True)

    def _study_facts(self, values: list[float], walls: list[float]) -> None:
        budget, noise = self.template.spec.budget, stdev(values) if len(values) > 1 else 0.0
        n, run_s = budget.confirm_seeds, sum(walls) / len(walls)
        probe = Probe(run_s=run_s, tried_s=run_s, start_s=0.0, draws_s=0.0, noisy=noise > 0)
        self.found.facts |= {
            "metric": self.template.metric,
            "direction": self.template.spec.objective.direction,
            "knobs": [k.name for k in self.template.knobs],
            "baseline": {"mean": sum(values) / len(values), "n": len(values), "wall_s": round(run_s, 3)},
            "noise": noise,
            "smallest_effect": smallest_effect(noise, n, level=FIRST_LEVEL, cut=int(TRIM * n)),
            "study": cost(self.study, probe),
        }

    def _knobs(self, first: RunOutcome) -> None:
        """Move each knob once, the others at their defaults where they may be."""
        for knob in self.template.knobs:
            key = f"search.space.{knob.name}"
            params = moved(self.template, knob)
            if params is None:
                self._add("knob", key, "no valid assignment moves it", "look at search.require")
                continue
            self.heard(f"knob {knob.name}")
            outcome, at = self._run(params), f"at {params[knob.name]!r}"
            if outcome.status != "ok":
                why = f"{at} a run ends in {outcome.status}: {outcome.error.strip()[-TOLD:]}"
                self._add("knob", key, why, "narrow its range, if that is no part of it", note=True)
            elif self.repeats and outcome.metrics == self._before(knob, params, first).metrics:
                if other := self._acts_beside(knob, params):
                    mend = "say under `when` of the knob beside which values it acts"
                    told = f"{at} every metric is the same as long as {other} at the default"
                    self._add("knob", key, told, mend, note=True)
                    continue
                mend = "name it in run.command, or give env, key or constant; take it out if it does nothing"
                self._add("knob", key, f"{at} every metric is the same", mend)

    def _before(self, knob: Knob, params: Params, first: RunOutcome) -> RunOutcome:
        """The run that differs by this knob alone: the baseline's, unless others had to be moved for it."""
        back = settled(self.template.knobs, {**params, knob.name: knob.default})
        return first if back == self.template.defaults else self._run(back)

    def _acts_beside(self, knob: Knob, params: Params) -> str:
        """What must be moved for a knob to act: one other knob, or all at once; empty where it does nothing then."""
        for told, others in beside(self.template, knob, params):
            sides = [{**others, knob.name: value} for value in (params[knob.name], knob.default)]
            sides = [settled(self.template.knobs, side) for side in sides]
            if not any(broken(self.template.knobs, side) for side in sides):
                with_it, without = (self._run(side) for side in sides)
                if with_it.status == without.status == "ok" and with_it.metrics != without.metrics:
                    return told
        return ""

    def _second_task(self) -> None:
        """Whether its data are other ones, and the baseline runs on them."""
        self.heard("the second task")
        draw, found = Draw(number=0, second=True), ""
        try:
            if self.study.data.same(draw):
                found = "its data are those of the first task"
            else:
                with self.running(draw):
                    outcome = self._run()
                if outcome.status != "ok":
                    found = f"the baseline ends in {outcome.status} on it: {outcome.error.strip()[-TOLD:]}"
        except TemplateError as error:
            found = str(error).strip()[-TOLD:]
        if found:
            mend = "let it lay out data of its own, on which experiment and evaluator work as they are"
            self._add("second task", "data.second", found, mend)

    def _canary(self, first: RunOutcome) -> None:
        """A version whose code alters the evaluator wherever it gets into the same process."""
        if not (judge := self.template.spec.evaluate.judge) or not self.repeats:
            return
        self.heard("a canary that patches the evaluator")
        module = judge.partition(":")[0]
        outcome = self._run(files=patched(self.files, self.template.spec.artifact.editable, module))
        if outcome.metrics != first.metrics:
            mend = "do not import or run code of the experiment in the evaluator; read plain outputs"
            told = f"code of the experiment reaches the evaluator: {outcome.error[-TOLD:] or outcome.metrics['dev']}"
            self._add("canary", "evaluate.entry", told, mend)

    def _attacks(self, first: RunOutcome) -> None:
        """The template's own: each must fail, or be judged no better than the baseline."""
        for name, files, fault in attacks(self.origin.folder, self.files, self.template.spec.artifact.editable):
            self.heard(f"attack {name}")
            mend = "mend the attack" if fault else "let the evaluator see through it"
            if fault := fault or ("" if self.caught(self._run(files=files), first) else _WON):
                self.found.findings.append(
                    TemplateFinding(kind="attack", severity="problem", where=name, text=fault, mend=mend)
                )

    def caught(self, outcome: RunOutcome, first: RunOutcome) -> str:
        """Why a run is judged no better than the baseline; empty where it is better."""
        if outcome.status != "ok":
            return f"{outcome.status}: {outcome.error.strip()[-TOLD:]}"
        if beyond := self.template.violated(dict(outcome.metrics["dev"])):
            return f"it violates the constraint on {beyond[0].metric}"
        now, before = (self.template.fitness(dict(o.metrics["dev"])) for o in (outcome, first))
        least = self.template.spec.objective.min_effect + 2 * float(self.found.facts.get("noise", 0.0))
        return "" if self.template.sign * (now - before) > least else f"no better: {now:.6g} beside {before:.6g}"

    def attacked(self) -> dict[str, str]:
        """What became of each of the template's own attacks: how it was caught, empty where it was not."""
        with self.running():
            if (first := self._run()).status != "ok":
                raise TemplateError(f"{self.file}: [run]: the baseline ends in {first.status}: {first.error[-TOLD:]}")
            self._seeds(first)
            tried = attacks(self.origin.folder, self.files, self.template.spec.artifact.editable)
            return {
                Path(name).name: "" if fault else self.caught(self._run(files=files), first)
                for name, files, fault in tried
            }


_ALONE = "the noise of a study's comparisons is smaller where what disturbs a run disturbs its partner, too"
_BOUND = "widen the bound, or start from a baseline that keeps it by a margin"
_WON = "it is judged better than the baseline"
_ERROR = "if it tells of failures, let the evaluator raise instead: a run that fails is no run with a bad score"
