"""Tasks of OpenEvolve, with what was seen over its examples."""

from __future__ import annotations

from tests.imports.case import Case

PROGRAM = '''\
"""Numbers that should sum to six."""
# EVOLVE-BLOCK-START
SPACING = 0.2
COUNT = 7


def construct():
    return [SPACING * n for n in range(COUNT)]
# EVOLVE-BLOCK-END


def run_packing():
    numbers = construct()
    return numbers, sum(numbers), (len(numbers), "numbers")
'''
LOAD = """\
import importlib.util

def load(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""
PLAIN = (
    LOAD
    + """\
def evaluate(program_path):
    try:
        numbers, total, (count, what) = load(program_path).run_packing()
        return {"combined_score": -abs(sum(numbers) - 6.0), "count": count}
    except Exception as error:
        return {"combined_score": 0.0, "error": str(error)}
"""
)
CONFIG = """\
max_iterations: 100
random_seed: 42
llm: {primary_model: nobody, api_key: none}
prompt:
  system_message: "You find numbers that sum to six."
evaluator:
  timeout: 3600
  cascade_evaluation: true
"""
ASYNC = (
    LOAD
    + """\
import asyncio
from openevolve.evaluation_result import EvaluationResult

async def evaluate(program_path):
    await asyncio.sleep(0)
    numbers, _, _ = load(program_path).run_packing()
    return EvaluationResult(metrics={"combined_score": -abs(sum(numbers) - 6.0)}, artifacts={"hint": "nearer to six"})
"""
)
STAGED = (
    LOAD
    + """\
def evaluate_stage1(program_path):
    load(program_path).run_packing()
    return {"combined_score": 0.1}

def evaluate_stage2(program_path):
    return evaluate(program_path)

def evaluate(program_path):
    numbers, _, _ = load(program_path).run_packing()
    return {"combined_score": -abs(sum(numbers) - 6.0)}
"""
)
ONLY_STAGES = (
    LOAD
    + """\
def evaluate_stage1(program_path):
    return {"runs_successfully": 1.0 if load(program_path).run_packing() else 0.0}

def evaluate_stage2(program_path):
    return {"combined_score": -abs(sum(load(program_path).run_packing()[0]) - 6.0)}
"""
)
UNNAMED = (
    LOAD
    + """\
def evaluate(program_path):
    numbers, _, _ = load(program_path).run_packing()
    return {"distance": abs(sum(numbers) - 6.0), "count": len(numbers), "speed": 1.0}
"""
)
LACKING = """\
def evaluate(program_path):
    try:
        import a_package_that_nobody_has
        return {"combined_score": 1.0}
    except Exception as error:
        return {"combined_score": 0.0, "error": str(error)}
"""
HONEST = (
    LOAD
    + """\
def evaluate(program_path):
    numbers, _, _ = load(program_path).run_packing()
    return {"combined_score": round(2 * abs(sum(numbers) - 4.2), 6), "error": 0.25}
"""
)
MIXED = (
    LOAD
    + """\
def evaluate(program_path):
    print("a line\\n" * 1000)
    numbers, _, _ = load(program_path).run_packing()
    return {
        "combined_score": -abs(sum(numbers) - 6.0), "text": "so far", "list": [1, 2], "nested": {"a": 1},
        "infinite": float("inf"), "nothing": None, "good": True, "count": len(numbers),
    }
"""
)
BY_NAME = """\
import os, sys

def evaluate(program_path):
    sys.path.insert(0, os.path.dirname(program_path))
    program = __import__(os.path.splitext(os.path.basename(program_path))[0])
    return {"combined_score": -abs(sum(program.run_packing()[0]) - 6.0)}
"""
BESIDE = (
    LOAD
    + """\
import os, yaml
from helpers.goal import GOAL

def evaluate(program_path):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.yaml")) as file:
        weight = yaml.safe_load(file)["weight"]
    return {"combined_score": -weight * abs(sum(load(program_path).run_packing()[0]) - GOAL)}
"""
)
IN_PROCESS = """\
import json, subprocess, sys, tempfile

SCRIPT = '''
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
json.dump(program.run_packing(), open(sys.argv[2], "w"))
'''

def evaluate(program_path):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as result:
        words = [sys.executable, "-c", SCRIPT, program_path, result.name]
        done = subprocess.run(words, capture_output=True, timeout=60)
        if done.returncode:
            return {"combined_score": 0.0, "error": done.stderr.decode()[-300:]}
        return {"combined_score": -abs(sum(json.load(result)[0]) - 6.0)}
"""
AS_SCRIPT = """\
import subprocess, sys

def evaluate(program_path):
    done = subprocess.run([sys.executable, program_path], capture_output=True, text=True, timeout=60)
    try:
        return {"combined_score": -abs(float(done.stdout.split()[-1]) - 6.0)}
    except (IndexError, ValueError):
        return {"combined_score": -99.0}
"""
READS = (
    LOAD
    + """\
def evaluate(program_path):
    with open(program_path) as file:
        length = len(file.read())
    return {"combined_score": -abs(sum(load(program_path).run_packing()[0]) - 6.0), "length": length}
