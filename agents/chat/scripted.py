"""A model that plays answers from a file: `fake:SCRIPT`, for tests and demonstrations without a network.

The file is JSONL (one entry a line) or TOML (`[[answer]]` tables). An entry:
    role, stage   patterns as in a shell; both "*" if left out
    answer        an object, or a text that is played as it is
    fail          instead of an answer: timeout, connection, busy, refused, empty or cut
    repeat        true: may be played any number of times
The first entry that fits and is not used up is played.
"""

from __future__ import annotations

import fnmatch
import json
import threading
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from nightlab.agents.chat.protocol import CallFailed, Mode, Question, Reply
from nightlab.experiments.reading import Unreadable, read_text, read_toml
from nightlab.experiments.study.settings import SettingsError
from nightlab.experiments.template.diagnostics import fault_sentence

CACHE_STEP = 128  # tokens; hosted caches hold prompts of 1024 tokens and more, in steps of 128
CACHE_LEAST = 1024
KEPT = 64


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str = "*"
    stage: str = "*"
    answer: dict[str, Any] | str = ""
    fail: Literal["", "timeout", "connection", "busy", "refused", "empty", "cut"] = ""
    repeat: bool = False

    @property
    def text(self) -> str:
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)


class Script:
    """A line to a script. Tokens are counted as a quarter of the characters; a prompt cache is reckoned with."""

    modes: tuple[Mode, ...] = ("schema",)

    def __init__(self, file: Path) -> None:
        self._entries = read_script(file)
        self._used: set[int] = set()
        self._prompts: list[str] = []
        self._lock = threading.Lock()

    def send(self, question: Question) -> Reply:
        with self._lock:
            entry = self._next(question.role, question.stage)
            cached = self._cached(question)
        if entry is None:
            raise CallFailed("denied", f"the script has no answer for {question.role} at {question.stage!r}")
        if entry.fail in ("timeout", "connection", "busy"):
            raise CallFailed(entry.fail, f"the script plays: {entry.fail}")
        return Reply(
            text=entry.text,
            outcome=entry.fail or "ok",
            tokens_in=tokens_of(_joined(question)),
            tokens_cached=cached,
            tokens_out=tokens_of(entry.text),
        )

    def skip(self, role: str, stage: str) -> None:
        """Use up what was played for a call in an earlier session."""
        with self._lock:
            self._next(role, stage)

    def _next(self, role: str, stage: str) -> Entry | None:
        for number, entry in enumerate(self._entries):
            fits = fnmatch.fnmatchcase(role, entry.role) and fnmatch.fnmatchcase(stage, entry.stage)
            if fits and number not in self._used:
                if not entry.repeat:
                    self._used.add(number)
                return entry
        return None

    def _cached(self, question: Question) -> int:
        prompt = _joined(question)
        longest = max((_alike(prompt, before) for before in self._prompts), default=0) // 4
        self._prompts = [*self._prompts[1 - KEPT :], prompt]
        return longest // CACHE_STEP * CACHE_STEP if longest >= CACHE_LEAST else 0


def tokens_of(text: str) -> int:
    """Tokens of plain English, by the rule of four characters a token."""
    return -(-len(text) // 4)


def read_script(file: Path) -> list[Entry]:
    """Raises SettingsError that says where the file is wrong."""
    try:
        rows = read_toml(file).get("answer", []) if file.suffix == ".toml" else _lines(read_text(file))
        return TypeAdapter(list[Entry]).validate_python(rows)
    except Unreadable as error:
        raise SettingsError(f"{file}: the script {error}") from None
    except ValidationError as error:
        faults = error.errors(include_url=False)  # the number of an entry, then its key, then what the key may be
        first = {fault["loc"][:2]: fault for fault in reversed(faults)}
        lines = [f"{file}: {fault_sentence({**fault, 'loc': ('answer', *loc)}, Entry)}" for loc, fault in first.items()]
        raise SettingsError("\n".join(reversed(lines))) from None
    except ValueError as error:
        raise SettingsError(f"{file}: neither JSON lines nor TOML: {error}") from None


def _lines(source: str) -> list[Any]:
    return [json.loads(line) for line in source.split("\n") if line.strip()]


def _joined(question: Question) -> str:
    return "\n".join(message.text for message in question.messages)


def _alike(one: str, other: str) -> int:
    """The length of the beginning that two texts share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low
