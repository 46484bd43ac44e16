"""Access to chat models by role: a question in, a checked answer out, or NoAnswer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from nightlab.agents.chat.answer_parsing import Unreadable, parsed
from nightlab.agents.chat.answer_search import found
from nightlab.agents.chat.metered_model import CUT, Access, Judged
from nightlab.agents.chat.protocol import (
    CallFailed,
    Connection,
    Message,
    Mode,
    NoAnswer,
    Parameters,
    Question,
    Reply,
    TooLong,
    Unusable,
)
from nightlab.agents.chat.recording import ANSWERED, Recording
from nightlab.agents.chat.scripted import Script
from nightlab.agents.chat.settings import ROLES, ModelSettings, model_settings
from nightlab.agents.chat.usage import Meter, price_of
from nightlab.agents.documents import Fallback
from nightlab.agents.model.prompts import Prompt, quoted, render
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.ledger.storage import holding, opened
from nightlab.experiments.options import declared
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.papers.literature.network import loopback

__all__ = ["Chat", "Models", "NoAnswer", "Prompt", "TooLong", "Unusable", "adopted", "quoted", "render"]

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Concern = TypeVar("Concern", Settings, ModelSettings)
CORRECTIONS = 2  # how often an answer that fails the checks is sent back
SLOW = {"max_tokens": 1000, "timeout_s": 300.0}  # on this machine, where an answer may come at 15 tokens a second


class Greeting(BaseModel):
    ready: bool


class Chat:
    """One role's access to its model."""

    def __init__(self, role: str, access: Access, ledger: Ledger) -> None:
        self.role = role
        self.name = access.name
        self._access = access
        self._ledger = ledger

    @property
    def room(self) -> int:
        """Characters of a text that a prompt has room for, by the model's context window."""
        return self._access.room

    @property
    def sees(self) -> bool:
        """Whether the model takes images."""
        return self._access.sees

    def ask(
        self,
        shape: type[M],
        prompt: Prompt,
        *,
        stage: str,
        check: Callable[[M], str] | None = None,
        corrections: int = CORRECTIONS,
        temperature: float | None = None,
    ) -> M:
        """An answer of this shape that passes `check`, which returns "" or the reason why the answer will not do.

        temperature: of this answer, where it is another than the model's. A failed check goes back with the reason, at
        most `corrections` times. Raises NoAnswer: after that, at a budget's end, where the model refuses, or where its
        server cannot be reached after retries.
        """
        question = replace(self._question(shape, stage), temperature=temperature)
        accepted: list[M] = []

        def judge(text: str) -> Judged:
            try:
                answer = parsed(shape, text)
            except Unreadable as error:
                return Judged(text=text, reason=str(error), bare=error.bare)
            reason = check(answer) if check else ""
            if not reason:
                accepted.append(answer)
            return Judged(text=text, reason=reason)

        talk: list[Message] = []
        reasons: list[str] = []
        while len(reasons) <= corrections and reasons.count(CUT) < 2:  # who ran on twice would do so again
            judged = self._access.turn(question, prompt, talk, judge)
            if not judged.reason:
                return accepted[-1]
            reasons.append(judged.reason)
            said = [Message(role="assistant", text=judged.text)] if judged.text.strip() else []
            talk = [*said, Message(role="user", text=returned(judged.reason))]
        raise Unusable(
            f"sent back {len(reasons) - 1} times, the last time because {' '.join(reasons[-1].split())[:300]}"
        )

    def greet(self) -> None:
        """Any answer will do. Raises Refused where none can come."""
        if not self._access.served:
            with suppress(NoAnswer):
                question = self._question(Greeting, "greeting")
                self._access.turn(question, render("greeting"), (), _heard)

    def _question(self, shape: type[BaseModel], stage: str) -> Question:
        return Question(
            role=self.role,
            stage=stage,
            messages=(),
            schema=shape.model_json_schema(),
            title=shape.__name__,
            mode="text",
            max_tokens=0,
        )

    def attempt(self, stage: str, model: Callable[[], T], offline: Callable[[], T]) -> T:
        """model(); where it has no answer offline(), and the ledger says so."""
        try:
            return model()
        except NoAnswer as error:
            done = offline()
            self._ledger.put(Fallback(role=self.role, stage=stage, reason=error.reason), f"{self.role} {stage}")
            return done


def _heard(text: str) -> Judged:
    return Judged(text=text, reason="", bare=not found(text).candidates)


