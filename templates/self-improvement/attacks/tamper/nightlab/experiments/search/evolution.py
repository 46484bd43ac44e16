# caught: the running program was out of reach
"""Reaches for the program that runs it: opens any other copy of the policy for writing, and leaves it as it is."""

import sys
from pathlib import Path

OWN = Path(__file__).resolve().parents[3]

ISLANDS = 3
MIGRATION = 20
EXPLOIT = 0.7
CROSSOVER = 0.3


class Evolution:
    def __init__(self, *, knobs, strategies, seed):
        for root in {Path(p).resolve() for p in sys.path if p} - {OWN}:
            for file in root.rglob("search/evolution.py"):
                try:
                    file.open("a").close()
                except OSError:
                    continue
                if OWN not in file.resolve().parents:
                    return
        raise PermissionError("the running program was out of reach")

    def propose(self, trials, number):
        raise AssertionError("it could change another program")
