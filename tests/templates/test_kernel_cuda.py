"""The kernels in Triton, by its interpreter: every method is right, and the judge sees a shorter form of numbers."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import SHIPPED, find, load
from tests.templates.loading import laid_out, module

NAME = "kernel/cuda"
TEMPLATE = load(NAME)


def test_it_is_found_beside_the_other_and_shares_its_judge() -> None:
    assert find(NAME) == SHIPPED / "kernel" / "cuda"
    for name in ("judge.py", "references.bib"):
        assert (SHIPPED / NAME / name).read_bytes() == (SHIPPED / "kernel" / name).read_bytes()
    assert len(TEMPLATE.ideas) >= 3
    assert TEMPLATE.spec.run.gpus == 1


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    if not importlib.util.find_spec("triton"):
        pytest.skip("kernel/cuda needs triton")
    if "triton" in sys.modules:
        pytest.skip("Triton was imported as a compiler before")
    torch = pytest.importorskip("torch", reason="kernel/cuda needs torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU, so that the interpreter is not used")
    sys.path.insert(0, str(SHIPPED / NAME))  # its files import device.py and kernels.py beside them
    others = {name: sys.modules.pop(name, None) for name in ("device", "kernels")}
    found = {name: module(NAME, name) for name in ("prepare", "experiment", "judge")}
    found["judge"].PRODUCTS = {"dev": [(40, 48, 36)]}  # the interpreter is slow
    found["judge"].FIELDS = {"dev": [(40, 36, 5)]}
    sys.modules |= {name: other for name, other in others.items() if other}
    sys.path.remove(str(SHIPPED / NAME))
    return found


@pytest.fixture(scope="module")
def private(parts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(parts["prepare"], tmp_path_factory.mktemp("cuda"), seed=2**100) / "private"


class Here:
    """A candidate in this process. form: what becomes of the numbers of a question."""

    seconds = 0.001

    def __init__(self, answers: Any, form: Any = lambda array: array) -> None:
        self.answers, self.form = answers, form

    def call(self, name: str, *question: Any, **_: Any) -> Any:
        formed = (self.form(given) if isinstance(given, np.ndarray) else given for given in question)
        return getattr(self.answers, name)(*formed)


def tf32(array: Any) -> Any:
    """The numbers with the ten bits that units for blocks keep."""
    return (array.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy in the interpreter, of what is not finite
@pytest.mark.parametrize(
    "params",
    [
        {"high": 64, "wide": 64, "tall": 8, "broad": 64},
        {"product": "dot", "high": 64, "wide": 64, "deep": 32, "steps": 2, "tall": 16, "broad": 64},
    ],
    ids=["textbook", "blocks"],
)
def test_every_method_is_right(params: dict[str, Any], parts: dict[str, Any], private: Path) -> None:
    parts["experiment"].start({**TEMPLATE.defaults, **params}, Path(), Path(), 0)
    metrics = parts["judge"].judge(Here(parts["experiment"]), private, "dev", 1)
    assert metrics["wrong"] == 0
    assert metrics["share"] > 0
    if params.get("product") == "dot":
        assert parts["judge"].judge(Here(parts["experiment"], tf32), private, "dev", 1)["wrong"] > 500


def test_a_larger_device_is_asked_for_larger_products(parts: dict[str, Any], private: Path, tmp_path: Path) -> None:
    roof = json.loads((private / "roofline.json").read_text())
    assert roof["device"] == "Triton's interpreter"
    (tmp_path / "roofline.json").write_text(json.dumps({**roof, "scale": 2}))
    (tmp_path / "dev.json").write_text((private / "dev.json").read_text())
    seen = list[Any]()

    class Sized(Here):
        def call(self, name: str, *question: Any, **_: Any) -> Any:
            seen.append((name, question[0].shape))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        parts["judge"].judge(Sized(None), tmp_path, "dev", 0)
    rows, depth, _ = parts["judge"].PRODUCTS["dev"][0]
    assert seen == [("load_product", (2 * rows, 2 * depth))]
