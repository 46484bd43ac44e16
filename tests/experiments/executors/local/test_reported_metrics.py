"""Metrics and text that come from experiments."""

from __future__ import annotations

import re
import time

import pytest

from nightlab.experiments.executors.local.inside.output.capture import Capture
from nightlab.experiments.executors.local.inside.output.readings import Readings
from nightlab.experiments.executors.local.reported import metrics
from nightlab.experiments.executors.local.reported.metrics import InvalidMetrics
from nightlab.experiments.executors.local.text import clean


def test_numbers_and_integers_are_metrics() -> None:
    found = metrics.parse_json('{"a": 1, "b": -2.5e-3, "c": 0}', ["a"])
    assert found == ({"a": 1.0, "b": -0.0025, "c": 0.0}, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "nan, not a finite"),
        ('{"a": Infinity}', "inf, not a finite"),
        ('{"a": -Infinity}', "finite"),
        ('{"a": 1e999}', "finite"),
        ('{"a": true}', "'a' is True, not a number"),
        ('{"a": "1.0"}', "not a number"),
        ('{"a": null}', "not a number"),
        ('{"a": [1]}', "not a number"),
        ('{"a": {"b": 1}}', "not a number"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": 1' + "0" * 299 + "0}", "digits"),
        ("[1]", "must be a table"),
        ("1", "must be a table"),
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        (" " * 9_000_000 + "{}", "longer than"),
    ],
)
def test_what_is_no_metric(text: str, why: str) -> None:
    with pytest.raises(InvalidMetrics, match=why):
        metrics.parse_json(text, ["a"])


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "x": NaN}',
        '{"a": 1, "x": null}',
        '{"a": 1, "x": "fine"}',
        '{"a": 1, "x": true}',
        '{"a": 1, "x": {"a": 2, "a": 3}}',
        '{"a": 1, "x": [1, 2]}',
        '{"a": 1, "x": 1, "x": 2}',
        '{"a": 1, "x y": 1}',
        '{"a": 1, "": 1}',
        '{"a": 1, "\\u0430": 1}',
        '{"a": 1, "x": 1' + "0" * 400 + "}",
    ],
)
def test_what_nobody_asked_for_is_left_out_and_told(text: str) -> None:
    found, (note,) = metrics.parse_json(text, ["a"])
    assert found == {"a": 1.0}
    assert note.endswith("left out")


def test_of_too_many_metrics_those_that_count_are_there() -> None:
    text = "{" + ",".join(f'"m{i}": {i}' for i in range(300)) + "}"
    found, notes = metrics.parse_json(text, ["m299"])
    assert len(found) == 256
    assert found["m299"] == 299
    assert notes[-1] == "and 39 more metrics"


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (metrics.parse_json('{"accuracy": 0.9, "loss": 1}', ["a"]), "accuracy, loss"),
        (metrics.parse_json('{"dev": {"a": 0.3}}', ["a"]), "none; the metric 'dev' is {'a': 0.3}, not a number"),
        (metrics.parse_json('{"b": 1, "c": "0.3"}', ["a"]), "b; the metric 'c' is '0.3', not a number"),
        (metrics.from_words({"A": "0.5", "b": "high"}, ["a"]), "A; the metric 'b' is 'high', not a number"),
        (metrics.check({}, ["a"]), "none"),
    ],
)
def test_where_a_metric_is_missing_all_that_was_seen_is_named(found: metrics.Found, seen: str) -> None:
    with pytest.raises(InvalidMetrics, match=re.escape(f"missing from here (found: {seen}")):
        metrics.require(found, ["a"], "here", {})


def test_printed_words() -> None:
    words = {"a": "1", "b": "nan", "c": "1_000", "d": "0x1p3", "e": "+.5e2", "f": "١", "g": "inf", "h": "93.1%"}
    words |= {"i": "1,234.5", "j": "0,35", "k": "2.5 ms", "l": "2.5ms", "m": "12:30"}
    found, _ = metrics.from_words(words, ["a"], {"k": "ms"})
    assert found == {"a": 1.0, "e": 50.0, "h": 93.1, "i": 1234.5, "k": 2.5}
    for name, why in (
        ("b", "'b' is nan, not a finite number"),
        ("j", "'0,35', not a number"),
        ("l", "'ms' for a unit"),
    ):
        with pytest.raises(InvalidMetrics, match=why):
            metrics.from_words(words, [name])


