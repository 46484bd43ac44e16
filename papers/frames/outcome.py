"""What the claim, its test and the two sides are said to be."""

from __future__ import annotations

from nightlab.papers.frames.record import Record
from nightlab.papers.frames.words import SIDES, SPLITS, Phrasings, Said, capital, fact, interval, words


def claim(r: Record) -> Said:
    """What the test of the claim found."""
    if not r.tested:
        yield "claim", (f"No test of the claim took place, since {r.why_untested}.",)
        return
    on = f"on {SPLITS[r.split]}, over {r.many('claim.n', r.row)}"
    how = f"({interval('claim', r.coverage)}, p {fact('claim.p')})" if r.spread else "(the same in every pair)"
    to = f"from {fact(f'baseline.{r.split}.mean')} for the baseline to {fact(f'best.{r.split}.mean')}"
    if r.improved:
        moves = "falls" if r.lower else "rises"
        yield (
            "claim",
            (
                f"The best configuration improves the {r.metric} of the baseline by {fact('claim.effect')} {on} {how};"
                " by the test fixed in advance the improvement is significant and confirmed.",
                f"{capital(on)}, the {r.metric} {moves} by {fact('claim.effect')} {how}, an improvement by the test"
                " fixed in advance.",
                f"The confirmation bears the gain over the baseline out: the {r.metric} {moves} {to}, a paired"
                f" improvement and advantage of {fact('claim.effect')} {how}.",
            ),
        )
    elif r.unclaimed:
        yield (
            "claim",
            (
                f"The test fixed in advance finds an improvement of {fact('claim.effect')} in the {r.metric} {on}"
                f" {how}, and yet none is claimed, since {r.unclaimed}.",
                f"The {r.metric} goes {to}, an effect of {fact('claim.effect')} {how} that the test fixed in advance"
                f" tells from none and that is not claimed, since {r.unclaimed}.",
            ),
        )
    elif r.best:
        end = _unfound(r)
        bore = {0: "bore no gain out", 1: "did not bear it out"}.get(
            round(r.value("search.kept")), "bore none of them out"
        )
        yield "outcome", (f"The search kept {r.many('search.kept', 'change')}, and the confirmation {bore}.",)
        yield (
            "claim",
            (
                f"The best configuration does not improve on the baseline by the test fixed in advance: the difference"
                f" in {r.metric} is {fact('claim.effect')} {on} {how}, which {end}.",
                f"The test fixed in advance did not confirm an improvement: the {r.metric} goes {to}, an effect of"
                f" {fact('claim.effect')} {how}, which {end}.",
            ),
        )


def _unfound(r: Record) -> str:
    """What a difference is in which the test finds no improvement."""
    if r.value("claim.high") < 0:
        return "is a loss"
    noise = r.spread and r.value("claim.low") <= 0
    return "is within the noise, and which the test does not tell from none" if noise else "is none by that test"


def test(r: Record) -> Said:
    """The test itself: level, p value, interval, and the gain beside the noise."""
    if not (r.tested and r.spread and r.best):
        return
    found = "is" if r.found else "is not"
    yield (
        "test",
        (
            f"The test fixed in advance gives a p value of {fact('claim.p')}: the effect of {fact('claim.effect')}"
            f" {found} significant at the level of {fact('setting.level')}.",
            f"At the level of {fact('setting.level')} the improvement {found} significant (p {fact('claim.p')}).",
        ),
    )
    zero = "includes zero" if r.value("claim.low") <= 0 <= r.value("claim.high") else "excludes zero"
    yield (
        "interval",
        (
            f"The {fact(r.coverage)} interval of the improvement runs from {fact('claim.low')} to"
            f" {fact('claim.high')} and {zero}.",
            f"The effect is {fact('claim.effect')}, and its interval from {fact('claim.low')} to {fact('claim.high')}"
            f" {zero.replace('includes', 'covers')}.",
        ),
    )
    errors = [f"{side}.{r.split}.stderr" for side in SIDES]
    if r.improved and r.value("claim.effect") > 2 * sum(map(r.value, errors)):
        yield (
            "noise",
            (
                f"The gain of {fact('claim.effect')} on {SPLITS[r.split]} is larger than the noise between runs: the"
                f" standard error of the baseline is {fact(errors[0])} and that of the best {fact(errors[1])}.",
            ),
        )
    yield (
        "confirmation",
        (
            f"The confirmation compared the baseline and the best configuration, the two configurations, on"
            f" {r.many('claim.n', 'pair')} of {r.row}s; the number of its runs that failed is {fact('claim.failed')}.",
            *(("No run of the confirmation failed.",) if not r.value("claim.failed") else ()),
        ),
    )


def scope(r: Record) -> Said:
    """What the claim holds for."""
    if r.tested and r.population:
        yield "scope", (f"The claim is one about {r.population}, and no more.",)


