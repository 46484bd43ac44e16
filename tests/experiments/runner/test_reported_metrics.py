"""Metrics and text that come from experiments."""

from __future__ import annotations

import pytest

from nightlab.experiments.runner import metrics
from nightlab.experiments.runner.inside.capture import Capture
from nightlab.experiments.runner.metrics import InvalidMetrics
from nightlab.experiments.runner.text import clean


def test_numbers_and_integers_are_metrics() -> None:
    assert metrics.parse_json('{"a": 1, "b": -2.5e-3, "c": 0}') == {"a": 1.0, "b": -0.0025, "c": 0.0}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "NaN is not a finite"),
        ('{"a": Infinity}', "Infinity is not a finite"),
        ('{"a": -Infinity}', "finite"),
        ('{"a": 1e999}', "finite"),
        ('{"a": true}', "'a' is True, not a number"),
        ('{"a": "1.0"}', "not a number"),
        ('{"a": null}', "not a number"),
        ('{"a": [1]}', "not a number"),
        ('{"a": {"b": 1}}', "not a number"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a b": 1}', "no name"),
        ('{"": 1}', "no name"),
        ('{"\\u0430": 1}', "no name"),
        ("[1]", "must be a table"),
        ("1", "must be a table"),
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": 1' + "0" * 299 + "0}", "digits"),
        ("{" + ",".join(f'"m{i}": 1' for i in range(300)) + "}", "more than 256"),
        (" " * 200_000 + "{}", "longer than"),
    ],
)
def test_what_is_no_metric(text: str, why: str) -> None:
    with pytest.raises(InvalidMetrics, match=why):
        metrics.parse_json(text)


def test_printed_words() -> None:
    words = {"a": "1", "b": "nan", "c": "1_000", "d": "0x1p3", "e": "+.5e2", "f": "١", "g": "inf"}
    assert metrics.from_words(words, ["a"]) == {"a": 1.0, "e": 50.0}
    with pytest.raises(InvalidMetrics, match="'b' is nan, not a finite number"):
        metrics.from_words(words, ["b"])


def test_the_last_line_of_a_name_counts_wherever_it_is_printed() -> None:
    capture = Capture(100, metrics=True)
    for chunk in (b"loss: 1\nlo", b"ss = 0.5\n", b"x" * 10_000, b"\nacc: 0.9\n" + b"noise\n" * 5000, b"last=7"):
        capture.feed(chunk)
    capture.finish()
    assert capture.metrics == {"loss": "0.5", "acc": "0.9", "last": "7"}
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
