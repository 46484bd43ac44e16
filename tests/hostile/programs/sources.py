"""Sources that are an attack as they are read or imported: each is a failed trial at most, and the next run is well."""

from __future__ import annotations

from tests.hostile.programs.program import Program

FAILS = ("crash", "invalid", "memory", "timeout")

SOURCES = [
    Program("a module that exits as it is imported", "pass", ("ok", *FAILS), head="import unittest.__main__\n", runs=2),
    Program(
        "modules that are programs",
        "pass",
        ("ok", *FAILS),
        head="import lib2to3.__main__\nimport ensurepip.__main__\nimport zipfile.__main__\n",
    ),
    Program(
        "a chain of 1,100 branches",
        "pass",
        ("ok", *FAILS),
        head="n = 0\nif n == 1:\n    pass\n" + "".join(f"elif n == {n}:\n    pass\n" for n in range(2, 1102)),
    ),
    Program("brackets in brackets", "pass", FAILS, head=f"n = {'(' * 5000}0{')' * 5000}\n"),
    Program("sign upon sign", "pass", ("ok", *FAILS), head=f"n = {'-' * 60_000}1\n"),
    Program("sum upon sum", "pass", ("ok", *FAILS), head=f"n = {' + '.join(['1'] * 20_000)}\n"),
    Program("name upon name", "pass", ("ok", *FAILS), head=f"def never():\n    return a{'.b' * 30_000}\n"),
    Program("folder upon folder in an import", "pass", FAILS, head=f"import a{'.b' * 30_000}\n"),
    Program("a source that is no text", "pass", FAILS, head="n = '\0'\n"),
    Program("a source in an unknown code", "pass", FAILS, head="# coding: nightlab\n"),
    Program("a source in a code that is no text", "pass", FAILS, head="# coding: hex\n"),
    Program("blanks before a sign that is none", "pass", FAILS, head=f"n = 1{' ' * 200_000}$\n"),
    Program("a source in a code that hides", "pass", ("ok", *FAILS), head="# coding: utf-7\n"),
    Program(
        "imports that are none",
        "pass",
        FAILS,
        head="import os.path.nothing, json.tool.nothing\nfrom __future__ import nothing\n",
    ),
]
