"""The facts: every number that a paper may print, each by a formula of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from pydantic import ConfigDict, RootModel, TypeAdapter

from nightlab.experiments.claim.further import SIDES, STRESS
from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.numbers import decimals, fixed, p_text, plain, written
from nightlab.experiments.records import Fact, Params, ParamValue
from nightlab.papers.facts import formulas  # noqa: F401  (they are registered then)
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.facts.formulas.effects import Part
from nightlab.papers.facts.formulas.groups import Statistic
from nightlab.papers.facts.registry import Value, computed

Text = Callable[[float], str]  # how a value is printed
_RELATIVE = 200  # % of the baseline: of a larger gain the two means say more


@document("facts")
class RoundFacts(RootModel[Mapping[str, Fact]]):
    """The facts of a round's evidence by id, as they were when it was taken down."""

    model_config = ConfigDict(frozen=True)


class Facts(dict[str, Fact]):
    """Facts of one evidence by id, with the ways to add one. Further keywords are the arguments of the formula."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self.evidence = evidence

    def put(self, id: str, formula: str, text: Text = plain, unit: str = "", /, **arguments: ParamValue) -> None:
        """Compute one fact and add it."""
        self._add(id, computed(self.evidence, formula, arguments), formula, arguments, text, unit)

    def count(self, id: str, formula: str, /, **arguments: ParamValue) -> None:
        self.put(id, formula, _whole, **arguments)

    def group(self, key: str, formula: str, /, **arguments: ParamValue) -> None:
        """`key`.mean, .stderr, .low, .high and .n of one group of values."""
        found = self._all("statistic", get_args(Statistic), formula, arguments)
        digits = decimals(found["stderr"].value or abs(found["mean"].value) / self.evidence.grain)
        for name, value in found.items():
            text = _whole if name == "n" else lambda v: fixed(v, digits)
            self._add(f"{key}.{name}", value, formula, {"statistic": name, **arguments}, text)

    def effect(self, key: str, formula: str, /, **arguments: ParamValue) -> None:
        """`key`.effect, .low, .high, .p and .n of a test's result; positive is better."""
        found = self._all("part", get_args(Part), formula, arguments)
        width = found["high"].value - found["low"].value
        digits = decimals(width / 4 or abs(found["effect"].value) / self.evidence.grain)
        for name, value in found.items():
            text = {"n": _whole, "p": p_text}.get(name, lambda v: fixed(v, digits))
            self._add(f"{key}.{name}", value, formula, {"part": name, **arguments}, text)

    def _all(self, which: str, names: tuple[str, ...], formula: str, arguments: Params) -> dict[str, Value]:
        return {name: computed(self.evidence, formula, {which: name, **arguments}) for name in names}

    def _add(self, key: str, found: Value, formula: str, arguments: Params, text: Text, unit: str = "") -> None:
        if not math.isfinite(found.value):
            raise ValueError(f"fact {key} is not finite: {found.value}")
        shown = text(found.value)
        self[key] = Fact(
            id=key, value=found.value, text=shown, unit=unit, formula=formula, arguments=arguments, runs=found.runs
        )


def _whole(value: float) -> str:
    return str(int(value))


def _percent(value: float) -> str:
    return f"{plain(value)} %"


def facts_of(e: Evidence) -> dict[str, Fact]:
    """All facts of a study whose confirmation is done, but for those of the analyst and of the team."""
    facts = Facts(e)
    _settings(facts, e)
    _precedents(facts, e)
    _counts(facts, e)
    _notices(facts, e)
    _search(facts, e)
    _confirmation(facts, e)
    _earlier(facts, e)
    _variants(facts, e)
    _parameters(facts, e)
    return dict(facts)


def _settings(facts: Facts, e: Evidence) -> None:
    for name in ("trials", "seeds"):
        facts.put(f"setting.{name}", "study_setting", name=name)
    for name in ("workers", "seed"):
        facts.count(f"setting.{name}", "study_setting", name=name)
    keys = {
        "timeout": "run.timeout_s",
        "memory": "run.memory_mb",
        "min_effect": "objective.min_effect",
    }
    for name, key in keys.items():
        facts.put(f"setting.{name}", "template_key", key=key)
    _plan(facts, e)
    facts.put("setting.coverage", "coverage", _percent, "%")
    for prefix, whose in (("setting", "the template"), ("reach", "the idea")):
        facts.count(f"{prefix}.knobs", "knobs", whose=whose)
        facts.count(f"{prefix}.strategies", "strategies", whose=whose)
    for i, (name, c) in enumerate(zip(e.template.constraint_keys, e.template.spec.constraint, strict=True)):
        for side in ("min", "max"):
            if getattr(c, side) is not None:
                facts.put(f"constraint.{name}.{side}", "template_key", key=f"constraint.{i}.{side}")
    for told in e.sizes:
        facts.count(f"data.{told.replace(' ', '_')}", "data_size", told=told)
    if e.extensions:
        facts.count("setting.trials.first", "trials_before", number=1)
    for number in e.extensions:
        facts.count(f"setting.trials.extension.{number}", "extension", number=number)


