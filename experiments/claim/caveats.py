"""What must be known to read a claim right: how the study came about, and what its runs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from nightlab.experiments.claim.repeats import items_in_both, nearly
from nightlab.experiments.claim.scope import withheld
from nightlab.experiments.claim.statistics.inference import equal, exact
from nightlab.experiments.ledger.documents.search import Notice
from nightlab.experiments.ledger.documents.study import Copies
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.overseer import UNUSABLE, same, unread
from nightlab.experiments.records import RunOutcome
from nightlab.experiments.study.budget import cuts
from nightlab.experiments.study.data.copies import copies
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.doubts import of_scores

STEPS = {
    "selection": "selection",
    "baseline": "search of other baselines",
    "ablation": "ablation",
    "sensitivity": "sensitivity analysis",
}
EXACT = (
    "What a run hands in is judged by exact arithmetic, with no sample of data and no chance in it. The result is one"
    " on this problem, and anybody can check it: there is no holdout, its interval has no width, and its p value"
    " carries no information. Nothing is said of how often a search would find it."
)


def notes(study: Study) -> dict[str, str]:
    """Heading -> sentences, without a numeral, for the terminal and the paper alike."""
    confirmed = [
        run
        for phase in (*study.names_before("confirm"), study.name_now("confirm"))
        for run in study.ledger.runs(phase)
        if run.outcome is not None and run.outcome.status == "ok"
    ]
    return {
        **_extension(study),
        **_origin(study),
        **_inadmissible(study),
        **_unread(study),
        **_trust(study),
        **_exactness(study),
        **_seeds(study),
        **_holdout(study, confirmed),
        **_shared(study),
        **_both(study, confirmed),
        **_items(study),
        **_proposals(study),
        **_shortness(study),
        **_reliability(study),
        **_withheld(study),
    }


def _reliability(study: Study) -> dict[str, str]:
    claim = study.claim
    if not (claim and claim.tested and claim.incumbent_failed):  # without a test, it is its reason
        return {}
    return {
        "Reliability": "The trial that the search had kept as its best failed when it was run again on further seeds,"
        " so another one was confirmed, however good its other runs are."
    }


def _withheld(study: Study) -> dict[str, str]:
    why = withheld(study.claim) if study.claim else ""
    return {"Withheld": f"The test finds an improvement, and yet none is claimed: {why}."} if why else {}


def _items(study: Study) -> dict[str, str]:
    """Values by item that the claim's test could not use."""
    claim = study.claim
    if not (claim and claim.tested and not claim.items and study.items.given):
        return {}
    why = (
        "the search has seen the items of the development split"
        if claim.split == "dev"
        else "for every pair of runs there must be values of the same items, of two groups at least, that the search"
        " has not seen, and over draws of the data these must be named by their groups"
    )
    return {
        "Items": f"The evaluator gave values by item, and the claim's test could not use them: {why}. So it does not"
        " take in what other items would have given."
    }


def _extension(study: Study) -> dict[str, str]:
    if not study.extensions:
        return {}
    before = "The study was extended after it had made a claim."
    anew = "the present claim was preregistered before the search went on and rests on fresh seeds"
    if not study.template.has_holdout:
        return {"Extension": f"{before} There is no holdout; {anew}."}
    opened = "in the study that this one was forked from" if study.origin and study.origin.shut else "for that one"
    shut = f"The holdout had been opened {opened} and stayed shut"
    return {"Extension": f"{before} {shut}; {anew} of the development split, which the search has seen."}


def _proposals(study: Study) -> dict[str, str]:
    """That trials failed since a model had nothing that could be tried, and whether the search ended of it."""
    unusable = {t.number for t in study.ledger.each_trial() if t.verdict and t.verdict.cause == UNUSABLE}
    if not unusable:
        return {}
    notices = study.ledger.all(Notice).values()
    ended = any(n.action == "stop" and n.trial in unusable for n in notices)
    told = "Proposals of the language model that could not be used, such as edits that do not apply, count as failed"
    return {"Proposals": f"{told} trials.{' After many of them in a row the search ended.' if ended else ''}"}


def _origin(study: Study) -> dict[str, str]:
    if study.origin is None:
        return {}
    text = (
        "The study was forked from a trial of an earlier study on the same task: that trial is its baseline here, and"
        " a claim is one of an improvement over it, not over the template."
    )
    if study.shut and not study.extensions and study.template.has_holdout:
        text += (
            " The holdout had been opened for that study and stayed shut; a claim rests on fresh seeds of the"
            " development split, which the search has seen."
        )
    if not study.origin.recorded:
        text += (
            " That study's folder was read-only, so the level that was taken along is not recorded there: another fork"
            " of it may have taken the same, and the claims of both are not bounded together."
        )
    return {"Origin": text}


