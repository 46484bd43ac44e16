"""The evidence: every number that a paper may print, computed from the study's ledger.

A fact carries its formula and the runs that it comes from. Formatting happens here and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nightlab.experiments.ledger import Run, Trial
from nightlab.experiments.notes import notes
from nightlab.experiments.records import Fact, Params, ParamValue, Split, written
from nightlab.experiments.repair import standing
from nightlab.experiments.statistics import Summary, summarize
from nightlab.experiments.study import Settings, Study, StudyError
from nightlab.experiments.template import Template
from nightlab.experiments.versions import FileDiff, diffs, unified

BASELINE = 0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A study as its ledger tells it, with the facts. Scores are in the objective's own direction here."""

    study: str
    template: Template
    settings: Settings
    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]
    preregistration: Mapping[str, Any]
    claim: Mapping[str, Any]
    ablation: tuple[Mapping[str, Any], ...]
    sensitivity: tuple[Mapping[str, Any], ...]
    level: str
    idea_strategies: tuple[str, ...]
    edits: Mapping[int, tuple[FileDiff, ...]]  # trial -> what it changed of the files that it started from
    facts: Mapping[str, Fact]
    notes: Mapping[str, str] = field(default_factory=dict)  # heading -> what a reader must know to read the claim right
    earlier: tuple[Mapping[str, Any], ...] = ()  # the claims that were made before the study was extended

    @property
    def best(self) -> Trial:
        return self.trials[int(self.claim["best"])]

    @property
    def improved(self) -> bool:
        """Whether the confirmation bears the claim of an improvement."""
        return bool(self.claim["significant"])

    @property
    def fresh_data(self) -> bool:
        """Whether the claim is on data that the search had not seen, as far as the runs and the data tell."""
        return self.claim["split"] == "holdout" and not self.notes.keys() & {"Holdout", "Shared data"}

    @property
    def first(self) -> Evidence | None:
        """The same study with its first claim for the present one; None if there is no other."""
        return replace(self, claim=self.earlier[0], earlier=()) if self.earlier else None

    def fitness(self, run: Run, split: Split = "dev") -> float | None:
        """The fitness of a run, None if it failed."""
        if run.outcome is None or run.outcome.status != "ok":
            return None
        return self.template.fitness(dict(run.outcome.metrics[split]))

    def runs_of(self, phase: str, subject: str) -> list[Run]:
        return [r for r in self.runs if r.phase == phase and r.subject == subject]

    def search_scores(self, trial: int) -> list[tuple[int, float]]:
        """(run number, fitness) of a trial's successful search runs, on the seeds that a verdict may use."""
        own = (r for r in self.runs if r.phase == "search" and r.subject == str(trial))
        found = ((r.id, self.fitness(r)) for r in own if r.replicate < self.settings.seeds)
        return [(number, value) for number, value in found if value is not None]


class Facts(dict[str, Fact]):
    """Facts by id, with the ways to add one."""

    def put(self, key: str, value: float, text: str, formula: str, runs: Sequence[int] = (), unit: str = "") -> None:
        if not math.isfinite(value):
            raise ValueError(f"fact {key} is not finite: {value}")
        self[key] = Fact(id=key, value=value, text=text, formula=formula, runs=tuple(runs), unit=unit)

    def count(self, key: str, value: int, formula: str) -> None:
        self.put(key, value, str(value), formula)

    def setting(self, key: str, value: float, formula: str) -> None:
        self.put(key, value, plain(value), formula)

    def mean(self, key: str, values: Sequence[float], what: str, runs: Sequence[int]) -> Summary:
        """`key`.mean, .stderr, .low, .high and .n of one group of values."""
        s = summarize(values)
        digits = decimals(s.stderr or abs(s.mean) / 100)
        self.put(f"{key}.mean", s.mean, fixed(s.mean, digits), f"mean of {what}", runs)
        self.put(f"{key}.stderr", s.stderr, fixed(s.stderr, digits), f"standard error of {what}", runs)
        self.put(f"{key}.low", s.low, fixed(s.low, digits), f"lower end of the t-interval of {what}", runs)
        self.put(f"{key}.high", s.high, fixed(s.high, digits), f"upper end of the t-interval of {what}", runs)
        self.count(f"{key}.n", s.n, f"number of {what}")
        return s

    def effect(self, key: str, body: Mapping[str, Any], what: str, runs: Sequence[int]) -> None:
        """`key`.effect, .low, .high, .p and .n of a test's result; positive is better."""
        digits = decimals((body["high"] - body["low"]) / 4 or abs(body["effect"]) / 100)
        self.put(f"{key}.effect", body["effect"], fixed(body["effect"], digits), f"mean difference, {what}", runs)
        self.put(f"{key}.low", body["low"], fixed(body["low"], digits), f"lower end of its interval, {what}", runs)
        self.put(f"{key}.high", body["high"], fixed(body["high"], digits), f"upper end of its interval, {what}", runs)
        p = body.get("p_holm", body["p_value"])
        kind = "p value after Holm" if "p_holm" in body else "p value"
        self.put(f"{key}.p", p, p_text(p), f"{kind}, {body['test']}, {what}", runs)
        self.count(f"{key}.n", body["n"], f"number of pairs, {what}")