def said(text: str | bytes, *names: str, pattern: str = "", at_once: int = 1 << 16) -> Readings:
    """What a run says, read in pieces."""
    readings, data = Readings(names or ("val_loss",), pattern), text.encode() if isinstance(text, str) else text
    for start in range(0, len(data), at_once):
        readings.feed(data[start : start + at_once])
    readings.finish()
    return readings


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("val_loss: 9\n1/3\r2/3\rval_loss: 0.5", "0.5"),
        ("val_loss: 9\n\x1b[32mval_loss\x1b[0m: \x1b[1m0.5\x1b[0m\n", "0.5"),
        ("val_loss: 9\x1b[2K\x1b[1Gval_loss: 0.5", "0.5"),
        ("val_loss: 9\b\b\b\b\b\b\b\b\b\b\bval_loss: 0.5", "0.5"),
        ("\ufeffval_loss: 0.5", "0.5"),
        (b"val_loss: 9\n" + "val_loss: 0.5\n".encode("utf-16-le"), "0.5"),
        ("epoch 3 val_loss=0.5 acc=0.9", "0.5"),
        ("3/3 [====] - 0s 3ms/step - loss: 0.2 - val_loss: 0.5 - lr: 1", "0.5"),
        ("INFO:root:val_loss: 0.5", "0.5"),
        ("2026-01-01 10:00:00,123 INFO val_loss: 0.5", "0.5"),
        ("{'val_loss': np.float64(0.5), 'a': 1}", "0.5"),
        ('{"a": 1, "val_loss": 0.5}', "0.5"),
        ("| val_loss | 0.5 |", "0.5"),
        ("**Val Loss** (mean): 0.5", "0.5"),
        ("val_loss\t0.5", "0.5"),
        ("val_loss: 0.5 ± 0.1", "0.5"),
        ("val_loss = 93.1%", "93.1%"),
        ("val_loss: 1,234.5, acc: 2", "1,234.5"),
        ("val_loss: -1.2E-05", "-1.2E-05"),
        ("val_loss: 3 ms", "3 ms"),
        ("val_loss: 9\nval_loss: n/a", "n/a"),
        ("val_loss: 9\n{'val_loss': nan}\nval_loss: 0.5", "0.5"),
        ("val_loss: 0.48213\nbest so far: val_loss=0.482", "0.48213"),
        ('{"val_loss": 9}\n{"val_loss": null}', "null"),
        ("val_loss: 9\nval_loss: failed to compute", "failed to compute"),
        ("epoch 1 val_loss=9 lr=1\nepoch 2 val_loss=-- lr=1", "--"),
        ("val_loss: 0.5\nVal loss: could not be drawn", "0.5"),
        ("val_loss: [9, 5, 3]", "9, 5"),
        ("val_loss: [9. 5. 3.]", "9. 5"),
        ("val_loss: tensor(0.5, device='cuda:0')", "0.5"),
        ("val_loss: 3.0 x 10^-2", "3.0 x 10^-2"),
        ("val_loss: 1 234.5", "1 234"),
        ("val_loss: 1'234.5", "1'234"),
        ("val_loss: 0.9 -> 0.5", "0.9 -> 0.5"),
        ("val_loss: 3 ms ± 1 ms", "3 ms"),
        ("│ val_loss │ 0.5 │", "0.5"),
        ("\x1b]0;val_loss: 9\aval_loss: 0.5\x1b(B\x1b[m", "0.5"),
        ("train/val_loss: 9\nmy_val_loss: 8\nval_losses: 7\nval_loss: 0.5\nsaved val_loss.png", "0.5"),
    ],
)
@pytest.mark.parametrize("at_once", [1, 1 << 16])
def test_what_is_said_last_of_a_metric_counts_in_any_dress(text: str | bytes, word: str, at_once: int) -> None:
    readings = said(text, at_once=at_once)
    assert (readings.words["val_loss"], readings.unclear) == (word, {})


@pytest.mark.parametrize("last", ["INFO:root:val_loss: 0.5", "Final val_loss: 0.5", "epoch 9 val_loss 0.5"])
def test_a_later_mention_that_says_otherwise_is_not_passed_over(last: str) -> None:
    assert said(f"val_loss: 9\n{last}\n").unclear == {"val_loss": last}
    assert said(f"{last}\nval_loss: 9\n").unclear == {}


