"""A judge that calls the candidate: what passes between them, what is measured, and how each failure is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from nightlab.experiments.executors import candidates
from nightlab.experiments.executors.executor import Place
from nightlab.experiments.executors.local.inside.conversation.candidate import Bounds, Candidate
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.executors.registry import register, runs_at
from nightlab.experiments.executors.ticket import Ticket
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.doubts import ECHO, EQUAL
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import TOML, MakeTemplate
from tests.experiments.executors.plain import PlainExecutor

INTERACTIVE = {'entry = "evaluate:evaluate"': 'interactive = "evaluate:judge"\ntimeout_s = 30'}
CANDIDATE = """\
import threading
import time

import numpy

STATE = {"n": 0}


def run(params, inputs, out, seed):
    STATE.update(case=params["case"], data=(inputs / "data").read_text())
    if params["case"] == "broken":
        raise KeyError("nothing of that name")
    print("prepared with", seed)


def case():
    return STATE["case"]


def count():
    STATE["n"] += 1
    return STATE["n"]


def same(value):
    return value


def public():
    return STATE["data"]


def wait(seconds):
    time.sleep(seconds)
    return {"waited": seconds}


def divide(number):
    return 1 / number


def weigh(kind):
    return {"set": {1}, "nan": [float("nan")], "array": numpy.array([float("inf")]), "object": object()}[kind]


def consult(words, tools):
    answers = []

    def ask(word):
        try:
            answers.append(tools["ask"](word))
        except Exception as error:
            answers.append(f"{type(error).__name__}: {error}")

    for word in words:
        thread = threading.Thread(target=ask, args=(word,))
        thread.start()
        thread.join()
    return answers


def hog():
    return len(bytearray(1 << 33))
"""
JUDGE = """\
import json
import time

import numpy


def judge(candidate, private, split, seed):
    case = candidate.call("case", returns=str)
    score = CASES[case](candidate, json.loads((private / "offset.json").read_text())[split])
    return {"height": float(score), "cost": candidate.spent, "calls": candidate.calls}


def keeps(candidate, offset):
    return candidate.call("count") + 10 * candidate.call("count") + 100 * candidate.call("count") + 1000 * offset


def plain(candidate, offset):
    given = [1, -2.5, "täxt\\x00", None, True, {"a": [[], {}]}, 2**70]
    return candidate.call("same", given) == given and candidate.call("public") == "public"


def arrays(candidate, offset):
    given = [
        numpy.arange(12, dtype="f4").reshape(3, 4).T,
        numpy.array(5, dtype="i8"),
        numpy.zeros((0, 3)),
        numpy.array([True, False]),
        numpy.array([1 + 2j]),
        numpy.arange(3, dtype=">i2"),
    ]
    got = candidate.call("same", {"of": given, "x": numpy.float32(0.5)})
    pairs = zip(got["of"], given, strict=True)
    alike = [a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs]
    got["of"][0][0, 0] = 7
    return len(alike) == 6 and all(alike) and got["x"] == 0.5


def large(candidate, offset):
    given = numpy.random.default_rng(0).normal(size=2_000_000)
    return (candidate.call("same", given, returns=numpy.ndarray) == given).all()


def timed(candidate, offset):
    candidate.call("wait", 0.05)
    first = candidate.seconds
    candidate.call("same", 1)
    return 0.05 <= first < 1 and candidate.seconds < 0.05 <= candidate.spent


def goes_on(candidate, offset):
    before = candidate.call("count")
    for name, value in (("divide", 0), ("weigh", "set"), ("nobody", 1)):
        try:
            candidate.call(name, value)
        except candidate.Failed as failed:
            assert str(failed).startswith(f"call {candidate.calls}, {name}(): ")
        else:
            return 0.0
    return candidate.call("count") - before


def late(candidate, offset):
    for _ in range(2):
        try:
            candidate.call("wait", 9, timeout_s=0.1)
        except candidate.Failed as failed:
            words = str(failed)
    return words == (
        "call 3, wait(): there is nothing to call any more since call 2, wait(): it gave no answer within 0.1 s"
    )


