"""The sections that say what came out: results, ablation, sensitivity, discussion and the list of trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nightlab.agents.team import Brief
from nightlab.agents.telling.words import (
    VERDICT_SEEDS,
    cite,
    claimed_on,
    concern,
    fresh,
    listed,
    many,
    spread,
    strategies,
    strategy,
    words,
)
from nightlab.experiments.claim.inference import equal, exact, untested
from nightlab.papers.facts.evidence import Evidence


def kind(e: Evidence) -> Literal["improved", "none", "unclear"]:
    """Whether the claim is borne out, there was no test, or the test does not bear it out."""
    if e.improved:
        return "improved"
    return "unclear" if e.claim["tested"] else "none"


def results(b: Brief) -> str:
    told = b.analysis.conclusions
    reading = f"*Reading.* {told['reading']}" if told.get("reading") else ""
    parts = [_search(b), _main(b), told.get("importance", ""), told.get("picture", ""), reading]
    return "\n\n".join(p for p in parts if p)


def _search(b: Brief) -> str:
    e = b.evidence
    gains = _kept(e)
    kept = f"kept {many(e, 'search.kept', 'change')}" if gains else "kept no change"
    text = f"""*The search.* {{ref:progress}} shows the course of the search. Of {many(e, "search.trials", "trial")} it
{kept}, reverted {{fact:search.reverted}} and saw {{fact:search.failed}} fail. The baseline's fitness on the search
seeds is {{fact:trial.0.mean}}."""
    if not gains:
        text += f" No candidate was better than it beyond the noise when it was judged; {_chosen(e)}"
        return f"{text}\n\n{{float:progress}}"
    largest = max(gains, key=lambda t: abs(t.verdict.numbers["difference"]) if t.verdict else 0.0)
    text += (
        f" The largest single step was trial `T{largest.number}`, a change of"
        f" {strategies(e, largest)}, which the loop kept at {{fact:trial.{largest.number}.mean}};"
        f" {_chosen(e)}"
    )
    if "search.optimism" in e.facts:
        text += (
            " Values of the search were used to select; on fresh seeds of the same split its fitness is"
            " {fact:best.dev.mean}."
        )
    return f"{text} {{ref:kept}} lists what was kept.\n\n{{float:progress}}\n\n{{float:kept}}"


def _chosen(e: Evidence) -> str:
    if e.best.number == 0:
        if not (chosen := e.claim.get("chosen")):
            return f"after the selection {untested(e.claim)}."
        return (
            f"the selection chose trial `T{chosen}`, which stands at {{fact:trial.{chosen}.mean}}, but"
            f" {untested(e.claim, 'it')}."
        )
    return f"the selection chose trial `T{e.best.number}`, which stands at {{fact:trial.{e.best.number}.mean}}."


def _kept(e: Evidence) -> list[Any]:
    return [t for t in e.trials if t.verdict and t.verdict.kind == "kept"]


def _main(b: Brief) -> str:
    e = b.evidence
    if not e.earlier:
        return f"*Confirmation.* {_confirmation(e)}"
    return (
        f"*The first claim.* {first_claim(e)} {{ref:claims}} puts it beside what was claimed since.\n\n{{float:claims}}"
        f"\n\n*The claim after the extension.* {_confirmation(e)}"
    )


def first_claim(e: Evidence) -> str:
    """What an extended study claimed at first, with the trial, the seeds and the test; empty if it has one claim."""
    if (first := e.first) is None:
        return ""
    key, split, claim = "earlier.0", first.claim["split"], first.claim
    if not claim["tested"]:
        most = many(e, f"{key}.trials", "trial")
        return f"A first search of {most} at most ended without a test, since {untested(claim)}."
    outcome = (
        f"significant by the test fixed in advance (p {_p(f'{key}.claim', e)})"
        if first.improved
        else f"which that test does not tell from no improvement (p {_p(f'{key}.claim', e)})"
    )
    if equal(claim):
        outcome = "by the rule fixed in advance an improvement" if first.improved else "which is no improvement"
    return (
        f"After a first search of {many(e, f'{key}.trials', 'trial')} at most, the best configuration, trial"
        f" `T{first.best.number}`, was tested once, on {many(e, f'{key}.claim.n', 'fresh seed')} and"
        f" {claimed_on(first)}: its"
        f" {words(e.template.fitness_label)} is {{fact:{key}.best.{split}.mean}} and that of the baseline"
        f" {{fact:{key}.baseline.{split}.mean}}, a difference of {{fact:{key}.claim.effect}}"
        f" {spread(claim, f'{key}.claim')}, {outcome}."
    )


def _confirmation(e: Evidence) -> str:
    metric, split = words(e.template.fitness_label), e.claim["split"]
    if not e.claim["tested"]:
        return (
            f"No test took place, since {untested(e.claim)}; on"
            f" {many(e, f'baseline.{split}.n', 'fresh seed')} the baseline's {metric} on the {split} split is"
            f" {_mean(f'baseline.{split}', e)}. {{ref:main}} gives all metrics.\n\n{{float:main}}"
        )
    return f"""On {many(e, "claim.n", "fresh seed")} and the {split} split, the {metric} of the baseline is
{_mean(f"baseline.{split}", e)} and that of the best configuration {_mean(f"best.{split}", e)}. {_tested(e)}
{{ref:confirmation}} shows every seed, and {{ref:main}} gives all metrics.