def _inadmissible(study: Study) -> dict[str, str]:
    """A baseline that breaks a hard constraint: no change of it that did could be kept."""
    runs = [run.outcome for run in study.ledger.runs(SEARCH, "0") if run.outcome and run.outcome.status == "ok"]
    broken = dict.fromkeys(c.metric for o in runs for c in study.template.violated(dict(o.metrics["dev"])))
    if not broken:
        return {}
    return {
        "Baseline": f"The baseline itself violates the hard constraint on {' and on '.join(broken)}, so a gain over"
        " it is one over a configuration that could not have been kept."
    }


def _trust(study: Study) -> dict[str, str]:
    """Why an evaluator's metrics do not count as verified."""
    if not study.template.doubts:
        return {}
    return {"Trust": f"The metric counts as reported only: {'; '.join(study.template.doubts)}."}


def _unread(study: Study) -> dict[str, str]:
    """Parameters that changed nothing in any trial, where the search moved some."""
    baseline, moved = list[RunOutcome](), False
    with closing(study.ledger.runs_by_trial((SEARCH,))) as runs:
        for run in runs:
            if run.outcome is None or run.outcome.status != "ok":
                continue
            if run.subject == "0":
                baseline.append(run.outcome)
            elif study.ledger.trial(int(run.subject)).change.artifact == study.baseline_artifact:
                moved = True
                if not same(study.template, [run.outcome], baseline[run.replicate :]):
                    return {}
    return {"Parameters": unread(study.template)} if moved else {}


def _exactness(study: Study) -> dict[str, str]:
    """Where the differences have no spread, what that means: an interval without width and a p value of zero do not."""
    claim = study.claim
    if claim is None or not equal(claim):
        return {}
    if exact(claim) and study.template.exact:
        return {"Exactness": EXACT}
    if exact(claim):
        return {
            "Exactness": "The runs are deterministic, the same on every seed, so the effect is exact on this data."
            " There is nothing to estimate: its interval has no width, its p value carries no information, and more"
            " seeds would show the same."
        }
    return {
        "Equal differences": "All observed differences of the claim are equal, so their spread cannot be estimated from"
        " them: the interval has no width, and the p value carries no information. Other seeds may differ."
    }


def _seeds(study: Study) -> dict[str, str]:
    """Replicates that agree where nothing shows that the seed was used."""
    runs = [run.outcome for run in study.ledger.runs(SEARCH, "0") if run.outcome and run.outcome.status == "ok"]
    if len(runs) < 2 or study.template.uses_seed or study.template.exact or not same(study.template, runs[1:], runs):
        return {}
    return {
        "Seeds": "All runs of the baseline agree, and the experiment is not seen to use the seed that it is given. If"
        " it fixes a seed of its own, its replicates are one run repeated, and nothing is known of other seeds."
    }


def _holdout(study: Study, confirmed: Sequence[Run]) -> dict[str, str]:
    """A holdout that gives what dev gives."""
    both = [run for run in confirmed if run.outcome and "holdout" in run.outcome.metrics]
    of_subject: dict[str, list[tuple[float, float]]] = {}
    for run in both:
        metrics = run.outcome.metrics if run.outcome else {}
        values = of_subject.setdefault(f"{run.phase} {run.subject}", [])
        values.append((metrics["dev"][study.template.metric], metrics["holdout"][study.template.metric]))
    if both and all(run.outcome and of_scores(study.template.counting, run.outcome.metrics) for run in both):
        told = "the same metrics on the development split, so the two seem to be the same data"
    elif nearly(of_subject):
        told = "all but the same value on the development split, so the one seems to be a copy of the other"
    else:
        return {}
    return {
        "Holdout": f"Every run that was scored on the holdout has {told}. If they are, the claim was tested on what the"
        " search has seen; an evaluator must score other data for the holdout."
    }


def _shared(study: Study) -> dict[str, str]:
    """Private data that stand among the inputs, and items that stand in both splits."""
    found, told = study.ledger.get(Copies) or copies(study.data.inputs, study.data.private), {}
    if found.shared:
        told["Shared data"] = (
            "Some of the private data stand among the inputs as well, as they are or nearly so, so the experiments"
            " could read them. What the evaluator scores by should lie in the private data alone."
        )
    return told


def _both(study: Study, confirmed: Sequence[Run]) -> dict[str, str]:
    found = study.ledger.get(Copies) or Copies()
    if not (found.both or items_in_both(study.items, confirmed, study.template.metric)):
        return {}
    return {
        "Both splits": "Some items stand in the development split and in the holdout alike, so the holdout is in part"
        " what the search has seen. Each item, and each group of items that belong together, should be in one of them."
    }


def _shortness(study: Study) -> dict[str, str]:
    short, found = cuts(study.ledger), {}
    if told := [name for step, name in STEPS.items() if any(cut.startswith(step) for cut in short)]:
        found["Time"] = f"The budget of hours ended, so the {', the '.join(told)} had to do with fewer runs or none."
    if "revision" in short:
        found["Revision"] = "The budget of hours ended before the reviewers' requests could be met."
    return found
