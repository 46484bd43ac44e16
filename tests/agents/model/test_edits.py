"""Edits of files: exact, tolerant where that is unambiguous, else refused with what would do."""

from __future__ import annotations

import codecs

import pytest

from nightlab.agents.model.edits import MOST_CHARACTERS, MOST_EDITS, Edit, EditRefused, apply, sources

CODE = """\
import math


def run(params):
    if params["x"] > 1:
        total = math.sin(params["x"])
        return total
    return 0


def other(params):
    return 0
"""
FILES = {"experiment.py": CODE.encode(), "notes.txt": b"one\ntwo\n", "helper.py": b"X = 1\n"}
EDITABLE = ("experiment.py", "notes.txt")


def made(search: str, replace: str, file: str = "experiment.py") -> str:
    return apply([Edit(file=file, search=search, replace=replace)], FILES, EDITABLE)[file].decode()


def test_an_exact_match_wins_and_other_files_stay() -> None:
    new = apply(
        [
            Edit(file="experiment.py", search="math.sin", replace="math.cos"),
            Edit(file="./notes.txt", search="two", replace="three"),
            Edit(file="experiment.py", search="math.cos(", replace="math.tan("),
        ],
        FILES,
        EDITABLE,
    )
    assert new["experiment.py"].decode() == CODE.replace("math.sin", "math.tan")
    assert new["notes.txt"] == b"one\nthree\n"
    assert new["helper.py"] == FILES["helper.py"]


@pytest.mark.parametrize(
    "search",
    [
        "if params['x']>1:\n    total = math.sin(params['x'])",  # quotes, spaces, indentation
        "    if params[\u201cx\u201d] > 1:  \n        total  =  math.sin( params['x'] )\n",
        "if params['x'] > 1:\n        total = math.sin(params['x'])",  # only the first line lost its indentation
    ],
)
def test_white_space_quotes_and_indentation_are_forgiven(search: str) -> None:
    indentation = search.split("\n")[1][: -len(search.split("\n")[1].lstrip())]
    first = search[: len(search) - len(search.lstrip())]
    new = made(search, f"{first}if params['x'] > 2:\n{indentation}total = 5")
    expected = CODE.replace('params["x"] > 1', "params['x'] > 2").replace('math.sin(params["x"])', "5")
    assert new == expected


def test_a_line_of_the_replacement_that_stands_further_left_moves_along() -> None:
    new = made("    total = math.sin(params['x'])\n    return total", "    total = 1\nreturn 2")
    assert new == CODE.replace(
        '        total = math.sin(params["x"])\n        return total', "        total = 1\n    return 2"
    )


def test_a_whole_file_is_replaced_by_an_empty_search() -> None:
    assert made("", "X = 2") == "X = 2\n"
    assert made("\n ", "X = 2\n") == "X = 2\n"


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("    return 0", "occurs 2 times; take in more lines"),
        ("return  0", "occurs 2 times when white space and quotes are ignored"),
        (
            "        total = math.sin(params['y'])\n        return total",
            "The nearest text is:\n        total = math.sin",
        ),
        ("completely different words stand here", "Copy it exactly from the file"),
    ],
)
def test_what_is_ambiguous_or_absent_is_refused_with_what_would_do(search: str, said: str) -> None:
    with pytest.raises(EditRefused, match="edit 1 of") as refused:
        made(search, "pass")
    assert said in str(refused.value)


@pytest.mark.parametrize("file", ["helper.py", "../experiment.py", "/etc/passwd", "x/../experiment.py", ""])
def test_only_files_named_editable_are_touched(file: str) -> None:
    with pytest.raises(EditRefused, match="no editable file"):
        made("X = 1", "X = 2", file)


def test_without_a_name_the_only_editable_file_is_meant() -> None:
    assert apply([Edit(file="", search="X = 1", replace="X = 2")], FILES, ("helper.py",))["helper.py"] == b"X = 2\n"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit(file="experiment.py", search="return total", replace="return (total"), "no valid Python.*line 7"),
        (Edit(file="experiment.py", search="", replace="def run(:"), "no valid Python"),
        (Edit(file="experiment.py", search="return total", replace="return total"), "change nothing"),
        (Edit(file="notes.txt", search="", replace="x" * (MOST_CHARACTERS + 1)), "characters"),
        (Edit(file="notes.txt", search="", replace=" \n"), "must hold"),
        (Edit(file="notes.txt", search="two", replace="a\0b"), "no text file may hold"),
        (Edit(file="notes.txt", search="two", replace="\ud800"), "no text file may hold"),
    ],
)
def test_syntax_sizes_and_empty_edits_are_checked(edit: Edit, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        apply([edit], FILES, EDITABLE)


@pytest.mark.parametrize("codec", ["rot13", "undefined", "klingon", "utf-16"])
def test_a_declared_codec_that_makes_no_python_is_refused(codec: str) -> None:
    with pytest.raises(EditRefused, match=r"experiment\.py would be no valid Python"):
        apply([Edit(file="experiment.py", search="", replace=f"# coding: {codec}\nx = 1\n")], FILES, EDITABLE)


@pytest.mark.parametrize("count", [0, MOST_EDITS + 1])
def test_the_number_of_edits_is_bounded(count: int) -> None:
    with pytest.raises(EditRefused, match="give 1 to"):
        apply([Edit(file="notes.txt", search="two", replace="three")] * count, FILES, EDITABLE)


LATIN = "# -*- coding: latin-1 -*-\nNAME = 'é'\nX = 1\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("experiment.py", codecs.BOM_UTF8 + b"NAME = 2\nX = 1\n", codecs.BOM_UTF8 + b"NAME = 2\nX = 3\n"),
        ("experiment.py", b"NAME = 2\r\nX = 1\r\n", b"NAME = 2\r\nX = 3\r\n"),
        ("experiment.py", LATIN.encode("latin-1"), LATIN.replace("1\n", "3\n").encode("latin-1")),
        ("notes.txt", "é\nX = 1\n".encode("utf-16"), "é\nX = 3\n".encode("utf-16")),
        ("notes.txt", b"a\r\nb\nX = 1\r\nc\n", b"a\r\nb\nX = 3\r\nc\n"),
    ],
)
def test_a_file_keeps_its_form(name: str, before: bytes, after: bytes) -> None:
    assert apply([Edit(file=name, search="X = 1", replace="X = 3")], {name: before}, [name]) == {name: after}
    assert "X = 1" in sources({name: before}, [name])[name]
    whole = sources({name: before}, [name])[name].replace("X = 1", "X = 3")
    assert apply([Edit(file=name, search="", replace=whole)], {name: before}, [name]) == {name: after}


def test_edits_of_several_lines_meet_windows_lines() -> None:
    files = {"e.py": CODE.replace("\n", "\r\n").encode()}
    edit = Edit(file="e.py", search="        return total\n    return 0\n", replace="        return 1\n    return 2\n")
    changed = CODE.replace("return total\n    return 0", "return 1\n    return 2")
    assert apply([edit], files, ["e.py"])["e.py"] == changed.replace("\n", "\r\n").encode()


def test_what_a_declared_encoding_lacks_is_refused_and_a_new_declaration_holds() -> None:
    files = {"e.py": LATIN.encode("latin-1")}
    with pytest.raises(EditRefused, match=r"e\.py is in iso-8859-1, which has no '✓'; write it as an escape"):
        apply([Edit(file="e.py", search="X = 1", replace="X = '✓'")], files, ["e.py"])
    made = apply([Edit(file="e.py", search="", replace="X = '✓'\n")], files, ["e.py"])
    assert made["e.py"] == "X = '✓'\n".encode()