def metered(candidate, offset):
    asked = []

    def ask(word):
        time.sleep(0.02)
        asked.append(word)
        return {"key": offset}[word]

    answers = candidate.call("consult", ["key", "lock", "key", "key"], tools={"ask": ask}, tool_calls=3)
    assert answers[0] == answers[2] == offset, answers
    assert answers[1].startswith("ToolError: ask(): KeyError"), answers
    assert answers[3] == "ToolError: ask(): no calls of tools are left", answers
    assert candidate.seconds < 0.05, candidate.seconds
    return candidate.used["ask"] == 3 and asked == ["key", "lock", "key"]


def nested(candidate, offset):
    answers = candidate.call("consult", [1], tools={"ask": lambda word: candidate.call("count")})
    return "RuntimeError" in answers[0] and candidate.call("count") == 1


def loose(candidate, offset):
    return numpy.isnan(candidate.call("weigh", "nan", finite=False)[0])


def elsewhere(candidate, offset):
    return candidate.call("other:double", 21) == 42


def uncalled(candidate, offset):
    return 1.0


def fails(candidate, offset):
    return {"a": offset}["b"]


def numbers(candidate, offset):
    return candidate.call("same", 3, returns=float) == 3.0 and type(candidate.call("same", 3, returns=float)) is float


CASES = {function.__name__: function for function in (
    keeps, plain, arrays, large, timed, goes_on, late, metered, nested, loose, elsewhere, uncalled, fails, numbers
)}
for name, (function, *args) in {
    "divides": ("divide", 0), "sets": ("weigh", "set"), "nans": ("weigh", "nan"), "infs": ("weigh", "array"),
    "objects": ("weigh", "object"), "hogs": ("hog",), "waits": ("wait", 60), "misses": ("nobody",),
}.items():
    CASES[name] = lambda candidate, offset, function=function, args=args: candidate.call(function, *args, timeout_s=1.0)
