"""The runner of one machine, with real processes: outcomes, slots, cancelling, closing."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.local.inside.guest import STAMP
from nightlab.experiments.executors.local.inside.output.capture import Capture
from nightlab.experiments.executors.local.inside.run import Run
from nightlab.experiments.executors.local.isolation.launch import RunnerError
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, IsolationError, probe
from nightlab.experiments.executors.local.local import LocalRunner, local_runner
from nightlab.experiments.records import Level, ParamValue, RunOutcome, RunRequest
from nightlab.experiments.template.doubts import ECHO, EQUAL, LOADED
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

EXPERIMENT = """\
import json
import os
import random
import sys
import time

import numpy


def run(params, inputs, out, seed):
    print("said", params["say"])
    answer = {"height": 1.0, "cost": 1}
    exec(params["do"])
    (out / "answer.json").write_text(json.dumps(answer))
"""
EVALUATE = """\
import json


def evaluate(out, private, split):
    offset = json.loads((private / "offset.json").read_text())[split]
    answer = json.loads((out / "answer.json").read_text())
    return {name: value + offset if offset and name == "height" else value for name, value in answer.items()}
"""


class House:
    """A runner on a template, and short words for using it."""

    def __init__(self, folder: Path, stack: ExitStack, **options: object) -> None:
        base = folder.parent / f"house-{folder.name}"
        self.inputs, self.private, self.scratch = (base / name for name in ("inputs", "private", "scratch"))
        for place in (self.inputs, self.private, self.scratch):
            place.mkdir(parents=True)
        (self.inputs / "noise").write_text("0.01")
        (self.private / "offset.json").write_text(json.dumps({"dev": 0.0, "holdout": 0.5}))
        self.folder = folder
        self.runner: LocalRunner = stack.enter_context(
            local_runner(load(folder), inputs=self.inputs, private=self.private, scratch=self.scratch, **options)  # type: ignore[arg-type]
        )

    def request(self, do: str = "pass", seed: int = 1, cold: bool = False, **params: ParamValue) -> RunRequest:
        return RunRequest(
            artifact=self.folder, params={"do": do, "say": "hello", **params}, seed=seed, cold=cold, splits=("dev",)
        )

    def run(self, do: str = "pass", **options: object) -> RunOutcome:
        return self.runner.submit(self.request(do, **options)).result(60)  # type: ignore[arg-type]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def house(make_template: MakeTemplate, stack: ExitStack) -> Callable[..., House]:
    def build(
        replace: dict[str, str] | None = None, files: dict[str, str | None] | None = None, **options: object
    ) -> House:
        contents: dict[str, str | None] = {"experiment.py": EXPERIMENT, "evaluate.py": EVALUATE, **(files or {})}
        return House(make_template(replace, contents), stack, **options)

    return build


def test_a_run_is_scored_by_the_evaluator(house: Callable[..., House]) -> None:
    h = house()
    request = RunRequest(artifact=h.folder, params={"do": "pass", "say": "x"}, seed=1, splits=("dev", "holdout"))
    outcome = h.runner.submit(request).result(60)
    assert outcome.status == "ok", outcome.error
    assert outcome.metrics == {"dev": {"height": 1.0, "cost": 1.0}, "holdout": {"height": 1.5, "cost": 1.0}}
    assert (outcome.trust, outcome.level, outcome.output) == ("verified", probe(), "said x")
    assert 0 < outcome.wall_s < 5
    assert outcome.memory_mb > 5


def test_cold_and_warm_agree_and_seeds_differ(house: Callable[..., House]) -> None:
    h = house()
    draw = "answer['height'] = random.random() + float(numpy.random.rand()) + hash('a word') % 1000"
    warm, again, cold = (h.run(draw, seed=7, cold=cold) for cold in (False, False, True))
    other = h.run(draw, seed=8)
    assert warm.status == cold.status == "ok", cold.error
    assert warm.metrics == again.metrics == cold.metrics
    assert other.metrics != warm.metrics


def test_time_for_imports_is_not_the_experiments(house: Callable[..., House]) -> None:
    h = house()
    assert any(h.run("pass", cold=True).wall_s < 0.2 for _ in range(5))  # a busy machine may hold one up


def test_what_a_run_changes_is_gone_for_the_next(house: Callable[..., House]) -> None:
    h = house()
    marks = "os.environ['MARK'] = open('mark', 'w').name; numpy.mark = 1; sys.path.append('mark')"
    assert h.run(marks).status == "ok"
    found = "answer['height'] = float('MARK' in os.environ or os.path.exists('mark') or hasattr(numpy, 'mark'))"
    assert h.run(found).metrics["dev"]["height"] == 0.0


def test_the_threads_are_shared_among_the_slots(house: Callable[..., House]) -> None:
    h = house(workers=2)
    outcome = h.run("answer['height'] = float(os.environ['OMP_NUM_THREADS'])")
    assert outcome.metrics["dev"]["height"] == max(1, (os.cpu_count() or 1) // 2)


@pytest.mark.parametrize(
    ("do", "status", "told"),
    [
        ("raise ValueError('a wrong turn')", "crash", "ValueError: a wrong turn"),
        ("sys.exit('enough')", "crash", "enough"),
        ("os.kill(os.getpid(), 11); import ctypes; ctypes.string_at(8)", "crash", "signal 11"),
        ("time.sleep(60)", "timeout", "longer than 3 s (run.timeout_s)"),
        ("hoard = [bytearray(b'x') * (1 << 24) for _ in range(100)]", "memory", "512 MB (run.memory_mb)"),
        ("raise MemoryError('none left')", "memory", "none left"),
        ("answer['height'] = float('nan')", "invalid", "'height' is nan"),
        ("answer['height'] = True", "invalid", "'height' is True"),
        ("answer['height'] = 10 ** 400", "invalid", "height"),
        ("del answer['height']", "invalid", "'height' is missing from evaluate:evaluate (found: cost)"),
        ("del answer['cost']", "invalid", "the metric 'cost' is missing"),
        ("os._exit(0)", "invalid", "the experiment wrote no output files"),
        ("answer['cost'] = 'word'", "invalid", "'cost' is 'word', not a finite number"),
        ("answer.update(cost=[])", "invalid", "'cost' is []"),
    ],
)
def test_how_a_run_fails(house: Callable[..., House], do: str, status: str, told: str) -> None:
    outcome = house({"timeout_s = 5": "timeout_s = 3"}).run(do)
    assert (outcome.status, outcome.metrics) == (status, {})
    assert told in outcome.error


@pytest.mark.parametrize(("returned", "told"), [("0.5", "float"), ("None", "NoneType"), ("[0.5]", "list")])
def test_an_evaluator_that_returns_no_table_is_told_as_that(
    house: Callable[..., House], returned: str, told: str
) -> None:
    outcome = house(files={"evaluate.py": f"def evaluate(out, private, split):\n    return {returned}\n"}).run()
    assert outcome.status == "invalid"
    assert outcome.error == f"evaluate() must return a dict of numbers, not {told}"


def test_what_an_evaluator_sets_as_it_loads_holds_while_it_evaluates(house: Callable[..., House]) -> None:
    sets = "import os, random\nrandom.seed(42)\nos.environ['COST'] = '7'\n"
    found = "{'height': random.random(), 'cost': float(os.environ['COST'])}"
    h = house(files={"evaluate.py": f"{sets}def evaluate(out, private, split):\n    return {found}\n"})
    for _ in range(3):
        assert h.run().metrics["dev"] == {"height": random.Random(42).random(), "cost": 7.0}


STOCHASTIC = """\
import helper
import random


