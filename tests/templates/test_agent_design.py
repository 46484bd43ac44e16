"""The agent-design template: its solver errs as its readme says, and its agent is built of blocks that act."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.ledger.documents.study import Copies
from nightlab.experiments.study.data.copies import copies
from nightlab.experiments.template.loading import load

TEMPLATE = load("agent-design")
QUESTION = {"kind": 1, "difficulty": 0.0, "words": 30, "answer": 2, "lure": 4}


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"agent_design_{name}", TEMPLATE.folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


sys.path.insert(0, str(TEMPLATE.folder))  # prepare.py imports wording.py beside it
prepare, judge, agent, wording = module("prepare"), module("judge"), module("agent"), module("wording")
sys.path.remove(str(TEMPLATE.folder))


class Here:
    """A candidate in this process."""

    solver = ""

    class Failed(Exception):
        pass

    def call(self, _name: str, question: dict[str, int], tools: Any, **_: Any) -> int:
        return int(agent.forward(question, tools))


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agent")
    prepare.prepare(folder, folder, 2**100)
    return folder


def scored(private: Path, split: str = "dev", seed: int = 0, **params: Any) -> dict[str, Any]:
    agent.DESIGN.clear()
    agent.start({**TEMPLATE.defaults, **params}, private, private, seed)
    return dict(judge.judge(Here(), private, split, seed))


def solver(kind: str, seed: int, difficulty: float = 0.0) -> Any:
    question = {**QUESTION, "kind": judge.KINDS.index(kind), "difficulty": difficulty}
    return judge.Solver(question, f"question/{seed}", seed)


def rate(kind: str, ask: Any) -> float:
    return float(np.mean([ask(solver(kind, seed)) for seed in range(3000)]))


class TestSolver:
    @pytest.mark.parametrize("kind", judge.KINDS)
    def test_attempts_are_right_as_often_as_stated(self, kind: str) -> None:
        for style in judge.STYLES:
            wanted = 1 / (1 + np.exp(-judge.ABILITY[kind][style]))
            assert rate(kind, lambda s, style=style: s.sample(style, 0.0)[0] == 2) == pytest.approx(wanted, abs=0.03)

    @pytest.mark.parametrize("kind", judge.KINDS)
    def test_second_looks_mend_and_spoil_as_often_as_stated(self, kind: str) -> None:
        assert rate(kind, lambda s: s.reflect(0) == 2) == pytest.approx(judge.MENDED[kind], abs=0.03)
        assert rate(kind, lambda s: s.reflect(2) != 2) == pytest.approx(judge.SPOILT[kind], abs=0.03)
        assert rate(kind, lambda s: s.check(2)) == pytest.approx(judge.PASSED[kind][0], abs=0.03)
        assert rate(kind, lambda s: s.check(0)) == pytest.approx(judge.PASSED[kind][1], abs=0.03)
        assert rate(kind, lambda s: s.route() == kind) == pytest.approx(judge.RECOGNISED, abs=0.03)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda s: s.sample("stepwise", 0.5),
            lambda s: s.reflect(2),
            lambda s: s.check(2),
            lambda s: s.debate([2, 3]),
            lambda s: s.route(),
        ],
        ids=["sample", "reflect", "check", "debate", "route"],
    )
    def test_right_and_wrong_answers_take_the_same_draws(self, ask: Any) -> None:
        """Else an agent could tell them apart by the time that they take."""
        for seed in range(50):
            states = []
            for answer, difficulty in ((2, -9.0), (3, 9.0)):
                one = judge.Solver({**QUESTION, "answer": answer, "difficulty": difficulty}, f"q/{seed}", seed)
                ask(one)
                states.append(one.chance.getstate())
            assert states[0] == states[1]

    def test_a_cold_solver_repeats_its_first_thought_in_every_run(self) -> None:
        for seed in range(20):
            thoughts = {judge.Solver(QUESTION, "a", run).sample("direct", 0.0)[0] for run in range(seed, seed + 5)}
            assert len(thoughts) == 1
        warm = judge.Solver(QUESTION, "a", 0)
        assert len({warm.sample("direct", 1.0)[0] for _ in range(50)}) > 1

    def test_every_call_has_its_price(self) -> None:
        one = judge.Solver(QUESTION, "a", 0)
        tools = one.tools()
        for call, args in (
            ("sample", ("direct", 0.5)),
            ("reflect", (1,)),
            ("check", (1,)),
            ("debate", ([1, 2],)),
            ("route", ()),
        ):
            before = one.price
            tools[call](*args)
            assert one.price - before == judge.PRICE[args[0] if call == "sample" else call]

    @pytest.mark.parametrize(
        ("call", "args"),
        [
            ("sample", ("oracle", 0.5)),
            ("sample", ("direct", -1.0)),
            ("sample", ("direct", float("nan"))),
            ("sample", ("direct", "0")),
            ("check", (9,)),
            ("check", (True,)),
            ("reflect", ("2",)),
            ("debate", ([],)),
            ("debate", ([0] * 41,)),
            ("debate", ([0, 7],)),
        ],
    )
    def test_what_is_no_call_is_refused_and_costs_nothing(self, call: str, args: tuple[Any, ...]) -> None:
        one = judge.Solver(QUESTION, "a", 0)
        with pytest.raises(ValueError, match=r"no style|a temperature is|an answer is|a debate needs"):
            one.tools()[call](*args)
        assert one.price == 0


class TestJudge:
    def test_questions_are_drawn_by_the_seed_and_nothing_of_them_is_public(self, private: Path, tmp_path: Path) -> None:
        inputs, other = tmp_path / "inputs", tmp_path / "private"
        inputs.mkdir()
        other.mkdir()
        prepare.prepare(inputs, other, 1)
        assert not list(inputs.iterdir())
        assert copies(inputs, other) == Copies()  # no question of the one split is in the other
        first, second = np.load(private / "dev.npz"), np.load(other / "dev.npz")
        assert not (first["answer"] == second["answer"]).all()
        counts = np.bincount(first["answer"], minlength=judge.OPTIONS) / len(first["answer"])
        assert counts.max() < 0.3
        assert not (first["lure"] == first["answer"]).any()

    def test_equal_seeds_meet_the_same_solver(self, private: Path) -> None:
        first, again = scored(private, seed=3), scored(private, seed=3)
        assert first == again
        assert first["items"] != scored(private, seed=4)["items"]
        assert first["accuracy"] == np.mean(first["items"]["accuracy"])
        assert first["price"] == np.mean(first["items"]["price"])

    def test_an_answer_that_is_no_option_fails(self, private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(agent, "forward", lambda question, tools: 7)
        with pytest.raises(Here.Failed, match="it answered 7, and the options are 0 to 4"):
            scored(private)


class TestAgent:
    def test_the_default_is_self_consistency(self, private: Path) -> None:
        metrics = scored(private)
        assert 0.45 < metrics["accuracy"] < 0.7
        assert metrics["price"] == 3.0

    def test_there_is_something_to_find_within_the_budget(self, private: Path) -> None:
        better = {"style": "mixed", "escalate": 4, "agreement": 0.7, "vote": "confidence"}
        for split in ("dev", "holdout"):
            found, before = scored(private, split, **better), scored(private, split)
            assert found["accuracy"] > before["accuracy"] + 0.05
            assert not TEMPLATE.violated(found)

    def test_every_block_costs_and_acts(self, private: Path) -> None:
        for params in (
            {"debate_rounds": 1},
            {"refine": "reflect"},
            {"refine": "next"},
            {"reflections": 1},
            {"escalate": 2},
            {"route": "classifier"},
        ):
            metrics = scored(private, **params)
            assert metrics["price"] > 3.0 or params == {"route": "classifier"}, params
            assert metrics["items"]["accuracy"] != scored(private)["items"]["accuracy"], params

    def test_a_vote_takes_the_first_of_equals(self) -> None:
        assert agent.vote([(3, 1.0), (1, 1.0)]) == 3
        assert agent.vote([(3, 0.4), (1, 0.3), (1, 0.3)]) == 1
        assert agent.tally([(3, 0.5), (3, 0.5)]) == Counter({3: 1.0})
        assert agent.share_of_first([(0, 1.0), (0, 1.0), (1, 1.0)]) == pytest.approx(2 / 3)

    def test_every_bound_stays_within_the_calls_of_a_question(self, private: Path) -> None:
        most = {k.name: k.choices[-1] if k.choices else type(k.default)(k.high) for k in TEMPLATE.knobs}
        calls = 0

        class Counting(Here):
            def call(self, _name: str, question: dict[str, int], tools: Any, **_: Any) -> int:
                nonlocal calls
                used = 0

                def counted(tool: Any) -> Any:
                    def ask(*args: Any) -> Any:
                        nonlocal used
                        used += 1
                        return tool(*args)

                    return ask

                answer = int(agent.forward(question, {n: counted(t) for n, t in tools.items()}))
                calls = max(calls, used)
                return answer

        agent.DESIGN.clear()
        agent.start(most, private, private, 0)
        judge.judge(Counting(), private, "dev", 0)
        assert 20 < calls <= judge.MOST_CALLS


class TestWords:
    @pytest.mark.parametrize("kind", judge.KINDS)
    def test_a_question_in_words_has_its_right_answer_and_its_lure_in_their_places(self, kind: str) -> None:
        seen = set()
        for seed in range(200):
            asked = wording.worded(kind, seed % 5 - 2, seed % 5, (seed + 2) % 5, str(seed))
            assert len({*asked["options"]}) == wording.OPTIONS
            seen.add(asked["text"])
            right, lure = asked["options"][seed % 5], asked["options"][(seed + 2) % 5]
            numbers = [int(n) for n in re.findall(r"\d+", asked["text"])]
            if "lilies" in asked["text"]:
                assert (right, lure) == (str(numbers[0] - 1), str(numbers[0] // 2))
            elif "machines" in asked["text"]:
                assert (int(right), int(lure)) == (numbers[0], numbers[-1])
            elif "cost" in asked["text"]:
                assert 2 * int(right) + numbers[1] == numbers[0]
            elif "lorry" in asked["text"]:
                assert int(right) == int(2 / (1 / numbers[0] + 1 / numbers[1]) + 1e-9)
            elif "pencils" in asked["text"]:
                have = numbers[0] * numbers[1]
                for n, what in re.findall(r"Then (\S+) (more|of them|many)", asked["text"]):
                    have += {"more": lambda n: int(n), "of them": lambda n: -int(n), "many": lambda _: have}[what](n)  # noqa: B023
                assert int(right) == have
        assert len(seen) > 20

    def test_the_words_belong_to_the_first_questions(self, private: Path) -> None:
        texts = list[str]()
        for split, count in prepare.WORDED.items():
            worded = json.loads((private / f"{split}.json").read_text())
            assert len(worded) == count
            assert count < prepare.QUESTIONS[split]
            texts += [question["text"] for question in worded]
        assert len({*texts}) == len(texts)


class Model(Here):
    """A model that answers by a rule; it remembers what it was asked."""

    solver = "openai:any"

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, str], float]]()

    def ask(self, prompt: str, form: dict[str, str], *, system: str, temperature: float) -> dict[str, Any] | None:
        assert system == judge.SYSTEM
        self.asked.append((prompt, form, temperature))
        return {name: self.answers[name] for name in form} if {*form} <= {*self.answers} else None


class TestModel:
    def test_it_is_asked_in_words_and_each_call_is_counted(self, private: Path) -> None:
        model = Model(thoughts="It is so.", answer="B)", confidence=0.9)
        agent.DESIGN.clear()
        agent.start(TEMPLATE.defaults, private, private, 0)
        metrics = judge.judge(model, private, "dev", 0)
        assert len(model.asked) == 3 * prepare.WORDED["dev"] == 72
        assert metrics["price"] == 3.0
        right = np.load(private / "dev.npz")["answer"][: prepare.WORDED["dev"]]
        assert metrics["items"]["accuracy"] == (right == 1).astype(float).tolist()
        first, form, temperature = model.asked[0]
        assert first.startswith(json.loads((private / "dev.json").read_text())[0]["text"])
        assert "\nE) " in first
        assert (form["confidence"], temperature) == ("number", 0.7)

    def test_every_tool_asks_and_what_is_no_answer_is_a_guess_or_changes_nothing(self) -> None:
        words = {"text": "Which?", "options": list("vwxyz")}
        for answers, wanted in (
            (
                {"thoughts": "", "answer": "d", "confidence": 2.0, "right": False, "kind": "Trap"},
                (3, 3, False, 3, "trap"),
            ),
            ({"thoughts": "", "answer": "Dog", "kind": "other"}, (None, 1, True, 4, "reasoning")),
            ({"thoughts": "", "answer": "y,"}, (None, 3, True, 3, "reasoning")),
            ({}, (None, 1, True, 4, "reasoning")),
        ):
            asking = judge.Asking(QUESTION, "a", 0, words, Model(**answers).ask)
            tools = asking.tools()
            sampled, sure = tools["sample"]("stepwise", 0.5)
            assert 0.01 <= sure <= 0.99
            assert sampled == wanted[0] if wanted[0] is not None else 0 <= sampled < 5
            found = tools["reflect"](1), tools["check"](1), tools["debate"]([4, 1]), tools["route"]()
            assert found == wanted[1:]
            assert asking.price == 1.0 + 1.0 + 0.75 + 1.0 + 0.25
        with pytest.raises(ValueError, match="a temperature is"):
            tools["sample"]("direct", 7)
