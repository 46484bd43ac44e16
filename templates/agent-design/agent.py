"""An agent that answers questions by calling a solver that errs; this is the file that the research may change.

`forward` is the agent. It is built of blocks: route, sample, vote, debate, refine, reflect. What a call of the solver
costs is metered outside; the readme has the prices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Tools = dict[str, Callable[..., Any]]
Opinion = tuple[int, float]  # an answer and its weight

DESIGN: dict[str, Any] = {}
STYLES = ("direct", "stepwise", "sceptical")


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001
    DESIGN.update(params)


def forward(question: dict[str, int], tools: Tools) -> int:
    """The answer to a question of which only the number of its options and words is seen: 0 to options - 1."""
    style = styled(question, tools)
    opinions = sample(style, DESIGN["samples"], tools)
    if DESIGN["escalate"] and share_of_first(opinions) < DESIGN["agreement"]:
        opinions += sample(style, DESIGN["escalate"], tools)
    opinions = debate(opinions, tools)
    answer = vote(opinions)
    answer = refine(answer, opinions, tools)
    for _ in range(DESIGN["reflections"]):
        answer = tools["reflect"](answer)
    return answer


def styled(question: dict[str, int], tools: Tools) -> str:
    """Which style suits the question: one for all, or by its length, or by a classifier."""
    if DESIGN["route"] == "length":
        return DESIGN["style_recall"] if question["words"] < DESIGN["short"] else DESIGN["style_reasoning"]
    if DESIGN["route"] == "classifier":
        return DESIGN[f"style_{tools['route']()}"]
    return DESIGN["style"]


def sample(style: str, count: int, tools: Tools) -> list[Opinion]:
    """Attempts in one style, or in all of them by turns."""
    opinions = []
    for i in range(count):
        answer, confidence = tools["sample"](STYLES[::-1][i % 3] if style == "mixed" else style, DESIGN["temperature"])
        opinions.append((answer, confidence if DESIGN["vote"] == "confidence" else 1.0))
    return opinions


def debate(opinions: list[Opinion], tools: Tools) -> list[Opinion]:
    """Each round some debaters read all answers, and theirs join them."""
    for _ in range(DESIGN["debate_rounds"]):
        answers = [answer for answer, _ in opinions]
        opinions = opinions + [(tools["debate"](answers), 1.0) for _ in range(DESIGN["debaters"])]
    return opinions


def vote(opinions: list[Opinion]) -> int:
    """The answer with the largest weight; of equal ones the first that was given."""
    return tally(opinions).most_common(1)[0][0]


def refine(answer: int, opinions: list[Opinion], tools: Tools) -> int:
    """The leading answer stands if it passes a check; else the next one is checked, or it is reflected upon."""
    if DESIGN["refine"] == "none" or tools["check"](answer):
        return answer
    if DESIGN["refine"] == "reflect":
        return tools["reflect"](answer)
    rivals = [rival for rival, _ in tally(opinions).most_common(2) if rival != answer]
    return rivals[0] if rivals and tools["check"](rivals[0]) else answer


def tally(opinions: list[Opinion]) -> Counter[int]:
    weights: Counter[int] = Counter()
    for answer, weight in opinions:
        weights[answer] += weight  # type: ignore[assignment]
    return weights


def share_of_first(opinions: list[Opinion]) -> float:
    """How large a share of the weight the leading answer has."""
    weights = tally(opinions)
    return max(weights.values()) / sum(weights.values())
