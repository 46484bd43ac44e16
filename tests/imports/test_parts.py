"""The parts that imports stand on: values between sandboxes, scores of tables, blocks, foreign files, foreign code."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nightlab
from nightlab.agents.model.edits import Edit, EditRefused, apply
from nightlab.experiments.executors.executor import Place
from nightlab.experiments.executors.registry import runs_at
from nightlab.experiments.ledger.documents.claim import Feedback, Preregistration
from nightlab.experiments.records import RunRequest
from nightlab.experiments.study.data.preparation import run_prepare
from nightlab.experiments.study.study import read
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.artifact import blocks
from nightlab.experiments.template.imports.draft import runtime, toml
from nightlab.experiments.template.imports.foreign import look, neighbours
from nightlab.experiments.template.imports.references import entries
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import EVALUATE, EXPERIMENT, TOML, MakeTemplate

BLOCK = "# EVOLVE-BLOCK"
MARKED = f"A = 1.0\n{BLOCK}-START\nB = 2.0\n{BLOCK}-END\nC = 3.0\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runtime's modules where a template has them."""
    for name, data in runtime("nightlab_plain", "nightlab_table", "nightlab_evolve").items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("nightlab_plain", "nightlab_table", "nightlab_evolve"):
        sys.modules.pop(name, None)


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, "text", (1, (2, "a")), {"a": [1, 2.5]}, {1: "one", (2, 3): None}, {1, 2}, 1 + 2j, [(), {}, []]],
)
def test_plain_values_come_back_as_they_were(own: Path, value: object) -> None:
    plain = module("nightlab_plain")
    again = plain.unpacked(json.loads(json.dumps(plain.packed(value))))
    assert again == value
    assert type(again) is type(value)


def test_numbers_of_numpy_and_arrays_pass_and_objects_do_not(own: Path) -> None:
    plain = module("nightlab_plain")
    assert plain.packed(np.float32(0.5)) == 0.5
    assert math.isinf(plain.unpacked(plain.packed(float("-inf"))))
    array = np.arange(3)
    assert plain.packed([array])[0] is array
    for value in (object(), np.array(["a"]), np.array([object()]), lambda: None):
        with pytest.raises(TypeError, match="no plain value"):
            plain.packed(value)


@pytest.mark.parametrize(
    ("metric", "true", "said", "score"),
    [
        ("rmse", ["1", "3"], ["2", "5"], math.sqrt(2.5)),
        ("mae", ["1", "3"], ["2", "5"], 1.5),
        ("rmsle", [str(math.e - 1), "0"], ["0", "0"], math.sqrt(0.5)),
        ("rmse_of_logs", [str(math.e), "1"], ["1", "1"], math.sqrt(0.5)),
        ("accuracy", ["1", "False", "b"], ["1.0", "0", "c"], 2 / 3),
        ("f1", ["1", "1", "0"], ["1", "0", "0"], 2 / 3),
        ("log_loss", ["1", "0"], ["0.5", "0.5"], math.log(2)),
        ("auc", ["1", "0", "1", "0"], ["0.9", "0.8", "0.8", "0.1"], 0.875),
        ("r2", ["1", "2", "3"], ["1", "2", "3"], 1.0),
    ],
)
def test_scores_are_those_of_the_textbook(
    own: Path, metric: str, true: list[str], said: list[str], score: float
) -> None:
    assert module("nightlab_table").SCORES[metric](true, said) == pytest.approx(score)


def test_rows_that_are_held_out_keep_their_labels_from_runs(own: Path) -> None:
    (own / "judging" / "data").mkdir(parents=True)
    rows = "".join(f"{n},{n / 10},{n * 2}\n" for n in range(20))
    (own / "judging" / "data" / "train.csv").write_text(f"id,x,y\n{rows}")
    (own / "judging" / "data" / "sample.csv").write_text("id,y\n0,0\n")
    told = {"id": "id", "targets": ["y"], "sample": "sample.csv", "metric": "rmse"}
    (own / "imported.json").write_text(json.dumps(told))
    inputs, private = own / "inputs", own / "private"
    inputs.mkdir()
    private.mkdir()
    table = module("nightlab_table")
    table.prepare(inputs, private, 7)
    held = (inputs / "test.csv").read_text().splitlines()
    assert held[0] == "id,x"
    kept = {line.partition(",")[0] for line in (inputs / "train.csv").read_text().splitlines()[1:]}
    secret = [line for split in ("dev", "holdout") for line in (private / f"{split}.csv").read_text().splitlines()[1:]]
    assert {line.partition(",")[0] for line in held[1:]} == {line.partition(",")[0] for line in secret}
    assert len(kept) == 14
    assert kept.isdisjoint(line.partition(",")[0] for line in secret)
    (own / "out").mkdir()
    (own / "out" / "submission.csv").write_text("id,y\n" + "".join(f"{n},{2 * n + 1}\n" for n in range(20)))
    assert table.evaluate(own / "out", private, "dev") == {"rmse": pytest.approx(1.0)}
    (own / "out" / "submission.csv").write_text("id,y\n")
    with pytest.raises(ValueError, match="lacks 3 rows"):
        table.evaluate(own / "out", private, "holdout")