def _precedents(facts: Facts, e: Evidence) -> None:
    """The other studies of the template, if there are any."""
    if e.precedents.others:
        for what in ("all", "before", "claimed"):
            facts.count(f"precedents.{what}", "precedents", what=what)
        facts.put("precedents.chance", "precedents", lambda v: f"{v:.0f} %", "%", what="chance")


def _plan(facts: Facts, e: Evidence) -> None:
    """What was fixed of the claim's test before the search."""
    facts.count("setting.confirm_seeds", "planned")
    facts.put("setting.level", "preregistered", key="level")
    if e.preregistration.search_draws > 1:
        facts.count("setting.search_draws", "preregistered", key="search_draws")
    if e.preregistration.smallest:
        facts.put("setting.power", "preregistered", key="power")
        facts.put("setting.smallest", "preregistered", lambda v: fixed(v, decimals(v / 100)), key="smallest")


def _counts(facts: Facts, e: Evidence) -> None:
    facts.count("search.trials", "settled")
    for verdict in ("kept", "reverted", "failed"):
        facts.count(f"search.{verdict}", "trials", verdict=verdict)
    facts.count("search.aside", "trials_aside")
    for cause in sorted({t.verdict.cause for t in e.trials if t.verdict and t.verdict.kind == "failed"}):
        facts.count(f"search.failed.{cause}", "failures", cause=cause)
    for phase in sorted({r.phase for r in e.runs}):
        facts.count(f"runs.{phase}", "runs", phase=phase)
    facts.count("runs.all", "all_runs")
    if e.edits:
        facts.count("search.edits", "edited_trials")
        facts.count("listing.lines", "listed_lines")
    for number in e.edits:
        for side in ("added", "removed"):
            facts.count(f"edit.{number}.{side}", "edited_lines", trial=number, side=side)
    facts.group("run.wall", "seconds")


def _notices(facts: Facts, e: Evidence) -> None:
    """What the overseer noticed, if anything."""
    if e.notices:
        facts.count("overseer.notices", "notices")
        facts.count("overseer.gaming", "notices_of_gaming")
    if "gap" in e.notices:
        facts.count("overseer.gap", "gap_noticed")


def _search(facts: Facts, e: Evidence) -> None:
    """Decimals are those that the baseline's replicates resolve, a value's own where these are alike."""
    noise = summarize([v for _, v in e.search_scores(BASELINE)]).stderr
    for trial in e.trials:
        if e.search_scores(trial.number):
            key = f"trial.{trial.number}.mean"
            facts.put(key, "trial_mean", lambda v: fixed(v, decimals(noise or abs(v) / e.grain)), trial=trial.number)
    facts.count("best.replicates", "replicates")


def _confirmation(facts: Facts, e: Evidence) -> None:
    split = e.claim.split
    for subject in ("baseline",) if e.best.number == BASELINE else ("baseline", "best"):
        for each in ("dev", "holdout") if split == "holdout" else ("dev",):
            facts.group(f"{subject}.{each}", "fitness", subject=subject, split=each)
            for metric in e.measured(subject, each):
                if metric != e.template.metric or e.template.penalised:
                    facts.group(f"{subject}.{each}.{metric}", "measured", subject=subject, split=each, metric=metric)
    facts.effect("claim", "claimed", split=split)
    facts.put("setting.coverage.claim", "claim_coverage", _percent, "%", which="the claim")
    facts.count("claim.failed", "failed_confirmations")
    if e.claim.items:
        facts.count("claim.items", "sampled_items")
    if e.claim.tested and e.claim.reliability:
        digits = decimals(facts[f"best.{split}.stderr"].value or abs(facts[f"best.{split}.mean"].value) / e.grain)
        facts.put("claim.worst", "steadiness", lambda v: fixed(v, digits), part="worst", split=split)
        for part in ("runs", "wrong", "one_in"):
            facts.count(f"claim.best.{part}", "steadiness", part=part, split=split)
    baseline = facts[f"baseline.{split}.mean"].value
    clear = abs(baseline) > 2 * facts[f"baseline.{split}.stderr"].value
    if clear and abs(computed(e, "relative", {}).value) <= _RELATIVE:
        facts.put("claim.relative", "relative", lambda v: f"{v:.1f} %", "%")
    if e.best.number != BASELINE:
        stderr = facts["best.dev.stderr"].value
        facts.put("search.optimism", "optimism", lambda v: fixed(v, decimals(stderr or abs(v) / 100)))