def evaluate(out, private, split{more}):
    import numpy

    return {{"height": random.random(), "cost": helper.draw() + numpy.random.rand(){what}}}
"""


@pytest.mark.parametrize(("more", "what"), [("", ""), (", *, seed", " + seed"), (", seed=0, **more", " + seed")])
def test_a_judge_by_chance_repeats_itself_by_the_seed_of_the_run(
    house: Callable[..., House], more: str, what: str
) -> None:
    helper = "import numpy as np\nfrom numpy import random as chance\n\n\ndef draw():\n    return chance.rand()\n"
    h = house(files={"evaluate.py": STOCHASTIC.format(more=more, what=what), "helper.py": helper})
    first, again, other = (h.run(seed=seed, cold=cold) for seed, cold in ((5, False), (5, True), (6, False)))
    assert first.status == "ok", first.error
    assert first.metrics == again.metrics
    assert first.metrics["dev"].items().isdisjoint(other.metrics["dev"].items())
    assert (first.metrics["dev"]["cost"] > 5) == bool(what)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("numpy.float32(0.5)", 0.5),
        ("numpy.array(0.5)", 0.5),
        ("__import__('decimal').Decimal('0.5')", 0.5),
        ("__import__('fractions').Fraction(1, 2)", 0.5),
        ("numpy.int64(3)", 3.0),
        ("float('nan')", None),
        ("None", None),
        ("True", None),
        ("numpy.bool_(True)", None),
        ("'good'", None),
        ("{'a': 1}", None),
        ("numpy.zeros(3)", None),
    ],
)
def test_a_metric_that_nobody_named_decides_nothing(
    house: Callable[..., House], value: str, number: float | None
) -> None:
    judge = f"import numpy\n\n\ndef evaluate(out, private, split):\n    value = {value}\n"
    outcome = house(
        files={"evaluate.py": f"{judge}    return {{'height': 1, 'cost': 1, 'more': value, 'odd name': 1, 7: 1}}\n"}
    ).run()
    assert outcome.status == "ok", outcome.error
    assert outcome.metrics["dev"] == {"height": 1.0, "cost": 1.0} | ({} if number is None else {"more": number})
    assert len(outcome.notes) == (3 if number is None else 2)
    named = house(files={"evaluate.py": f"{judge}    return {{'height': value, 'cost': 1}}\n"}).run()
    assert named.status == ("invalid" if number is None else "ok")


LITTER = """\
(out / ".hydra").mkdir()
(out / "last").symlink_to("answer.json")
(out / "log 10:00").write_text("x")
(out / "a/b/c/d/e").mkdir(parents=True)
for number in range(400):
    (out / f"step-{number:04}").write_text("x")