def test_edits_stay_in_their_blocks() -> None:
    files = {"a.py": MARKED.encode(), "b.py": b"D = 4\n"}
    inside = apply([Edit(file="a.py", search="B = 2.0", replace="B = 2.5\nE = 5")], files, ("a.py",), "EVOLVE-BLOCK")
    assert b"E = 5" in inside["a.py"]
    for search, replace in (
        ("C = 3.0", "C = 0"),
        (f"{BLOCK}-END\n", ""),
        ("B = 2.0", f"{BLOCK}-END\nX\n{BLOCK}-START"),
    ):
        with pytest.raises(EditRefused, match="only between the lines"):
            apply([Edit(file="a.py", search=search, replace=replace)], files, ("a.py",), "EVOLVE-BLOCK")
    assert apply([Edit(file="b.py", search="D = 4", replace="D = 5")], files, ("b.py",), "EVOLVE-BLOCK")


def test_constants_outside_of_blocks_are_no_knobs(make_template: MakeTemplate) -> None:
    bare = TOML.partition("[search.space.x]")[0].replace(
        '["experiment.py"]', '["experiment.py"]\nblocks = "EVOLVE-BLOCK"'
    )
    folder = make_template(files={"template.toml": bare, "experiment.py": MARKED + "def run(*_): ...\n"})
    assert [table["constant"] for table in derived(load(folder)).values()] == ["experiment.py:B"]
    assert sorted(blocks.numbers(MARKED, "EVOLVE-BLOCK")) == [3]


def test_blocks_without_an_end_are_refused(make_template: MakeTemplate) -> None:
    marked = {'["experiment.py"]': '["experiment.py"]\nblocks = "EVOLVE-BLOCK"'}
    with pytest.raises(TemplateError, match="no editable file has a line with EVOLVE-BLOCK-START"):
        load(make_template(marked))
    with pytest.raises(TemplateError, match="1 lines with EVOLVE-BLOCK-START and 0 with"):
        load(make_template(marked, {"experiment.py": f"{BLOCK}-START\n{EXPERIMENT}"}))


PEEPS = """\
import os, pathlib

def prepare(inputs, private, seed):
    found = [name for name in os.environ if "TOKEN" in name]
    (inputs / "noise").write_text("0.01")
    (inputs / "seen").write_text(",".join(found) + str(os.path.exists({outside!r})))
    (private / "offset.json").write_text('{{"dev": 0.0, "holdout": 0.5}}')
"""


