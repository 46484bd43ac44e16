"""A whole paper as a study would make it: facts, references, figures, manuscript."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightlab.experiments.records import Fact, Split
from nightlab.papers.figures import figures
from nightlab.papers.figures.figures import Bar, Panel, Point, Share
from nightlab.papers.latex.latex import Compiled
from nightlab.papers.literature.literature import Reference, load_bib
from nightlab.papers.manuscript import tables
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Section, Table

LABEL = "log loss (nats)"
KNOBS = ("learning_rate", "hidden_units", "weight_decay", "momentum")
STRATEGIES = ("learning_rate_schedule", "architecture", "regularisation", "optimizer")


@dataclass(frozen=True)
class Paper:
    folder: Path
    manuscript: Manuscript
    facts: dict[str, Fact]
    references: tuple[Reference, ...]
    compiled: Compiled

    @property
    def text(self) -> str:
        """What the PDF says, one white space between words; skips where poppler is not installed."""
        return pdf_text(self.folder / "paper.pdf")


def pdf_text(pdf: Path) -> str:
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def references() -> tuple[Reference, ...]:
    return load_bib(Path(__file__).with_name("references.bib"))


def points(n: int = 40) -> list[Point]:
    rng, best = random.Random(4), 0.42
    found = [Point(number=0, value=best, stderr=0.012, verdict="baseline")]
    for i in range(1, n):
        value, strategy = best + rng.gauss(0.03, 0.04), STRATEGIES[i % 4]
        if rng.random() < 0.08:
            found.append(Point(number=i, value=None, verdict="failed", strategy=strategy))
        elif value < best - 0.012:
            best = value
            found.append(Point(number=i, value=value, stderr=0.009, verdict="kept", strategy=strategy))
        else:
            found.append(Point(number=i, value=value, stderr=0.01, verdict="reverted", strategy=strategy))
    return found


def facts() -> dict[str, Fact]:
    made: list[Fact] = []

    def put(id: str, value: float, text: str, formula: str, runs: range = range(0)) -> None:
        made.append(Fact(id=id, value=value, text=text, formula=formula, runs=tuple(runs)))

    put("study.trials", 40, "40", "trials settled in the ledger")
    put("study.kept", 3, "3", "trials with the verdict kept")
    put("study.failed", 3, "3", "trials with the verdict failed")
    put("study.alpha", 0.05, "0.05", "level of the confirmation, fixed before the search")
    put("setting.coverage", 95, "95 %", "coverage of all intervals")
    put(
        "claim.effect", -0.092, "-0.092", "mean of best minus mean of baseline over paired fresh seeds", range(160, 192)
    )
    put("claim.low", -0.101, "-0.101", "lower end of its interval", range(160, 192))
    put("claim.high", -0.083, "-0.083", "upper end of its interval", range(160, 192))
    put("claim.p", 3.1e-9, "3.1e-09", "paired t-test", range(160, 192))
    for subject, first in (("baseline", 160), ("best", 176)):
        for split in ("dev", "holdout"):
            runs = range(first, first + 16)
            put(f"{subject}.{split}.mean", 0.42, "0.4213", f"mean of log_loss, {split}, {subject}", runs)
            put(f"{subject}.{split}.stderr", 0.004, "0.0041", f"standard error of log_loss, {split}, {subject}", runs)
            put(f"{subject}.{split}.n", 16, "16", f"number of runs, {split}, {subject}")
    for knob in KNOBS:
        put(f"knob.{knob}.low", 1e-4, "1e-04", f"template.toml: search.space.{knob}.low")
        put(f"knob.{knob}.high", 0.1, "0.1", f"template.toml: search.space.{knob}.high")
        put(f"knob.{knob}.baseline", 0.01, "0.01", f"template.toml: search.space.{knob}.default")
        put(f"knob.{knob}.best", 0.0317, "0.0317", "parameter of the best trial")
        put(f"ablation.{knob}.effect", 0.02, "0.0203", f"change of log_loss without {knob}", range(192, 208))
        put(f"ablation.{knob}.low", 0.01, "0.0101", "lower end of its interval", range(192, 208))
        put(f"ablation.{knob}.high", 0.03, "0.0306", "upper end of its interval", range(192, 208))
    for p in points():
        put(f"trial.{p.number}.number", p.number, str(p.number), "the trial's number in the ledger")
        if p.value is not None:
            runs = range(3 * p.number, 3 * p.number + 3)
            put(f"trial.{p.number}.mean", p.value, f"{p.value:.4f}", "mean of log_loss, dev", runs)
            put(f"trial.{p.number}.stderr", p.stderr, f"{p.stderr:.4f}", "standard error of log_loss, dev", runs)
    return {f.id: f for f in made}


def draw(folder: Path) -> None:
    rng, pts = random.Random(7), points()
    scored = [p for p in pts if p.value is not None]
    scores, verdicts = [p.value or 0.0 for p in scored], [p.verdict for p in scored]
    rates = [10 ** rng.uniform(-4, -1) for _ in scored]
    panels = [
        Panel(knob="learning rate", values=rates, scores=scores, verdicts=verdicts, log=True),
        Panel(knob="hidden units", values=[rng.randint(8, 128) for _ in scored], scores=scores, verdicts=verdicts),
        Panel(knob="activation", values=rng.choices(["relu", "tanh"], k=len(scored)), scores=scores, verdicts=verdicts),
    ]
    seeds = [rng.gauss(0, 0.012) for _ in range(16)]
    splits: tuple[Split, ...] = ("dev", "holdout")
    before = {s: [0.42 + e + rng.gauss(0, 0.004) for e in seeds] for s in splits}
    after = {s: [0.33 + 0.7 * e + rng.gauss(0, 0.006) for e in seeds] for s in splits}
    bars = [Bar(label=k.replace("_", " "), effect=0.02, low=0.01, high=0.03, significant=True) for k in KNOBS[:3]]
    bars.append(Bar(label="momentum", effect=-0.002, low=-0.008, high=0.004))
    figures.progress(folder / "progress.pdf", pts, LABEL)
    figures.confirmation(folder / "confirmation.pdf", before, after, LABEL)
    figures.ablation(folder / "ablation.pdf", bars, f"change of {LABEL} when removed")
    figures.response(folder / "response.pdf", panels, LABEL)
    shares = [Share(label=k.replace("_", " "), value=v) for k, v in zip(KNOBS, (0.5, 0.3, 0.15, 0.05), strict=True)]
    figures.importance(folder / "importance.pdf", shares, "share of the variance explained")


def _figures() -> tuple[Figure, ...]:
    captions = {
        "progress": "Every trial in its order. The line is the incumbent; ticks on the axis are failed trials, of which"
        " there are {fact:study.failed}, and a triangle is a score beyond the axis.",
        "confirmation": "Baseline and best on the same {fact:best.dev.n} fresh seeds. A line joins the two runs of a"
        " seed; the marks beside them are means with {fact:setting.coverage} intervals.",
        "ablation": "The change of the log loss when each kept change is taken back.",
        "response": "The log loss against the three most important knobs; the line is the running median.",
    }
    return tuple(Figure(f"fig-{name}", f"figures/{name}.pdf", caption) for name, caption in captions.items())


def _tables() -> tuple[Table, ...]:
    knobs = [
        (
            tables.code(knob),
            strategy.replace("_", " "),
            f"{{fact:knob.{knob}.low}} – {{fact:knob.{knob}.high}}",
            tables.mark(f"knob.{knob}.baseline"),
            tables.mark(f"knob.{knob}.best"),
        )
        for knob, strategy in zip(KNOBS, STRATEGIES, strict=True)
    ]
    knobs.append(("`activation`", "architecture", "relu, tanh, gelu", "relu", "tanh"))
    results = {
        f"{subject}, {split}": (
            (f"{subject}.{split}.mean", f"{subject}.{split}.stderr"),
            f"{subject}.{split}.n",
        )
        for split in ("dev", "holdout")
        for subject in ("baseline", "best")
    }
    trials = [
        (
            tables.mark(f"trial.{p.number}.number"),
            (p.strategy or "baseline").replace("_", " "),
            "A slower decay of the learning rate lets the network settle in a wider minimum.",
            tables.plus_minus(f"trial.{p.number}.mean", f"trial.{p.number}.stderr") if p.value else tables.NONE,
            p.verdict,
        )
        for p in points()
    ]
    return (
        Table(
            "tab-knobs",
            "The search space, with the settings of the baseline and of the best trial.",
            ("Knob", "Strategy", "Domain", "Baseline", "Best"),
            tuple(knobs),
            "lllrr",
        ),
        Table(
            "tab-results",
            "The confirmation: mean log loss ± standard error over fresh seeds.",
            ("Configuration", "Log loss (nats)", "Runs"),
            tuple((name, tables.plus_minus(*value), tables.mark(n)) for name, (value, n) in results.items()),
        ),
        Table(
            "tab-trials",
            "All trials of the search.",
            ("Trial", "Strategy", "Hypothesis", "Log loss (nats)", "Verdict"),
            tuple(trials),
            "rlXrl",
        ),
    )


def manuscript() -> Manuscript:
    return Manuscript(
        title="Slower Decay, Wider Minima: Learning-Rate Schedules for Small Networks on Handwritten Digits",
        authors_note="This paper was written by Nightlab. No language model took part: hypotheses come from the"
        " template, and the prose is composed from facts.",
        abstract=ABSTRACT,
        keywords=("hyperparameter search", "reproducibility", "small networks"),
        sections=(
            Section("introduction", "Introduction", INTRODUCTION),
            Section("related", "Related work", RELATED),
            Section("method", "Method", METHOD),
            Section("setup", "Experimental set-up", SETUP),
            Section("results", "Results", RESULTS),
            Section("ablation", "Ablation", ABLATION),
            Section("limitations", "Limitations", LIMITATIONS),
            Section("conclusion", "Conclusion", CONCLUSION),
        ),
        appendix=(Section("trials", "Trials", TRIALS),),
        figures=_figures(),
        tables=_tables(),
    )


ABSTRACT = """
Small networks are tuned by hand more often than by design. We ask whether the schedule of the learning rate alone
explains most of what tuning gains on a small image task. In {fact:study.trials} trials, judged against the noise of
replicates, {fact:study.kept} changes were kept. On fresh seeds and a sealed holdout the best configuration changes the
log loss by {fact:claim.effect} nats ({fact:setting.coverage} interval {fact:claim.low} to {fact:claim.high},
$p = {fact:claim.p}$). Taking the schedule back undoes most of the gain; the momentum contributes nothing measurable.
"""
INTRODUCTION = """
Tuning a training procedure is cheap to start and hard to finish: every knob interacts with every other, and a single
lucky seed looks like progress {cite:bouthillier2021variance}. Automatic research loops make this worse, as they try
more changes than a person would and report the best of them {cite:lu2024aiscientist}. This paper reports a search that
was held to a stricter rule: a change is *kept* only if its replicates beat the incumbent's by more than their noise,
and what is claimed rests on fresh seeds and on data that the search never saw.