(out / "model").write_bytes(bytes(9 << 20))
"""


def test_outputs_that_no_judge_reads_decide_nothing_and_are_noted(house: Callable[..., House]) -> None:
    h = house({"timeout_s = 5": "timeout_s = 5\noutputs = 500\noutputs_mb = 8"})
    outcome = h.run(LITTER)
    assert outcome.status == "ok", outcome.error
    told = " | ".join(outcome.notes)
    for what in (
        ".hydra has a name",
        "last is no plain file",
        "log 10:00 has a name",
        "a/b/c/d lies",
        "model is too",
    ):
        assert f"not collected: {what}" in told
    lost = h.run("(out / 'last').symlink_to('answer.json'); os.mkdir(out / 'é'); del answer['height']")
    assert lost.status == "invalid"
    assert "'height' is missing" in lost.error
    assert "not collected: last is no plain file with one link" in lost.error


@pytest.mark.parametrize(
    ("limits", "do", "told"),
    [
        ("disk_mb = 2", "(out / 'x').write_bytes(bytes(4 << 20))", "No space left"),
        ("disk_files = 16", "for n in range(40): (out / str(n)).write_text('')", "No space left"),
    ],
)
def test_what_a_run_may_write_can_be_set(house: Callable[..., House], limits: str, do: str, told: str) -> None:
    outcome = house({"timeout_s = 5": f"timeout_s = 5\n{limits}"}).run(do)
    assert outcome.status == "crash"
    assert told in outcome.error


@pytest.mark.skipif(probe() not in ("S3", "S2"), reason="this machine confines nothing")
def test_what_a_run_leaves_on_disk_counts_however_soon_it_ends(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightlab.experiments.executors.local.isolation.sandbox.probe", lambda: "S2")
    h = house({"timeout_s = 5": "timeout_s = 5\ndisk_mb = 2\ndisk_files = 40"})
    place = "os.environ['TMPDIR'] + '/' + str(n)"
    for too_much in ("(out / 'x').write_bytes(bytes(2 << 20))", f"for n in range(40): os.mkdir({place})"):
        outcome = h.run(f"{too_much}\n(out / 'answer.json').write_text('{{}}')\nos._exit(0)")
        assert (outcome.status, outcome.error) == (
            "crash",
            "it wrote more than 2 MB or 40 files (run.disk_mb, run.disk_files)",
        )
    assert h.run(f"for n in range(20): os.mkdir({place})").status == "ok"


def test_the_time_of_an_evaluation_can_be_set(house: Callable[..., House]) -> None:
    slow = "import time\n\n\ndef evaluate(out, private, split):\n    time.sleep(30)\n"
    outcome = house({"[objective]": "timeout_s = 0.5\n\n[objective]"}, {"evaluate.py": slow}).run()
    assert outcome.status == "invalid"
    assert outcome.error.endswith("hit a limit on these outputs: timeout (evaluate.timeout_s)")


def test_what_a_program_said_last_counts_or_the_line_is_quoted(house: Callable[..., House]) -> None:
    h = house({'entry = "evaluate:evaluate"': 'parse = "stdout"'})
    good = h.run(
        "print('height: 9\\ncost: 1'); print('\\rstep 1', end=''); print('\\r\\x1b[1mheight\\x1b[0m = 1,000.5')"
    )
    assert good.status == "ok", good.error
    assert good.metrics["dev"]["height"] == 1000.5
    later = h.run("print('height: 9\\ncost: 1\\nINFO:root:height: 3')")
    assert later.status == "invalid"
    assert "later came 'INFO:root:height: 3'; print `height: NUMBER` at the very end" in later.error
    missing = h.run("print('cost: 1\\nMean height: 3')")
    assert "the likeliest line is 'Mean height: 3'" in missing.error


def test_a_pattern_reads_what_is_printed(house: Callable[..., House]) -> None:
    pattern = r"pattern = 'h/c (?P<height>\S+) (?P<cost>\S+)'"
    h = house({'entry = "evaluate:evaluate"': f'parse = "stdout"\n{pattern}'})
    assert h.run("print('h/c 1 2\\nh/c 3 4\\nheight: 7')").metrics["dev"] == {"height": 3.0, "cost": 4.0}
    endless = house({'entry = "evaluate:evaluate"': 'parse = "stdout"\npattern = "(a+)+$"'})
    assert "evaluate.pattern takes too long" in endless.run("print('a' * 60 + 'b')").error


LOADS = "import importlib.util, json, pathlib, runpy, subprocess, sys\n\n\ndef evaluate(out, private, split):\n    "
SCORES = "\n    return {'height': json.loads((out / 'answer.json').read_text())['height'] + len(split), 'cost': 1}\n"


@pytest.mark.parametrize(
    ("evaluate", "against"),
    [
        (EVALUATE, ()),
        (LOADS + "pass" + SCORES.replace(" + len(split)", ""), (EQUAL, ECHO)),
        (LOADS + "x = json.loads((out / 'answer.json').read_text())" + SCORES, ()),
        (
            LOADS + "answer = json.loads((out / 'answer.json').read_text())"
            "\n    return {'height': answer[split], 'cost': len(split)}\n",
            (ECHO,),
        ),
        (
            LOADS + "data = json.loads((out / 'answer.json').read_text())"
            "\n    return {'height': data['dev'] ** 2 + len(split) * (data['height'] - 1), 'cost': 7}\n",
            (EQUAL,),
        ),
        (LOADS + "exec((out / 'program.py').read_text(), {})" + SCORES, (LOADED,)),
        (LOADS + "runpy.run_path(str(out / 'program.py'))" + SCORES, (LOADED,)),
        (LOADS + "sys.path.insert(0, str(out)); import program" + SCORES, (LOADED,)),
        (LOADS + "import experiment" + SCORES, (LOADED,)),
        (LOADS + "subprocess.run([sys.executable, out / 'program.py'])" + SCORES, (LOADED,)),
        (LOADS + "import ast; ast.literal_eval((out / 'program.py').read_text().partition('=')[2])" + SCORES, ()),
        (LOADS + "import dataclasses; dataclasses.make_dataclass('A', ['a'])" + SCORES, ()),
    ],
)
def test_a_probe_tells_what_speaks_against_the_evaluator(
    house: Callable[..., House], evaluate: str, against: tuple[str, ...]
) -> None:
    h = house(files={"evaluate.py": evaluate})
    do = "(out / 'program.py').write_text('answer = [1, 2, 3, 4, 5, 6]'); answer.update(dev=2.5, holdout=3.25)"
    outcome = h.runner.submit(replace(h.request(do), probe=True)).result(60)
    assert (outcome.status, outcome.doubts) == ("ok", against), outcome.error
    assert set(outcome.metrics) == {"dev"}
    assert h.run(do).doubts == ()


def test_an_evaluator_that_ends_as_it_loads_refuses_the_outputs(house: Callable[..., House]) -> None:
    ends = "import os\nos._exit(3)\ndef evaluate(out, private, split):\n    pass\n"
    outcome = house(files={"evaluate.py": ends}).run()
    assert (outcome.status, outcome.error) == ("invalid", "the evaluator refused the outputs: exit code 3")


def test_a_guest_that_is_prepared_late_is_understood() -> None:
    begun = b"r" + STAMP.pack(12.5)
    for words in ([b"p", begun, b"{}"], [b"p" + begun + b"{}"], [b"p", begun + b"{}"], [begun + b"{}"]):
        read, write = os.pipe()
        run = Run(0, 0, {}, Capture(9), Capture(9), pipes={read: "report"})
        for word in words:
            os.write(write, word)
            run.read(read)
        os.close(write)
        os.close(read)
        assert run.ready == 12.5
        assert run.report == b"{}"


def test_a_traceback_shows_the_experiments_own_lines(house: Callable[..., House]) -> None:
    error = house().run("json.loads('{')").error
    assert 'File "experiment.py", line 13, in run' in error
    assert 'File "json/__init__.py"' in error
    assert error.splitlines()[-1].startswith("json.decoder.JSONDecodeError: Expecting property name")
    assert "guest.py" not in error


@pytest.mark.parametrize(("parse", "expected"), [("stdout", 3.0), ("answer.json", 1.0)])
def test_metrics_that_the_experiment_reports_itself(house: Callable[..., House], parse: str, expected: float) -> None:
    h = house({'entry = "evaluate:evaluate"': f'parse = "{parse}"'})
    outcome = h.run("print('height: 2.0\\ncost=1\\nheight = 3\\nlr: nan\\nnote: hi')")
    assert outcome.status == "ok", outcome.error
    assert outcome.trust == "reported"
    assert outcome.metrics["dev"]["height"] == expected
    missing = h.run("os._exit(0)" if parse == "answer.json" else "print('cost: 1')")
    assert missing.status == "invalid"
    assert (
        "wrote no answer.json" if parse == "answer.json" else "'height' is missing from what it printed"
    ) in missing.error


@pytest.mark.parametrize("cold", [False, True])
def test_a_program_in_any_language(house: Callable[..., House], cold: bool) -> None:
    script = """\