{{float:confirmation}}

{{float:main}}"""


def _mean(key: str, e: Evidence) -> str:
    """A mean with its standard error, or that all values are equal."""
    if e.facts[f"{key}.stderr"].value:
        return f"{{fact:{key}.mean}} (standard error {{fact:{key}.stderr}})"
    return f"{{fact:{key}.mean}} (the same on every seed)"


def _tested(e: Evidence) -> str:
    """What the test came to; where all pairs give the same difference there was nothing to test."""
    if equal(e.claim):
        verdict = "It is an improvement" if e.improved else "It is no improvement, and we claim none,"
        why = (
            "The runs are the same on every seed: there is no noise in them, so the effect is exact, and neither an"
            " interval nor a p value would add to it."
            if exact(e.claim)
            else "As all {fact:claim.n} observed differences are equal, their spread cannot be estimated from them, and"
            " neither an interval nor a p value is given."
        )
        effect = "The paired improvement is {fact:claim.effect} in every pair."
        return f"{effect} {why} {verdict} by the rule fixed in advance."
    verdict = (
        "The improvement is significant by the test fixed in advance."
        if e.improved
        else "By the test fixed in advance this is no significant improvement, and we claim none."
    )
    return (
        "The mean paired improvement is {fact:claim.effect}, with a {fact:setting.coverage} interval from"
        f" {{fact:claim.low}} to {{fact:claim.high}} (p {_p('claim', e)}). {verdict}"
    )


def _p(key: str, e: Evidence) -> str:
    """`= 0.012` or `< 0.001`, as a fact."""
    fact = e.facts[f"{key}.p"]
    return f"{{fact:{fact.id}}}" if fact.text.startswith("<") else f"= {{fact:{fact.id}}}"


def component(row: Mapping[str, Any]) -> str:
    """A component of the best configuration in words."""
    return f"{words(row['strategy'])} of trial `T{row['trial']}`"


def ablation_in_a_sentence(b: Brief) -> str:
    e = b.evidence
    if not e.ablation:
        return ""
    top = max(e.ablation, key=lambda r: r["effect"])
    borne = [r for r in e.ablation if r["significant"] and r["effect"] > 0]
    if not borne:
        return "No single part of it carries a significant share of the gain by itself."
    share = "the gain" if len(e.ablation) == 1 else "the largest share of the gain"
    return (
        f"The ablation attributes {share} to its {words(top['strategy'])}, without which the"
        f" fitness on the development split is worse by {{fact:ablation.{top['key']}.effect}}."
    )


def undecided(e: Evidence) -> list[Mapping[str, Any]]:
    """The parts whose effect the ablation tells neither to help nor to harm."""
    return [r for r in e.ablation if not r["significant"] and r["high"] >= 0 and not exact(r)]


def ablation(b: Brief) -> str:
    e = b.evidence
    if not e.ablation:
        return (
            f"There is no confirmed configuration to take a part out of, since {untested(e.claim)}; no experiment was"
            " run for this section."
        )
    helps = [r for r in e.ablation if r["significant"]]
    idle = [r for r in e.ablation if exact(r) and r["effect"] == 0]
    harms = [r for r in e.ablation if r["high"] < 0]
    rest = undecided(e)
    text = f"""What the best configuration owes to which of its parts is seen by taking each part out of it again:
{_kinds(e)}. The runs use
the confirmation's seeds on the development split, so each
comparison is paired. {{ref:ablation-intervals}} and {{ref:ablation-table}} show the outcome; positive values are what
is lost without the part."""
    if helps:
        told = listed([f"{component(r)} ({{fact:ablation.{r['key']}.effect}})" for r in helps[:4]])
        text += (
            f" What is lost is {told}."
            if all(map(equal, e.ablation))
            else f" After the correction for several tests, the contribution is significant for {told}."
        )
    if rest:
        told = listed([component(r) for r in rest[:4]])
        text += f" It is not told from zero for {told}."
    if idle:
        told = listed([component(r) for r in idle[:4]])
        text += f" Taking out {told} changes nothing."
    if harms:
        told = listed([component(r) for r in harms[:4]])
        text += (
            f" Taking out {told} improves the fitness on the development split: such parts were kept together with"
            " better ones, or by luck."
        )
    if any(map(exact, e.ablation)):
        text += (
            " Where all runs are the same on every seed a difference is exact: it has neither an interval nor a p"
            " value, since there is no noise to tell it from."
        )
    if any(equal(r) and not exact(r) for r in e.ablation):
        text += (
            " Where runs differ and yet all observed differences are equal, their spread cannot be estimated: there is"
            " neither an interval nor a p value to give."
        )
    return f"{text}\n\n{{float:ablation-intervals}}\n\n{{float:ablation-table}}"


def _kinds(e: Evidence) -> str:
    knobs = "the knobs of one strategy that differ from the default and that one trial set last"
    edit = "the edit of one trial, with those that stand on the same lines"
    kinds = [knobs] if any(r["knobs"] for r in e.ablation) else []
    return " or ".join([*kinds, edit] if any(not r["knobs"] for r in e.ablation) else kinds)


def sensitivity(b: Brief) -> str:
    e = b.evidence
    rows = sorted(e.sensitivity, key=lambda r: -r["effect"])
    worst = rows[0]
    better = [r for r in rows if r["high"] < 0]
    doubt = "" if worst["low"] > 0 or equal(worst) else ", which includes zero"
    text = f"""The panel asked whether the best configuration is a narrow optimum. Each knob was therefore moved by one
