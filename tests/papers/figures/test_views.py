"""Figures that templates declare: each mark drawn of any data, and tables that cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from nightlab.experiments.template.figures import FigureTable
from nightlab.papers.figures import views
from nightlab.papers.figures.views import Layer, View
from tests.papers.sample import pdf_text

LINE = [[1, 1.0], [10, 3.0]]
LAYERS: dict[str, list[Layer]] = {
    "a line with its band": [
        Layer(mark="line", label="$a_b", side="best", rows=LINE, band=[[1, 0.5, 2.0], [10, 2, 4]]),
        Layer(mark="line", label="roof", side="", rows=LINE),
    ],
    "points": [Layer(mark="points", label="a", side=side, rows=LINE) for side in ("baseline", "best")],
    "circles": [Layer(mark="circles", label="", side="best", rows=[[0.5, 0.5, 0.5]])],
    "an image": [Layer(mark="image", label="", side="best", rows=np.eye(500, 300).tolist())],
    "alike": [Layer(mark="image", label="", side="best", rows=[[0.0]])],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_drawn_as_vectors_with_their_data_beside_them(name: str, tmp_path: Path) -> None:
    panels = [View(layers=LAYERS[name], heading=heading) for heading in ("baseline", "best")]
    views.draw(tmp_path / "f.pdf", panels, "intensity", "", equal=name == "circles")
    assert b"/Subtype /Image" not in (tmp_path / "f.pdf").read_bytes()
    assert "intensity" in pdf_text(tmp_path / "f.pdf")
    assert json.loads((tmp_path / "f.json").read_text())["views"][0]["layers"][0]["mark"] == LAYERS[name][0].mark
    assert (tmp_path / "f.pdf").stat().st_size < 300_000


TABLE: dict[str, Any] = {"key": "a", "title": "A figure", "layer": [{"mark": "line", "data": "arrays.a"}]}
BAD = {
    "another mark": {"layer": [{"mark": "pie", "data": "arrays.a"}]},
    "a file": {"layer": [{"mark": "line", "data": "figures/mine.png"}]},
    "no layer": {"layer": []},
    "crossed bounds": {"bounds": [1.0, 0.0, 0.0, 1.0]},
    "no logarithm": {"log": ["x"], "bounds": [0.0, 1.0, 0.0, 1.0]},
    "code": {"code": "plt.show()"},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_declaration_is_refused(name: str) -> None:
    assert FigureTable.model_validate(TABLE).layer[0].of == "both"
    with pytest.raises(ValidationError):
        FigureTable.model_validate(TABLE | BAD[name])
