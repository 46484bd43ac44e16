"""What the command line tells of a study; everything is read from its ledger and its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nightlab.agents.chat.usage import usage, usage_lines
from nightlab.experiments.claim import scope
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.ledger import Trial, by_verdict, replaced
from nightlab.experiments.ledger.trial_scores import SEARCH, mean, trial_scores
from nightlab.experiments.numbers import plural, written
from nightlab.experiments.records import BASELINE
from nightlab.experiments.study.study import Study, read, resuming
from nightlab.experiments.template.artifact.diffs import changed, concerned
from nightlab.papers.audit.finding import Findings
from nightlab.papers.latex.seal import evidence_and_figures
from nightlab.telling.progress import claim_told
from nightlab.telling.reviews import rounds
from nightlab.telling.terminal import Terminal

SHOWN = ("overall", "soundness", "presentation", "contribution", "originality", "quality", "clarity", "significance")


@contextmanager
def opened(folder: Path) -> Iterator[Study]:
    study = read(folder)
    try:
        yield study
    finally:
        study.close()


def outcome(study: Study) -> dict[str, Any]:
    """The JSON of `experiment`, or of `run` for a study of the whole pipeline."""
    summary = experiment_summary(study)
    if study.mode == "experiment":
        used = usage(study.ledger)
        return summary | ({"usage": used} if used["calls"] else {}) | {"ledger": _head(study)}
    reviews = rounds(study)
    kept = [r for r in reviews if r["kept"]]
    return {
        "study": str(study.folder),
        "template": study.template.name,
        "experiment": summary,
        "paper": _paper(study),
        "reviews": reviews,
        "decision": kept[-1]["decision"] if kept else None,
        "usage": usage(study.ledger),
        "ledger": _head(study),
    }


def _head(study: Study) -> dict[str, Any]:
    """The ledger's links so far and the hash of the last one; those of the paper's evidence and figures."""
    link, found = study.ledger.head(), {}
    if (study.paper / "evidence.json").is_file():
        found = evidence_and_figures(study.paper)
    return {"links": link.number if link else 0, "head": link.hash if link else "", **found}


def _paper(study: Study) -> dict[str, Any] | None:
    from nightlab.graph.drafting import compiled
    from nightlab.papers.manuscript.manuscript import facts_used, keys_cited
    from nightlab.papers.manuscript.manuscript import read as read_manuscript

    if not (study.paper / "compiled.json").is_file():
        return None
    done = compiled(study.paper)
    manuscript = read_manuscript(study.paper / "manuscript.json")
    return {
        "pdf": str(done.pdf) if done.pdf else None,
        "tex": str(study.paper / "paper.tex"),
        "pages": done.pages,
        "facts": len(facts_used(manuscript)),
        "citations": len(keys_cited(manuscript)),
        "findings": len(findings(study)),
    }


def findings(study: Study) -> list[dict[str, str]]:
    """What the audit objects to in the published version."""
    kept = [r["round"] for r in rounds(study) if r["kept"]]
    if not kept:
        return []
    found = study.ledger.get(Findings, f"{kept[-1]}.mended") or study.ledger.get(Findings, str(kept[-1]))
    return [asdict(each) for each in found.root] if found else []


def no_reviews(study: Study) -> str:
    if study.mode == "experiment":
        return f"{study.folder} is an experiment without a paper; reviews come with `nightlab run`"
    return f"{study.folder} has no reviews yet; {resuming(study.folder)} goes on with it"


def problem(study: Study) -> str:
    """What was asked for and is not there; empty if all is."""
    if study.mode == "experiment":
        return ""
    from nightlab.graph.drafting import compiled

    done = compiled(study.paper)
    if done.pdf:
        return ""
    return (
        f"there is no PDF: {done.error}. The study is kept and {study.paper / 'paper.tex'} is written;"
        f" {resuming(study.folder)} makes the PDF then"
    )


def print_outcome(study: Study, console: Console) -> None:
    """The kept changes, the claim and, for the whole pipeline, where the paper is and its scores."""
    body = experiment_summary(study)
    console.print(_kept(study, body["best"]["trial"] if body["claim"] else BASELINE))
    for extension, claim in enumerate((*study.earlier_claims, study.claim)):
        if claim:
            console.print(_claim(study, claim, extension), soft_wrap=True)
    for note in body["notes"]:
        console.print(f"note   {note}", soft_wrap=True)
    console.print(
        f"{plural(body['trials'], 'trial')}: {body['kept']} kept, {body['reverted']} reverted, {body['failed']} failed"
        f"{_failed_by(body['failed_by'])}; {plural(body['runs'], 'run')} in {body['wall_s']:g} s",
        soft_wrap=True,
    )
    if cheap := body.get("fidelity"):
        console.print(
            f"fidelity: {plural(cheap['ended_early'], 'trial')} ended early on"
            f" {plural(cheap['cheap_runs'], 'cheaper run')}; the search"
            f" cost {cheap['full_runs']:g} full runs",
            soft_wrap=True,
        )
    varied = body["diversity"]
    console.print(
        f"diversity: {varied['strategies']:.1f} strategies in effect, {varied['distinct']:.0%} of the changes distinct,"
        f" {varied['nearest']:.2f} of the diagonal to the nearest other, {varied['mean']:.2f} on average",
        soft_wrap=True,
    )
    if study.mode == "experiment":
        from nightlab.papers.figures.curve import draw_curve

        console.print(f"curve  {draw_curve(study)}", soft_wrap=True)
    else:
        print_scores(study, console)
        for found in findings(study):
            console.print(f"audit  {found['text']} ({found['where']})", soft_wrap=True)
        if (paper := _paper(study)) and paper["pdf"]:
            console.print(f"paper  {paper['pdf']} ({plural(paper['pages'], 'page')})", soft_wrap=True)
    for line in usage_lines(study.ledger):
        console.print(line, soft_wrap=True)
    head = _head(study)
    console.print(
        f"ledger {plural(head.pop('links'), 'link')}, the last with SHA-256 {head.pop('head')}", soft_wrap=True
    )
    for name, hash in head.items():
        console.print(f"       SHA-256 of the {name} {hash}", soft_wrap=True)
    console.print(f"study  {study.folder}", soft_wrap=True)


def _failed_by(causes: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{cause} {count}' for cause, count in causes.items())})" if causes else ""


def _claim(study: Study, claim: Claim, extension: int) -> str:
    """A claim in a line: the study's first one, or that of an extension."""
    which = f" of extension {extension}" if extension else ""
    if not claim.tested:
        return f"claim{which}: {claim_told(claim)}"
    judge = "verified by the evaluator" if study.template.trust == "verified" else "reported by the experiment itself"
    judge = "reported" if study.template.doubts else judge
    of = f"trial {claim.best} over the baseline, {claim.split}, {plural(claim.n, scope.row(claim))}"
    return f"claim{which} ({of}): {claim_told(claim)}; {judge}"


