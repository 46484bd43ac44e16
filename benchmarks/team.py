"""A whole study with a small real model in every role: does it end with a true paper, and what does the model do?

    python benchmarks/team.py [--model openai:coder] [--base-url http://127.0.0.1:8099/v1] [--trials 8] [--minutes 45]

Any server that speaks OpenAI's protocol will do. The last line is JSON: minutes, calls, tokens_in, cached (share of
them), tokens_out, fallbacks by role, proposals that the model was asked for and how many of them applied and were
judged, and findings of the audit. Exit code 1 where there is no paper, it took too long, or the audit found something.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from nightlab.agents.chat.settings import model_settings
from nightlab.agents.chat.usage import usage
from nightlab.agents.documents import Fallback, Proposed
from nightlab.experiments.study.study import read


def measured(folder: Path) -> dict[str, Any]:
    """What the ledger tells of the model's part."""
    study = read(folder)
    try:
        ledger = study.ledger
        used = usage(ledger)
        asked = {int(k): each for k, each in ledger.all(Proposed).items() if each.by == "model"}
        applied = {k for k, body in asked.items() if body.change.proposer == model_settings(study.ledger).model}
        judged = [t for t in ledger.trials() if t.number in applied and t.verdict]
        latencies = [call.answer.latency_s for call in ledger.calls.all() if call.answer]
        return {
            "calls": used["calls"],
            "tokens_in": used["tokens_in"],
            "cached": round(used["tokens_cached"] / max(1, used["tokens_in"]), 3),
            "tokens_out": used["tokens_out"],
            "answering_minutes": round(sum(latencies) / 60, 1),
            "fallbacks": dict(Counter(each.role for each in ledger.all(Fallback).values())),
            "proposals": len(asked),
            "applied": len(applied),
            "verdicts": dict(Counter(t.verdict.kind for t in judged if t.verdict)),
        }
    finally:
        study.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="openai:coder")
    parser.add_argument("--base-url", default="http://127.0.0.1:8099/v1")
    parser.add_argument("--template", default="digits")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=45.0, help="how long it may take")
    parser.add_argument("--out", type=Path, help="where the study is kept; by default nowhere")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightlab-team-") as name:
        out = args.out or Path(name)
        command = [sys.executable, "-m", "nightlab.cli", "run", args.template, "--trials", str(args.trials)]
        command += ["--model", args.model, "--base-url", args.base_url, "--out", str(out), "--record", "--json"]
        started = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        minutes = (time.monotonic() - started) / 60
        if done.returncode:
            return done.returncode
        body = json.loads(done.stdout.splitlines()[-1])
        result = {
            "model": args.model,
            "minutes": round(minutes, 1),
            **measured(Path(body["study"])),
            "pages": body["paper"]["pages"],
            "findings": body["paper"]["findings"],
        }
        print(json.dumps(result))
    return int(minutes > args.minutes or not body["paper"]["pdf"] or body["paper"]["findings"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
