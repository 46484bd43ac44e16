"""Judges an agent: asks it question after question, and is itself the solver that the agent may call, at a price.

The solver is simulated, or it is a language model where the study has one for it. The error model of the simulated one
is the tables below; the readme explains them. An agent sees of a question how many options and words it has, and
everything else through calls that are counted here.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

OPTIONS = 5
LETTERS = "ABCDE"
MOST_CALLS = 40  # in one question
KINDS = ("recall", "reasoning", "trap")
STYLES = ("direct", "stepwise", "sceptical")
PRICE = {"direct": 0.5, "stepwise": 1.0, "sceptical": 1.25, "reflect": 1.0, "check": 0.75, "debate": 1.0, "route": 0.25}
ABILITY = {  # log-odds that a new attempt at a question of middling difficulty is right, by style
    "recall": {"direct": 1.1, "stepwise": 0.8, "sceptical": 0.4},
    "reasoning": {"direct": -0.7, "stepwise": 0.7, "sceptical": 0.5},
    "trap": {"direct": -1.6, "stepwise": -0.9, "sceptical": 0.7},
}
SLOPE = 1.1  # what a unit of difficulty takes from them
HEAT = 0.7  # and temperature one
LURED = {"recall": 0.35, "reasoning": 0.3, "trap": 0.8}  # share of the wrong attempts that give the lure
MENDED = {"recall": 0.1, "reasoning": 0.4, "trap": 0.15}  # wrong answers that a reflection turns into the right one
SPOILT = {"recall": 0.12, "reasoning": 0.06, "trap": 0.2}  # right answers that a reflection turns into a wrong one
PASSED = {"recall": (0.75, 0.5), "reasoning": (0.85, 0.25), "trap": (0.7, 0.55)}  # right and wrong that pass a check
CONVINCING = {"recall": 1.2, "reasoning": 2.0, "trap": 1.0}  # weight of the right answer among those of a debate
RECOGNISED = 0.85  # kinds that routing names rightly


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, Any]:
    """Accuracy over the questions of `split`, the mean price of a question, and both question by question.

    The chance in a question comes from the study's secret, the question and `seed` alone: two agents with the same
    seed meet the same solver.
    """
    with np.load(private / f"{split}.npz") as file:
        table = {name: file[name] for name in file.files}
    secret = "-".join(map(str, table.pop("secret")))
    worded = json.loads((private / f"{split}.json").read_text(encoding="utf-8")) if candidate.solver else []
    right, price = [], []
    for i in range(len(worded) or len(table["answer"])):
        question = {name: column[i].item() for name, column in table.items()}
        if worded:
            question |= {"words": len(worded[i]["text"].split())}
            solver: Solver = Asking(question, f"{secret}/{split}/{i}", seed, worded[i], candidate.ask)
        else:
            solver = Solver(question, f"{secret}/{split}/{i}", seed)
        shown = {"options": OPTIONS, "words": question["words"]}
        answer = candidate.call("forward", shown, returns=int, tools=solver.tools(), tool_calls=MOST_CALLS)
        if not 0 <= answer < OPTIONS:
            raise candidate.Failed(f"it answered {answer}, and the options are 0 to {OPTIONS - 1}")
        right.append(float(answer == solver.answer))
        price.append(solver.price)
    return {
        "accuracy": float(np.mean(right)),
        "price": float(np.mean(price)),
        "items": {"accuracy": right, "price": price},
    }


class Solver:
    """One question's solver: right and wrong by the error model, never twice for nothing.

    A right answer takes the same draws as a wrong one, so an agent learns nothing from the time of a call.
    """

    def __init__(self, question: dict[str, Any], name: str, seed: int) -> None:
        self.kind = KINDS[question["kind"]]
        self.difficulty, self.answer, self.lure = question["difficulty"], question["answer"], question["lure"]
        self.name, self.price = name, 0.0
        self.chance = random.Random(f"{name}/{seed}")

    def tools(self) -> dict[str, Callable[..., Any]]:
        """What an agent may call."""
        return {n: getattr(self, n) for n in ("sample", "reflect", "check", "debate", "route")}

    def sample(self, style: str, temperature: float) -> list[Any]:
        """[answer, confidence in (0, 1)] of one attempt.

        With the share 1 - temperature it is the solver's first thought in that style, the same in every run.
        """
        if style not in STYLES:
            raise ValueError(f"no style is called {style!r}; there are {', '.join(STYLES)}")
        if not isinstance(temperature, int | float) or not 0 <= temperature <= 1:
            raise ValueError(f"a temperature is a number from 0 to 1, and not {temperature!r}")
        self.price += PRICE[style]
        return self._sampled(style, temperature)

    def _sampled(self, style: str, temperature: float) -> list[Any]:
        odds = ABILITY[self.kind][style] - SLOPE * self.difficulty
        fresh = self._attempt(odds - HEAT * temperature**2, self.chance)
        first = self._attempt(odds, random.Random(f"{self.name}/{style}"))
        answer = fresh if self.chance.random() < temperature else first
        sure = 0.5 * odds + 0.9 * (answer == self.answer or (self.kind == "trap" and answer == self.lure))
        return [answer, _share(sure + self.chance.gauss(0, 0.8))]

    def reflect(self, answer: int) -> int:
        """The answer after the solver has read it again."""
        self._pay("reflect", answer)
        return self._reflected(answer)

    def _reflected(self, answer: int) -> int:
        mended = MENDED[self.kind] * 2 * _share(-SLOPE * self.difficulty)
        draw, wrong = self.chance.random(), self._wrong(self.chance)
        if answer == self.answer:
            return wrong if draw < SPOILT[self.kind] else answer
        return self.answer if draw < mended else answer

    def check(self, answer: int) -> bool:
        """Whether the answer passes a check by the solver."""
        self._pay("check", answer)
        return self._passed(answer)

    def _passed(self, answer: int) -> bool:
        return self.chance.random() < PASSED[self.kind][answer != self.answer]

    def debate(self, answers: list[int]) -> int:
        """The answer of one who has read those of others: half the time an attempt of its own, else one of theirs."""
        if not isinstance(answers, list) or not 1 <= len(answers) <= MOST_CALLS:
            raise ValueError(f"a debate needs a list of 1 to {MOST_CALLS} answers")
        for answer in answers:
            self._known(answer)
        self.price += PRICE["debate"]
        return self._debated(answers)

    def _debated(self, answers: list[int]) -> int:
        own = self._attempt(ABILITY[self.kind]["stepwise"] - SLOPE * self.difficulty, self.chance)
        weights = [CONVINCING[self.kind] if answer == self.answer else 1.0 for answer in answers]
        heard = self.chance.choices(answers, weights)[0]
        return own if self.chance.random() < 0.5 else heard

    def route(self) -> str:
        """The kind of the question, as a small classifier sees it."""
        self.price += PRICE["route"]
        return self._routed()

    def _routed(self) -> str:
        other = self.chance.choice([kind for kind in KINDS if kind != self.kind])
        return self.kind if self.chance.random() < RECOGNISED else other

    def _attempt(self, odds: float, chance: random.Random) -> int:
        wrong = self._wrong(chance)
        return self.answer if chance.random() < _share(odds) else wrong

    def _wrong(self, chance: random.Random) -> int:
        other = chance.choice([option for option in range(OPTIONS) if option not in (self.answer, self.lure)])
        return int(self.lure) if chance.random() < LURED[self.kind] else other

    def _pay(self, what: str, answer: int) -> None:
        self._known(answer)
        self.price += PRICE[what]

    def _known(self, answer: Any) -> None:
        if type(answer) is not int or not 0 <= answer < OPTIONS:
            raise ValueError(f"an answer is a whole number from 0 to {OPTIONS - 1}, and not {answer!r}")


Ask = Callable[..., "dict[str, Any] | None"]  # what candidate.ask is
SYSTEM = "You answer a question that has several options, of which one is right. Options are named by their letters."
MANNER = {
    "direct": "Answer at once.",
    "stepwise": "Think step by step in a few short sentences first.",
    "sceptical": "What comes to mind first may be wrong. Say in a few short sentences why it could be, first.",
}


class Asking(Solver):
    """A question's solver that is a language model. An answer that is no option counts as a guess, or as no change."""

    def __init__(self, question: dict[str, Any], name: str, seed: int, words: dict[str, Any], ask: Ask) -> None:
        super().__init__(question, name, seed)
        options = "\n".join(f"{LETTERS[i]}) {option}" for i, option in enumerate(words["options"]))
        self.ask, self.options, self.text = ask, words["options"], f"{words['text']}\n{options}"

    def _asked(self, prompt: str, temperature: float = 0.0, **form: str) -> dict[str, Any]:
        """What the model answers, nothing where that cannot be used."""
        return self.ask(f"{self.text}\n\n{prompt}", form, system=SYSTEM, temperature=temperature) or {}

    def _option(self, found: dict[str, Any], instead: int) -> int:
        said = str(found.get("answer", "")).strip(" .,;:'\"()")
        if said in self.options:  # what small models give in place of a letter
            return int(self.options.index(said))
        letter = said[:1].upper()
        return LETTERS.index(letter) if letter and letter in LETTERS and not said[1:2].isalnum() else instead

    def _sampled(self, style: str, temperature: float) -> list[Any]:
        thoughts = {} if style == "direct" else {"thoughts": "text"}
        prompt = f"{MANNER[style]} Give the letter of the right option, and how sure you are from 0 to 1."
        found = self._asked(prompt, temperature, **thoughts, answer="text", confidence="number")
        sure = float(found.get("confidence", 0.0))
        return [self._option(found, self.chance.randrange(OPTIONS)), min(max(sure, 0.01), 0.99)]

    def _reflected(self, answer: int) -> int:
        prompt = f"Somebody answered {LETTERS[answer]}. Read it again and give the letter that you take to be right."
        return self._option(self._asked(prompt, thoughts="text", answer="text"), answer)

    def _passed(self, answer: int) -> bool:
        found = self._asked(
            f"Somebody answered {LETTERS[answer]}. Check whether that is right.", thoughts="text", right="boolean"
        )
        return bool(found.get("right", True))

    def _debated(self, answers: list[int]) -> int:
        said = ", ".join(LETTERS[answer] for answer in answers)
        prompt = f"Others answered {said}. Weigh what speaks for each, and give the letter that you take to be right."
        return self._option(self._asked(prompt, thoughts="text", answer="text"), answers[0])

    def _routed(self) -> str:
        prompt = (
            "Do not answer the question. Say of which kind it is: recall, where one has to know a fact; reasoning,"
            " where one has to work it out in steps; trap, where the answer that comes to mind first is wrong."
        )
        kind = str(self._asked(prompt, kind="text").get("kind", "")).strip().lower()
        return kind if kind in KINDS else "reasoning"


def _share(odds: float) -> float:
    """The probability whose log-odds these are."""
    return 1 / (1 + math.exp(-odds))
