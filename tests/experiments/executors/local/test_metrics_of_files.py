"""Metrics by the names that people give them, out of the files and lines that their programs leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.inside.output.readings import Readings
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.executors.local.reported import metrics
from nightlab.experiments.executors.local.reported.metrics import InvalidMetrics
from nightlab.experiments.records import RunOutcome, RunRequest
from nightlab.experiments.template.loading import load

TABLE = '{"SEIR": {"means": {"peak": 0.5}}, "a.b": 2, '
TABLE += '"runs": [{"loss": 3}, {"loss": 1}, {"loss": 2}], "curve": [4, NaN, 5]}'
CSV = "epoch; val loss ;acc\n1;0.5;\n2;0.25;90%\n3;0.75;\n"
LINES = '{"step": 1, "m": {"loss": 0.5}}\n\n{"step": 2}\n{"step": 3, "m": {"loss": 0.25}}\n'


@pytest.mark.parametrize(
    ("name", "text", "key", "take", "value"),
    [
        ("m.json", TABLE, "SEIR.means.peak", "last", 0.5),
        ("m.json", TABLE, "a.b", "last", 2.0),
        ("m.json", TABLE, "runs.loss", "last", 2.0),
        ("m.json", TABLE, "runs.loss", "min", 1.0),
        ("m.json", TABLE, "runs.loss", "mean", 2.0),
        ("m.json", TABLE, "runs.0.loss", "last", 3.0),
        ("m.json", TABLE, "curve", "max", 5.0),
        ("m.json", TABLE, "curve.-1", "last", 5.0),
        ("m.csv", CSV, "val loss", "last", 0.75),
        ("m.csv", CSV, "val loss", "min", 0.25),
        ("m.csv", CSV, "acc", "last", 90.0),
        ("m.tsv", "a\tb\n1\t2\n", "b", "last", 2.0),
        ("m.csv", '\ufeffa,b\n1,"1,234.5"\n', "b", "last", 1234.5),
        ("m.jsonl", LINES, "m.loss", "mean", 0.375),
        ("m.ndjson", LINES, "step", "max", 3.0),
    ],
)
def test_a_metric_is_found_by_key_or_column(name: str, text: str, key: str, take: str, value: float) -> None:
    takes = {} if take == "last" else {"a": take}
    assert metrics.parse_file(name, {name: text.encode()}, ["a"], {"a": key}, takes)[0]["a"] == value


@pytest.mark.parametrize(
    ("name", "text", "key", "take"),
    [
        ("m.json", TABLE, "SEIR.means", "last"),
        ("m.json", TABLE, "curve", "mean"),
        ("m.csv", CSV.replace("0.75", "high"), "val loss", "last"),
        ("m.jsonl", LINES + "{", "m.loss", "last"),
    ],
)
def test_what_is_no_number_is_refused(name: str, text: str, key: str, take: str) -> None:
    with pytest.raises(InvalidMetrics):
        metrics.parse_file(name, {name: text.encode()}, ["a"], {"a": key}, {"a": take})


def test_what_a_smallest_value_passes_over_is_told() -> None:
    found, notes = metrics.parse_file("log.csv", {"log.csv": b"a\n0.5\nnan\n0.25\n"}, ["a"], {}, {"a": "min"})
    told = "the metric 'a': its min is that of finite numbers, and 1 of its values is none"
    assert (found["a"], notes) == (0.25, (told,))
    readings = Readings(["a"], takes={"a": "max"})
    readings.feed(b"a: 0.5\na: inf\na: nan\na: 0.25\n")
    readings.finish()
    assert (readings.words["a"], readings.report()["passed"]) == ("0.5", {"a": 2})
    assert metrics.passed_over({"a": 2}, {"a": "max"})[0].endswith("and 2 of its values are none")


@pytest.mark.parametrize(
    ("text", "source", "take", "word"),
    [
        ("Val loss (mean): 0.5\n", "Val loss", "", "0.5"),
        ("val accuracy | 93.1%\n", "Val accuracy", "", "93.1%"),
        ("epoch 1 val_loss=0.5\nepoch 2 val_loss=0.2\nepoch 3 val_loss=0.4\n", "val_loss", "min", "0.2"),
        ("epoch 1 val_loss=0.5\repoch 2 val_loss=0.25", "val_loss", "mean", "0.375"),
        ("epoch 1 val_loss=0.5\repoch 2 val_loss=nan\repoch 3 val_loss=0.25", "val_loss", "mean", "nan"),
        ("time: 1,200 ms\ntime: 1,400 ms\n", "time", "max", "1400.0 ms"),
    ],
)
def test_a_printed_metric_goes_by_its_words(text: str, source: str, take: str, word: str) -> None:
    readings = Readings(["m"], spelt={"m": source}, takes={"m": take} if take else {})
    for start in range(0, len(text), 7):
        readings.feed(text[start : start + 7].encode())
    readings.finish()
    assert readings.words["m"] == word


TOML = """\
[template]
name = "foreign"
title = "A foreign folder"
description = "A program that leaves its metrics in a file."
[artifact]
editable = ["run.sh"]
support = ["results/old.json"]
[run]
command = ["sh", "run.sh"]
[evaluate]
[objective]
direction = "minimize"
"""


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., RunOutcome]:
    def run(script: str, changes: dict[str, str]) -> RunOutcome:
        folder = tmp_path / "artifact"
        (folder / "results").mkdir(parents=True)
        (folder / "run.sh").write_text(script)
        (folder / "results/old.json").write_text('{"loss": 1}')
        text = TOML
        for head, lines in changes.items():
            text = text.replace(f"[{head}]\n", f"[{head}]\n{lines}\n")
        (folder / "template.toml").write_text(text)
        template = load(folder)
        (folder / "template.toml").rename(tmp_path / "template.toml")
        for place in ("inputs", "private"):
            (tmp_path / place).mkdir()
        runner = local_runner(
            template, inputs=tmp_path / "inputs", private=tmp_path / "private", scratch=tmp_path / "scratch"
        )
        with runner:
            return runner.submit(RunRequest(artifact=folder, params={}, seed=1)).result(60)

    return run


def test_outputs_in_its_own_folder(ran: Callable[..., RunOutcome]) -> None:
    script = """echo '{"SEIR": {"peak": 0.25}}' > results/new.json"""
    changes = {"run": 'writes = "results"', "evaluate": 'parse = "new.json"', "objective": 'metric = "SEIR.peak"'}
    outcome = ran(script, changes)
    assert outcome.metrics["dev"]["SEIR_peak"] == 0.25, outcome.error


def test_a_file_that_was_there_before_is_no_output(ran: Callable[..., RunOutcome]) -> None:
    changes = {"run": 'writes = "results"', "evaluate": 'parse = "old.json"', "objective": 'metric = "loss"'}
    assert "wrote no old.json" in ran("true", changes).error


def test_a_link_in_the_place_of_a_folder_is_not_followed(ran: Callable[..., RunOutcome]) -> None:
    script = "mv results away && ln -s /usr/share results"
    changes = {"run": 'writes = "results"', "evaluate": 'parse = "new.json"', "objective": 'metric = "loss"'}
    outcome = ran(script, changes)
    assert outcome.status == "invalid"
    assert "cannot be read" in outcome.error


def test_a_text_file_is_read_as_what_is_printed(ran: Callable[..., RunOutcome]) -> None:
    script = "printf 'epoch 1: Loss 0.5\\nepoch 2: Loss 0.125\\nepoch 3: Loss 0.25\\n' > train.log"
    objective = 'metric = "Loss"\ntake = "best"'
    outcome = ran(script, {"run": 'writes = "."', "evaluate": 'parse = "train.log"', "objective": objective})
    assert outcome.metrics["dev"] == {"Loss": 0.125}, outcome.error


def test_a_metric_outside_its_bounds_is_invalid(ran: Callable[..., RunOutcome]) -> None:
    objective = 'metric = "loss"\nlowest = 0.0\nhighest = 1'
    outcome = ran("echo loss: -0.5", {"evaluate": 'parse = "stdout"', "objective": objective})
    assert outcome.status == "invalid"
    assert "below 0 (objective.lowest)" in outcome.error
