"""Writing without a language model: plain, correct prose out of facts.

Every section is a function of the brief. Numbers enter as `{fact:ID}` only: no sentence can say what no run showed.
"""

from __future__ import annotations

import re

from nightlab.agents.offline import methods, results
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import cite, claimed_on, fresh, listed, many, reach, source, spread, varied, words
from nightlab.experiments.claim.inference import equal, exact, untested
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.literature import names
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from nightlab.papers.manuscript.markup import literal

PRIOR_SENTENCES = 3  # a strategy; its other references share one citation


class OfflineWriter:
    """Writes the paper of a study: a positive one if the confirmation bears the claim, else an honest negative one."""

    def write(self, brief: Brief) -> Manuscript:
        e = brief.evidence
        sections = [
            Section("introduction", "Introduction", introduction(brief)),
            Section("related", "Related work", related(brief)),
            Section("method", "Method", methods.method(brief)),
            Section("setup", "Experimental set-up", methods.setup(brief)),
            Section("results", "Results", results.results(brief)),
            Section("ablation", "Ablation", results.ablation(brief)),
            *([Section("sensitivity", "Sensitivity", results.sensitivity(brief))] if e.sensitivity else []),
            Section("discussion", "Discussion", results.discussion(brief)),
            Section("limitations", "Limitations", limitations(brief)),
            Section("conclusion", "Conclusion", conclusion(brief)),
        ]
        return Manuscript(
            title=title(brief),
            authors_note=brief.team,
            abstract=abstract(brief),
            sections=tuple(sections),
            appendix=(Section("trials", "All trials", results.trials()), *reproduction(brief)),
            figures=brief.analysis.figures,
            tables=brief.analysis.tables,
        )


def title(b: Brief) -> str:
    """What was varied, under the idea's name if it was borne out, and under the task's if not: ideas promise."""
    e = b.evidence
    tried = varied(e)
    search = f"a search over {tried}" if tried else "a study in which nothing was varied"
    if e.improved or (e.first is not None and e.first.improved):
        return f"{literal(b.idea.title.rstrip('.'))} – {search}"
    return f"No confirmed improvement in {search}: {literal(e.template.spec.template.title)}"


def abstract(b: Brief) -> str:
    e, t = b.evidence, b.evidence.template
    metric, split = words(t.fitness_label), e.claim["split"]
    opening = (
        f"We ask: {literal(b.idea.question)} An automated search over {reach(b)} ran"
        f" {many(e, 'search.trials', 'trial')} against a baseline; a change was kept only if it was better beyond the"
        " measured noise."
    )
    if "Origin" in e.notes:
        opening += (
            " That baseline is not the template: it is the trial of an earlier study that this one was forked from."
        )
    if t.trust == "reported":
        opening += f" {source(e)}"
    protocol = "The claim and its test were fixed before the search."
    if e.claim["tested"]:
        protocol += f" The test was made once, on {many(e, 'claim.n', 'fresh seed')} and {claimed_on(e)}."
    if e.earlier:
        protocol = (
            f"Each claim and its test were fixed before the search for it. {results.first_claim(e)} The study was then"
            " extended."
        )
        if e.claim["tested"]:
            protocol += (
                f" The claim after that was tested once, on {many(e, 'claim.n', 'fresh seed')} and the development"
                " split, which the search has seen."
            )
    which = f"The best configuration{f', trial `T{e.best.number}`,' if e.earlier else ''}"
    negative = f"We report this as a negative result{' of the extension' if e.earlier else ''}, with all trials."
    if e.improved:
        outcome = (
            f"{which} improves the {metric} from {{fact:baseline.{split}.mean}} to"
            f" {{fact:best.{split}.mean}}, a gain of {{fact:claim.effect}} {spread(e.claim, 'claim')}"
            + (", which is {fact:claim.relative} of the baseline." if "claim.relative" in e.facts else ".")
        )
        if e.ablation:
            outcome += " " + results.ablation_in_a_sentence(b)
    elif not e.claim["tested"]:
        outcome = (
            f"No test took place, since {untested(e.claim)}; the {metric} of the baseline is"
            f" {{fact:baseline.{split}.mean}}. {negative}"
        )
    else:
        outcome = (
            f"{which} differs from the baseline by {{fact:claim.effect}} in {metric}"
            f" {spread(e.claim, 'claim')}, which {'is' if equal(e.claim) else 'the test does not tell from'} no"
            f" improvement. {negative}"
        )
    return f"{opening} {protocol} {outcome} Every number in this paper is linked to the runs that it comes from."


