"""Measure again what audit and panel see of damage: `python -m tests.review`. The last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.review", description=__doc__)
    parser.add_argument("--papers", default="positive,negative,exact,edits", help="kinds of papers, by commas")
    parser.add_argument("--study", action="append", default=[], type=Path, help="a finished study besides")
    given = parser.parse_args()
    os.environ["NIGHTLAB_ARXIV_URL"] = "http://127.0.0.1:9/api/query"  # nobody listens there: no network
    from tests.review.measure import damaged, seen
    from tests.review.papers import make, submitted

    with tempfile.TemporaryDirectory() as place:
        folders = {kind: make(kind, Path(place)) for kind in given.papers.split(",") if kind}
        folders |= {folder.name: folder for folder in given.study}
        papers = {kind: (submitted(folder), folder / "paper") for kind, folder in folders.items()}
        clean = {kind: seen(*paper) for kind, paper in papers.items()}
        for kind, one in clean.items():
            sys.stdout.write(f"clean {kind}: overall {one.overall:.2f}, {len(one.findings)} findings\n")
        outcomes = list(damaged(papers))
    for o in outcomes:
        if not (o.named and o.fell):
            told = ", ".join(o.found) or "nothing"
            sys.stdout.write(f"{o.paper}: {o.damage}: {'named' if o.named else 'NOT named'}, ")
            sys.stdout.write(f"{'fell' if o.fell else 'did NOT fall'}; found {told}\n")
    every = len(outcomes)
    body = {
        "damages": len({o.damage for o in outcomes}),
        "cases": every,
        "named": round(sum(o.named for o in outcomes) / every, 4),
        "fell": round(sum(o.fell for o in outcomes) / every, 4),
        "rejected": round(sum(o.rejected for o in outcomes) / every, 4),
        "clean": {
            kind: {"overall": round(one.overall, 2), "findings": len(one.findings)} for kind, one in clean.items()
        },
    }
    sys.stdout.write(f"{json.dumps(body)}\n")


if __name__ == "__main__":
    main()