def _kept(study: Study, best: int) -> Table:
    """The baseline, the kept changes, and the trial that went to the confirmation."""
    table = Table(
        title="Kept changes, and the one in the confirmation",
        title_justify="left",
        box=None,
        pad_edge=False,
        title_style="bold",
    )
    for name, justify in (("trial", "right"), ("strategy", "left"), ("change", "left"), ("fitness", "right")):
        table.add_column(name, justify=justify, header_style="bright_black")  # type: ignore[arg-type]
    trials = study.ledger.trials()
    for trial in by_verdict(trials):
        confirmed = trial.number == best
        if trial.verdict is None or not (confirmed or trial.verdict.kind in ("baseline", "kept")):
            continue
        fitness = mean(
            trial_scores(study.template, study.ledger.runs(SEARCH, str(trial.number)), study.settings.seeds).values()
        )
        mark = " (in the confirmation)" if confirmed and trial.number else ""
        concern = concerned(trial.change, replaced(trial, trials), study.template.knobs)
        table.add_row(
            f"{trial.number}{mark}",
            ", ".join(concern),
            _what(trial, trials),
            "" if fitness is None else f"{fitness:.5g}",
        )
    return table


def _what(trial: Trial, trials: list[Trial]) -> str:
    """What a kept trial changed in the incumbent that it replaced."""
    before = replaced(trial, trials)
    return ", ".join(moves(changed(trial.change.params, before.params))) if before else trial.change.phrase


