"""Entries that were closed come back from the ledger as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlab.experiments.ledger.ledger import Ledger, Settled
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.ledger.trial_cache import BESIDE, Entry, History, TrialCache
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.records import Change, RunOutcome

TRIALS = 12


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path) as found:
        yield found


@pytest.fixture
def books(ledger: Ledger) -> TrialCache:
    """Trials with two replicates each, claimed in an order of their own, the last trial unsettled and at work."""
    found = TrialCache(ledger)
    for number in range(TRIALS):
        change = Change(
            strategy="s", hypothesis="h", params={"x": number / 2}, artifact="a", parent=number - 1, proposer="test"
        )
        found.open(Entry(trial=ledger.claim(number, change), wanted=2, paired=True))
    for replicate in (1, 0):
        for number in reversed(range(TRIALS)):
            for phase in (BESIDE, SEARCH):
                run = ledger.claim_run(phase, str(number), replicate, seed=replicate)
                outcome = RunOutcome(status="ok", metrics={"dev": {"value": number + replicate / 10}})
                ledger.settle_run(run.id, outcome)
                found[number].record(replicate, outcome, beside=phase == BESIDE)
    ledger.claim_run("confirm", "best", 0, seed=9)
    for number in range(TRIALS - 1):
        ledger.settle(number, Settled(kind="reverted", reason="r", difference=-1.0))
        found.close(number)
    return found


def values(entry: Entry) -> list[list[float]]:
    return [[o.metrics["dev"]["value"] for o in part if o] for part in (entry.outcomes, entry.partners)]


def test_one_by_one_and_in_one_pass_they_are_the_same(books: TrialCache) -> None:
    assert len(books) == TRIALS
    for number, entry in enumerate(books):
        assert entry.trial.number == number
        assert values(entry) == values(books[number]) == [[float(number), number + 0.1]] * 2
        assert entry.trial == books[number].trial
        assert (entry.trial.verdict is None) == (number == TRIALS - 1)
    assert books[-1] is books[TRIALS - 1]
    assert [e.trial.number for e in books[2:5]] == [2, 3, 4]
    with pytest.raises(IndexError):
        books[TRIALS]


def test_what_is_at_work_is_one_object_and_what_is_closed_is_not_kept(books: TrialCache) -> None:
    assert books[TRIALS - 1] is list(books)[TRIALS - 1]
    assert books.at_work(3) is None
    assert books[3] is not books[3]


def test_the_history_tells_the_trials_of_the_books(books: TrialCache, ledger: Ledger) -> None:
    history = History(books, ledger)
    assert list(history) == [history[n] for n in range(TRIALS)] == [entry.trial for entry in books]
    assert history[-1].verdict is None
    assert [t.number for t in history[:2]] == [0, 1]


def test_what_the_history_told_of_an_open_trial_does_not_outlive_its_verdict(books: TrialCache, ledger: Ledger) -> None:
    history, last = History(books, ledger), TRIALS - 1
    assert history[last].verdict is None
    verdict = Settled(kind="kept", reason="r", numbers={})
    ledger.settle(last, verdict)
    books.close(last)
    assert history[last].verdict == verdict
