"""A replay against its recording: the same answers must have led to the same trials, runs and texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from nightlab.agents.chat.settings import model_settings
from nightlab.agents.documents import Prose
from nightlab.agents.team import RankedIdeas, Review
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.study.study import Study, read
from nightlab.papers.manuscript.manuscript import Manuscript

MADE: Mapping[type[Any], str] = {
    RankedIdeas: "what was proposed",
    Prose: "a model's text",
    Review: "a review",
    Manuscript: "the paper's text",
}


def differences(study: Study) -> Iterator[str]:
    """Where a replay and its recording differ, a sentence each; none where the study is no replay.

    What was asked for otherwise, as more trials, is no difference: what both have is compared.
    """
    if not (folder := model_settings(study.ledger).replay):
        return
    with closing(read(Path(folder))) as recorded:
        yield from (f"the recording was altered: {told}" for told in recorded.ledger.faults())
        for now, then in zip(study.ledger.each_trial(), recorded.ledger.each_trial(), strict=False):
            for what in ("params", "artifact"):
                if getattr(now.change, what) != getattr(then.change, what):
                    yield f"trial {now.number} changes other {what} than in the recording"
            if now.verdict and then.verdict and now.verdict.kind != then.verdict.kind:
                yield f"trial {now.number} is {now.verdict.kind}, in the recording {then.verdict.kind}"
        if not study.template.interleaved:  # timings do not repeat
            yield from _runs(study.ledger, recorded.ledger)
        if study.settings == recorded.settings:
            yield from _asked(study.ledger, recorded.ledger)
            yield from _made(study.ledger, recorded.ledger)


def _asked(now: Ledger, then: Ledger) -> Iterator[str]:
    """What a model was asked holds what was answered before."""
    before = {(call.role, call.stage, call.attempt): call.hash for call in then.calls.all()}
    for call in (call for call in now.calls.all() if call.role != "reviewer"):  # who reads times, which do not repeat
        if before.get((call.role, call.stage, call.attempt), call.hash) != call.hash:
            yield f"the {call.role} was asked otherwise at {call.stage!r} than in the recording"


def _made(now: Ledger, then: Ledger) -> Iterator[str]:
    for kind, what in MADE.items():
        before = then.all(kind)
        yield from (
            f"{what} ({key}) is another than in the recording"
            for key, made in now.all(kind).items()
            if before.get(key, made) != made
        )


def _runs(now: Ledger, then: Ledger) -> Iterator[str]:
    before = {(run.phase, run.subject, run.replicate): run for run in then.each_run()}
    for run in now.each_run():
        old = before.get((run.phase, run.subject, run.replicate))
        if old is None or old.outcome is None or run.outcome is None or old.inputs != run.inputs:
            continue
        if old.outcome.metrics != run.outcome.metrics:
            yield f"run {run.id} ({run.phase} {run.subject}) has other metrics than in the recording"
