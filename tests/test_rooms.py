"""Imports run one way: between the rooms, and between those of the experiments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nightlab

HOUSE = Path(nightlab.__file__).parent
ORDER = ("experiments", "papers", "agents", "graph")  # each may know those before it
ABOVE = ("telling", "commands", "verification")
MOST = 15  # files of a folder, or so
LINES = 400  # of a file that may still hold one subject


def modules(*rooms: str) -> dict[str, Path]:
    """The modules of these rooms by name, a package by that of its folder."""
    files = [path for room in rooms for path in (HOUSE / room).rglob("*.py")]
    names = (path.relative_to(HOUSE).with_suffix("").as_posix().replace("/", ".") for path in files)
    return {f"nightlab.{name}".removesuffix(".__init__"): path for name, path in zip(names, files, strict=True)}


def imported(file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The known modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else node.module for name in names if {name, node.module} & known.keys())


def arrows(found: Mapping[str, Path]) -> dict[str, set[str]]:
    return {name: set(imported(file, found)) - {name} for name, file in found.items()}


def test_a_room_knows_only_those_beneath_it() -> None:
    known = modules(*ORDER, *ABOVE)
    for place, room in enumerate(ORDER):
        above = (*ORDER[place + 1 :], *ABOVE)
        for name, file in modules(room).items():
            wrong = {other for other in imported(file, known) if other.split(".")[1] in above}
            assert not wrong, f"{name} imports {sorted(wrong)}"


def test_the_rooms_of_the_experiments_have_no_circle() -> None:
    rooms: dict[str, set[str]] = {}
    for name, others in arrows(modules("experiments")).items():
        room = name.split(".")[2] if name.count(".") > 1 else ""
        rooms.setdefault(room, set()).update({other.split(".")[2] for other in others if other.count(".") > 1} - {room})
    assert {"template", "ledger", "study", "search", "loop", "claim", "executors"} <= rooms.keys()
    tuple(TopologicalSorter(rooms).static_order())


@pytest.mark.parametrize("room", ["experiments", "papers", "agents", "graph"])
def test_no_module_of_a_room_leads_back_to_itself(room: str) -> None:
    tuple(TopologicalSorter(arrows(modules(room))).static_order())


def test_a_circle_is_found(tmp_path: Path) -> None:
    found = {"nightlab.a": tmp_path / "a.py", "nightlab.b": tmp_path / "b.py"}
    found["nightlab.a"].write_text("def f():\n    from nightlab import b\n    import nightlab.b\n")
    found["nightlab.b"].write_text("from nightlab.a import f\n")
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(arrows(found)).static_order())


def test_no_file_holds_more_than_an_eye_keeps() -> None:
    found = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(*ORDER, *ABOVE).items()}
    assert {name: lines for name, lines in found.items() if lines > LINES} == {}


def test_no_folder_is_a_corridor() -> None:
    folders = {path.parent for path in modules(*ORDER, *ABOVE).values()}
    long = {str(f.relative_to(HOUSE)): n for f in folders if (n := len(list(f.glob("[!_]*.py")))) > MOST}
    assert not long