set -e
cat "$NIGHTLAB_INPUTS/noise"
printf '{"height": %s, "cost": 1, "x": 2}' "$1" > "$2/answer.json"
test "$NIGHTLAB_SEED" = "$1" && test "$NIGHTLAB_OUT" = "$2"
python -c 'import json, os; print(json.load(open(os.environ["NIGHTLAB_PARAMS"]))["say"])'
"""
    h = house(
        {
            'entry = "experiment:run"': 'command = ["sh", "run.sh", "{seed}", "{out}"]',
            '["experiment.py"]': '["run.sh"]',
        },
        {"run.sh": script},
    )
    outcome = h.run(seed=4, cold=cold)
    assert outcome.status == "ok", outcome.error + outcome.output
    assert outcome.metrics["dev"] == {"height": 4.0, "cost": 1.0, "x": 2.0}
    assert outcome.output == "0.01hello"
    assert (
        "no-such-program"
        in house(
            {'entry = "experiment:run"': 'command = ["no-such-program"]', '["experiment.py"]': '["run.sh"]'},
            {"run.sh": ""},
        )
        .run()
        .error
    )


def test_a_slow_run_holds_up_nobody(house: Callable[..., House]) -> None:
    h = house({"timeout_s = 5": "timeout_s = 90"}, workers=2)
    h.run()
    slow = h.runner.submit(h.request("time.sleep(60)"))
    quick = [h.runner.submit(h.request(seed=i)) for i in range(6)]
    assert not wait(quick, timeout=50).not_done
    assert not slow.done()


@pytest.mark.skipif(probe() != "S3", reason="lower levels have no sockets with names")
def test_names_of_the_network_are_each_runs_own(house: Callable[..., House]) -> None:
    h = house(workers=2)
    bind = "import socket; one = socket.socket(socket.AF_UNIX); one.bind(chr(0) + 'name'); time.sleep(0.5)"
    runs = [h.runner.submit(h.request(bind, seed=seed)) for seed in (1, 2)]
    assert [run.result(60).error for run in runs] == ["", ""]


def test_cancelling_ends_a_run_and_spares_the_others(house: Callable[..., House]) -> None:
    h = house(workers=2)
    h.run()
    long, other = h.runner.submit(h.request("time.sleep(4)")), h.runner.submit(h.request("time.sleep(0.5)"))
    time.sleep(0.3)
    assert long.cancel()
    start = time.monotonic()
    assert h.runner.submit(h.request()).result(60).status == "ok"
    assert time.monotonic() - start < 2
    assert other.result(60).status == "ok"


def test_closing_ends_everything_at_once(house: Callable[..., House]) -> None:
    h = house(workers=1)
    h.run()
    futures = [h.runner.submit(h.request("time.sleep(4)")) for _ in range(3)]
    time.sleep(0.2)
    start = time.monotonic()
    h.runner.close()
    assert time.monotonic() - start < 1.5
    assert list(h.scratch.iterdir()) == []
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(1)
    with pytest.raises(NightlabError, match="closed"):
        h.runner.submit(h.request())


@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux what of a file is in memory")
@pytest.mark.parametrize("timed", [True, False])
def test_inputs_are_in_memory_before_each_run_that_is_timed(house: Callable[..., House], timed: bool) -> None:
    h = house({"[objective]": f"[objective]\ninterleaved = {str(timed).lower()}"})
    with (h.inputs / "noise").open("r+b") as file:
        os.fsync(file.fileno())
        for _ in range(2):  # the partner of a run that has put them out of memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if _in_memory(file.fileno()):
                pytest.skip("this file system keeps all in memory")
            assert h.run().status == "ok"
            assert _in_memory(file.fileno()) == timed


def _in_memory(fd: int) -> bool:
    """Whether the first page of a file is in the page cache."""
    there = (ctypes.c_ubyte * 1)()
    with mmap.mmap(fd, 1) as memory:
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        ctypes.CDLL(None).mincore(ctypes.c_void_p(start), ctypes.c_size_t(1), there)
    return bool(there[0] & 1)


@pytest.mark.parametrize("what", ["private/offset.json", "inputs/noise", "template/evaluate.py"])
def test_a_changed_judge_stops_the_study(house: Callable[..., House], what: str) -> None:
    h = house()
    assert h.run().status == "ok"
    folder, name = what.split("/")
    path = {"private": h.private, "inputs": h.inputs, "template": h.folder}[folder] / name
    text = path.read_text()
    path.write_text(text)  # touched, and the same
    assert h.run().status == "ok"
    path.write_text(text + " ")
    outcome = h.run()
    assert (outcome.status, outcome.metrics) == ("tampered", {})
    assert name in outcome.error
    path.write_text(text)
    assert h.run().status == "tampered"


def test_levels_below_what_is_needed_are_refused(house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightlab.experiments.executors.local.isolation.sandbox.probe", lambda: "S0")
    with pytest.raises(IsolationError, match=r"S3 is needed for code that a model wrote.*--isolation S0"):
        house(own_code=False)
    with pytest.raises(IsolationError, match="S3 is needed"):
        house(minimum="S3")
    assert house(own_code=False, minimum="S0").run().level == "S0"
    assert house().run().level == "S0"


def test_code_of_a_model_runs_at_s2_only_where_that_is_accepted_and_it_is_said(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if probe() not in ("S3", "S2"):
        pytest.skip(f"this machine isolates at {probe()} only")
    monkeypatch.setattr("nightlab.experiments.executors.local.isolation.sandbox.probe", lambda: "S2")
    with pytest.raises(IsolationError, match=r"S3 is needed for code that a model wrote.*--isolation S2"):
        house(own_code=False)
    assert house().run().level == "S2"
    assert not caplog.records
    assert house(own_code=False, minimum="S2").run().level == "S2"
    assert "experiments run at level S2: Landlock" in caplog.text


@pytest.mark.parametrize("level", ["S3", "S2", "S0"])
def test_every_level_runs(house: Callable[..., House], level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    if LEVELS.index(probe()) < LEVELS.index(level):
        pytest.skip(f"this machine isolates at {probe()} only")
    monkeypatch.setattr("nightlab.experiments.executors.local.isolation.sandbox.probe", lambda: level)
    h = house()
    assert h.runner.level == level
    for cold in (False, True):
        outcome = h.run(cold=cold)
        assert (outcome.status, outcome.level) == ("ok", level), outcome.error
    assert h.run("time.sleep(60)").status == "timeout"


def test_missing_gpus_are_told(house: Callable[..., House]) -> None:
    if list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has GPUs")
    with pytest.raises(RunnerError, match=r"asks for 1 GPU per run, 1 at a time, and this machine offers 0"):
        house({"memory_mb = 512": "memory_mb = 512\ngpus = 1"})


def test_a_dead_sandbox_is_replaced(house: Callable[..., House]) -> None:
    others = _below(os.getpid())
    h = house(minimum=None)
    assert h.run().status == "ok"
    before = _below(os.getpid()) - others
    assert before
    assert _killed(before)
    assert h.run().status == "ok"
    assert _below(os.getpid()).isdisjoint(before)


def test_a_guest_that_is_killed_while_it_waits_for_a_run_is_replaced(house: Callable[..., House]) -> None:
    h = house()
    if h.runner.level != "S3":
        pytest.skip("no guest waits")
    for _ in range(3):
        assert h.run().status == "ok"
        while not (waiting := _killed(pid for pid in _below(os.getpid()) if _is_guest(pid))):
            time.sleep(0.01)
        while any(map(_runs, waiting)):
            time.sleep(0.01)
        time.sleep(0.05)  # the monitor is told


def test_nobody_waits_for_a_table_whose_first_process_is_dead(house: Callable[..., House]) -> None:
    h = house()
    if h.runner.level != "S3":
        pytest.skip("no table of its own")
    for do in ("pass", "time.sleep(0.5)"):
        assert h.run().status == "ok"
        time.sleep(0.3)  # the next guests are there
        future = h.runner.submit(h.request(do))
        time.sleep(0.2)
        _killed(pid for pid in _below(os.getpid()) if _table(pid)[2:] == ["1"])
        assert future.result(60).status in ("ok", "crash")
        states = [h.runner.submit(h.request()).result(60).status for _ in range(4)]
        assert set(states) <= {"ok", "crash"}
        assert states[-1] == "ok"


def test_a_run_that_is_cancelled_while_its_sandbox_warms_up_never_starts(house: Callable[..., House]) -> None:
    named = "import ctypes; ctypes.CDLL(None).prctl(15, b'foreign'); time.sleep({})"  # its name
    h = house()
    seen = h.runner.submit(h.request(named.format(1)))
    while not any(map(_is_foreign, _below(os.getpid()))):
        time.sleep(0.01)
    assert seen.result().status == "ok"
    h = house()
    early = h.runner.submit(h.request(named.format(60)))
    time.sleep(0.15)
    assert early.cancel()
    assert h.run().status == "ok"
    until = time.monotonic() + 3
    while any(map(_is_foreign, _below(os.getpid()))):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_runners_start_from_any_thread(house: Callable[..., House]) -> None:
    """A sandbox outlives the thread that started it."""
    found: list[House] = []
    thread = threading.Thread(target=lambda: found.append(house()))
    thread.start()
    thread.join()
    assert found[0].run().status == "ok"


PARENT = """
import sys, time
from pathlib import Path
from nightlab.experiments.records import RunRequest
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.template.loading import load
folder, base = Path(sys.argv[1]), Path(sys.argv[2])
data = {name: base / name for name in ("inputs", "private", "scratch")}
runner = local_runner(load(folder), workers=2, **data)
quick = {"do": "pass", "say": "x"}
assert runner.submit(RunRequest(artifact=folder, params=quick, seed=1)).result().status == "ok"
slow = {"do": "import subprocess; subprocess.Popen(['sleep', '100']); time.sleep(100)", "say": "x"}
for _ in range(2):
    runner.submit(RunRequest(artifact=folder, params=slow, seed=1))