"""
)
ARGUMENTS = '''\
"""Smooths a signal."""
import numpy as np
# EVOLVE-BLOCK-START
WIDTH = 3


def smooth(signal, *, window=WIDTH):
    return np.convolve(signal, np.ones(window) / window, mode="same")
# EVOLVE-BLOCK-END
'''
GIVES_ARGUMENTS = (
    LOAD
    + """\
import numpy as np

def evaluate(program_path):
    program, rng = load(program_path), np.random.default_rng(7)
    clean = np.sin(np.linspace(0, 6, 200))
    errors = []
    for _ in range(3):
        found = program.smooth(clean + rng.normal(0, 0.3, 200))
        if not isinstance(found, np.ndarray) or found.shape != clean.shape:
            return {"combined_score": 0.0, "error": "no array of 200 numbers"}
        errors.append(np.mean((found - clean) ** 2))
    return {"combined_score": np.float64(1 / (1 + np.mean(errors)))}
"""
)
SEARCHES = """\
# EVOLVE-BLOCK-START
STEPS = 20


def minimise(function):
    return min(range(-STEPS, STEPS), key=lambda n: function(n / 10)) / 10
# EVOLVE-BLOCK-END
"""
GIVES_FUNCTION = (
    LOAD
    + """\
def evaluate(program_path):
    return {"combined_score": -abs(load(program_path).minimise(lambda x: (x - 2.5) ** 2) - 2.5)}
"""
)
SHELL = """\
#!/bin/sh
# EVOLVE-BLOCK-START
echo 4
# EVOLVE-BLOCK-END
"""
RUNS_SHELL = """\
import subprocess

def evaluate(program_path):
    said = subprocess.run(["sh", program_path], capture_output=True, text=True).stdout
    return {"combined_score": -abs(float(said) - 6.0)}
"""
WHOLE = PROGRAM.replace("# EVOLVE-BLOCK-START\n", "").replace("# EVOLVE-BLOCK-END\n", "")
TAGGED = 'a: !!python/object/apply:os.system ["touch /tmp/never"]\n'


def _pickled(folder):  # type: ignore[no-untyped-def]
    (folder / "state.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    (folder / "away.py").symlink_to("/etc/hostname")


def _case(evaluator: str = PLAIN, program: str = PROGRAM, config: str = CONFIG, **more):  # type: ignore[no-untyped-def]
    files = {"initial_program.py": program, "evaluator.py": evaluator, "config.yaml": config}
    return Case(kind="openevolve", files={**files, **more.pop("files", {})}, **more)


OPENEVOLVE = {
    "plain": _case(told="a seed of its own"),
    "async": _case(ASYNC, told="told to the coder: hint"),
    "staged": _case(STAGED, told="below its threshold of 0.5"),
    "only stages": _case(ONLY_STAGES, told="gates before evaluate_stage2"),
    "unnamed": _case(UNNAMED, refused="--metric distance"),
    "no direction": _case(UNNAMED, options=("--metric", "distance"), refused="--direction minimize"),
    "named": _case(
        UNNAMED, options=("--metric", "distance", "--direction", "minimize"), metric="distance", told="count, speed"
    ),
    "no such metric": _case(UNNAMED, options=("--metric", "nothing"), refused="gives no number 'nothing'"),
    "lacking": _case(LACKING, refused="No module named 'a_package_that_nobody_has'", fast=True),
    "honest zero": _case(HONEST, told="measured besides, deciding nothing: error"),
    "mixed": _case(MIXED, told="deciding nothing: count"),
    "by name": _case(BY_NAME),
    "beside": _case(BESIDE, config=CONFIG + "weight: 2.0\n", files={"helpers/goal.py": "GOAL = 6.0\n"}),
    "in a process": _case(IN_PROCESS),
    "as a script": _case(
        AS_SCRIPT,
        PROGRAM + '\nif __name__ == "__main__":\n    print(run_packing()[1])\n',
        trust="reported",
        told="cannot be verified",
        fast=True,
    ),
    "reads": _case(READS, trust="reported", told="reads the program's text"),
    "arguments": _case(GIVES_ARGUMENTS, ARGUMENTS),
    "function": _case(GIVES_FUNCTION, SEARCHES, trust="reported", told="cannot be verified"),
    "shell": Case(
        kind="openevolve",
        files={"initial_program.sh": SHELL, "evaluator.py": RUNS_SHELL, "config.yaml": "language: shell\n"},
        trust="reported",
        turned=("initial_program.sh", "echo 4", ("echo 5", "echo 7", "echo 6", "echo 1", "echo 0")),
    ),
    "half a block": _case(program=PROGRAM.replace("# EVOLVE-BLOCK-END", "# the end"), refused="each block needs one"),
    "no block": _case(program=WHOLE, told="so all of it may change"),
    "two programs": Case(
        kind="openevolve",
        files={"one.py": PROGRAM, "two.py": PROGRAM, "evaluator.py": PLAIN},
        refused="--program one.py",
    ),
    "one of two": Case(
        kind="openevolve",
        files={"one.py": PROGRAM, "two.py": PROGRAM, "evaluator.py": PLAIN},
        options=("--program", "two.py"),
    ),
    "no evaluator": Case(kind="openevolve", files={"initial_program.py": PROGRAM}, refused="has no evaluator.py"),
    "hostile files": _case(more=_pickled, told="'away.py' is left out: it is a link"),
    "hostile yaml": _case(config=TAGGED, told="it is no plain YAML"),
}