def moves(knobs: Mapping[str, Sequence[object]]) -> list[str]:
    """Changes of knobs, each from its old value to its new one."""
    return [f"{name} {written(old)} → {written(new)}" for name, (old, new) in knobs.items()]


def print_scores(study: Study, console: Console | None = None) -> None:
    """A row a score, a column a round."""
    table = Table(title="Reviewer scores", title_justify="left", box=None, pad_edge=False, title_style="bold")
    told = rounds(study)
    table.add_column("mean of the panel", header_style="bright_black", vertical="bottom")
    for r in told:
        begun = f"extension {r['extension']}:\n" if "extension" in r else ""
        table.add_column(f"{begun}round {r['round']}", justify="right", header_style="bright_black")
    for name in SHOWN:
        high = 10 if name == "overall" else 4
        table.add_row(f"{name} (1-{high})", *(f"{r['scores'][name]:.2f}" for r in told))
    table.add_row("decision", *(r["decision"] for r in told))
    table.add_row("spread of overall", *(f"{r['spread']:g}" for r in told))
    for name in dict.fromkeys(form["reviewer"] for r in told for form in r["reviewers"]):
        given = [{f["reviewer"]: f["overall"] for f in r["reviewers"]} for r in told]
        table.add_row(f"overall of {name}", *(str(g.get(name, "")) for g in given))
    table.add_row("version", *("kept" if r["kept"] else "not kept" for r in told))
    shown = console or Terminal()
    shown.print(table)
    for r in told:
        if r["changed"]:
            shown.print(f"round {r['round']} changed  {', '.join(r['changed'])}", soft_wrap=True, markup=False)
        if r["decision"] != r["by_threshold"]:
            shown.print(f"round {r['round']}: the mean accepts, and the area chair rejects", soft_wrap=True)


def print_estimate(told: dict[str, Any]) -> None:
    """What a study would take, as `--dry-run` tells it."""
    low, high = (_span(seconds) for seconds in told["time_s"])
    console = Terminal()
    console.print(f"a run of the baseline took {told['probe_s']:.3g} s (timed just now)", soft_wrap=True)
    console.print(
        f"{plural(told['trials'], 'trial')}, {told['runs'][0]} to {told['runs'][1]} runs, {told['workers']} at a time",
        soft_wrap=True,
    )
    if told["draws"]:
        took = _span(told["draws_s"])
        console.print(
            f"data   {told['draws']} fresh draws for the claim, which take about {took} of it", soft_wrap=True
        )
    models = " and what the models take to answer" if told["calls"] else ""
    console.print(f"time   {low} to {high}{models}; the limit is {_span(told['limit_s'])}", soft_wrap=True)
    tokens = told["tokens_in"] + told["tokens_out"]
    cost = "unknown: the model has no price" if told["usd"] is None else f"about {told['usd']:.2f} USD"
    console.print(
        f"models {plural(told['calls'], 'call')}, about {tokens} tokens, {cost}" if told["calls"] else "models none",
        soft_wrap=True,
    )
    if told["solver"]:
        console.print(
            f"solver {told['solver']}, which the judge asks in each run: not counted here, so give --tokens or --usd",
            soft_wrap=True,
        )


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
