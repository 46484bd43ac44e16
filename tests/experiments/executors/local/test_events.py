"""TensorBoard's event files, as its own writer and another wrote them, and as what was cut or is something else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.reported.events import table
from nightlab.experiments.executors.local.reported.metrics import InvalidMetrics, meant, parse_file
from nightlab.experiments.template.contract import is_events

FILES = Path(__file__).parent / "events"
PLAIN = (FILES / "plain.tfevents").read_bytes()  # by tensorboardX 2.6: scalars, and a text
TENSOR = (FILES / "tensor.tfevents").read_bytes()  # by tensorboard 2.21: scalars as tensors, as TensorFlow 2 does


def test_scalars_are_read_in_the_order_of_their_steps() -> None:
    rows = table([PLAIN])
    assert [row["val/loss"] for row in rows if "val/loss" in row] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert [row["train/acc"] for row in rows if "train/acc" in row] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert [row["epoch_loss"] for row in table([TENSOR])] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert {tag for row in rows for tag in row} == {"val/loss", "train/acc"}


@pytest.mark.parametrize("data", [PLAIN, TENSOR])
def test_a_file_that_is_cut_or_altered_gives_what_it_can(data: bytes) -> None:
    whole = table([data])
    for size in range(len(data)):
        assert all(row in whole for row in table([data[:size]]))
    for at in range(len(data)):
        for byte in (0, 127, 255):
            table([data[:at] + bytes([byte]) + data[at + 1 :]])


def test_a_tag_that_is_a_number_is_none_and_takes_no_memory() -> None:
    scalar = b"\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x15\x00\x00\x80?"  # tag: a number of 2**56, value: 1.0
    event = bytes([0x2A, len(scalar) + 2, 0x0A, len(scalar)]) + scalar
    assert table([struct.pack("<QI", len(event), 0) + event + bytes(4)]) == []
    named = scalar.replace(scalar[: scalar.index(b"\x15")], b"\x0a\x01a")
    event = bytes([0x2A, len(named) + 2, 0x0A, len(named)]) + named
    assert table([struct.pack("<QI", len(event), 0) + event + bytes(4)]) == [{"a": 1.0}]


def test_a_metric_is_found_by_its_tag_whatever_the_file_is_called() -> None:
    outputs = {"runs/Nov29_host/events.out.tfevents.17.host.4.0": PLAIN, "log.txt": b"loss"}
    source = "*tfevents*"
    for take, value in (("last", 0.25), ("max", 1.0)):
        found, _ = parse_file(source, meant(source, outputs), ["loss"], {"loss": "val/loss"}, {"loss": take})
        assert found["loss"] == pytest.approx(value)
    assert is_events(source)
    assert not is_events("tfevents/log.csv")


def test_a_tag_of_two_logs_is_ambiguous_and_a_folder_tells_them_apart() -> None:
    outputs = {"logs/train/events.out.tfevents.1": TENSOR, "logs/val/events.out.tfevents.2": TENSOR}
    with pytest.raises(InvalidMetrics, match=r"'epoch_loss' is in the event files of logs/train and of logs/val; name"):
        parse_file("*tfevents*", meant("*tfevents*", outputs), ["a"], {"a": "epoch_loss"}, {})
    one = meant("logs/val/*tfevents*", outputs)
    assert parse_file("logs/val/*tfevents*", one, ["a"], {"a": "epoch_loss"}, {})[0]["a"] == pytest.approx(0.25)


def test_a_pattern_of_other_files_means_one() -> None:
    outputs = {"run-17/m.json": b"{}", "run-17/n.csv": b""}
    assert meant("*.json", outputs) == {"run-17/m.json": b"{}"}
    assert meant("m.json", outputs) == {}
    with pytest.raises(InvalidMetrics, match=r"means 2 files \(run-17/m.json, run-17/n.csv\) and must mean one"):
        meant("run-*", outputs)
