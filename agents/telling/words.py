"""Small helpers of prose."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.experiments.ledger.ledger import Trial, replaced
from nightlab.experiments.numbers import plural
from nightlab.experiments.search.strategies import COMBINATION, JOINT
from nightlab.experiments.template.artifact.diffs import concerned
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.markup import literal

NAMED = 3  # strategies in a title
VERDICT_SEEDS = "the search seeds of the verdicts, {fact:setting.seeds} at most"  # not those of the selection after it


def words(text: str) -> str:
    """Text from a template or a reference as literal prose, underscores as spaces."""
    return literal(text.replace("_", " "))


def listed(items: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def many(e: Evidence, key: str, noun: str) -> str:
    """A fact that counts something, with the noun in its number."""
    return plural(e.facts[key].value, noun, f"{{fact:{key}}}")


def noun(e: Evidence) -> str:
    """What the claim's runs are on, one by one."""
    return "draw" if e.claim.draws else "seed"


def claimed_on(e: Evidence) -> str:
    """The data that the claim is on, with no more said for them than holds."""
    if e.template.exact:
        return "this problem"
    if e.claim.split != "holdout":
        return "the development split"
    if "Holdout" in e.notes:
        return "a holdout that repeats the development split"
    if "Both splits" in e.notes:
        return "a holdout of which the search had seen a part"
    if not e.fresh_data:
        return "a holdout of which the experiments could read a part"
    if e.claim.draws:
        return "sealed holdouts of fresh draws of the data"
    return "a sealed holdout that the search never saw"


def source(e: Evidence) -> str:
    """Where the metric comes from, where nothing verifies it, as a sentence."""
    if not e.template.doubts:
        return "The metric was reported by the experiment itself."
    return f"The metric counts as reported only: {'; '.join(e.template.doubts)}."


def varied(e: Evidence) -> str:
    """What the trials changed of the baseline, in words; empty if nothing."""
    first, *others = (t.change for t in e.trials)
    moved = {k.strategy for k in e.template.knobs if any(c.params[k.name] != first.params[k.name] for c in others)}
    names = [words(s) for s in e.template.strategies if s in moved]
    shown = names if len(names) <= NAMED + 1 else [*names[:NAMED], "other strategies"]
    return listed([*shown, *(["the code"] if e.edits else [])]) if names or e.edits else ""


def strategies(e: Evidence, trial: Trial) -> str:
    """What a trial that was kept concerned, in words."""
    found = concern(e, trial)
    return strategy(JOINT) if len(found) > 2 else listed([strategy(name) for name in found])


def concern(e: Evidence, trial: Trial) -> list[str]:
    """The strategies of a trial."""
    return concerned(trial.change, replaced(trial, e.trials), e.template.knobs)


def strategy(name: str) -> str:
    """What a change concerned, in words."""
    known = {JOINT: "several strategies at once", COMBINATION: "changes that were found apart", "edit": "an edit"}
    return known.get(name) or words(name)