CASES["texts"] = lambda candidate, offset: candidate.call("case", returns=float)
CASES["broken"] = None
"""
OTHER = "def double(number):\n    return 2 * number\n"
Judged = Callable[..., RunOutcome]


class Bench:
    """A runner for one template, and requests to it."""

    def __init__(self, folder: Path, place: Path, level: Level | None = None, workers: int = 1) -> None:
        self.template = load(folder)
        self.folders = {name: place / name for name in ("inputs", "private", "scratch")}
        for path in self.folders.values():
            path.mkdir(exist_ok=True)
        (self.folders["inputs"] / "data").write_text("public")
        (self.folders["private"] / "offset.json").write_text('{"dev": 0.0, "holdout": 0.5}')
        self.runner = LocalRunner(self.template, workers=workers, level=level or probe(), **self.folders)

    def request(self, case: str, **options: object) -> RunRequest:
        return RunRequest(artifact=self.template.folder, params={"case": case}, seed=3, **options)  # type: ignore[arg-type]

    def __call__(self, case: str, **options: object) -> RunOutcome:
        return self.runner.submit(self.request(case, **options)).result(60)


def made(make_template: MakeTemplate, replace: dict[str, str] | None = None, judge: str = JUDGE) -> Path:
    wanted = {
        **INTERACTIVE,
        'editable = ["experiment.py"]': 'editable = ["experiment.py", "other.py"]',
        **(replace or {}),
    }
    return make_template(wanted, {"experiment.py": CANDIDATE, "evaluate.py": judge, "other.py": OTHER})


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    place = tmp_path_factory.mktemp("calls")
    (place / "template").mkdir()
    toml = TOML.replace('["experiment.py"]', '["experiment.py", "other.py"]')
    for old, new in INTERACTIVE.items():
        toml = toml.replace(old, new)
    files = {
        "template.toml": toml,
        "experiment.py": CANDIDATE,
        "evaluate.py": JUDGE,
        "other.py": OTHER,
        "prepare.py": "def prepare(inputs, private, seed): ...",
    }
    for name, text in files.items():
        (place / "template" / name).write_text(text)
    bench = Bench(place / "template", place)
    yield bench
    bench.runner.close()


@pytest.mark.parametrize(
    "case",
    [
        "plain",
        "arrays",
        "large",
        "timed",
        "late",
        "metered",
        "nested",
        "loose",
        "elsewhere",
        "uncalled",
        "numbers",
        "goes_on",
    ],
)
def test_what_passes_between_them(bench: Bench, case: str) -> None:
    outcome = bench(case)
    assert outcome.status == "ok", outcome.error
    assert outcome.metrics["dev"]["height"] == 1.0
    assert outcome.trust == "verified"


def test_a_process_is_kept_for_the_calls_of_a_split_and_no_longer(bench: Bench) -> None:
    outcome = bench("keeps", splits=("dev", "holdout"))
    assert {split: table["height"] for split, table in outcome.metrics.items()} == {"dev": 321.0, "holdout": 821.0}
    assert outcome.output.count("prepared with 3") == 2
    assert 0 < outcome.wall_s < 5
    assert outcome.memory_mb > 1
    assert bench("keeps", cold=True).metrics["dev"]["height"] == 321.0


@pytest.mark.parametrize(
    ("case", "status", "told"),
    [
        ("divides", "crash", "call 2, divide(): it raised ZeroDivisionError: division by zero (experiment.py, line "),
        ("sets", "invalid", "call 2, weigh(): what it returned cannot be sent: a set is no plain data"),
        ("objects", "invalid", "call 2, weigh(): what it returned cannot be sent: a object is no plain data"),
        ("nans", "invalid", "call 2, weigh(): what it answered holds NaN, which is no finite number"),
        ("infs", "invalid", "call 2, weigh(): what it answered holds an array with numbers that are not finite"),
        ("texts", "invalid", "call 2, case(): it returned 'texts', and a number was wanted"),
        ("hogs", "memory", "call 2, hog(): it raised MemoryError"),
        ("waits", "timeout", "call 2, wait(): it gave no answer within 1 s"),
        ("misses", "crash", "call 2, nobody(): it raised AttributeError: experiment.py has no function 'nobody'"),
        ("broken", "crash", "before call 1, case(), in its preparation: its process ended: KeyError: 'nothing"),
        ("fails", "invalid", "the judge failed after call 1, case(): KeyError: 'b' (evaluate.py, line "),
    ],
)  # fmt: skip
def test_a_failure_names_the_call_and_the_reason(bench: Bench, case: str, status: str, told: str) -> None:
    outcome = bench(case)
    assert (outcome.status, outcome.metrics) == (status, {})
    assert outcome.error.splitlines()[-1].startswith(told), outcome.error


@pytest.mark.parametrize("level", ["S3", "S2", "S0"])
def test_each_call_may_have_a_process_of_its_own(make_template: MakeTemplate, tmp_path: Path, level: Level) -> None:
    if LEVELS.index(level) > LEVELS.index(probe()):
        pytest.skip(f"this machine isolates at {probe()}")
    folder = made(
        make_template, {'entry = "evaluate:evaluate"': INTERACTIVE['entry = "evaluate:evaluate"'] + "\nfresh = true"}
    )
    bench = Bench(folder, tmp_path, level)
    with bench.runner:
        assert bench("keeps").metrics["dev"]["height"] == 111.0
        outcome = bench("divides")
    assert outcome.error.splitlines()[-1].startswith("call 2, divide(): it raised ZeroDivisionError")


class Slow:
    """An executor whose runs take their time to end."""

    name = level = "S0"

    def __init__(self) -> None:
        self.polls, self.theirs = 0, list[socket.socket]()

    def submit(self, _order: object) -> str:
        return "1"

    def channel(self, _handle: str) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(b"begun")
        self.theirs.append(theirs)
        return ours

    def poll(self, _handle: str, _wait: float = 0.0) -> str:
        self.polls += 1
        return "running" if self.polls < 4 else "ended"

    def collect(self, _handle: str) -> str:
        self.theirs.pop().close()
        return "performed"

    def cancel(self, _handle: str) -> None: ...


def test_a_judge_goes_on_when_no_process_of_a_closed_candidate_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what it leaves running slows what the judge times next."""
    monkeypatch.setattr(candidates, "Talking", object)
    executor = Slow()

    def judging(desk: socket.socket) -> int:
        bounds = Bounds(fresh=False, limit_s=5, until=time.monotonic() + 60, most=0)
        one = Candidate(desk, bounds)
        monkeypatch.setattr(one, "_decoded", lambda *_: [])
        one._opened("call 1")
        assert executor.polls == 0
        one.close()
        return executor.polls

    waiting = candidates.Candidates(executor, None, Ticket())  # type: ignore[arg-type]
    assert waiting.during(judging) == 4
    assert waiting.performed == ["performed"]