def introduction(b: Brief) -> str:
    e, t = b.evidence, b.evidence.template
    metric = words(t.fitness_label)
    headline = {
        "improved": (
            f"On {claimed_on(e)}, the best configuration improves the {metric} by"
            f" {{fact:claim.effect}} {spread(e.claim, 'claim')}."
        ),
        "none": f"{untested(e.claim).capitalize()}.",
        "unclear": (
            "The search did keep changes, but the confirmation on fresh seeds does not bear out an improvement:"
            f" {{fact:claim.effect}} {spread(e.claim, 'claim')}."
        ),
    }[results.kind(e)]
    risks = f" A risk that we saw beforehand: {literal(b.idea.risks)}" if b.idea.risks else ""
    expected = f" What we expected: {literal(b.idea.expected_effect)}" if b.idea.expected_effect else ""
    return f"""{literal(t.spec.template.description)}

The question of this paper is: {literal(b.idea.question)} Our hypothesis is that
{_clause(b.idea.hypothesis)}.{expected}{risks}

Improvements of this kind are easily mistaken. A search that tries many variants and reports the best one selects
lucky draws along with good changes{cite(b, "noise", most=4)}, and a system that both runs and judges its own
experiments can mistake a flaw of the measurement for progress. {_separation(b)}

The contributions are these:

- a search over {reach(b)}, {many(e, "search.trials", "trial")} in all,
with every verdict weighed against the noise between seeds ({{ref:results}});
{_first(e)}- {_confirmed(e)}{headline}
{ABLATION if e.ablation else ""}- a complete record: all trials,
the failed and the reverted ones too, and the evidence behind each number
({{ref:trials}}, {{ref:evidence}})."""


ABLATION = "- an ablation that takes each part out of the best configuration again ({ref:ablation});\n"


def _separation(b: Brief) -> str:
    """How search and judge are kept apart, as far as the template lets them be."""
    e = b.evidence
    judge = (
        "the judge lies outside of what an experiment can read or write"
        if e.template.trust == "verified"
        else "the experiment itself reports its metric, which is as far as the separation goes here"
        if not e.template.doubts
        else "an evaluator scores the outputs, which is as far as the separation goes here, since its word counts as a"
        " report only"
    )
    split = "the search sees a development split only, " if e.template.trust == "verified" else ""
    return f"We therefore separate the two: {split}{judge}, and a claim rests on a test that was fixed in advance."


def _first(e: Evidence) -> str:
    """A point on the first claim of an extended study."""
    if e.first is None:
        return ""
    told = f"a first claim, on {claimed_on(e.first)}" if e.first.claim["tested"] else "a first search without a claim"
    return f"- {told}, before the study was extended ({{ref:claims}});\n"


def _confirmed(e: Evidence) -> str:
    after = "after the extension, " if e.earlier else ""
    if not e.claim["tested"]:
        return f"{after}an outcome without a test. "
    return f"{after}one confirmation of the best configuration on {many(e, 'claim.n', 'fresh seed')}. "


def reproduction(b: Brief) -> list[Section]:
    """How a reader repeats the study; written when the panel asks for it."""
    if not any(r.action == "reproduction" for r in b.requests):
        return []
    e = b.evidence
    body = f"""{_asked(e)} {_at_a_time(e)} It took {many(e, "runs.all", "run")} in all, of
{{fact:run.wall.mean}} s on average. The study's folder holds its own copy of the template, every version of the files
that were changed, and the ledger with each trial, run and verdict; the file `evidence.json` beside this paper holds
every fact with its runs. Failed trials are part of the ledger: {{fact:search.failed}} in this study."""
    return [Section("reproduction", "How to repeat the study", body)]


def _asked(e: Evidence) -> str:
    """What the study was asked to do, in the order in which it was asked."""
    start = (
        f"forking the same trial of the same study of the template `{e.template.name}`"
        if "Origin" in e.notes
        else f"running nightlab on the template `{e.template.name}`"
    )
    added = [key for key in e.facts if key.startswith("setting.trials.extension.")]
    trials = "setting.trials.first" if added else "setting.trials"
    text = (
        f"The study is repeated by {start} with the seed {{fact:setting.seed}}, {many(e, trials, 'trial')} and"
        f" {many(e, 'setting.seeds', 'replicate')} a verdict"
    )
    if not added:
        return f"{text}."
    then = listed([f"`nightlab resume --trials +{{fact:{key}}}`" for key in added])
    return (
        f"{text}, and, when it is finished, extending it by {then}; a study of {many(e, 'setting.trials', 'trial')}"
        " from the start is another one, since each part of this one made a claim of its own."
    )


