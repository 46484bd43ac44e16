"""A candidate that behaves badly, and how it must be judged.

`work` is the body of the function that the judge calls, four times, with a number that nobody can know beforehand; it
must return that number plus one. It has `x`, the number, `n`, how many calls there were before, and the helpers of
`PRELUDE`. What it returns as LOOT says that it got what it must not get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightlab.experiments.records import Level
from tests.hostile.programs.program import PRELUDE as HELPERS

PRELUDE = (
    HELPERS
    + """
import json, sys, threading
LOOT, LINE = -666, 4
STATE = {"n": -1}


def frame(message, arrays=b"", data=b"", sizes=None):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack("!IIQ", *(sizes or (len(text), len(arrays), len(data)))) + text + arrays + data


def say(*frames):
    for each in frames:
        os.write(LINE, each)


def nonce():
    \"\"\"What the answer to this call must repeat, from the frames of those who called.\"\"\"
    at = sys._getframe()
    while at:
        me = at.f_locals.get("self")
        if hasattr(me, "_current"):
            return me._current
        at = at.f_back


def start(params, inputs, out, seed):
    STATE.update(out=str(out), params=params)
    prepare(params, inputs, out)


def prepare(params, inputs, out):
    pass
"""
)
JUDGE = """
import os, random, time
def judge(candidate, private, split, seed):
    secret = (private / "labels.prey").read_text()
    draw, taken, wrong = random.SystemRandom(), [], 0
    before = len(os.listdir("/proc/self/fd"))
    for n in range(4):
        x = draw.getrandbits(40)
        answer = candidate.call("work", x, returns=int, tools={"ask": lambda word: len(word)}, tool_calls=5)
        wrong += answer != x + 1
        taken.append(candidate.seconds)
        time.sleep(0.01)
    return {
        "score": wrong,
        "least": min(taken),
        "spent": candidate.spent,
        "asked": candidate.used["ask"],
        "grown": len(os.listdir("/proc/self/fd")) - before - 1,
    }
"""


@dataclass(frozen=True)
class Program:
    """status: how its run must end. says: what the diagnosis must say. wants: what of the metrics must hold, where it
    ends well. fresh: each call has a process of its own. ends: it ends by its time, which is short then."""

    name: str
    work: str
    status: str = "ok"
    says: tuple[str, ...] = ()
    wants: Callable[[Mapping[str, float]], bool] = lambda metrics: True
    head: str = ""
    fresh: bool = False
    levels: tuple[Level, ...] = ("S3", "S2")

    @property
    def ends(self) -> bool:
        return self.status == "timeout"

    @property
    def source(self) -> str:
        body = "\n    ".join(self.work.strip().splitlines())
        return f"""{PRELUDE}
{self.head}

def work(x, tools):
    STATE["n"] += 1
    n, p, out = STATE["n"], STATE["params"], STATE["out"]
    {body}
    return x + 1
"""
