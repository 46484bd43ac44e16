"""The language-model coder: proposes parameters or edits, repairs its own crashes, and shares the study with the
numeric search; a bandit decides which of the two proposes next."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nightlab.agents.chat.models import Chat, NoAnswer, Unusable, quoted
from nightlab.agents.documents import Proposed
from nightlab.agents.model import edits
from nightlab.agents.model.edits import Edit, EditRefused
from nightlab.agents.model.parameters import ParameterRefused, assigned, the_task
from nightlab.agents.model.preview import preview
from nightlab.agents.model.prompts import Prompt, render
from nightlab.agents.team import Coder, Questions, Situation
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.ledger.documents.claim import Feedback
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.loop.digest import digest
from nightlab.experiments.loop.overseer import UNUSABLE
from nightlab.experiments.loop.repair import own_part, to_repair
from nightlab.experiments.records import Change, Knob
from nightlab.experiments.search.policy import Exhausted, Tried, incumbent
from nightlab.experiments.search.strategies import JOINT, draw_strategy
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.artifact.artifact import added
from nightlab.experiments.template.artifact.diffs import Files, changed, unified
from nightlab.experiments.template.globbing import matches

SHOWN = 24_000  # characters of the editable files in a prompt
SHOWN_WITH_KNOBS = 4_000  # likewise, where parameters are the shorter way
DIFF = 1_200
FEEDBACK = 3_000
MODEL, SEARCH = "model", "search"
PROPOSER = 1  # keeps this draw's randomness apart from that of the proposals themselves


class EditAnswer(BaseModel):
    """One edit of a file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str = ""
    search: str = ""
    replace: str


class ChangeAnswer(BaseModel):
    """A proposed change: params, edits, or both."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    hypothesis: str = ""
    strategy: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    edits: list[EditAnswer] = Field(default_factory=list)

    @field_validator("params", "edits", mode="before")
    @classmethod
    def _lenient(cls, value: Any, info: Any) -> Any:
        """Nothing for null; one edit for a list of one."""
        if value is None:
            return {} if info.field_name == "params" else []
        return [value] if info.field_name == "edits" and isinstance(value, dict) else value

    @field_validator("hypothesis", "strategy", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return "" if value is None else value


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What the model is told of a change of its own that failed."""

    trial: int
    cause: str
    hypothesis: str
    error: str
    diff: str
    moves: str


