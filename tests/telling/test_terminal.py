"""What is printed: every value as it is, on any terminal, from and to any path."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.table import Table

from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, reopen, resuming
from nightlab.experiments.template.loading import load
from nightlab.telling.terminal import Terminal
from tests.conftest import EXPERIMENT, PREPARE, MakeTemplate

LIKE_MARKUP = ("[bold]", "[/]", "[red]x", "[link=http://a]b", ":smile:", "a\\[b]")
ODD_NAMES = ("a b", "what?mode=ro", "100%41", "one#two", 'it\'s "so"', "[/red]", "two\nlines", "caf\udce9", "日本")


def nightlab(*args: object, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "nightlab.cli", *map(str, args)]
    done = subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)
    return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace")


EACH = """
import os, sys
from nightlab.cli import main
for command in sys.argv[1:]:
    sys.argv[1:] = map(os.fsdecode, map(bytes.fromhex, command.split()))
    try:
        main()
    except SystemExit as end:
        print(f"\\nended with {end.code or 0}")
"""


def in_one_process(*commands: Iterable[object], **environment: str) -> tuple[str, str]:
    words = [" ".join(os.fsencode(str(word)).hex() for word in command) for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", EACH, *words], capture_output=True, env=os.environ | environment, check=False
    )
    return done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="replace")


@pytest.mark.parametrize("value", LIKE_MARKUP)
def test_values_like_markup_are_shown_as_they_are(value: str) -> None:
    console = Terminal(file=io.StringIO(), width=80)
    table = Table(value)
    table.add_row(value)
    console.print(table)
    console.print(value)
    assert console.file.getvalue().count(value) == 3  # type: ignore[attr-defined]


def test_what_would_steer_the_terminal_is_taken_out() -> None:
    console = Terminal(file=io.StringIO(), width=80)
    console.print("a\x1b[31mb\x1b]52;c;aGk=\x07c\x07\u202ed")
    assert console.file.getvalue() == "abcd\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_study_may_stand_in_any_folder(name: str, make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = create(load(make_template()), Settings(), tmp_path / name)
    with reopen(folder) as study:
        study.data.prepare()
        assert study.ledger.once("note", "path", {"path": name}) == {"path": name}
    assert {p.name for p in folder.iterdir()} >= {"study.db", "template", "data"}
    with opened(folder) as ledger:
        assert ledger.document("study", "hashes")
    assert shlex.split(resuming(folder).strip("`")) == ["nightlab", "resume", str(folder)]


def test_an_ascii_terminal_shows_a_study_in_an_odd_folder(make_template: MakeTemplate, tmp_path: Path) -> None:
    """The label looks like markup, a choice too; prepare prints bytes; a path holds what ASCII and UTF-8 lack."""
    says = "    import sys\n    print('→')\n    sys.stdout.buffer.write(b'caf\\xe9')\n"
    template = make_template(
        {'metric = "height"': 'metric = "height"\nlabel = "[red]height[/] é"', '"calm", "odd"': '"calm", "[/]"'},
        {"prepare.py": f"{PREPARE}{says}", "experiment.py": EXPERIMENT},
    )
    out = tmp_path / "→ [/red] %41?mode=ro#y 'q' \udce9"
    code, told, errors = nightlab(
        *("experiment", template, "--trials", 3, "--seeds", 1, "--confirm-seeds", 2, "--workers", 1, "--out", out),
        PYTHONIOENCODING="ascii",
    )
    assert code == 0, errors
    (folder,) = out.iterdir()
    assert str(folder).replace("→", "->") in told
    asked = (["trials", folder], ["trials", folder, "--trial", 1], ["resume", folder], ["doctor"])
    told, errors = in_one_process(*asked, PYTHONIOENCODING="ascii", LANG="C")
    assert "Traceback" not in errors
    assert told.count("\nended with 0\n") == len(asked)
    assert told.encode(errors="surrogateescape").replace(b"\xe9", b"").isascii()
    code, told, _ = nightlab("trials", folder, "--json", PYTHONIOENCODING="ascii")
    rows = json.loads(told)
    assert Path(rows["study"]) == folder
    assert any("[red]height[/] é" in row["hypothesis"] for row in rows["trials"])
    code, told, _ = nightlab("trials", folder)
    assert "→" in told
