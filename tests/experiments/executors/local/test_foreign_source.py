"""Source that anybody may have written: read without a syntax tree, compiled in the sandbox, imported with care."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.inside import preload
from nightlab.experiments.executors.local.isolation.syntax import fault
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.records import RunRequest
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

LADDER = "def f(x):\n    if x == 0: pass\n" + "".join(f"    elif x == {i}: pass\n" for i in range(1100))
RUN = "def run(params, inputs, out, seed):\n    (out / 'answer.json').write_text('{\"height\": 1.0, \"cost\": 1}')\n"
EVALUATE = (
    "import json\n\n\ndef evaluate(out, private, split):\n    return json.loads((out / 'answer.json').read_text())\n"
)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b as c, d; import e\nfrom f . g import (h,\n  i)\nfrom .j import k\nfrom . import l", "a.b d e f.g"),
        (
            "try:\n    import a\nexcept ImportError:\n    import b\nfinally:\n    import c\nwith x: pass\nimport d",
            "a c d",
        ),
        ("if x:\n    if y:\n        import a\ndef f():\n    import b\nclass C:\n    import c\nimport d", "a d"),
        ('"""import a\nfrom b import c"""\nx = "import d"\nx.import_(e)\n# import f\n', ""),
        (LADDER + "import a\n", "a"),
        ("if x: pass\n" + "".join(f"elif x == {i}: pass\n" for i in range(3000)) + "import a\n", "a"),
        ("import a\nx = " + "(" * 50_000, "a"),
        ("import a\nx = " + "-" * 100_000 + "1\nimport b\n", "a b"),
        ("import a\n'''", "a"),
        ("import a\n  import b\nimport c", "a c"),
        ("# coding: nope\nimport a\n", "a"),
        ("# coding: hex\nimport a\n", "a"),
        ("# coding: punycode\nimport a\nx-" + "a" * 200_000 + "\nimport b\n", "a b"),
        ("import a\nx = 1" + " " * 200_000 + "$\nimport b\n", "a"),
        ("\ufeffimport a\n", "a"),
        ("".join(f"{' ' * i}if x:\n" for i in range(90)) + " " * 90 + "import a\n", "a"),
    ],
)
def test_imports_are_found_in_whatever_was_written(source: str, names: str) -> None:
    assert imported({"experiment.py": source.encode()}) == tuple(names.split())


def test_the_compiler_of_the_sandbox_says_what_is_wrong() -> None:
    assert fault({"a.py": LADDER.encode(), "data.csv": b"("}) == ""
    assert "line 101: 'return 1'" in fault({"a.py": b"\n" * 100 + b"return 1"})
    assert fault({"a.py": b"x = " + b"-" * 100_000 + b"1"}) == "it is nested too deep"
    assert "null bytes" in fault({"a.py": b"x\0"})


@pytest.mark.parametrize(
    "first",
    [
        "import unittest.__main__\n",
        "import this, antigravity, idlelib.idle\n",
        "import raises_exit, ends\n",
        "import lives_on\nassert lives_on.lock.acquire(timeout=2)\n",
        LADDER,
        "raise SystemExit\n",
        "from __future__ import braces\n",
        "x = " + "(" * 9000,
    ],
)
def test_no_source_ends_more_than_its_own_trial(
    first: str, make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "raises_exit.py").write_text("raise SystemExit(3)\n")
    (packages / "ends.py").write_text("import os\nos._exit(0)\n")
    (packages / "lives_on.py").write_text(
        "import threading, time\nlock = threading.Lock()\n"
        "def hold():\n    with lock:\n        time.sleep(0.2)\n"
        "threading.Thread(target=hold).start()\ntime.sleep(0.01)\n"
    )
    monkeypatch.syspath_prepend(str(packages))
    folder = make_template({}, {"experiment.py": RUN, "evaluate.py": EVALUATE})
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "experiment.py").write_text(first + RUN)
    for name in ("inputs", "private"):
        (tmp_path / name).mkdir()
    options = {"inputs": tmp_path / "inputs", "private": tmp_path / "private", "scratch": tmp_path / "scratch"}
    with local_runner(load(folder), **options) as runner:  # type: ignore[arg-type]
        good, tried, after = (
            runner.submit(RunRequest(artifact=place, params={}, seed=1)).result(60)
            for place in (folder, artifact, folder)
        )
    assert (good.status, after.status) == ("ok", "ok")
    assert tried.status in ("ok", "crash", "invalid")
    assert tried.status == "ok" or tried.error
    if tried.status == "ok" and "lives_on" not in first:
        (folder / "experiment.py").write_text(first + RUN)  # as the template of a fork has it
    with local_runner(load(folder), **options) as runner:  # type: ignore[arg-type]
        assert runner.submit(RunRequest(artifact=artifact, params={}, seed=1)).result(60).status == tried.status


def test_modules_that_cannot_be_imported_beforehand_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = {
        "exits": "import os\nos._exit(7)\n",
        "hangs": "import time\ntime.sleep(60)\n",
        "forks": "import os, time\nif os.fork() == 0:\n    time.sleep(5)\n    os._exit(0)\n",
        "splits": "import os\nos.fork()\n",
        "threads": "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n",
        "raises": "raise SystemExit(1)\n",
        "plain": "x = 1\n",
    }
    for name, body in bodies.items():
        (tmp_path / f"preloaded_{name}.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(preload, "_PATIENCE", 0.5)
    modules = [f"preloaded_{name}" for name in bodies]
    read, write = os.pipe()

    def work(imports: Callable[[], None]) -> NoReturn:
        imports()
        os.write(write, b"working")
        os._exit(0)

    start = time.monotonic()
    pid = preload.warmed({"preload": modules, "ahead": []}, work)
    assert modules == ["preloaded_raises", "preloaded_plain"]
    assert os.read(read, 100) == b"working"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert time.monotonic() - start < 5


def test_an_import_ahead_of_a_run_finds_none_of_its_files(make_template: MakeTemplate, tmp_path: Path) -> None:
    """What finds them runs them before the run's time and memory count."""
    template = make_template(
        {'editable = ["experiment.py"]': 'editable = ["experiment.py", "test_own.py"]'},
        {"experiment.py": RUN, "evaluate.py": EVALUATE, "test_own.py": "print('test_own is run')\n"},
    )
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "experiment.py").write_text("if False:\n    import unittest.__main__\n" + RUN)
    (artifact / "test_own.py").write_text("print('test_own is run', flush=True)\n")
    for name in ("inputs", "private"):
        (tmp_path / name).mkdir()
    places = {name: tmp_path / name for name in ("inputs", "private", "scratch")}
    with local_runner(load(template), **places) as runner:
        outcome = runner.submit(RunRequest(artifact=artifact, params={}, seed=1)).result(60)
    assert outcome.status == "ok", outcome.error
    assert "test_own is run" not in outcome.output
