"""The judge of an imported agent: its own evaluation, in which the agent works in another sandbox."""

from __future__ import annotations

import json
import math
import re
import tempfile
import threading
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nightlab_agents
import nightlab_asking
import nightlab_evolve as evolve
import nightlab_plain as plain

FORWARD = "def forward(self, taskInfo):\n    import nightlab_asking\n    return nightlab_asking.forwarded(taskInfo)\n"
_PATIENCE = 300.0  # s for an answer of a model's server


class Meter:
    """A model that stands in, and what it was asked: calls, and tokens by the rule of four characters each."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self.calls = self.tokens = 0

    def ask(self, model: str, messages: list[dict[str, str]]) -> str:
        """The answer to a dialogue."""
        self.calls += 1
        text = "\n".join(message["content"] for message in messages)
        answer = self._served(messages) if self._told["base_url"] else self._scripted(text)
        self.tokens += (len(text) + len(answer)) // 4
        return answer

    def _scripted(self, text: str) -> str:
        for rule in self._told["answers"]:
            if re.search(rule["match"], text, re.DOTALL):
                answer = rule["answer"]
                return answer if isinstance(answer, str) else json.dumps(answer)
        raise ValueError("the script has no answer for what the agent asks")

    def _served(self, messages: list[dict[str, str]]) -> str:
        body = {"model": self._told["model"], "messages": messages, "temperature": 0}
        request = urllib.request.Request(
            f"{self._told['base_url'].rstrip('/')}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:
            return str(json.load(reply)["choices"][0]["message"]["content"])


def judge(candidate: Any, private: Path, split: str, seed: int) -> dict[str, Any]:
    """Mean accuracy over the questions of a split, which their seeded shuffle cuts; what was asked besides."""
    told = evolve.configured()
    meter, turn = Meter(told), threading.Lock()
    with tempfile.TemporaryDirectory() as name, evolve.laid_out(Path(name)) as theirs:
        module = nightlab_agents.loaded(theirs / told["system"])

        def forwarded(task: Any) -> Any:
            with turn:
                kind, value = candidate.call(
                    "nightlab_agents:forward", plain.packed(list(task)), tools={"ask": meter.ask}, returns=list
                )
            found = plain.unpacked(value)
            return module.Info(*found) if kind == "info" else found

        nightlab_asking.forward_by(forwarded)
        module.SEARCHING_MODE = split == "dev"
        found = module.evaluate_forward_fn(SimpleNamespace(**told["arguments"]), FORWARD)
    scores = [float(score) for score in found]
    if not scores:
        raise ValueError("their evaluation scored no question")
    return {
        "accuracy": math.fsum(scores) / len(scores),
        "calls": meter.calls,
        "tokens": meter.tokens,
        "items": {"accuracy": scores, "group": [f"{split} {number}" for number in range(len(scores))]},
        "feedback": f"{meter.calls} questions to the model for {len(scores)} tasks",
    }