def collect(study: Study) -> Evidence:
    """Read a study whose confirmation is done into evidence.

    Raises StudyError if the ledger holds no claim yet.
    """
    ledger = study.ledger
    claim = ledger.document("claim", study.era("claim"))
    if claim is None:
        raise StudyError(
            f"{study.folder}: the experiment has not been confirmed yet; `nightlab resume` goes on with it"
        )
    runs, trials = study.current(ledger.runs()), tuple(ledger.trials())
    ablation = tuple(_latest(ledger.documents(study.era("ablation"))))
    evidence = Evidence(
        study=study.name,
        template=study.template,
        settings=study.settings,
        trials=trials,
        runs=runs,
        preregistration=ledger.document("preregistration", study.era("claim")) or {},
        claim=claim,
        ablation=ablation,
        sensitivity=tuple(ledger.documents(study.era("sensitivity")).values()),
        level=min((r.outcome.level for r in runs if r.outcome), default="S0"),
        idea_strategies=_strategies(study),
        edits=_edits(study, trials),
        notes=notes(study),
        earlier=tuple(c for key in study.earlier("claim") if (c := ledger.document("claim", key))),
        facts={},
    )
    facts = Facts()
    _settings(facts, evidence)
    _extensions(facts, study)
    _counts(facts, evidence)
    _notices(facts, ledger.documents("notice"))
    _search(facts, evidence)
    _confirmation(facts, evidence)
    _earlier(facts, evidence, study)
    _variants(facts, evidence)
    _parameters(facts, evidence)
    return Evidence(**{**vars(evidence), "facts": facts})


def _edits(study: Study, trials: Sequence[Trial]) -> dict[int, tuple[FileDiff, ...]]:
    """The edits of all trials, relative to the last version before them that ran."""
    found = {}
    for trial in trials[1:]:
        before = _before(trials, trial)
        if trial.change.artifact != before:
            found[trial.number] = tuple(
                diffs(study.artifacts.read(before), study.artifacts.read(trial.change.artifact))
            )
    return found


def _before(trials: Sequence[Trial], trial: Trial) -> str:
    """The artifact that a trial's edits are edits of."""
    return trials[standing(trials, trial.change.parent or BASELINE)].change.artifact


def _strategies(study: Study) -> tuple[str, ...]:
    """The strategies of the study's idea; without one, all that the template declares."""
    idea = next(iter(study.ledger.documents("idea").values()), None)
    return tuple(idea["strategies"]) if idea else study.template.strategies


def _latest(documents: Mapping[str, Any]) -> list[Any]:
    """Of each ablated component the version with the most seeds."""
    latest: dict[str, Any] = {}
    for key, body in documents.items():
        name = key.rsplit("/", 1)[0]
        if name not in latest or body["n"] >= latest[name]["n"]:
            latest[name] = body
    return list(latest.values())


