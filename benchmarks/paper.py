"""What a paper costs: from the end of the search to the PDF of one round, on experiments that take no time.

    python benchmarks/paper.py [--trials 100 1000 10000]

Facts, figures, text, LaTeX, audit and review of a study of each size, in a fresh process. The last line is JSON.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from instant import begin, by_size, memory_mb


def study(trials: int) -> None:
    """One study in this process; prints seconds by stage, pages and the highest memory of the process."""
    from nightlab.graph import session

    with tempfile.TemporaryDirectory() as name:
        place = begin(Path(name), "pipeline", trials=trials, rounds=0)
        stages: list[tuple[str, float]] = []

        def hear(event):  # type: ignore[no-untyped-def]
            if "stage" in event:
                stages.append((event["stage"], time.perf_counter()))

        session.work(place, hear)
        stages.append(("end", time.perf_counter()))
        since = [s for s, _ in stages].index("analyse")
        spent: dict[str, float] = {}
        for (stage, begun), (_, ended) in zip(stages[since:], stages[since + 1 :], strict=False):
            spent[stage] = round(spent.get(stage, 0.0) + ended - begun, 2)
        compiled = json.loads((place / "paper" / "compiled.json").read_text())
        total = stages[-1][1] - stages[since][1]
        row = {"s": round(total, 2), "stages": spent, "pages": compiled["pages"], "mb": memory_mb("VmHWM")}
        print(json.dumps(row))


def main() -> None:
    result: dict[str, float] = {}
    for trials, row in by_size(__file__, __doc__ or "", study):
        told = ", ".join(f"{stage} {seconds:g}" for stage, seconds in row["stages"].items())
        print(f"{trials:6} trials: {row['s']:g} s ({told}), {row['pages']} pages, {row['mb']:.0f} MB at the highest")
        result |= {f"paper_s_{trials}": row["s"], f"pages_{trials}": row["pages"]}
        result[f"rss_mb_{trials}"] = round(row["mb"], 1)
    if result:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
