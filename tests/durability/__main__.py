"""`make durability`: studies that are killed, starved and corrupted, and what became of them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.durability.damage import SCENARIOS, Scene
from tests.durability.kills import campaign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kill -9 at so many random moments")
    parser.add_argument("--trials", type=int, default=6, help="trials of each study")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--only", choices=("kills", "damage"), help="one half of it")
    args = parser.parse_args()
    told: dict[str, object] = {}
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="nightlab-durability-") as name:
        if args.only != "damage":
            tally = campaign(Path(name) / "kills", kills=args.kills, trials=args.trials, seed=args.seed)
            faults += tally.faults
            told = {k: v for k, v in vars(tally).items() if k != "faults"}
        if args.only != "kills":
            scene = Scene(Path(name) / "damage")
            for what, disturb in SCENARIOS.items():
                fault = disturb(scene)
                told[what.replace(" ", "_").replace("-", "_")] = "passed" if not fault else "failed"
                faults += [f"{what}: {fault}"] if fault else []
    for fault in faults:
        print(fault)
    print(json.dumps({**told, "faults": len(faults)}))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
