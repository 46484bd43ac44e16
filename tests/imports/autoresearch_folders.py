"""Repositories of autoresearch, with what was seen of them; the data lie beside the folder."""

from __future__ import annotations

from pathlib import Path

from tests.imports.case import Case

PREPARE = '''\
"""Data and evaluation: do not change."""
import json, math, os
CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
TIME_BUDGET = 1 * 1

def shards():
    return [json.loads(line) for line in open(os.path.join(CACHE_DIR, "data", "shard.jsonl"))]

def evaluate_bpb(rate, width):
    return 1 + (rate - shards()[0]["best"]) ** 2 + abs(width - 12) / 100

if __name__ == "__main__":
    raise SystemExit("it would download gigabytes")
'''
TRAIN = """\
import random, sys
from prepare import TIME_BUDGET, evaluate_bpb
random.seed(42)
LEARNING_RATE = 0.1
WIDTH = 8
for step in range(50):
    print(f"\\rstep {step:05d} | loss: {1 / (step + 1):.6f} | remaining: {TIME_BUDGET}s    ", end="", flush=True)
print()
print("---")
print(f"val_bpb:          {evaluate_bpb(LEARNING_RATE, WIDTH):.6f}")
print("training_seconds: 1.0")
print("peak_vram_mb:     45060.2")
"""
PROGRAM = "# autoresearch\n\nGet the lowest val_bpb. VRAM is a soft constraint.\n"
RESULTS = """\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
a1b2c3d\t1.050000\t44.0\tkeep\tbaseline
b2c3d4e\t1.043200\t44.2\tdiscard\tlarger rate
c3d4e5f\t0.000000\t0.0\tcrash\tdouble width
"""
FILES = {"train.py": TRAIN, "prepare.py": PREPARE, "program.md": PROGRAM, "results.tsv": RESULTS}


def _data(folder: Path) -> None:
    (folder / "cache" / "data").mkdir(parents=True)
    (folder / "cache" / "data" / "shard.jsonl").write_text('{"best": 0.3}\n')


def _case(**more):  # type: ignore[no-untyped-def]
    files = {**FILES, **more.pop("files", {})}
    given = {"trust": "reported", "metric": "val_bpb", "options": ("--data", "{folder}/cache"), "more": _data}
    return Case(kind="autoresearch", files=files, **{**given, **more})


AUTORESEARCH = {
    "plain": _case(told="fixes its seed, random.seed(42)", fast=True),
    "history": _case(told="3 earlier trials are told to the coder"),
    "memory": _case(told="peak_vram_mb beyond 67591 costs a little"),
    "no data": _case(options=("--data", "{folder}/nowhere"), refused="--data FOLDER"),
    "no prepare": Case(kind="autoresearch", files={"train.py": TRAIN}, refused="has no prepare.py"),
}