The question is narrow. Does the schedule of the learning rate {cite:loshchilov2017sgdr} explain more of the achievable
gain than architecture, regularisation or the optimizer? Our contributions are:

- a search over {ref:tab-knobs} with {fact:study.trials} trials, all of which are listed in {ref:trials};
- a confirmation on fresh seeds and a sealed holdout, with an effect of {fact:claim.effect} nats;
- an ablation ({ref:ablation}) that shows which of the kept changes matter.
"""
RELATED = """
Random search is a strong baseline for few knobs {cite:bergstra2012random}, and model-based samplers improve on it
{cite:akiba2019optuna}. Benchmarks such as NAS-Bench-201 {cite:dong2020nasbench} tabulate whole search spaces, which
makes the noise of a single run visible. The regularisers that we vary are standard: dropout
{cite:srivastava2014dropout} and decoupled weight decay {cite:loshchilov2019decoupled}; so are the optimizer
{cite:kingma2015adam} and the activation {cite:hendrycks2016gelu}. The task goes back to early work on document
recognition {cite:lecun1998gradient}, at a much smaller scale.

Variation between seeds is often as large as the effect that is reported {cite:bouthillier2021variance}. We follow the
advice to compare paired runs, use a test that does not assume equal variances where runs are not paired
{cite:welch1947}, and correct for multiple comparisons {cite:holm1979simple}.
"""
METHOD = """
A trial changes the incumbent's parameters within one strategy. Let $m_b$ and $m_i$ be the mean scores of the candidate
and the incumbent, and $s$ the standard error of their difference. The candidate is kept if $m_i - m_b > s$ is borne
by replicates, else it is reverted. The network is a multilayer perceptron with $h$ hidden units, and the learning rate
at step $t$ of $T$ follows $\\eta_t = \\eta \\cos (\\pi t / T)$, all computed with NumPy {cite:harris2020numpy}.