class ModelCoder:
    """Proposes by a model or by `offline`, as the bandit draws; `offline` steps in where the model has no answer."""

    questions: ClassVar = Questions(trial=1)

    def __init__(self, chat: Chat, offline: Coder, study: Study) -> None:
        self._chat, self._offline, self._study = chat, offline, study
        self._name = shown(chat.name)
        self._read = functools.lru_cache(maxsize=256)(study.artifacts.read)

    def propose(self, situation: Situation) -> Change:
        """The change stands in the ledger before it is returned, so that a resumed study asks nobody again.

        Raises Exhausted.
        """
        ledger, key = self._study.ledger, str(situation.number)
        if (stored := ledger.get(Proposed, key)) is None:
            situation = replace(situation, history=tuple(situation.history))  # each look-up would ask the ledger
            asked = ledger.all(Proposed)
            given_up = [each.repairs for each in asked.values() if each.repairs is not None]
            failed = to_repair(situation.history, self._name, given_up)
            who = MODEL if failed else self._who(situation, asked)
            change = self._by_model(situation, failed) if who == MODEL else self._by_search(situation)
            found = Proposed(by=who, repairs=failed.number if failed else None, change=change)
            stored = ledger.put(found, key)
        return stored.change

    def _who(self, situation: Situation, asked: Mapping[str, Proposed]) -> str:
        if not situation.template.knobs:
            return MODEL
        proposer = [t.change.proposer for t in situation.history]
        seen = [replace(t, strategy=MODEL if proposer[t.number] == self._name else SEARCH) for t in situation.trials]
        silent = sum(each.by == MODEL and each.change.proposer != self._name for each in asked.values())
        rng = np.random.default_rng([self._study.settings.seed % 2**64, situation.number, PROPOSER])
        return draw_strategy((SEARCH, MODEL), seen, rng, {MODEL: silent})

    def _by_search(self, situation: Situation) -> Change:
        try:
            return self._offline.propose(situation)
        except Exhausted:
            return self._by_model(situation, None)

    def _by_model(self, situation: Situation, failed: Trial | None) -> Change:
        """The model's change, else one of the numeric search; without one a trial that fails for want of a proposal, or
        the end of the search where the model cannot be asked at all."""
        stage, row = f"trial {situation.number}", _unusable(situation.history)
        base = failed or situation.history[_parent(situation.trials, row)]
        found: list[NoAnswer] = []

        def model() -> Change:
            try:
                return self._asked(situation, base, failed, stage, whole=row % 2 == 1)
            except NoAnswer as error:
                found.append(error)
                raise

        try:
            return self._chat.attempt(stage, model, lambda: self._offline.propose(situation))
        except Exhausted as nothing:
            if not isinstance(found[0], Unusable):
                raise Exhausted(f"the model could not be asked ({found[0].reason}), and {nothing}") from None
            return replace(
                base.change,
                strategy="edit",
                hypothesis="not given",
                parent=base.number,
                proposer=self._name,
                refused=found[0].reason,
            )

    def _asked(self, situation: Situation, base: Trial, failed: Trial | None, stage: str, *, whole: bool) -> Change:
        found: dict[str, Change] = {}

        def check(answer: ChangeAnswer) -> str:
            try:
                change = self._made(answer, base, situation)
            except (EditRefused, ParameterRefused) as refused:
                return str(refused)
            if twin := _twin(change, situation.history):
                return f"trial {twin.number} was the same change; propose another one{_untried(situation)}"
            found["change"] = change
            return ""

        self._chat.ask(ChangeAnswer, self._prompt(situation, base, failed, whole), stage=stage, check=check)
        return found["change"]

    def _made(self, answer: ChangeAnswer, base: Trial, situation: Situation) -> Change:
        """The answer as a change of `base`, its files stored."""
        template, before = situation.template, base.change
        knobs = _in_reach(situation)
        params = assigned(answer.params, before.params, knobs, template.knobs) if knobs else before.params
        artifact = before.artifact
        if answer.edits:
            wanted = [Edit(file=e.file, search=e.search, replace=e.replace) for e in answer.edits]
            files = edits.apply(wanted, self._read(artifact), template.editable_names, template.spec.artifact.blocks)
            self._require_light(files, situation)
            artifact = self._study.artifacts.add(files)
        if artifact == before.artifact and not changed(params, before.params):
            ways = "params with a new value, or edits" if knobs else "edits"
            raise EditRefused(f"it changes nothing of trial {base.number}; give {ways}")
        return Change(
            strategy=_strategy(answer, changed(params, before.params), knobs),
            hypothesis=" ".join(clean(answer.hypothesis, 300).split()) or "not given",
            params=params,
            artifact=artifact,
            parent=base.number,
            proposer=self._name,
        )

    def _require_light(self, files: Files, situation: Situation) -> None:
        """Raises EditRefused where the edits since the baseline add so much that answers may be among it."""
        if (most := situation.template.spec.artifact.carry_kb) is None:
            return
        grown = added(files, self._read(situation.history[0].change.artifact)) / 1000
        if grown > most:
            told = f"all edits together would add {grown:.1f} kB (compressed) to the baseline's files"
            raise EditRefused(f"{told}; {most:g} kB are allowed: write a method, and no data")

    def _prompt(self, situation: Situation, base: Trial, failed: Trial | None, whole: bool) -> Prompt:
        template, study, knobs = situation.template, self._study, _in_reach(situation)
        files = self._read(base.change.artifact)
        told = digest(template, situation.trials, situation.history, self._read)
        inputs = preview(study.inputs)
        return render(
            "coder",
            **the_task(template, knobs),
            question=situation.idea.question,
            inputs=quoted(inputs) if inputs else "",
            files=_shown(
                files, [n for n in files if matches(n, template.editable_names)], SHOWN_WITH_KNOBS if knobs else SHOWN
            ),
            digest=told.text,
            errors=quoted(told.errors) if told.errors and not failed else "",
            feedback=self._feedback(base),
            parent=base.number,
            params=", ".join(f"{k.name} = {base.change.params[k.name]}" for k in knobs),
            whole=whole,
            repair=self._repair(failed, situation, files) if failed else None,
        )

    def _feedback(self, base: Trial) -> str:
        """What the evaluator told of a trial's first run that it told anything of."""
        runs = self._study.ledger.runs("search", str(base.number))
        found = (self._study.ledger.get(Feedback, str(run.id)) for run in runs)
        return next((quoted(each.text, FEEDBACK) for each in found if each), "")

    def _repair(self, failed: Trial, situation: Situation, files: Files) -> Repair:
        runs = self._study.ledger.runs("search", str(failed.number))
        error = next((r.outcome.error for r in runs if r.outcome and r.outcome.error), "")
        before = situation.history[failed.change.parent or 0].change
        moves = changed(failed.change.params, before.params)
        diff = unified(self._read(before.artifact), files)
        return Repair(
            trial=failed.number,
            cause=failed.verdict.cause if failed.verdict else "",
            hypothesis=failed.change.hypothesis,
            error=quoted(own_part(clean(error), situation.template.files()), 1500),
            diff=diff if len(diff) <= DIFF else f"{diff[:DIFF]}\n[...]",
            moves=", ".join(f"{name} to {new}" for name, (_, new) in moves.items()),
        )


