"""Access to chat models: a question in, a checked answer out, or NoAnswer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from nightlab.agents.prompts import Prompt, quoted, render
from nightlab.agents.scripted import Script
from nightlab.agents.structure import Unreadable, parsed
from nightlab.agents.wire import CallFailed, Line, Message, Question
from nightlab.experiments.ledger import Ledger
from nightlab.experiments.study import Settings, SettingsError

__all__ = ["Chat", "Models", "NoAnswer", "Prompt", "quoted", "render"]

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
CORRECTIONS = 2  # how often an answer that fails the checks is sent back


class NoAnswer(Exception):
    """The model gave nothing usable. reason: one line, safe to print."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Chat:
    """One role's access to its model."""

    def __init__(self, role: str, name: str, line: Line, ledger: Ledger) -> None:
        self.role = role
        self.name = name
        self._line = line
        self._ledger = ledger

    def ask(self, shape: type[M], prompt: Prompt, *, stage: str, check: Callable[[M], str] | None = None) -> M:
        """An answer of this shape that passes `check`, which returns "" or the reason why the answer will not do.

        A failed check goes back with the reason, at most twice. Raises NoAnswer.
        """
        messages = [
            Message(role="system", text=prompt.system),
            Message(role="user", text="\n\n".join([*prompt.details, prompt.request])),
        ]
        reason = ""
        for _ in range(1 + CORRECTIONS):
            question = Question(
                role=self.role,
                stage=stage,
                messages=tuple(messages),
                schema=shape.model_json_schema(),
                title=shape.__name__,
                mode=self._line.modes[0],
                max_tokens=4096,
            )
            try:
                reply = self._line.send(question)
            except CallFailed as error:
                raise NoAnswer(error.reason) from None
            try:
                answer = parsed(shape, reply.text)
                reason = check(answer) if check else ""
            except Unreadable as error:
                reason = str(error)
            else:
                if not reason:
                    return answer
            messages += [Message(role="assistant", text=reply.text), Message(role="user", text=returned(reason))]
        raise NoAnswer(reason)

    def attempt(self, stage: str, model: Callable[[], T], offline: Callable[[], T]) -> T:
        """model(); where it has no answer offline(), with a document of kind "fallback" in the ledger."""
        try:
            return model()
        except NoAnswer as error:
            body = {"role": self.role, "stage": stage, "reason": error.reason}
            self._ledger.once("fallback", f"{self.role} {stage}", body)
            return offline()


class Models:
    """The models of a study, by role."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._lines: dict[str, Line] = {}

    def has(self, role: str) -> bool:
        """Whether a model fills this role."""
        return bool(self._settings.models.get(role, self._settings.model))

    def chat(self, role: str) -> Chat:
        """Raises SettingsError where the role has no model, or one that cannot be reached from here."""
        name = self._settings.models.get(role, self._settings.model)
        if name not in self._lines:
            self._lines[name] = self._line(name)
        return Chat(role, name, self._lines[name], self._ledger)

    def _line(self, name: str) -> Line:
        kind, _, rest = name.partition(":")
        if kind == "fake" and rest:
            return Script(Path(rest))
        raise SettingsError(f"model {name!r} is not known; give openai:NAME or fake:SCRIPT")


def returned(reason: str) -> str:
    return f"This answer will not do: {json.dumps(reason, ensure_ascii=False)}. Answer again, mended, in the same form."