def _settings(facts: Facts, e: Evidence) -> None:
    spec, file = e.template.spec, "template.toml"
    facts.setting("setting.trials", e.settings.trials, "budget of trials of the study")
    facts.setting("setting.seeds", e.settings.seeds, "replicates that a verdict may use")
    facts.count("setting.workers", e.settings.workers, "runs that the study made at a time")
    facts.setting("setting.confirm_seeds", spec.budget.confirm_seeds, f"{file}: budget.confirm_seeds")
    facts.setting("setting.timeout", spec.run.timeout_s, f"{file}: run.timeout_s")
    facts.setting("setting.memory", spec.run.memory_mb, f"{file}: run.memory_mb")
    facts.setting("setting.min_effect", spec.objective.min_effect, f"{file}: objective.min_effect")
    facts.setting("setting.level", e.preregistration["level"], "preregistered level of the test")
    facts.put("setting.coverage", 95, "95 %", "coverage of all intervals", unit="%")
    facts.count("setting.knobs", len(e.template.knobs), f"{file}: number of knobs")
    facts.count("setting.strategies", len(e.template.strategies), f"{file}: number of strategies")
    reach = e.idea_strategies
    facts.count("reach.knobs", sum(k.strategy in reach for k in e.template.knobs), "knobs that the idea may move")
    facts.count("reach.strategies", len(reach), "strategies of the idea")
    facts.count("setting.seed", e.settings.seed, "seed of the study")
    for name, c in zip(e.template.constraint_keys, spec.constraint, strict=True):
        for side in ("min", "max"):
            if (bound := getattr(c, side)) is not None:
                facts.setting(f"constraint.{name}.{side}", bound, f"{file}: constraint on {c.metric}")


def _extensions(facts: Facts, study: Study) -> None:
    """The trials that a study was asked for at first and by each extension, where it was extended."""
    added = {key: row["trials"] for key, row in study.ledger.documents("extension").items()}
    if added:
        facts.count("setting.trials.first", study.settings.trials - sum(added.values()), "trials before any extension")
    for number, trials in added.items():
        facts.count(f"setting.trials.extension.{number}", trials, f"trials that extension {number} added")


def _counts(facts: Facts, e: Evidence) -> None:
    kinds = [t.verdict.kind for t in e.trials if t.verdict]
    facts.count("search.trials", len(kinds) - 1, "settled trials without the baseline")
    for kind in ("kept", "reverted", "failed"):
        facts.count(f"search.{kind}", kinds.count(kind), f"trials with the verdict {kind}")
    stood = {t.number for t in e.trials if t.verdict and t.verdict.kind in ("baseline", "kept")}
    aside = sum(t.change.parent is not None and t.change.parent not in stood for t in e.trials)
    facts.count("search.aside", aside, "trials whose parent is neither the baseline nor a kept trial")
    for cause in sorted({t.verdict.cause for t in e.trials if t.verdict and t.verdict.kind == "failed"}):
        n = sum(t.verdict.kind == "failed" and t.verdict.cause == cause for t in e.trials if t.verdict)
        facts.count(f"search.failed.{cause}", n, f"trials that failed: {cause}")
    for phase in sorted({r.phase for r in e.runs}):
        facts.count(f"runs.{phase}", sum(r.phase == phase for r in e.runs), f"runs of the phase {phase}")
    facts.count("runs.all", len(e.runs), "runs of all phases")
    if e.edits:
        facts.count("search.edits", len(e.edits), "trials that changed files")
    for number, changed in e.edits.items():
        facts.count(f"edit.{number}.added", sum(d.added for d in changed), f"lines that trial {number} added to files")
        removed = sum(d.removed for d in changed)
        facts.count(f"edit.{number}.removed", removed, f"lines that trial {number} removed from files")
    walls = [
        (r.id, r.outcome.wall_s)
        for r in e.runs
        if r.phase != "rung" and r.outcome and r.outcome.status == "ok" and r.outcome.wall_s
    ]
    facts.mean("run.wall", [w for _, w in walls], "seconds a run", [i for i, _ in walls])


def _notices(facts: Facts, notices: Mapping[str, Any]) -> None:
    """What the overseer noticed, if anything."""
    if notices:
        gaming = sum(n["concern"] == "gaming" for n in notices.values())
        facts.count("overseer.notices", len(notices), "notices of the overseer")
        facts.count("overseer.gaming", gaming, "notices of the overseer on signs of gaming")
    if "gap" in notices:
        facts.count("overseer.gap", 1, "the gain on dev lies above that on the holdout, intervals apart")


