"""What the loop itself costs: graph, checkpoint, ledger and decision per trial, on experiments that take no time.

    python benchmarks/overhead.py [--trials 100 1000 10000]

Each size is a study of its own in a fresh process, with a runner whose runs are done when they are submitted, one seed
a verdict and the random policy, so that what is left is the loop. The last line is JSON.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from instant import begin, by_size, memory_mb


def study(trials: int) -> None:
    """One study in this process; prints milliseconds a trial, database size and the growth of the memory: over the
    search, and to its highest until the study has ended."""
    from nightlab.graph import session

    with tempfile.TemporaryDirectory() as name:
        place = begin(Path(name), "experiment", trials=trials)
        marks: dict[int, tuple[float, float]] = {}

        def hear(event):  # type: ignore[no-untyped-def]
            if event.get("trial") in (0, min(50, trials // 2), trials):
                marks[event["trial"]] = (time.perf_counter(), memory_mb())

        session.work(place, hear)
        size = sum(f.stat().st_size for f in place.glob("*.db*"))
        (start, _), (_, before), (end, after) = marks[0], marks[min(50, trials // 2)], marks[trials]
        grown = {"mb": after - before, "peak_mb": memory_mb("VmHWM") - before}
        print(json.dumps({"ms": 1000 * (end - start) / trials, "kb": size / 1024 / trials, **grown}))


def main() -> None:
    result: dict[str, float] = {}
    for trials, row in by_size(__file__, __doc__ or "", study):
        told = f"{row['ms']:.2f} ms a trial, {row['kb']:.2f} kB a trial"
        print(f"{trials:6} trials: {told}, {row['mb']:+.1f} MB, at the highest {row['peak_mb']:+.1f} MB")
        result[f"overhead_ms_{trials}"] = round(row["ms"], 2)
        last = {"db_kb_per_trial": row["kb"], "rss_mb_growth": row["mb"], "rss_mb_peak": row["peak_mb"]}
        result |= {name: round(value, 2) for name, value in last.items()}
    if result:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
