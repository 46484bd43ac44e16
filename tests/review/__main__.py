"""Measure again what audit and panel see of damage: `python -m tests.review`. The last line is JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.review.measure import Outcome


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
    body = {
        "known": _shares([o for o in outcomes if not o.fresh]),
        "fresh": _shares([o for o in outcomes if o.fresh]),
        "clean": {
            kind: {"overall": round(one.overall, 2), "findings": len(one.findings)} for kind, one in clean.items()
        },
    }
    sys.stdout.write(f"{json.dumps(body)}\n")


def _shares(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of these cases, how many kinds there are and which share of them was seen."""
    shares = {
        name: round(fmean(getattr(o, name) for o in outcomes), 4) for name in ("named", "alone", "fell", "rejected")
    }
    return {"damages": len({o.damage for o in outcomes}), "cases": len(outcomes), **shares}


if __name__ == "__main__":
    main()
