"""The bounded rule of repairs, and the useful part of a traceback."""

from __future__ import annotations

from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.loop.repair import REPAIRS, own_part, standing, to_repair
from nightlab.experiments.records import Change


def trial(number: int, parent: int | None, cause: str, proposer: str = "fake:coder") -> Trial:
    change = Change(strategy="s", hypothesis="h", params={}, artifact="a", parent=parent, proposer=proposer)
    kind = "failed" if cause else "reverted"
    verdict = Settled(kind=kind, cause=cause, reason="r", numbers={})
    return Trial(number=number, change=change, verdict=verdict)


def test_a_change_is_repaired_twice_and_then_dropped() -> None:
    history = [trial(0, None, "", "baseline"), trial(1, 0, "crash")]
    for number in range(2, 2 + REPAIRS):
        found = to_repair(history, "fake:coder", ())
        assert found is not None
        assert found.number == number - 1
        history.append(trial(number, found.number, "crash"))
    assert to_repair(history, "fake:coder", ()) is None
    assert standing(history, len(history) - 1) == 0


def test_only_one_s_own_crashes_that_nobody_gave_up_are_repaired() -> None:
    baseline = trial(0, None, "", "baseline")
    for other in (trial(1, 0, "crash", "tpe"), trial(1, 0, "duplicate"), trial(1, 0, "tampered"), trial(1, 0, "")):
        assert to_repair([baseline, other], "fake:coder", ()) is None
    assert to_repair([baseline, trial(1, 0, "timeout")], "fake:coder", [1]) is None
    running = Trial(number=1, change=trial(1, 0, "").change, verdict=None)
    assert to_repair([baseline, running], "fake:coder", ()) is None


def test_of_a_traceback_the_experiment_s_own_lines_are_shown() -> None:
    error = """Traceback (most recent call last):
  File "/sandbox/artifact/experiment.py", line 7, in run
    model.fit(x)
  File "/usr/lib/python3/site-packages/sklearn/base.py", line 1152, in wrapper
    return fit_method(estimator, *args, **kwargs)
           ^^^^^^^^^^
  File "/usr/lib/python3/site-packages/sklearn/svm.py", line 190, in fit
    raise ValueError(
ValueError: the number of classes has to be greater than one
"""
    shown = own_part(error, ("experiment.py",))
    assert "experiment.py" in shown
    assert "model.fit(x)" in shown
    assert "sklearn" not in shown
    assert shown.endswith("greater than one")
    assert len(own_part("x" * 5000, (), limit=100)) < 120
