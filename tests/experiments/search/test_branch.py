"""What the numeric search learns from trials whose files differ."""

from __future__ import annotations

from nightlab.experiments.search.branch import branch
from nightlab.experiments.search.policy import Tried, incumbent


def tried(number: int, parent: int | None, x: float, verdict: str, score: float, artifact: str = "a") -> Tried:
    return Tried(
        number=number,
        parent=parent,
        strategy="s",
        params={"x": x},
        verdict=verdict,  # type: ignore[arg-type]
        score=score,
        replicates=1,
        artifact=artifact,
    )


TRIALS = [
    tried(0, None, 0.0, "baseline", 1.0),
    tried(1, 0, 0.1, "reverted", 0.5),
    tried(2, 0, 0.2, "kept", 2.0),
    tried(3, 2, 0.2, "kept", 5.0, "b"),  # an edit
    tried(4, 2, 0.2, "reverted", 0.0, "c"),  # another edit
    tried(5, 3, 0.3, "reverted", 4.0, "b"),
    tried(6, 5, 0.4, "kept", 6.0, "b"),
]


def test_with_one_version_nothing_changes() -> None:
    whole = branch(TRIALS[:3])
    assert whole.trials == TRIALS[:3]
    assert list(whole.numbers) == list(range(3))


def test_the_incumbent_s_version_is_numbered_anew_and_inherits_shifted_scores() -> None:
    found = branch(TRIALS)
    assert [t.number for t in found.trials] == list(range(5))
    assert found.trials[0].verdict == "baseline"
    assert found.trials[0].parent is None
    by_x = {t.params["x"]: t.score for t in found.trials}
    assert by_x == {0.2: 5.0, 0.0: 4.0, 0.1: 3.5, 0.3: 4.0, 0.4: 6.0}  # the edit gained 3
    assert [found.numbers[t.number] for t in found.trials if t.params["x"] in (0.0, 0.1)] == [3, 3]
    best = incumbent(found.trials)
    assert found.numbers[best.number] == 6
    parent = found.trials[best.number].parent
    assert parent is not None
    assert found.trials[parent].params == {"x": 0.3}


def test_without_inheritance_only_the_version_itself_counts() -> None:
    assert branch(TRIALS, inherit=False).numbers == [3, 5, 6]
