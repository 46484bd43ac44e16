"""`python -m tests.gate FILE.jsonl`: what the gate does with a file of sentences, as one JSON object on the last line.

A row: `sentence`, `class`, `verdict` (improvement or no improvement), `should` (caught, pass, frame or either).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from nightlab.papers.audit.ground import Ground
from nightlab.papers.audit.sentences import objection
from tests.gate.study import Study

WORDS = {"caught": "caught", "pass": "flagged", "frame": "frames"}  # should -> the share that is told


def measured(rows: Iterable[dict[str, str]], study: Study, *, shown: bool = False) -> dict[str, Any]:
    """The shares of all rows and of each class, with the counts."""

    @cache
    def ground(verdict: str) -> Ground:
        return study.ground({"improvement": True, "no improvement": False}.get(verdict))

    told = defaultdict[str, list[bool]](list)
    classes = defaultdict[str, dict[str, list[bool]]](lambda: defaultdict(list))
    for row in rows:
        name = WORDS.get(row["should"])
        if name is None:
            continue
        reason = objection(row["sentence"], ground(row["verdict"]))
        hit = study.says(row["sentence"], row["verdict"]) if name == "frames" else bool(reason)
        told[name].append(hit)
        classes[row["class"]][name].append(hit)
        if shown and hit == (name == "flagged"):
            print(f"{name}: {row['class']}: {row['sentence']}" + (f" [{reason}]" if reason else ""))
    return {
        **{name: _share(told[name]) for name in WORDS.values()},
        "counts": {name: len(hits) for name, hits in told.items()},
        "classes": {c: {name: _share(hits) for name, hits in found.items()} for c, found in sorted(classes.items())},
    }


def _share(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.gate", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON lines")
    parser.add_argument("--show", action="store_true", help="print each sentence that the gate gets wrong")
    asked = parser.parse_args()
    rows = [json.loads(line) for line in asked.file.read_text(encoding="utf-8").splitlines() if line.strip()]
    print(json.dumps(measured(rows, Study(), shown=asked.show), ensure_ascii=False))


if __name__ == "__main__":
    main()