def test_no_preparation_gets_keys_and_a_foreign_one_sees_nothing_else(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    outside = tmp_path / "diary"
    outside.write_text("dear diary")
    ways = {
        "open": "",
        "confined": "\nconfined = true",
        "reads": f"\nconfined = true\nreads = [{json.dumps(str(outside))}]",
    }
    found = {}
    for name, more in ways.items():
        template = load(
            make_template(
                {'prepare = "prepare:prepare"': f'prepare = "prepare:prepare"{more}'},
                {"prepare.py": PEEPS.format(outside=str(outside))},
            )
        )
        inputs, private = tmp_path / name / "inputs", tmp_path / name / "private"
        inputs.mkdir(parents=True)
        private.mkdir(mode=0o700)
        run_prepare(template, str(template.folder), [(inputs, private, 3)])
        assert json.loads((private / "offset.json").read_text())["holdout"] == 0.5
        assert private.stat().st_mode & 0o777 == 0o700
        found[name] = (inputs / "seen").read_text()
    assert found == {"open": "True", "confined": "False", "reads": "True"}


def test_a_foreign_preparation_that_fails_is_told_of(make_template: MakeTemplate, tmp_path: Path) -> None:
    confined = {'prepare = "prepare:prepare"': 'prepare = "prepare:prepare"\nconfined = true'}
    template = load(make_template(confined, {"prepare.py": "def prepare(*_):\n    raise OSError('no data')\n"}))
    (tmp_path / "inputs").mkdir()
    (tmp_path / "private").mkdir()
    with pytest.raises(TemplateError, match=r"failed in its sandbox[^$]*no data"):
        run_prepare(template, str(template.folder), [(tmp_path / "inputs", tmp_path / "private", 3)])


TELLS = EVALUATE.replace("return {", 'return {"feedback": f"private offset on {split}", ')


def test_feedback_of_the_development_split_is_kept_by_run_and_decides_nothing(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    folder = make_template(files={"evaluate.py": TELLS})
    found = nightlab.experiment(folder, out=tmp_path / "out", trials=1, seeds=1, confirm_seeds=2)
    study = read(Path(found["study"]))
    assert [plan.split for plan in study.ledger.all(Preregistration).values()] == ["holdout"]
    told = study.ledger.all(Feedback)
    searched = {str(run.id) for run in study.ledger.runs("search")}
    assert told.keys() == searched
    assert {each.text for each in told.values()} == {"private offset on dev"}
    study.close()


BLIND = """\
import json

def evaluate(out, private, split):
    found = json.loads((out / "answer.json").read_text())
    return {name: 2 * value for name, value in found.items()}
"""


def test_what_lies_open_is_verified_and_has_no_holdout(make_template: MakeTemplate, tmp_path: Path) -> None:
    entry = 'entry = "evaluate:evaluate"'
    folder = make_template({entry: f"{entry}\nholdout = false"}, {"evaluate.py": BLIND})
    found = nightlab.experiment(folder, out=tmp_path / "out", trials=1, seeds=1, confirm_seeds=2)
    assert found["trust"] == "verified"
    with closing(read(Path(found["study"]))) as study:
        assert [plan.split for plan in study.ledger.all(Preregistration).values()] == ["dev"]
    other = make_template(files={"evaluate.py": BLIND})
    assert load(other).trust == "reported"


def test_an_evaluator_in_a_folder_is_sealed_with_it(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = load(make_template())
    (template.folder / "judging").mkdir()
    (template.folder / "judging" / "table.json").write_text("{}")
    place = {name: tmp_path / name for name in ("inputs", "private", "scratch")}
    for folder in place.values():
        folder.mkdir()
    run_prepare(template, str(template.folder), [(place["inputs"], place["private"], 3)])
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "experiment.py").write_text(EXPERIMENT)
    with runs_at("local", Place(template=template, **place)) as runner:
        request = RunRequest(artifact=artifact, params=template.defaults, seed=1)
        assert runner.submit(request).result().status == "ok"
        (template.folder / "judging" / "table.json").write_text('{"altered": 1}')
        outcome = runner.submit(request).result()
    assert (outcome.status, "table.json" in outcome.error) == ("tampered", True)


def test_a_folder_is_read_as_data(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import helper\nfrom pack import inner\nopen('rows.tsv')\n")
    for name in ("helper.py", "pack/inner.py", "rows.tsv", "answers.tsv", "other.py", ".hidden", "__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "up").symlink_to("..")
    found = look(tmp_path)
    assert sorted(found.files) == ["a.py", "answers.tsv", "helper.py", "other.py", "pack/inner.py", "rows.tsv"]
    assert found.notes == ["'up' is left out: it is a link"]
    assert neighbours(found, "a.py") == ["helper.py", "pack/inner.py", "rows.tsv"]
    (tmp_path / "broken.py").write_text("def (")
    with pytest.raises(AdoptionError, match="is no Python"):
        look(tmp_path).tree("broken.py")


def test_a_bibliography_is_taken_entry_by_entry() -> None:
    bib = """
@article{a, journal={arXiv preprint arXiv:2408.06292}}
@book{b, title={B {{E}}}}
@book{b, title={C}}
@misc{c, x={"""
    text, bare, broken = entries(bib)
    assert text.count("@") == 2
    assert (bare, broken) == (["b"], ["c"])


def test_tables_are_written_as_toml_that_reads_back() -> None:
    import tomllib

    tables = {"a": {"b": 'x"y\n', "c": [1, 2.5], "d": {"e": True}}, "f": [{"g": 1}, {"g": 2}]}
    assert tomllib.loads("\n".join(toml(tables))) == tables