def test_another_metric_whose_label_ends_alike_is_not_meant() -> None:
    readings = said("accuracy: 0.9\nbalanced accuracy: 0.8\n", "accuracy")
    assert (readings.words, readings.unclear) == ({"accuracy": "0.9"}, {})
    only = said("Validation loss: 0.3\n", "loss")
    assert (only.words, only.near) == ({}, {"loss": "Validation loss: 0.3"})


def test_a_line_that_is_too_long_to_be_read_hides_no_later_value() -> None:
    assert said("val_loss: 9\n[" + "1, " * 400_000 + "], val_loss: 0.5\n").unclear.keys() == {"val_loss"}
    assert said("val_loss: 9\n[" + "1, " * 100_000 + "], val_loss: 0.5\n").unclear.keys() == {"val_loss"}
    assert said("x" * 3_000_000 + "\nval_loss: 9\n").words == {"val_loss": "9"}


@pytest.mark.parametrize("mention", ["balanced acc 1 ", "acc 1 ", "acc=1 ", "| acc | 1 "])
def test_a_line_of_many_mentions_takes_no_time_without_end(mention: str) -> None:
    started = time.process_time()
    said(mention * 60_000, "acc")
    assert time.process_time() - started < 5


def test_a_pattern_takes_any_form() -> None:
    assert said("score -> 3\nscore -> 4\n", pattern=r"score -> (\S+)").words == {"val_loss": "4"}
    two = said("[3|0.5]\nc=7\n", "loss", "n", "c", pattern=r"\[(?P<n>\d+)\|(?P<loss>[\d.]+)\]")
    assert two.words == {"n": "3", "loss": "0.5", "c": "7"}
    assert not two.slow


def test_a_pattern_that_never_comes_to_an_end_is_given_up() -> None:
    readings = said("a" * 60 + "b\n", pattern=r"(a+)+$")
    assert readings.slow


def test_the_last_line_of_a_name_counts_wherever_it_is_printed() -> None:
    capture = Capture(100, Readings(["loss"]))
    for chunk in (b"loss: 1\nlo", b"ss = 0.5\n", b"x" * 10_000, b"\nacc: 0.9\n" + b"noise\n" * 5000, b"last=7"):
        capture.feed(chunk)
    capture.finish()
    assert capture.readings
    assert capture.readings.words == {"loss": "0.5", "acc": "0.9", "last": "7"}
    assert len(capture.text()) < 300
    assert capture.text().startswith("loss: 1\nloss = 0.5\nxxx")
    assert "bytes dropped" in capture.text()


def test_capture_keeps_head_and_tail_exactly() -> None:
    capture = Capture(10)
    for number in range(100):
        capture.feed(b"%02d" % number)
    assert capture.text() == "0001020304\n[... 180 bytes dropped ...]\n9596979899"
    short = Capture(10)
    short.feed(b"0123456789abc")
    assert short.text() == "0123456789abc"


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;ZXZpbA==\x07after", "after"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1bP1;2q data\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("a\x00b\x08c\x7f", "abc"),
        ("\u202eevil\u202c \u2066x\u2069 \u200bz\ufeff", "evil x z"),
        ("10%\r50%\r100%\r\nend", "10%\n50%\n100%\nend"),
        ("tab\tand\nline, ümläut, 数", "tab\tand\nline, ümläut, 数"),
        ("\ud800lone", "lone"),
        ("\x1b", ""),
    ],
)
def test_text_is_cleaned(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


def test_long_text_keeps_its_ends() -> None:
    text = clean("a" * 5000 + "z" * 5000, 1000)
    assert len(text) < 1100
    assert text.startswith("aaa")
    assert text.endswith("zzz")


def test_a_line_of_many_mentions_is_read_in_a_time_that_grows_with_its_length() -> None:
    readings = Readings(["score"])
    start = time.process_time()
    readings.feed(b"x score 1 " * 40_000 + b"\n")
    assert time.process_time() - start < 4
    assert "score" in readings.near
    readings.feed(b"score: 3\n")
    assert readings.words == {"score": "3"}