def _search(facts: Facts, e: Evidence) -> None:
    for trial in e.trials:
        if scores := e.search_scores(trial.number):
            values, runs = [v for _, v in scores], [i for i, _ in scores]
            s = summarize(values)
            text = fixed(s.mean, _search_digits(e, s.mean))
            what = f"mean dev fitness of trial {trial.number} on the search seeds of a verdict"
            facts.put(f"trial.{trial.number}.mean", s.mean, text, what, runs)
    best = int(e.claim["best"])
    facts.count("best.replicates", len(e.search_scores(best)), "search runs of the best trial")


def _search_digits(e: Evidence, value: float) -> int:
    """Decimals for a value of the search: what the baseline's replicates resolve, its own where they are alike."""
    s = summarize([v for _, v in e.search_scores(BASELINE)])
    return decimals(s.stderr or abs(value) / 100)


def _confirmation(facts: Facts, e: Evidence) -> None:
    splits: list[Split] = ["dev", "holdout"] if e.claim["split"] == "holdout" else ["dev"]
    subjects = ["baseline"] if e.best.number == BASELINE else ["baseline", "best"]
    used: list[int] = []
    for subject in subjects:
        good = confirmed(e, subject)
        used += [r.id for r in good]
        for split in splits:
            values = [v for r in good if (v := e.fitness(r, split)) is not None]
            facts.mean(
                f"{subject}.{split}", values, f"{split} fitness of the {subject}, fresh seeds", [r.id for r in good]
            )
            names = set.intersection(*(set(r.outcome.metrics[split]) for r in good if r.outcome))
            for metric in sorted(names):
                if metric != e.template.metric or e.template.penalised:
                    column = [r.outcome.metrics[split][metric] for r in good if r.outcome]
                    what = f"{split} {metric} of the {subject}, fresh seeds"
                    facts.mean(f"{subject}.{split}.{metric}", column, what, [r.id for r in good])
    facts.effect("claim", e.claim, f"best against baseline, {e.claim['split']}", sorted(used))
    facts.count("claim.failed", e.claim["failed_runs"], "confirmation runs that failed; their seeds are left out")
    before = facts[f"baseline.{e.claim['split']}.mean"].value
    if abs(before) > 2 * facts[f"baseline.{e.claim['split']}.stderr"].value:
        share = 100 * e.claim["effect"] / abs(before)
        facts.put("claim.relative", share, f"{share:.1f} %", "effect / baseline mean", sorted(used), unit="%")
    if e.best.number != BASELINE:
        seen, fresh = facts[f"trial.{e.best.number}.mean"], facts["best.dev.mean"]
        first, since = facts[f"trial.{BASELINE}.mean"], facts["baseline.dev.mean"]
        optimism = e.template.sign * ((seen.value - first.value) - (fresh.value - since.value))
        digits = decimals(facts["best.dev.stderr"].value or abs(optimism) / 100)
        facts.put(
            "search.optimism",
            optimism,
            fixed(optimism, digits),
            "how much larger the best trial's gain was on the search seeds of a verdict than on fresh seeds, dev",
            [*seen.runs, *first.runs, *fresh.runs, *since.runs],
        )


def _earlier(facts: Facts, e: Evidence, study: Study) -> None:
    """The claims that were made before the study was extended, each from the runs on its own seeds."""
    for number, (claim, phase) in enumerate(zip(e.earlier, study.earlier("confirm"), strict=True)):
        runs = tuple(replace(run, phase="confirm") for run in study.ledger.runs(phase))
        then, key, split = replace(e, claim=claim, runs=runs), f"earlier.{number}", claim["split"]
        told, used = f"earlier claim {number + 1}, {split}", []
        for subject in ("baseline", "best") if claim["tested"] else ("baseline",):
            good = confirmed(then, subject)
            used += [r.id for r in good]
            values = [v for r in good if (v := e.fitness(r, split)) is not None]
            facts.mean(f"{key}.{subject}.{split}", values, f"fitness of the {subject}, {told}", [r.id for r in good])
        if claim["tested"]:
            facts.effect(f"{key}.claim", claim, f"best against baseline, {told}", sorted(used))
        since = sum(facts[f"setting.trials.extension.{i + 1}"].value for i in range(number, study.extensions))
        facts.count(f"{key}.trials", e.settings.trials - int(since), f"budget of trials before extension {number + 1}")


