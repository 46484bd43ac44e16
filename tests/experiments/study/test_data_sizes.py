"""Sizes of the data: rows of files that the template names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nightlab.experiments.study.data.sizes import measured
from nightlab.experiments.template.template import TemplateError

TEXTS = {
    "two.csv": 'a,b\n1,"x\ny"\n2,z\n',
    "two.tsv": "a\tb\n1\t2\n3\t4\n\n",
    "three.jsonl": "{}\n\n{}\n{}",
    "none.csv": "",
    "one.txt": "a line\n",
}


def places(folder: Path) -> dict[str, Path]:
    found = {"inputs": folder / "inputs", "private": folder / "private"}
    for place in found.values():
        place.mkdir()
    for name, text in TEXTS.items():
        (found["inputs"] / name).write_text(text)
    np.save(found["private"] / "images.npy", np.zeros((5, 8, 8)))
    np.save(found["private"] / "number.npy", np.float64(3))
    return found


def test_rows_are_counted_by_the_form_of_their_file(tmp_path: Path) -> None:
    sizes = {name.split(".")[0] + " " + name.split(".")[1]: f"inputs/{name}" for name in TEXTS}
    found = measured({**sizes, "images": "private/images.npy"}, places(tmp_path))
    assert found == {"two csv": 2, "two tsv": 2, "three jsonl": 3, "none csv": 0, "one txt": 1, "images": 5}


@pytest.mark.parametrize("name", ["inputs/absent.csv", "private/absent.npy", "private/number.npy", "inputs/one.npy"])
def test_what_cannot_be_counted_is_named(name: str, tmp_path: Path) -> None:
    where = places(tmp_path)
    (where["inputs"] / "one.npy").write_text("no array")
    with pytest.raises(TemplateError, match=rf"\[data\.sizes\.rows\]: the rows of {name} cannot be counted"):
        measured({"rows": name}, where)
