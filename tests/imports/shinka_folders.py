"""Tasks of ShinkaEvolve, with what was seen over its examples."""

from __future__ import annotations

from tests.imports.case import Case

PROGRAM = """\
# EVOLVE-BLOCK-START
SPACING = 0.2
COUNT = 7


def construct():
    return [SPACING * n for n in range(COUNT)]
# EVOLVE-BLOCK-END


def run_experiment(seed=0, **kwargs):
    return construct(), seed
"""
EVALUATE = """\
import argparse
from shinka.core import run_shinka_eval

def validate(result):
    numbers, _ = result
    return (len(numbers) < 50, f"{len(numbers)} numbers are too many")

def aggregate(results):
    numbers = results[0][0]
    return {
        "combined_score": -abs(sum(numbers) - 6.0),
        "public": {"count": len(numbers)},
        "private": {"secret": 4711.0},
        "text_feedback": f"the sum is {sum(numbers):.3f}",
    }

def main(program_path, results_dir):
    run_shinka_eval(
        program_path=program_path, results_dir=results_dir, experiment_fn_name="run_experiment", num_runs=2,
        validate_fn=validate, aggregate_metrics_fn=aggregate,
    )

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path", default="initial.py")
    parser.add_argument("--results_dir", default="results")
    args = parser.parse_args()
    main(args.program_path, args.results_dir)
"""
GIVEN = EVALUATE.replace("num_runs=2,", "num_runs=3, get_experiment_kwargs=lambda n: {'seed': 100 + n},")
EXTRA = EVALUATE.replace('"text_feedback"', '"extra_data": {"object": object()}, "text_feedback"')
NO_SCORE = EVALUATE.replace('"combined_score"', '"closeness"')
BY_HAND = """\
import argparse, json, os, subprocess, sys

parser = argparse.ArgumentParser()
parser.add_argument("--program_path")
parser.add_argument("--results_dir")
args = parser.parse_args()
done = subprocess.run([sys.executable, args.program_path], capture_output=True, text=True)
os.makedirs(args.results_dir, exist_ok=True)
good = done.returncode == 0 and bool(done.stdout.strip())
score = -abs(float(done.stdout) - 6.0) if good else 0.0
json.dump({"combined_score": score, "public": {}, "private": {}}, open(f"{args.results_dir}/metrics.json", "w"))
json.dump({"correct": good, "error": done.stderr}, open(f"{args.results_dir}/correct.json", "w"))
"""
RUN_EVO = '''\
from shinka.core import EvolutionConfig

TASK = """You find numbers
that sum to six."""
config = EvolutionConfig(task_sys_msg=TASK, llm_models=["nobody"])
'''
SETTINGS = "evo_config:\n  task_sys_msg: You find numbers that sum to six.\njob_config:\n  time: '00:02:00'\n"


def _case(evaluate: str = EVALUATE, program: str = PROGRAM, **more):  # type: ignore[no-untyped-def]
    files = {"initial.py": program, "evaluate.py": evaluate, "run_evo.py": RUN_EVO}
    return Case(kind="shinka", files={**files, **more.pop("files", {})}, **more)


SHINKA = {
    "plain": _case(told="private_secret", fast=True),
    "given": _case(GIVEN, files={"shinka.yaml": SETTINGS}),
    "extra": _case(EXTRA),
    "not valid": _case(program=PROGRAM.replace("COUNT = 7", "COUNT = 70"), refused="70 numbers are too many"),
    "no score": _case(NO_SCORE, refused="--metric closeness"),
    "by hand": _case(
        BY_HAND, PROGRAM + "\nprint(sum(construct()))\n", trust="reported", told="metrics count as reported"
    ),
    "no evaluate": Case(kind="shinka", files={"initial.py": PROGRAM}, refused="has no evaluate.py"),
}
