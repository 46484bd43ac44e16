"""What is said of the search, its trials, the ablation and the sensitivity study."""

from __future__ import annotations

from nightlab.papers.frames.record import Record
from nightlab.papers.frames.words import Phrasings, Said, fact, interval, listed, words


def search(r: Record) -> Said:
    """Counts of the search and of the runs."""
    n = r.value("search.trials")
    none = (
        "No trial failed; the count of failed trials is" if not r.value("search.failed") else "Of the trials, failed:"
    )
    yield (
        "search",
        (
            f"The search ran {r.many('search.trials', 'trial')} in {r.many('runs.search', 'run')}, kept"
            f" {fact('search.kept')} and reverted {fact('search.reverted')}; {fact('search.failed')} failed.",
            *(
                [
                    f"Of the {r.many('search.trials', 'trial')}, {fact('search.kept')}"
                    f" {'was' if r.value('search.kept') == 1 else 'were'} kept and"
                    f" {fact('search.reverted')} reverted."
                ]
                if n > 1
                else []
            ),
        ),
    )
    if r.has("setting.trials"):
        told = "All trials of the budget were run" if n >= r.value("setting.trials") else "The budget was not used up"
        yield "budget", (f"{told}: {fact('search.trials')} of {fact('setting.trials')}.",)
    yield "count failed", (f"{none} {fact('search.failed')}.",)
    most = ", most of the trials" if r.value("search.reverted") > n / 2 else ""
    yield (
        "count kept",
        (f"The loop accepted and kept {r.many('search.kept', 'change')}.",),
    )
    yield "count reverted", (f"The search reverted {fact('search.reverted')} of its trials{most}.",)
    yield (
        "count aside",
        (f"The number of trials that started from a trial that was not kept is {fact('search.aside')}.",),
    )
    phases = {"search": "search", "confirm": "confirmation", "ablate": "ablation", "sensitivity": "sensitivity study"}
    for phase, told in phases.items():
        if r.has(f"runs.{phase}"):
            yield (
                f"runs {told}",
                (f"The {told} took {r.many(f'runs.{phase}', 'run')}.",),
            )
    yield "runs all", (f"The study made {r.many('runs.all', 'run')} in all.",)
    if r.has("run.wall.mean"):
        yield (
            "run",
            (
                f"A successful run took {fact('run.wall.mean')} s on average (standard error"
                f" {fact('run.wall.stderr')} s).",
            ),
        )
    if r.has("overseer.notices"):
        yield (
            "notices",
            (f"Fixed rules watched the search; the number of their notices is {fact('overseer.notices')}.",),
        )


def trials(r: Record) -> Said:
    """The trials that were kept and the one that went to the confirmation."""
    if r.has("trial.0.mean"):
        yield (
            "trial 0",
            (f"The baseline that the search started from has a {r.metric} of {fact('trial.0.mean')} on search seeds.",),
        )
    for number, concern in r.kept.items():
        if r.has(f"trial.{number}.mean"):
            told = f", a change of {listed([words(c) for c in concern])}" if concern else ""
            yield (
                f"trial {number}",
                (f"Trial `T{number}`{told}, was kept at a {r.metric} of {fact(f'trial.{number}.mean')}.",),
            )
    if r.kept:
        concerns = list(dict.fromkeys(words(c) for concern in r.kept.values() for c in concern))
        about = f" The kept changes concern the {listed(concerns)}." if concerns else ""
        yield "kept", (f"The trials {listed([f'`T{n}`' for n in r.kept])} were kept.{about}",)
    if r.best:
        yield (
            "confirmed",
            (
                f"The trial that the selection chose and that went to the confirmation was `T{r.best}`, the best"
                f" configuration.",
            ),
        )