def confirmed(e: Evidence, subject: str) -> list[Run]:
    """Confirmation runs of baseline or best on the seeds on which all that was confirmed succeeded."""
    subjects = ("baseline",) if e.best.number == BASELINE else ("baseline", "best")
    good = {s: {r.seed: r for r in e.runs_of("confirm", s) if e.fitness(r) is not None} for s in subjects}
    common = set.intersection(*(set(runs) for runs in good.values()))
    return [run for seed, run in good.get(subject, {}).items() if seed in common]


def _variants(facts: Facts, e: Evidence) -> None:
    reference = confirmed(e, "best")
    for row in e.ablation:
        runs = [r.id for r in (*e.runs_of("ablate", row["key"])[: row["n"]], *reference[: row["n"]])]
        facts.effect(f"ablation.{row['key']}", row, f"best against itself {row['key'].replace('-', ' ')}, dev", runs)
    if e.ablation:
        facts.count("ablation.seeds", max(row["n"] for row in e.ablation), "seeds of the ablation")
    if e.sensitivity:
        seeds = max(row["n"] for row in e.sensitivity)
        facts.count("sensitivity.seeds", seeds, "seeds of the sensitivity analysis")
    for row in e.sensitivity:
        key = row["key"]
        runs = [r.id for r in (*e.runs_of("sensitivity", row["key"]), *reference[: row["n"]])]
        facts.effect(f"sensitivity.{key}", row, f"best against itself with {row['knob']} = {row['value']}, dev", runs)
        if not isinstance(row["value"], str):
            facts.setting(f"sensitivity.{key}.value", row["value"], f"{row['knob']} one step away from the best")


def _parameters(facts: Facts, e: Evidence) -> None:
    _assignment(facts, "default", e.template.defaults, "template.toml")
    _assignment(facts, "chosen", e.best.change.params, f"parameters of trial {e.best.number}")
    for knob in e.template.knobs:
        for i, choice in enumerate(knob.choices):
            if not isinstance(choice, str):
                facts.setting(
                    f"range.{knob.name}.choice.{i}", choice, f"template.toml: search.space.{knob.name}.choices"
                )
        if knob.type != "choice":
            facts.setting(f"range.{knob.name}.low", knob.low, f"template.toml: search.space.{knob.name}.low")
            facts.setting(f"range.{knob.name}.high", knob.high, f"template.toml: search.space.{knob.name}.high")


def _assignment(facts: Facts, prefix: str, params: Params, source: str) -> None:
    for name, value in params.items():
        if not isinstance(value, str):
            facts.setting(f"{prefix}.{name}", value, f"{source}: {name}")


def save(facts: Mapping[str, Fact], file: Path) -> None:
    """Write facts as evidence.json."""
    file.write_text(json.dumps([asdict(f) for f in facts.values()], indent=1, ensure_ascii=False), encoding="utf-8")


def save_edits(study: Study, e: Evidence, folder: Path) -> None:
    """Write each kept edit as a unified diff."""
    for number in e.edits:
        trial = e.trials[number]
        if trial.verdict and trial.verdict.kind == "kept":
            folder.mkdir(exist_ok=True)
            before, after = (study.artifacts.read(a) for a in (_before(e.trials, trial), trial.change.artifact))
            (folder / f"trial-{number}.diff").write_text(unified(before, after), "utf-8", "surrogateescape")


# Formatting


def decimals(uncertainty: float) -> int:
    """Decimals that show two significant digits of an uncertainty."""
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 4
    return max(0, min(12, 1 - math.floor(math.log10(uncertainty))))


MOST_DECIMALS = 6  # of a number that is written out


def fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}" if digits <= MOST_DECIMALS else f"{value:.3g}"
    return text.removeprefix("-") if float(text) == 0 else text


def plain(value: ParamValue) -> str:
    """A setting as a person would write it."""
    if isinstance(value, str | int):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return written(value)


def p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
