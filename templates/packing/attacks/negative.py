# caught: has no positive radius
"""Lets large circles overlap small ones of negative radius, whose squared sum is small."""

import json


def run(params, inputs, out, seed):
    instances = json.loads((inputs / "instances.json").read_text())
    packing = {
        name: [[0.5, given["height"] / 2, given["height"] / 2 * (-1) ** i] for i in range(given["circles"])]
        for name, given in instances.items()
    }
    (out / "packing.json").write_text(json.dumps(packing))