{float:tab-knobs}

The knobs of {ref:tab-knobs} are searched with a tree-structured Parzen estimator {cite:akiba2019optuna}. The parameter
`learning_rate` is drawn on a logarithmic scale. A run that crashes, exceeds its time or breaks the constraint on the
number of parameters is a failed trial; it is remembered so that the search does not repeat it.
"""
SETUP = """
The data are images of handwritten digits. The labels of the dev and holdout splits are private: they are read by the
evaluator only, after a run has ended. The search sees the dev split; the holdout is opened once. The level of the
confirmation, {fact:study.alpha}, was fixed before the search.

Baseline and best are run again with {fact:best.dev.n} fresh seeds each, in fresh processes. Intervals are
{fact:setting.coverage} t intervals of the mean or of the paired difference.
"""
RESULTS = """
{ref:fig-progress} shows the search. Of {fact:study.trials} trials, {fact:study.kept} were kept and {fact:study.failed}
failed. {ref:tab-results} and {ref:fig-confirmation} show the confirmation: the log loss on the holdout falls from
{fact:baseline.holdout.mean} to {fact:best.holdout.mean}, a change of {fact:claim.effect} nats with an interval from
{fact:claim.low} to {fact:claim.high} ($p = {fact:claim.p} < {fact:study.alpha}$).