def _at_a_time(e: Evidence) -> str:
    """How many workers the study had, and what that means for a repetition."""
    text = (
        "It had {fact:setting.workers} worker, and with that a study whose runs follow from their seeds repeats number"
        " for number; with several, the order in which runs end may change what is proposed."
        if e.settings.workers == 1
        else "It had {fact:setting.workers} workers, and the order in which their runs ended may have changed what was"
        " proposed; with one worker a study whose runs follow from their seeds repeats number for number."
    )
    model = " A language model that is asked again may answer otherwise."
    return text + model if e.settings.model or e.settings.models else text


NOTHING_FOUND = (
    "The survey found no references for this task: the template brings none, and a search for others found none or"
    " could not be made. The study is therefore not compared with published work, and nothing here shows that its"
    " question or its answer is new."
)


def related(b: Brief) -> str:
    told: set[str] = set()
    topics = [prior for s in b.evidence.template.strategies if (prior := _prior(b, s, told))]
    general = []
    if found := cite(b, "search", most=6):
        general.append(f"*Search over configurations.* How to search a space of configurations is well studied{found}.")
    if found := cite(b, "autoresearch", most=6):
        general.append(
            f"*Automated research.* Several systems let an agent run the loop of idea, experiment and"
            f" paper{found}. What this work adds to them is restraint: a difference counts only beyond the noise, and a"
            " claim is tested once."
        )
    if found := cite(b, "noise", most=6):
        general.append(
            f"*Noise and selection.* That seeds, splits and selection can make up a gain has been shown"
            f" repeatedly{found}; the protocol of {{ref:method}} follows from it."
        )
    if found := cite(b, "data", most=6):
        general.append(f"*Data and software.* The task rests on published data and software{found}.")
    near = _nearest(b)
    survey = [f"*Nearest work.* {near}"] if near else []
    rest = _uncited(b, [*topics, *general, *survey])
    return "\n\n".join([*topics, *general, *survey, *rest]) or NOTHING_FOUND


def _prior(b: Brief, strategy: str, told: set[str]) -> str:
    """What the references on a strategy are about: some in a sentence each, the rest in one citation."""
    found = [r for r in b.references if strategy in r.keywords]
    if not found:
        return ""
    named = [r for r in found if r.key not in told and _says(r)][:PRIOR_SENTENCES]
    told.update(r.key for r in named)
    sentences = [f"The work of {_authors(r)} {{cite:{r.key}}} {_says(r)}." for r in named]
    if rest := [r.key for r in found if r not in named]:
        sentences.append(f"{'Others' if named else 'Several works'} bear on it as well {{cite:{','.join(rest)}}}.")
    return f"*{strategy.replace('_', ' ').capitalize()}.* {' '.join(sentences)}"


def _says(reference: Reference) -> str:
    """The first sentence of an abstract that is a predicate ("Shows that ..."), to follow its authors' names."""
    first = reference.abstract.split(". ")[0].rstrip(".")
    verb = first.split(" ")[0]
    return f"{verb[0].lower()}{literal(first[1:])}" if re.fullmatch(r"[A-Z][a-z]+s", verb) and len(first) < 300 else ""


def _authors(reference: Reference) -> str:
    families = [words(names.parts(name)[1]) for name in reference.authors]
    if names.OTHERS in reference.authors or len(families) > 2:
        return f"{families[0]} and others"
    return listed(families)


def _nearest(b: Brief) -> str:
    nearest = next((r for r in b.references if r.key == b.idea.nearest), None)
    if nearest is None:
        return ""
    return (
        f"Of the literature surveyed, the work nearest to our idea by its wording is *{literal(nearest.title)}*"
        f" {{cite:{nearest.key}}}; we differ from it in judging every change against the noise and in confirming the"
        f" outcome once, on {fresh(b.evidence)} that the search never saw."
    )


def _uncited(b: Brief, texts: list[str]) -> list[str]:
    joined = "\n".join(texts)
    rest = [r for r in b.references if r.key not in joined]
    if not rest:
        return []
    titles = listed([f"*{literal(r.title)}* {{cite:{r.key}}}" for r in rest[:6]])
    return [f"*Further work.* The survey also found {titles}."]


