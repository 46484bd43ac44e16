"""Answers that stand in a ledger already: of an earlier session of this study, or of a recorded study."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

from nightlab.agents.chat.protocol import NoAnswer
from nightlab.agents.chat.settings import SOLVER
from nightlab.agents.documents import Fallback
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.calls import Answer, Call

ANSWERED = ("ok", "invalid", "empty", "cut", "refused")


class MissingAnswer(NightlabError):
    """A replay that asks for what was not recorded."""

    exit_code = 2


class Recording:
    """Settled calls, each to be used once, by role, stage and prompt in their order."""

    def __init__(self, name: str, calls: Iterable[Call], fallbacks: Iterable[Fallback] = ()) -> None:
        self._name = name
        self._calls: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
        for call in calls:
            if call.answer is not None:
                self._calls[call.role, call.stage, call.prompt].append(call)
        self._fallbacks = {(each.role, each.stage): each.reason for each in fallbacks}
        self._lock = threading.Lock()

    def next(self, call: Call) -> Answer | None:
        """The next answer for this call: one to the very same prompt if there is one, else the oldest; to another
        question of a judge's no answer is one."""
        with self._lock:
            waiting = self._calls[call.role, call.stage, call.prompt]
            same = next((n for n, other in enumerate(waiting) if other.hash == call.hash), None)
            if not waiting or (same is None and call.role == SOLVER):
                return None
            return waiting.pop(same or 0).answer

    def needed(self, call: Call) -> Answer:
        """As `next`. Raises NoAnswer where the recorded study had none either, and MissingAnswer otherwise."""
        if found := self.next(call):
            return found
        if reason := self._fallbacks.get((call.role, call.stage)):
            raise NoAnswer(reason)
        raise MissingAnswer(
            f"the recording {self._name} holds no answer of the {call.role} for {call.stage!r}; replay it with the"
            " settings it was made with, or ask a model with --model"
        )