def test_a_judge_that_fails_before_it_calls_is_a_template_at_fault(make_template: MakeTemplate, tmp_path: Path) -> None:
    bench = Bench(
        made(make_template, judge="def judge(candidate, private, split, seed):\n    split.nothing\n"), tmp_path
    )
    with (
        bench.runner,
        pytest.raises(TemplateError, match=r"\[evaluate.interactive\]: the judge failed: AttributeError.*line 2"),
    ):
        bench("keeps")


ECHOES = """
def judge(candidate, private, split, seed):
    candidate.call("count")
    return {"height": candidate.call("same", 0.25 + len(split)) WEIGHED, "cost": 1.0}
"""


@pytest.mark.parametrize(("weighed", "doubts"), [("", (ECHO,)), ("* 0 + len(split)", ()), ("* 0", (EQUAL,))])
def test_a_judge_that_hands_back_an_answer_is_none(
    make_template: MakeTemplate, tmp_path: Path, weighed: str, doubts: tuple[str, ...]
) -> None:
    bench = Bench(made(make_template, judge=ECHOES.replace("WEIGHED", weighed)), tmp_path)
    with bench.runner:
        assert bench("keeps", probe=True).doubts == doubts


def test_a_call_can_be_cancelled_and_its_processes_end(make_template: MakeTemplate, tmp_path: Path) -> None:
    bench = Bench(made(make_template, judge=JUDGE.replace("timeout_s=1.0", "timeout_s=60.0")), tmp_path)
    with bench.runner as runner:
        assert bench("keeps").status == "ok"
        future = runner.submit(bench.request("waits"))
        while not runner.started(future):
            time.sleep(0.01)
        time.sleep(0.2)
        future.cancel()
        began = time.monotonic()
        assert bench("keeps").status == "ok"  # the only slot is free again
        assert time.monotonic() - began < 10
        with pytest.raises(CancelledError):
            future.result(0)
        runner.submit(bench.request("waits"))
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_an_executor_whose_runs_nobody_can_call_is_refused(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = made(make_template)
    place = Place(template=load(folder), inputs=tmp_path, private=tmp_path, scratch=tmp_path / "scratch")
    register(str(tmp_path), lambda place: PlainExecutor(place, tmp_path / "jobs"))
    with pytest.raises(Exception, match="cannot hold a run open for a judge that calls it"):
        runs_at(str(tmp_path), place)


def test_runs_elsewhere_are_called_from_here(make_template: MakeTemplate, tmp_path: Path) -> None:
    """Running and judging are apart: the executor's station is not the judge's."""
    bench = Bench(made(make_template), tmp_path)
    bench.runner.close()
    place = Place(template=bench.template, **bench.folders)
    with runs_at("local", place) as runs:
        outcome = runs.submit(bench.request("keeps")).result(60)
    assert outcome.metrics["dev"]["height"] == 321.0


@pytest.mark.parametrize(
    ("replace", "told"),
    [
        (
            {'"evaluate:evaluate"': '"evaluate:judge"\ninteractive = "evaluate:judge"'},
            "[evaluate]: give exactly one of",
        ),
        ({'entry = "evaluate:evaluate"': 'parse = "stdout"\nfresh = true'}, "[evaluate]: fresh = true is of calls"),
        (
            {'entry = "evaluate:evaluate"': 'interactive = "evaluate:jugde"'},
            "[evaluate.interactive]: defines no function",
        ),
        ({'entry = "evaluate:evaluate"': 'interactive = "experiment:run"'}, "must not be part of the artifact"),
        ({'entry = "experiment:run"': 'command = ["true"]', **INTERACTIVE}, "[evaluate]: has a judge that calls"),
    ],
)
def test_a_contract_that_cannot_hold_is_refused(
    make_template: MakeTemplate, replace: dict[str, str], told: str
) -> None:
    folder = make_template(replace, {"experiment.py": CANDIDATE, "evaluate.py": JUDGE})
    with pytest.raises(TemplateError) as refused:
        load(folder)
    assert told in str(refused.value)