step (a tenth of its range, or another choice) to either side, with all others held; steps that violate a constraint are
left out. The runs are on {{fact:sensitivity.seeds}} of the confirmation's seeds and the
development split ({{ref:sensitivity-intervals}}). The costliest step is to move {words(worst["knob"])} to
{_value(worst)}, by which the fitness is worse by {{fact:{_key(worst)}.effect}} {spread(worst, _key(worst))}{doubt}."""
    if better:
        told = listed([f"{words(r['knob'])} at {_value(r)}" for r in better[:3]])
        text += (
            f" Some neighbours look better than the best itself: {told}. They were found after the claim was tested, so"
            " we report them as leads and claim nothing for them."
        )
    else:
        text += " No neighbour is told to be better than the best by its interval."
    return f"{text}\n\n{{float:sensitivity-intervals}}"


def _key(row: Mapping[str, Any]) -> str:
    return f"sensitivity.{row['key']}"


def _value(row: Mapping[str, Any]) -> str:
    return f"`{row['value']}`" if isinstance(row["value"], str) else f"{{fact:{_key(row)}.value}}"


def _luck(b: Brief) -> str:
    """What part selection may have in a gain."""
    e = b.evidence
    if exact(e.claim) and e.fresh_data:
        return "The runs are the same on every seed, and the gain is measured on data that the search never saw."
    if exact(e.claim):
        return (
            "The runs are the same on every seed, so fresh seeds repeat what the search has measured: the gain is exact"
            " on the data by which it was selected, and nothing is known of others."
        )
    tested = (
        f"The gain is measured on {fresh(e)} that played no part in the search, so it is not a product of selecting"
    )
    seen = "" if e.fresh_data else " The data are those that the search has seen."
    return f"{tested} lucky draws{cite(b, 'noise')}.{seen}"


def discussion(b: Brief) -> str:
    e = b.evidence
    if e.improved:
        start = (
            f"{_luck(b)} It is a gain over the declared default, not over the best published"
            " result: the study asks what changes of this kind are worth under equal conditions."
        )
    elif not e.template.knobs and not e.edits:
        start = "The template declares no knobs, so nothing could be searched without a language model."
    elif e.claim.get("incumbent_failed"):
        start = (
            "What the search had kept as its best failed when it was run again on further seeds. A configuration that"
            " fails on some seeds is not claimed to be better, however good its other runs are."
        )
    else:
        start = (
            "A loop that keeps whatever scores better may well have reported an improvement here: of many"
            " trials some come out ahead by luck. The protocol is built to withhold that"
            f" claim{cite(b, 'noise')}."
        )
    kept = _kept(e)
    used = list(dict.fromkeys(name for t in kept for name in concern(e, t)))
    changes = (
        f" {'The change that was kept concerns' if len(kept) == 1 else 'The changes that were kept concern'}"
        f" {listed([strategy(s) for s in used])}; {{ref:trials}} lists"
        " the trials that led nowhere."
        if used
        else ""
    )
    more = b.analysis.conclusions.get("failures", "")
    answers = _answers(b)
    return "\n\n".join(p for p in (start + changes, more, answers) if p)


def _answers(b: Brief) -> str:
    """What the revision did about the panel's requests."""
    ablated = "ablation.seeds" in b.evidence.facts
    seeds = many(b.evidence, "ablation.seeds", "seed") if ablated else "further seeds"
    told = {
        "replicates": f"repeated the ablation with {seeds} ({{ref:ablation}})",
        "sensitivity": "measured how sensitive the best configuration is to each knob ({ref:sensitivity})",
        "reproduction": "say how the study is repeated ({ref:reproduction})",
    }
    done = [r for r in b.requests if r.action in told]
    if not done:
        return ""
    return f"In answer to the reviews of the draft before this one, we {listed([told[r.action] for r in done])}."


def trials() -> str:
    return (
        "{ref:all-trials} lists trials of the search in the order of their claims, with strategy, verdict and mean"
        f" fitness on {VERDICT_SEEDS}, where there is one. The file `trials.csv` beside this paper has every trial with"
        " its parameters, and `evidence.json` every fact with its formula and its runs.\n\n{float:all-trials}"
    )
