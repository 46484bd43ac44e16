"""The lab: the runtime context that the graph's nodes work with."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

from langgraph.config import get_config, get_stream_writer

from nightlab.agents.team import Idea, Team
from nightlab.experiments.ledger.events import Event, Progress, Told
from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import Runner
from nightlab.experiments.study.budget import Budget
from nightlab.experiments.study.sessions import Session
from nightlab.experiments.study.study import Study
from nightlab.papers.facts.evidence import Evidence, Snapshot, restored, snapshot
from nightlab.papers.facts.facts import RoundFacts, facts_of

T = TypeVar("T")
PROGRESS_S = 1.0  # between two counts of a stage's runs; no reader wants them faster


@dataclass(eq=False)
class Lab:
    """One study at work: its ledger, the team, and the runner, which is started when the first run needs it."""

    study: Study
    team: Team
    start_runner: Callable[[], Runner]
    session: Session | None = None
    stopping: Callable[[], bool] = lambda: False
    draws: Draws | None = None  # of a template that redraws its data
    _evidence: tuple[str, Evidence] | None = field(default=None, repr=False)  # the last that was asked for, by its name
    _counted: float = field(default=0.0, repr=False)  # when runs were counted last
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)

    def __post_init__(self) -> None:
        self.study.ledger.heard = _streamed

    @functools.cached_property
    def accounts(self) -> RunAccounts:
        self.study.data.prepare()
        runner = self.start_runner()
        self._stack.callback(runner.close)
        if self.draws:
            self._stack.callback(self.draws.close)
        budget = Budget(self.study, self.session, runner.workers)
        accounts = RunAccounts(self.study, runner, budget, self.stopping, self.draws)
        accounts.progress = self._progress
        return accounts

    @functools.cached_property
    def loop(self) -> Loop:
        return Loop(self.accounts)

    def tell(self, told: Told) -> None:
        """Tell something of the node that is at work. One that a resume enters again tells the same event again."""
        self.study.ledger.tell(told, during=get_config()["configurable"]["checkpoint_ns"])

    def _progress(self, done: int, of: int) -> None:
        if done == of or time.monotonic() - self._counted >= PROGRESS_S:
            self._counted = time.monotonic()
            self.tell(Progress(done=done, of=of))

    def once(self, shape: type[T], key: str, make: Callable[[], T]) -> T:
        """What an agent made under this name: out of the ledger if it is there, else made now and written down.

        So a replay after a kill repeats no agent's work.
        """
        found = self.study.ledger.get(shape, key)
        return self.study.ledger.put(make(), key) if found is None else found

    def needed(self, shape: type[T], key: str) -> T:
        """What must stand in the ledger under this name by now."""
        found = self.study.ledger.get(shape, key)
        if found is None:
            raise LookupError(f"the ledger of {self.study.name} holds no {shape.__name__} {key!r}")
        return found

    def snapshot(self, key: str) -> Snapshot:
        """What was taken down of the ledger under this name, now where it was not yet."""
        idea = next(iter(self.study.ledger.all(Idea).values()), None)
        return self.once(Snapshot, key, lambda: snapshot(self.study, idea.strategies if idea else None))

    def evidence(self, key: str) -> Evidence:
        """The evidence of a snapshot, with its facts."""
        if self._evidence is None or self._evidence[0] != key:
            bare = restored(self.study, self.snapshot(key))
            facts = self.once(RoundFacts, key, lambda: RoundFacts(facts_of(bare)))
            self._evidence = key, replace(bare, facts=facts.root)
        return self._evidence[1]

    def finish(self) -> None:
        """Let the runs in progress end."""
        if "accounts" in vars(self):
            self.accounts.finish()

    def close(self) -> None:
        self._stack.close()


def _streamed(event: Event) -> None:
    """To who listens to the node that is at work."""
    get_stream_writer()(event.record())
