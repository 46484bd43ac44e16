"""What the documents name is there: rooms, files, and the data that go into the wheel."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("agents", "benchmarks", "experiments", "graph", "nightlab", "papers", "templates", "tests")
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(found for room in ROOMS for found in sorted((ROOT / room).rglob("README.md")) if room != "nightlab"),
]
FILE = re.compile(r"`([\w./-]+(?:\.(?:py|md|toml|jinja|bib|svg|png)|/))`|\]\(([\w./-]+)\)")
OF_USERS = {"nightlab.toml", "trials.csv", "failed/", "first/"}  # what no repository holds


def named(document: Path) -> Iterator[str]:
    for match in FILE.finditer(document.read_text(encoding="utf-8")):
        yield match[1] or match[2]


def there(name: str, document: Path) -> bool:
    """Whether a name is a path from the root or from the document, or of a file somewhere in the document's room."""
    room = document.parent if document.parent.name not in ("docs", ROOT.name) else ROOT / "templates"
    places = (ROOT / name, document.parent / name)
    return any(place.exists() for place in places) or any(room.rglob(name.rstrip("/")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_what_a_document_names_is_there(document: Path) -> None:
    of_a_room = document.name == "README.md" and document.parent != ROOT
    names = [name for name in named(document) if name.partition("/")[0] in ROOMS or of_a_room]
    assert [name for name in names if name not in OF_USERS and not there(name, document)] == []


@pytest.mark.parametrize("room", ["agents", "papers", "graph", "experiments"])
def test_a_readme_names_every_file_of_its_room(room: str) -> None:
    readmes = [readme.read_text(encoding="utf-8") for readme in (ROOT / room).rglob("README.md")]
    text = " ".join(readmes)
    files = [path for path in (ROOT / room).glob("*/*.py") if path.stem not in ("__init__", "__main__")]
    files += [path for path in (ROOT / room).glob("*.py") if path.stem != "__init__"]
    rooms = set(re.findall(r"^- `(\w+)/`: .*\n(?! )", text, re.MULTILINE))  # told of as a whole
    assert [str(p.relative_to(ROOT)) for p in files if f"`{p.name}`" not in text and p.parent.name not in rooms] == []


def test_every_file_of_data_goes_into_the_wheel() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    patterns = [(package, pattern) for package, found in declared.items() for pattern in found]
    packed = {path.resolve() for package, p in patterns for path in ROOT.joinpath(*package.split(".")).glob(p)}
    data = {path for room in ROOMS[:-1] for path in (ROOT / room).rglob("*.*") if path.suffix in (".toml", ".jinja")}
    shipped = (path for path in (ROOT / "templates").glob("*/**/*") if path.is_file())
    data |= {path.resolve() for path in shipped if "__pycache__" not in path.parts}
    assert {str(path) for path in data - packed if path.name != "ruff.toml" and "benchmarks" not in path.parts} == set()
    assert packed


def test_what_the_table_of_changes_names_stands_where_it_says() -> None:
    _, table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("| a new | goes |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert len(rows) >= 10
    for row in rows:
        marked = re.findall(r"`([^`]+)`", row)
        places = [ROOT / name for name in marked if "/" in name]
        files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        names = [name for name in marked if re.fullmatch(r"\w+", name)]
        assert [str(place) for place in places if not place.exists()] == [], row
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == [], row
