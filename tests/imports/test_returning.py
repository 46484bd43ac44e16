"""The best of a study goes back into the form that its template came in, and means the same there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nightlab
from nightlab.cli import app
from nightlab.experiments.template.imports.returning import with_defaults
from tests.conftest import MakeTemplate
from tests.imports.case import laid_out
from tests.imports.test_imports import ALL, CASES, imported, scripted


@pytest.mark.parametrize(
    "name",
    ["openevolve, plain", *(["openevolve, as a script", "ai-scientist, plain", "autoresearch, plain"] if ALL else [])],
)
def test_the_best_is_given_back_and_imports_to_the_same_score(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    folder = laid_out(case, tmp_path)
    _, body = imported(case, folder, "--no-check")
    few = {"trials": 8, "seeds": 2, "confirm_seeds": 2, "workers": 2}
    if case.kind == "openevolve":
        nearer = replace(case, turned=("initial_program.py", "SPACING = 0.2", ("SPACING = 0.25",)))
        few |= {"trials": 1, "model": scripted(nearer, Path(body["template"]), tmp_path)}
    study = nightlab.experiment(body["template"], out=tmp_path / "out", **few)
    back = tmp_path / "back"
    done = CliRunner().invoke(app, ["export", study["study"], f"--{case.kind}", "--out", str(back), "--json"])
    told = json.loads(done.stdout.splitlines()[-1])
    words = told["again"].split()[1:]
    options = [
        word.replace("{folder}", str(folder)) for word in case.options if word.startswith(("--data", "{folder}"))
    ]
    again = ["--out", str(tmp_path / "again"), "--no-check", "--json"]
    done = CliRunner().invoke(app, [*words, *options, *again])
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["trust"] == body["trust"]
    if case.kind == "openevolve":
        assert found["value"] == pytest.approx(-0.75)
        assert found["value"] > body["value"]
    if case.kind == "ai-scientist":  # whose noise is the seed's
        run = json.loads((max(back.glob("run_*")) / "final_info.json").read_text())
        assert found["value"] == pytest.approx(run["ones"]["means"]["val_loss_mean"], abs=1e-12)
        assert told["plots"] == ["plots/losses.png"]
        assert (back / "latex" / "template.tex").is_file()
    else:
        assert found["value"] == pytest.approx(study["best"]["mean"], rel=1e-9)


def test_a_template_of_ones_own_is_no_folder_of_another_system(tmp_path: Path, make_template: MakeTemplate) -> None:
    study = nightlab.experiment(make_template(), out=tmp_path / "out", trials=1, seeds=1, confirm_seeds=2)
    done = CliRunner().invoke(app, ["export", study["study"], "--openevolve", "--out", str(tmp_path / "back")])
    assert done.exit_code == 2
    assert "it was not imported" in done.output
    assert not (tmp_path / "back").exists()


def test_values_become_the_defaults_of_options() -> None:
    source = (
        b'p.add_argument("--lr", default=0.1)\np.add_argument("--n", type=int)\np.add_argument("--fast", action="x")\n'
    )
    command = ("python", "e.py", "--lr", "{lr}", "--n", "{n}", "{fast}")
    found = with_defaults(source, command, {"lr": 0.25, "n": 3, "fast": "true", "other": 1})
    assert found.decode().splitlines() == [
        'p.add_argument("--lr", default=0.25)',
        'p.add_argument("--n", type=int, default=3)',
        'p.add_argument("--fast", action="x", default=True)',
    ]