def ablation(r: Record) -> Said:
    """What each part contributes."""
    effects = {key: r.value(f"ablation.{key}.effect") for key in r.parts if r.has(f"ablation.{key}.effect")}
    for key in effects:
        part, id = words(r.parts[key]), f"ablation.{key}"
        verdict = (
            "this contribution is significant"
            if key in r.helps
            else f"the {r.metric} is better without it"
            if r.value(f"{id}.high") < 0
            else "the ablation cannot tell this contribution from zero"
        )
        change = "costs" if effects[key] > 0 else f"changes the {r.metric} by"
        yield (
            f"part {key.removeprefix('without-').replace('-', ' ')}",
            (
                f"Taking out the {part} {change} {fact(f'{id}.effect')} on the development split ({interval(id)});"
                f" {verdict} after the correction for several tests (p {fact(f'{id}.p')}).",
                f"Without the {part} the {r.metric} is {'worse' if effects[key] > 0 else 'other'} by"
                f" {fact(f'{id}.effect')}, a contribution between {fact(f'{id}.low')} and {fact(f'{id}.high')}.",
            ),
        )
    if len(effects) > 1 and max(effects.values()) > 0:
        order = sorted(effects, key=lambda k: -effects[k])
        rest = listed([f"the {words(r.parts[k])} ({fact(f'ablation.{k}.effect')})" for k in order[1:]])
        yield (
            "parts",
            (
                f"Of the parts, the {words(r.parts[order[0]])} contributes most: without it the loss in the ablation is"
                f" the largest, {fact(f'ablation.{order[0]}.effect')}; taking out the others costs less: {rest}.",
            ),
        )
    if effects:
        yield "parts significant", (_significant(r, list(effects)),)
    if r.has("ablation.seeds"):
        yield "ablation seeds", (f"The ablation used {r.many('ablation.seeds', r.unit)}.",)


def _significant(r: Record, keys: list[str]) -> str:
    """Which parts contribute significantly, and which do not."""
    helps, others = ([words(r.parts[k]) for k in keys if (k in r.helps) is found] for found in (True, False))
    after = "contribute significantly after Holm's correction"
    if not others:
        return f"All of the parts {after}: {listed(helps)}."
    if not helps:
        return f"None of the parts is found to {after}: {listed(others)}."
    most = (
        f"All but one of the parts {after}"
        if len(others) == 1 < len(helps)
        else f"Of the parts, {listed(helps)} {after}"
    )
    return f"{most}; the ablation does not find this of {listed(others)}."


def importances(r: Record) -> Said:
    """Shares of the variance, and the steps of the sensitivity study."""
    for name in r.defaults:
        if r.has(f"importance.{name}"):
            little = " next to none," if r.value(f"importance.{name}") < 0.01 else ""
            yield (
                f"importance {words(name)}",
                (
                    f"Over the trials that were run, the knob {words(name)} goes with{little}"
                    f" {fact(f'importance.{name}')} of the variance of the trials' ranks by {r.metric}, its"
                    " importance.",
                ),
            )
    yield from _ranked(r)
    for id in (i for i in r.facts if i.startswith("sensitivity.") and i.endswith(".effect")):
        yield _step(r, id.removesuffix(".effect"))
    if r.has("sensitivity.seeds"):
        yield "sensitivity seeds", (f"The sensitivity study used {r.many('sensitivity.seeds', r.unit)}.",)


def _ranked(r: Record) -> Said:
    """Which knob goes with most of the variance, and which step costs most."""
    shares = [n for n in r.defaults if r.has(f"importance.{n}")]
    shares.sort(key=lambda n: -r.value(f"importance.{n}"))
    if len(shares) > 1:
        rest = listed([f"{words(n)} ({fact(f'importance.{n}')})" for n in shares[1:3]])
        yield (
            "importances",
            (
                f"Of the knobs, the {words(shares[0])} has the largest importance: the largest share of the variance of"
                f" the trials' ranks goes with it ({fact(f'importance.{shares[0]}')}), before {rest}.",
            ),
        )
    steps = [i.removesuffix(".effect") for i in r.facts if i.startswith("sensitivity.") and i.endswith(".effect")]
    if steps:
        worst = max(steps, key=lambda s: r.value(f"{s}.effect"))
        told = _step(r, worst)[1][0]
        yield "steps", (f"Of the steps away from the best configuration, one costs most: {told[0].lower()}{told[1:]}",)


def _step(r: Record, id: str) -> tuple[str, Phrasings]:
    knob, _, way = id.removeprefix("sensitivity.").rpartition("-")
    low, high = r.value(f"{id}.low"), r.value(f"{id}.high")
    to = f" to {fact(f'{id}.value')}" if r.has(f"{id}.value") else " to another choice"
    move = {"up": "Raising", "down": "Lowering"}.get(way, "Moving")
    found = (
        "looks better than the best itself, a lead found after the claim was tested"
        if high < 0
        else f"makes the {r.metric} worse"
        if low > 0
        else "is not told from no change"
    )
    return (
        f"step {words(knob)} {way}",
        (f"{move} the {words(knob)}{to} {found} (effect {fact(f'{id}.effect')}, {interval(id)}).",),
    )