def relative(r: Record) -> Said:
    if r.improved and r.has("claim.relative") and r.value("claim.relative") > 0:
        yield (
            "relative",
            (
                f"The mean {r.metric} of the best configuration is better than that of the baseline by"
                f" {fact('claim.relative')}.",
                f"The best configuration improves the mean {r.metric} of the baseline by {fact('claim.relative')}.",
            ),
        )


def smallest(r: Record) -> Said:
    """The effect beside the smallest one that is worth keeping."""
    if r.tested and r.has("setting.min_effect") and r.value("setting.min_effect") > 0:
        told, least = ("confirmed gain" if r.improved else "effect"), fact("setting.min_effect")
        is_it = "is" if r.value("claim.effect") > r.value("setting.min_effect") else "is not"
        yield (
            "smallest",
            (f"The {told} of {fact('claim.effect')} {is_it} larger than the smallest effect worth keeping, {least}.",),
        )


def _metrics(r: Record, split: str) -> list[tuple[str, str, str]]:
    """(its name, its words, the middle of its facts' ids), the fitness first."""
    head, tail = f"baseline.{split}.", ".mean"
    names = [id[len(head) : -len(tail)] for id in r.facts if id.startswith(head) and id.endswith(tail)]
    return [(words(r.metric), words(r.metric), ""), *((words(n), words(n), f"{n}.") for n in names)]


def values(r: Record) -> Said:
    """A metric of one side on a split, and of both."""
    for split, on in SPLITS.items():
        for name, told, middle in _metrics(r, split):
            ids = {side: f"{side}.{split}.{middle}" for side in SIDES}
            for side, whose in SIDES.items():
                if r.has(f"{ids[side]}mean", f"{ids[side]}stderr"):
                    spread = f"(standard error {fact(f'{ids[side]}stderr')})"
                    told_by = f"the {told} of {whose} on {on} is {fact(f'{ids[side]}mean')} {spread}"
                    yield f"value {side} {name} {split}", (f"{capital(told_by)}.", f"On {r.row}s {told_by}.")
            if all(r.has(f"{ids[side]}mean", f"{ids[side]}low") for side in SIDES):
                yield (
                    f"compare {name} {split}",
                    _compared(r, ids["baseline"], ids["best"], told, on, "" if middle else split),
                )


def _compared(r: Record, before: str, after: str, told: str, on: str, split: str) -> Phrasings:
    """split: that of the fitness; empty for another metric."""
    a, b = (fact(f"{key}mean") for key in (before, after))
    low, high = (r.value(f"{key}low") for key in (after, before)), (r.value(f"{key}high") for key in (after, before))
    (low_b, low_a), (high_b, high_a) = tuple(low), tuple(high)
    if r.value(f"{before}mean") == r.value(f"{after}mean"):
        return (f"On {on} the {told} of both configurations is {a}.",)
    noise = not (low_b > high_a or high_b < low_a)
    if r.tested and split == r.split:  # the pairs say more than both sides alone
        noise = r.value("claim.low") <= 0 <= r.value("claim.high")
    if noise:
        return (
            f"On {on} the {told} of the best configuration is {b} against {a} of the baseline, a difference within the"
            " noise.",
        )
    up = r.value(f"{after}mean") > r.value(f"{before}mean")
    beats = split and r.improved and up != r.lower
    better = (f"On {on} the best configuration beats the baseline: its {told} is {b} against {a}.",) if beats else ()
    way, moves = ("higher", "rises") if up else ("lower", "falls")
    return (
        f"On {on} the {told} of the best configuration is {b}, {way} than the {a} of the baseline.",
        f"The {told} {moves} from {a} for the baseline to {b} for the best configuration, on {on}.",
        *better,
    )


def splits(r: Record) -> Said:
    """Both splits beside each other."""
    ids = [f"{side}.{split}.mean" for side in SIDES for split in SPLITS]
    if r.has(*ids):
        (a_dev, a_hold, b_dev, b_hold) = map(r.value, ids)
        how = (
            "a lower" if a_hold < a_dev and b_hold < b_dev else "a higher" if a_hold > a_dev and b_hold > b_dev else ""
        )
        if how:
            yield (
                "splits",
                (
                    f"Both configurations have {how} {r.metric} on the holdout than on the development split: the"
                    f" baseline {fact(ids[1])} against {fact(ids[0])}, the best {fact(ids[3])} against {fact(ids[2])}.",
                ),
            )
    if r.has("search.optimism", "best.dev.mean"):
        more = "better than" if r.value("search.optimism") > 0 else "not better than"
        yield (
            "optimism",
            (
                f"The gain of the best trial, the winner, over the baseline on the development values of the search was"
                f" {more} that on {r.row}s (by {fact('search.optimism')}; on {r.row}s it has a {r.metric} of"
                f" {fact('best.dev.mean')}).",
            ),
        )