time.sleep(0.5)
print("ready", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_the_parent(house: Callable[..., House], number: signal.Signals) -> None:
    h = house({"timeout_s = 5": "timeout_s = 90"})
    h.runner.close()
    command = [sys.executable, "-c", PARENT, str(h.folder), str(h.inputs.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        below = _below(parent.pid)
        assert len(below) >= 8
        parent.send_signal(number)
    for _ in range(1000):
        if not (left := {pid for pid in below if _runs(pid)}):
            break
        time.sleep(0.02)
    assert left == set()


def _below(pid: int) -> set[int]:
    from nightlab.experiments.executors.local.inside.kernel import limits

    proc = os.open("/proc", os.O_RDONLY)
    try:
        return set(limits.descendants(proc, pid))
    finally:
        os.close(proc)


def _killed(pids: Iterable[int]) -> set[int]:
    """Those that were still there to be killed: the guest of a run that is over ends at any moment by itself."""
    killed = set()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    return killed


def _is_guest(pid: int) -> bool:
    """Only a guest asks to be the first to end when memory is short."""
    try:
        return Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    except OSError:
        return False


def _table(pid: int) -> list[str]:
    """A process's numbers, from our process table to the innermost one that it is in."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def _is_foreign(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "foreign\n"
    except OSError:
        return False


def _runs(pid: int) -> bool:
    try:
        return " (sleep) Z" not in (stat := Path(f"/proc/{pid}/stat").read_text()) and ") Z " not in stat
    except OSError:
        return False
