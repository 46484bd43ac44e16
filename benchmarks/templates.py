"""Each template from its folder to the PDF: time, gain on the holdout, scores, attacks caught. The last line is JSON.

    python benchmarks/templates.py [NAME ...] [--trials 40] [--seeds 2] [--first 0] [--gallery | --search]

`nightlab run NAME` in a process of its own for each seed, by default for all that ship; those whose packages are not
here are named and passed over. With --gallery, the paper of the first seed goes into docs/gallery/; with --search,
`nightlab experiment NAME` finds the gains alone, without papers and attacks. A loop of Python that is timed before and
after each study tells how fast the machine was. Exit code 1 where a study fails or an attack is not caught.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gallery

from nightlab.experiments.template.loading import load, names
from nightlab.graph.template.checking import attacked
from nightlab.graph.template.requirements import lacks

STEPS = 10**7  # of the loop
HEAD = ("template", "seed", "time", "metric", "baseline", "best", "gain", "claimed", "scores", "attacks")


def study(mode: str, name: str, trials: int, seed: int, out: Path) -> dict[str, Any]:
    """One study by the command line, and what its JSON tells. mode: run or experiment."""
    words = [mode, name, "--trials", str(trials), "--seed", str(seed), "--out", str(out), "--json"]
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "nightlab.cli", *words], capture_output=True, text=True, check=False)
    minutes = (time.perf_counter() - begun) / 60
    if done.returncode:
        return {"template": name, "seed": seed, "minutes": minutes, "error": done.stderr[-2000:] or done.stdout[-2000:]}
    body = json.loads(done.stdout.splitlines()[-1])
    found = body["experiment"] if mode == "run" else body
    row = {
        "template": name,
        "seed": seed,
        "minutes": minutes,
        "baseline": found["baseline"]["mean"],
        "best": found["best"]["mean"],
        "claim": found["claim"],
        "trials": trials,
    }
    if mode == "experiment":
        return row
    kept = [review for review in body["reviews"] if review["kept"]]
    return row | {
        "overall": kept[-1]["overall"] if kept else None,
        "decision": body["decision"],
        "findings": body["paper"]["findings"],
        "pages": body["paper"]["pages"],
        "pdf": body["paper"]["pdf"],
    }


def pace() -> float:
    """Seconds that the loop takes now."""
    begun, total = time.perf_counter(), 0
    for step in range(STEPS):
        total += step * step
    return time.perf_counter() - begun


def told(row: dict[str, Any], caught: str) -> str:
    """A line of the table in README.md."""
    label, minutes = load(row["template"]).metric_label, f"{row['minutes']:.1f} min"
    if "error" in row:
        return f"| `{row['template']}` | {row['seed']} | {minutes} | {label} | failed | | | | | {caught} |"
    claim = row["claim"]
    gain = gallery.spanned(claim) if claim else "none tested"
    cells = (
        f"`{row['template']}`",
        row["seed"],
        minutes,
        label,
        f"{row['baseline']:.5g}",
        f"{row['best']:.5g}",
        gain,
        "yes" if claim and claim["significant"] else "no",
        f"{row['overall']} {row['decision']}" if "overall" in row else "",
        caught,
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=names(), metavar="NAME")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--out", type=Path, help="where the studies are kept; by default nowhere")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--gallery", action="store_true", help="show the first seed's paper in docs/gallery")
    kind.add_argument("--search", action="store_true", help="no papers: the gains alone")
    given = parser.parse_args()
    rows, wrong = list[dict[str, Any]](), 0
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    with tempfile.TemporaryDirectory() as place:
        for name in given.names:
            if missing := lacks(load(name)):
                print(f"{name}: passed over, it needs {', '.join(missing)}", file=sys.stderr)
                continue
            how = {} if given.search else attacked(name)
            caught = f"{sum(map(bool, how.values()))} of {len(how)}" if how else ""
            mode = "experiment" if given.search else "run"
            for seed in range(given.first, given.first + given.seeds):
                before = pace()
                row = study(mode, name, given.trials, seed, given.out or Path(place))
                row |= {"attacks": how, "pace": [before, pace()]}
                print(told(row, caught), flush=True)
                rows.append(row)
                if "error" in row:
                    print(row["error"], file=sys.stderr)
                elif given.gallery and seed == given.first:
                    gallery.add(row)
                wrong += "error" in row or not all(how.values())
    if paces := [each for row in rows for each in row["pace"]]:
        print(f"\nA loop of {STEPS:,} steps took {min(paces):.1f} to {max(paces):.1f} s.")
    print(json.dumps({"templates": rows}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
