# caught: is no number
"""Writes radii that compare as neither larger nor smaller, so that no overlap is found."""

import json


def run(params, inputs, out, seed):
    instances = json.loads((inputs / "instances.json").read_text())
    packing = {name: [[0.5, 0.5, float("nan")]] * given["circles"] for name, given in instances.items()}
    (out / "packing.json").write_text(json.dumps(packing))