{float:fig-progress}

{float:tab-results}

{float:fig-confirmation}

How the score responds to the knobs is shown in {ref:fig-response}. The learning rate has a broad optimum; the number of
hidden units matters little once it is large enough – which agrees with the ablation.

{float:fig-response}
"""
ABLATION = """
Each kept change was taken back on its own, on the same fresh seeds ({ref:fig-ablation}). Without the schedule the log
loss rises by {fact:ablation.learning_rate.effect} nats, with an interval from {fact:ablation.learning_rate.low} to
{fact:ablation.learning_rate.high}. The momentum's interval includes zero.

{float:fig-ablation}
"""
LIMITATIONS = """
One data set and one small network were studied; nothing here says that the effect carries over to larger ones. The
search saw the dev split many times, so that only the holdout's numbers are free of selection. The knobs were declared
beforehand, and a better change may lie outside of them. The evidence of all numbers is in {ref:evidence}.
"""
CONCLUSION = """
The schedule of the learning rate explains most of what the search gained: {fact:claim.effect} nats on fresh seeds.
The other kept changes add little. A search that keeps only what beats its noise finds fewer improvements, and those
that it finds hold.
"""
TRIALS = """
{ref:tab-trials} lists every trial with its verdict; a dash means that there is no score because the trial failed.

{float:tab-trials}
"""