def _unusable(history: Sequence[Trial]) -> int:
    """How many of the latest proposals, in a row, could not be used."""
    return sum(1 for _ in takewhile(lambda t: t.verdict and t.verdict.cause == UNUSABLE, reversed(history)))


def _parent(trials: Sequence[Tried], row: int) -> int:
    """The incumbent; after two unusable proposals in a row the best of the others for two, if there is one."""
    best = incumbent(trials)
    others = [t for t in trials if t.score is not None and t.artifact != best.artifact] if row // 2 % 2 else []
    return max(others, key=lambda t: t.score or 0.0, default=best).number


def _in_reach(situation: Situation) -> list[Knob]:
    return [k for k in situation.template.knobs if k.strategy in situation.idea.strategies]


def _strategy(answer: ChangeAnswer, moves: Mapping[str, object], knobs: Sequence[Knob]) -> str:
    """Of parameters the strategy that they belong to; of edits the one of these that the model names, if any."""
    if answer.edits:
        word = re.sub(r"[^a-z0-9]+", "_", answer.strategy.lower()).strip("_")
        return word if word in {k.strategy for k in knobs} else "edit"
    touched = {k.strategy for k in knobs if k.name in moves}
    return touched.pop() if len(touched) == 1 else JOINT


def _twin(change: Change, history: Sequence[Trial]) -> Trial | None:
    same = (t for t in history if t.change.artifact == change.artifact and t.change.params == change.params)
    return next(same, None)


def _untried(situation: Situation) -> str:
    """A hint: parameters that no trial has moved."""
    defaults = situation.template.defaults
    moved = {name for t in situation.history for name in changed(t.change.params, defaults)}
    names = [k.name for k in _in_reach(situation) if k.name not in moved][:3]
    return f", for example of {', '.join(names)}" if names else ""


def _shown(files: Files, names: Sequence[str], limit: int) -> dict[str, str]:
    """The editable files, the middle of what is too long left out by whole lines."""
    found = {}
    for name, text in edits.sources(files, names).items():
        share = limit // len(names)
        found[name] = text.rstrip("\n") if len(text) <= share else _shortened(text, share)
    return found


def _shortened(text: str, limit: int) -> str:
    head = text[: limit // 2].rpartition("\n")[0]
    tail = text[-(limit // 2) :].partition("\n")[2]
    hidden = text.count("\n") - head.count("\n") - tail.count("\n")
    return f"{head}\n[{hidden} lines are not shown]\n{tail.rstrip()}"