class Models:
    """The models of a study, by role. Raises SettingsError where one cannot be had from here."""

    def __init__(self, settings: ModelSettings, ledger: Ledger, roles: Sequence[str] = ROLES) -> None:
        self._settings = settings
        self._ledger = ledger
        self._meter = Meter(settings, ledger)
        self._calls = ledger.calls.all()
        self._before = Recording("of this study", (c for c in self._calls if c.answer and c.answer.outcome in ANSWERED))
        self._replay = _recording(Path(settings.replay)) if settings.replay else None
        self._accesses: dict[tuple[str, str], Access] = {}
        self._chats = {role: self._chat(role) for role in roles if self.has(role)}

    def has(self, role: str) -> bool:
        """Whether a model fills this role."""
        return bool(self._settings.of(role))

    def chat(self, role: str) -> Chat:
        if not self.has(role):
            raise SettingsError(f"no model is given for the {role}; give --model, or {role} under [models]")
        return self._chats[role]

    def greet(self) -> None:
        """Ask each model that never answered in this study a word, so that what only the user can mend is found out
        before the first trial. Raises Refused."""
        for chat in self._chats.values():
            chat.greet()

    def _chat(self, role: str) -> Chat:
        name = self._settings.of(role)
        given = dict(self._settings.parameters.get(role, {}))
        usual: dict[str, Any] = {"base_url": given.get("base_url", self._settings.base_url)}
        if name.startswith("fake:"):
            usual["wait_s"] = 0.0
        if loopback(usual["base_url"]):
            usual |= SLOW
        parameters = Parameters(**(usual | given))
        key = (name, json.dumps(asdict(parameters)))
        if key not in self._accesses:
            self._accesses[key] = self._access(name, parameters)
        return Chat(role, self._accesses[key], self._ledger)

    def _access(self, name: str, parameters: Parameters) -> Access:
        price = price_of(name, self._settings.prices)
        free = name.startswith("fake:") or loopback(parameters.base_url)
        if price is None and not free and self._settings.usd and not self._replay:
            raise SettingsError(f"--usd needs the price of {name!r}; give it under [prices] in nightlab.toml")
        return Access(
            name,
            _Mute() if self._replay else self._line(name, parameters),
            parameters,
            ledger=self._ledger,
            meter=self._meter,
            price=price,
            before=self._before,
            replay=self._replay,
            record=self._settings.record,
            served=bool(self._replay) or name.startswith("fake:") or self._has_answered(name),
        )

    def _has_answered(self, name: str) -> bool:
        return any(c.model == name and c.answer and c.answer.outcome in ANSWERED for c in self._calls)

    def _line(self, name: str, parameters: Parameters) -> Connection:
        kind, _, rest = name.partition(":")
        if kind == "fake" and rest:
            script = Script(Path(rest))
            for call in self._calls:
                if call.model == name and call.answer:
                    script.skip(call.role, call.stage)
            return script
        from nightlab.agents.chat.providers import LangchainConnection

        return LangchainConnection(name, parameters)


class _Mute:
    """The line of a replay, which asks nobody."""

    modes: tuple[Mode, ...] = ("schema",)

    def send(self, question: Question) -> Reply:
        raise CallFailed("denied", f"a replay asks no model ({question.stage})")


def returned(reason: str) -> str:
    """What a model is told of an answer that will not do."""
    return f"That answer will not do: {reason[:1500]}\nAnswer again, mended, in the same form."


def adopted(settings: Settings, models: ModelSettings) -> tuple[Settings, ModelSettings]:
    """The settings of a replay: what was left at its default is as in the recording, and so are models and workers."""
    if not models.replay:
        return settings, models
    folder = Path(models.replay).resolve()
    was, had = _settings_of(folder)
    settings = replace(_as_recorded(settings, Settings(), was, but=("isolation", "storage")), workers=was.workers)
    models = _as_recorded(models, ModelSettings(), had, but=("tokens", "usd", "record", "replay"))
    called = replace(models, model=had.model, models=had.models, parameters=had.parameters)
    return settings, replace(called, replay=str(folder))


def _as_recorded(given: Concern, default: Concern, recorded: Concern, but: Sequence[str]) -> Concern:
    """What was given, and where that is the default, what was recorded; `but` for what is of no concern to it."""
    names = [n for n in declared(type(given)) if n not in but and getattr(given, n) == getattr(default, n)]
    return replace(given, **{name: getattr(recorded, name) for name in names})


def _settings_of(folder: Path) -> tuple[Settings, ModelSettings]:
    """The settings of a recorded study. Raises SettingsError where there is none."""
    if holding(folder) is None:
        raise SettingsError(f"--replay {folder}: it holds no study; give the folder of one that ran with --record")
    with opened(folder, read_only=True) as ledger:
        settings, models = ledger.get(Settings) or Settings(), model_settings(ledger)
    if not models.record:
        raise SettingsError(f"--replay {folder}: it was not recorded; a study that ran with --record can be replayed")
    return settings, models


def _recording(folder: Path) -> Recording:
    _settings_of(folder)
    with opened(folder, read_only=True) as ledger:
        return Recording(str(folder), ledger.calls.all(), ledger.all(Fallback).values())