def limitations(b: Brief) -> str:
    e, t = b.evidence, b.evidence.template
    points = [
        "*One task.* All results hold for one task and its data; nothing here shows that they carry over.",
        "*A bounded space.* The search moved only the declared knobs within their ranges; better settings may lie"
        " outside of them."
        if t.knobs and not e.edits
        else "*A bounded space.* The search moved the declared knobs within their ranges and changed only files that"
        " the template declares editable."
        if t.knobs
        else "*A bounded space.* The search changed only the files that the template declares editable.",
        f"*A bounded budget.* With {many(e, 'search.trials', 'trial')} the search is far from exhaustive, and another"
        " seed of the search may find another configuration.",
    ]
    if t.spec.data:
        points.append(
            "*One draw of the data.* Inputs and private data were laid out once, and all runs share them: the spread"
            " over seeds says nothing of another sample or another split, on which the effect may differ by more."
        )
    points += [f"*{heading}.* {text}" for heading, text in e.notes.items()]
    if "search.optimism" in e.facts:
        points.append(
            "*Selection.* The development split was used to select, so its values in the search tend to flatter."
            f" {_optimism(e)} The claim does not rest on these values."
        )
    if t.trust == "reported" and not t.doubts:  # which are among the notes
        points.append(
            "*Trust.* The metric was reported by the experiment itself, not computed by a separate evaluator; whoever"
            " doubts the experiment must doubt the number."
        )
    points.append(_isolation(e))
    if undecided := results.undecided(e):
        parts = listed([results.component(r) for r in undecided])
        points.append(
            f"*Undecided parts.* The ablation does not tell the effect of {parts} from zero after the correction for"
            " several tests."
        )
    points += [t for t in b.analysis.conclusions.get("threats", "").splitlines() if t]
    points.append(
        "*The writer.* Parts of the text are by a language model, which was held to the recorded facts sentence by"
        " sentence; where it speaks of causes that were not measured, it offers an interpretation."
        if b.model
        else "*The writer.* The text was composed from the recorded facts by rules, without a language model; it"
        " explains no mechanism that was not measured."
    )
    return "\n".join(f"- {p}" for p in points)


def _optimism(e: Evidence) -> str:
    if e.facts["search.optimism"].value > 0:
        return (
            "The best trial's gain over the baseline was larger there than on fresh seeds of the same split, by"
            " {fact:search.optimism}."
        )
    if exact(e.claim):
        return "The runs are the same on every seed, so fresh seeds repeat them."
    return "For the best trial this does not show: fresh seeds of the same split bear its gain over the baseline out."


def _isolation(e: Evidence) -> str:
    private = " and without access to private data" if e.template.trust == "verified" else ""
    told = {
        "S3": f"in a sandbox with namespaces of its own{private}",
        "S2": "under the kernel's access rules and system-call filter, without namespaces of its own: the names, sizes"
        " and times of files outside could be seen, their content could not",
        "S1": "in a container that the operator provides",
        "S0": "with resource limits only, which would not keep a hostile program from the judge's data",
    }[e.level]
    return (
        f"*Isolation.* The experiments ran {told}. Their memory and processor time were watched by looking at the"
        " processes several times a second, which bounds what is seen then, and not what comes and goes between two"
        " looks."
    )


def conclusion(b: Brief) -> str:
    e = b.evidence
    metric = words(e.template.fitness_label)
    if e.improved:
        return (
            f"We set out from the hypothesis that {_clause(b.idea.hypothesis)}. On this task the {metric} improves by"
            f" {{fact:claim.effect}} on {claimed_on(e)}, over {many(e, 'claim.n', 'fresh seed')}"
            f" {spread(e.claim, 'claim')}. {results.ablation_in_a_sentence(b)} What the"
            " hypothesis says beyond that, of causes above all, this study does not test. The next step is to"
            " repeat the study on a second task, with the same protocol and the best configuration as one of the"
            f" candidates.{_stands(e)}"
        )
    found = (
        f"on {claimed_on(e)} the test finds no improvement over the baseline"
        if e.claim["tested"]
        else f"{untested(e.claim)}, so no test took place"
    )
    what = "The extension of this study" if e.earlier else "This study"
    return (
        f"We set out from the hypothesis that {_clause(b.idea.hypothesis)}. {what} gives it no support: {found}."
        f" That is no proof of the contrary: it holds for this space and this budget of"
        f" {many(e, 'search.trials', 'trial')}. The record of the trials that failed to help is part of the"
        f" result.{_stands(e)}"
    )


def _stands(e: Evidence) -> str:
    """What the first claim of an extended study comes to beside the one after it, with the space before it."""
    if e.first is None or not e.first.claim["tested"]:
        return ""
    if not e.first.improved:
        return f" The study's first test, on {claimed_on(e.first)}, found no improvement."
    gain = f"a gain of {{fact:earlier.0.claim.effect}} {spread(e.first.claim, 'earlier.0.claim')}"
    return f" The study's first claim stands as it was tested: {gain} on {claimed_on(e.first)}."


def _clause(hypothesis: str) -> str:
    return literal(hypothesis).rstrip(".")
