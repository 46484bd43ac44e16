"""What a full study costs in tokens, and its price: 40 trials, 3 reviewers, 2 revision rounds on the digits template.

    python benchmarks/tokens.py [--trials 40]

A scripted model answers every role with texts of the lengths that models of the larger kind give; runs are done when
they are submitted, so that only the prompts and answers are real. Tokens are a quarter of the characters; the cached
part is what begins as an earlier prompt does, from 1024 tokens on in steps of 128, as hosted caches count it. The
prices are those of agents/prices.toml. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections import defaultdict
from concurrent.futures import Future
from pathlib import Path
from typing import Any

PRICED = ("gpt-4.1", "gpt-4.1-mini", "gpt-5-mini", "claude-sonnet-4")
GOAL_MODEL, GOAL_USD = "gpt-4.1", 1.50
SENTENCE = (
    "What the search found holds for this task and its budget, and a larger one may well ask for other settings. "
)
FIGURE = {"show": "knobs", "knobs": ["dropout"]}


class InstantRunner:
    """Answers at once with a loss that depends on parameters and seed."""

    level = "S3"
    workers = 1

    def started(self, _future: Any) -> bool:
        return True

    def submit(self, request: Any) -> Future[Any]:
        from nightlab.experiments.records import RunOutcome

        params = request.params
        loss = 0.2 + 0.05 * abs(math.log10(params["learning_rate"] / 6e-3)) + 0.1 * abs(params["dropout"] - 0.1)
        loss += (request.seed % 1000) * 1e-5
        row = {"log_loss": loss, "accuracy": 1 - loss / 4, "parameters": 2410.0}
        done: Future[RunOutcome] = Future()
        done.set_result(RunOutcome(status="ok", metrics=dict.fromkeys(request.splits, row), wall_s=0.1, cpu_s=0.1))
        return done

    def close(self) -> None:
        pass


def words(count: int) -> str:
    """Plain prose of about so many words."""
    return (SENTENCE * (count // 20 + 1)).strip()


def script() -> list[dict[str, Any]]:
    """Answers for every role and stage."""
    idea = {
        "question": "Does a schedule of the learning rate lower the loss beyond what the noise hides?",
        "hypothesis": "A schedule with warm-up lowers the loss because early steps no longer spoil the first layer.",
        "strategies": ["learning_rate_schedule", "regularisation"],
        "plan": words(60),
        "expected_effect": words(20),
        "risks": words(20),
    }
    second = {"nearest": "", "novelty": 6, "hypothesis": "A warm-up lowers the loss because early steps stay small."}
    form = {
        name: 3
        for name in ("originality", "quality", "clarity", "significance", "soundness", "presentation", "contribution")
    }
    review = form | {
        "summary": words(80),
        "strengths": [words(20)] * 3,
        "weaknesses": [words(25)] * 4,
        "questions": [words(20)] * 3,
        "limitations": [words(25)],
        "overall": 5,
        "confidence": 4,
        "requests": [{"action": "discussion", "text": words(30)}, {"action": "introduction", "text": words(30)}],
    }
    parts = ("introduction", "related", "discussion", "conclusion", "abstract")
    rows: list[dict[str, Any]] = [
        *({"role": "ideator", "stage": f"idea {n}", "answer": idea | {"title": title}, "repeat": True}
          for n, title in enumerate(("Schedules for small networks", "Noise as a guard for small networks"))),
        {"role": "ideator", "answer": second, "repeat": True},
        {"role": "analyst", "stage": "figure", "answer": FIGURE},
        {"role": "analyst", "answer": {"conclusions": words(120), "threats": [words(20)] * 3}, "repeat": True},
        {"role": "writer", "stage": "*outline", "answer": dict.fromkeys(parts, words(40)), "repeat": True},
        {"role": "writer", "stage": "*critique", "repeat": True,
         "answer": {"notes": [{"part": part, "problem": words(30)} for part in ("discussion", "related")]}},
        {"role": "writer", "answer": {"text": words(140)}, "repeat": True},
        {"role": "reviewer", "answer": review, "repeat": True},
    ]  # fmt: skip
    for n in range(400):
        params = {"learning_rate": round(1e-3 * 1.02**n, 6), "dropout": round(n % 37 / 100, 2)}
        change = {"hypothesis": words(30), "strategy": "learning_rate_schedule", "params": params}
        rows.append({"role": "coder", "answer": change})
    return rows


def study(trials: int, place: Path) -> Path:
    from nightlab.agents.chat.settings import ModelSettings
    from nightlab.experiments.study.settings import Settings
    from nightlab.graph import session

    session._runner = lambda _study: InstantRunner()  # type: ignore[assignment]
    file = place / "script.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in script()))
    settings = Settings(trials=trials, rounds=2, policy="random")
    folder = session.begin("digits", settings, place / "studies", "pipeline", ModelSettings(model=f"fake:{file}"))
    session.work(folder, lambda _event: None)
    return folder


def main() -> None:
    from nightlab.agents.chat.usage import price_of, usage
    from nightlab.agents.documents import Fallback
    from nightlab.agents.team import Review
    from nightlab.experiments.ledger.storage import opened

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, opened(study(args.trials, Path(name))) as ledger:
        calls, told = ledger.calls.all(), usage(ledger)
        fallbacks = [each.role for each in ledger.all(Fallback).values()]
        reviews = len(ledger.all(Review))
    roles: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for call in calls:
        if call.answer:
            counts = (1, call.answer.tokens_in, call.answer.tokens_cached, call.answer.tokens_out)
            roles[call.role] = [total + more for total, more in zip(roles[call.role], counts, strict=True)]
    for role, (count, tokens_in, cached, out) in roles.items():
        share = cached / tokens_in if tokens_in else 0
        told_in = f"{tokens_in:8} in ({share:.0%} cached)"
        print(f"{role:9} {count:4} calls {told_in} {out:7} out, {fallbacks.count(role)} fallbacks")
    prices = {}
    for model in PRICED:
        price = price_of(f"openai:{model}", {})
        assert price is not None
        prices[model] = round(price.of(told["tokens_in"], told["tokens_cached"], told["tokens_out"]), 4)
        uncached = price.of(told["tokens_in"], 0, told["tokens_out"])
        print(f"{model:16} {prices[model]:.3f} USD, {uncached:.3f} USD without a prompt cache")
    print(f"goal: {GOAL_MODEL} under {GOAL_USD} USD: {'met' if prices[GOAL_MODEL] < GOAL_USD else 'not met'}")
    print(json.dumps({"trials": args.trials, "reviews": reviews, "usage": told, "usd": prices}))


if __name__ == "__main__":
    main()