def _earlier(facts: Facts, e: Evidence) -> None:
    """The claims that were made before the study was extended, each from the runs on its own seeds."""
    for number, claim in enumerate(e.earlier, 1):
        key, split = f"earlier.{number - 1}", claim.split
        for subject in ("baseline", "best") if claim.tested else ("baseline",):
            facts.group(f"{key}.{subject}.{split}", "earlier_fitness", subject=subject, split=split, number=number)
        if claim.tested:
            facts.effect(f"{key}.claim", "earlier_claimed", split=split, number=number)
            which = f"earlier claim {number}"
            facts.put(f"setting.coverage.{key}.claim", "claim_coverage", _percent, "%", which=which, number=number)
        facts.count(f"{key}.trials", "trials_before", number=number)


def _variants(facts: Facts, e: Evidence) -> None:
    for row in e.ablation:
        facts.effect(f"ablation.{row.key}", "ablated", component=row.key)
    if e.ablation:
        facts.count("ablation.seeds", "seeds", phase="ablation")
    for knob in e.set_back:
        facts.effect(f"set_back.{knob.knob}", "set_back", knob=knob.knob)
    if e.set_back:
        facts.count("set_back.seeds", "seeds", phase="set_back")
    _rivals(facts, e)
    if e.replication:
        split = e.replication.split
        facts.effect("replication", "replicated", split=split)
        for subject in ("baseline", "best"):
            facts.group(f"replication.{subject}.{split}", "replicated_fitness", subject=subject, split=split)
    _further(facts, e)
    if e.sensitivity:
        facts.count("sensitivity.seeds", "seeds", phase="sensitivity")
    for step in e.sensitivity:
        facts.effect(f"sensitivity.{step.key}", "stepped", step=step.key)
        if not isinstance(step.value, str):
            facts.put(f"sensitivity.{step.key}.value", "step_value", step=step.key)


def _further(facts: Facts, e: Evidence) -> None:
    """The tests that reviewers asked for."""
    for test in e.further:
        kind, split = test.plan.kind, test.plan.split
        one, other = SIDES[kind]
        facts.effect(kind, "further", kind=kind, one=one, other=other, split=split)
        for subject in (one, other):
            facts.group(f"{kind}.{subject}.{split}", "further_fitness", subject=subject, kind=kind, split=split)
        if kind == STRESS:
            facts.put("stress.bound", "stress_bound", written, metric=test.plan.metric)


def _rivals(facts: Facts, e: Evidence) -> None:
    """Baselines at equal budget, and what others have published."""
    split = e.claim.split
    for row in e.rivals:
        facts.effect(f"rival.{row.rival.name}", "rivalled", rival=row.rival.name, split=split)
    for subject in ("best", *(row.rival.name for row in e.rivals)) if e.rivals else ():
        facts.group(f"rival.{subject}.{split}", "rival_fitness", subject=subject, split=split)
    if e.rivals:
        facts.count("rival.best.runs", "searching_runs")
    if e.template.spec.published:
        facts.put("published.value", "template_key", key="published.value")


def _parameters(facts: Facts, e: Evidence) -> None:
    for name, value in e.template.defaults.items():
        if not isinstance(value, str):
            facts.put(f"default.{name}", "default", name=name)
    for name, value in e.best.change.params.items():
        if not isinstance(value, str):
            facts.put(f"chosen.{name}", "parameter", trial=e.best.number, name=name)
    for knob in e.template.knobs:
        table = f"search.space.{knob.name}"
        for i, choice in enumerate(knob.choices):
            if not isinstance(choice, str):
                facts.put(f"range.{knob.name}.choice.{i}", "template_key", key=f"{table}.choices.{i}")
        for end in ("low", "high") if knob.type != "choice" else ():
            facts.put(f"range.{knob.name}.{end}", "template_key", key=f"{table}.{end}")


def save(facts: Mapping[str, Fact], file: Path) -> None:
    """Write facts as evidence.json."""
    file.write_text(json.dumps([asdict(f) for f in facts.values()], indent=1, ensure_ascii=False), encoding="utf-8")


def read(file: Path) -> dict[str, Fact]:
    """The facts of an evidence.json. Raises ValueError for what is none."""
    return {fact.id: fact for fact in TypeAdapter(list[Fact]).validate_json(file.read_bytes())}
