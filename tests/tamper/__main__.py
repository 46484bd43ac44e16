"""Alter small studies a thousand times and verify each; verify clean ones. The last line is JSON.

python -m tests.tamper [--alterations 1000] [--first 0] [--clean 50]

--first: of the alterations, by their numbers, so that several processes can share them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.tamper import small
from tests.tamper.alterations import ALTERATIONS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alterations", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--clean", type=int, default=50)
    asked = parser.parse_args()
    result = {"alterations": 0, "found": 0, "found_by_stranger": 0, "clean": 0, "clean_pass": 0}
    with tempfile.TemporaryDirectory(prefix="nightlab-tamper-") as name:
        place = Path(name)
        study = small.study(place / "first")
        all_of_them = zip(itertools.count(), itertools.cycle(ALTERATIONS), strict=False)
        for seed, kind in itertools.islice(all_of_them, asked.first, asked.first + asked.alterations):
            to, told = small.altered(study, place / "altered", kind, seed)
            result["alterations"] += 1
            for who, finds in (("found", small.first_wrong), ("found_by_stranger", small.wrong_by_a_stranger)):
                if finds(to):
                    result[who] += 1
                else:
                    print(f"not {who}: {kind} ({seed}): {told}", flush=True)
        began = time.monotonic()
        for seed in range(asked.clean):
            clean = small.study(place / f"clean-{seed}", seed, models=bool(seed % 2))
            found = small.wrong(clean)
            result["clean"] += 1
            result["clean_pass"] += not found
            print(*found, sep="\n", end="")
        print(f"clean studies made and verified in {time.monotonic() - began:.0f} s")
    print(json.dumps(result))
    sys.exit(result["found"] != result["alterations"] or result["clean_pass"] != result["clean"])


if __name__ == "__main__":
    main()
