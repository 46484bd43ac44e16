"""Versions of a template's code that its evaluator must see through: its own `attacks/`, and a canary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nightlab.experiments.template.copying import ATTACKS

_HUNK = re.compile(r"@@ -(\d+)(,0)?(?:,\d+)? \+\d+(?:,\d+)? @@")
_CANARY = """\
def _canary():
    import sys
    for name, module in list(sys.modules.items()):
        if name == {module!r} or str(getattr(module, "__file__", "")).endswith({file!r}):
            for key, value in list(vars(module).items()):
                if callable(value) and getattr(value, "__module__", "") == name:
                    setattr(module, key, lambda *args, **named: 1e9)
                elif isinstance(value, float):
                    setattr(module, key, 1e9)
_canary()
"""


def patched(files: Mapping[str, bytes], editable: Sequence[str], module: str) -> dict[str, bytes]:
    """The files with a canary at the head of each editable Python file: it alters the evaluator where it finds it."""
    canary = _CANARY.format(module=module, file=f"/{module}.py").encode()
    found = dict(files)
    for name in (name for name in files if name in editable and name.endswith(".py")):
        lines = files[name].splitlines(keepends=True)
        with suppress(SyntaxError, ValueError):
            place = _first_line(ast.parse(files[name])) - 1
            found[name] = b"".join([*lines[:place], canary, *lines[place:]])
    return found


def _first_line(tree: ast.Module) -> int:
    """Of the first statement that is neither the documentation nor an import from the future."""
    for node in tree.body:
        told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not told and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return min(int(n.lineno) for n in (node, *getattr(node, "decorator_list", [])))
    raise ValueError("it has no code")


def attacks(
    folder: Path, files: Mapping[str, bytes], editable: Sequence[str]
) -> Iterator[tuple[str, dict[str, bytes], str]]:
    """(where, the files of the attack, why it cannot be tried) for each entry of a template's `attacks/`.

    A folder holds files that take the places of those of the artifact; a `.patch` or `.diff` changes them; any other
    file takes the place of the only editable one, or of the one with its name.
    """
    if not (folder / ATTACKS).is_dir():
        return
    for path in sorted((folder / ATTACKS).iterdir()):
        if path.name.startswith((".", "__")) or path.suffix == ".md":
            continue
        try:
            new = _of(path, files, editable)
        except (OSError, ValueError) as error:
            yield str(path), {}, str(error)
            continue
        if others := sorted(name for name in new if new[name] != files.get(name) and name not in editable):
            yield str(path), {}, f"it changes {others[0]}, which is not editable"
        else:
            yield str(path), {**files, **new}, "" if new else "it changes nothing"


def _of(path: Path, files: Mapping[str, bytes], editable: Sequence[str]) -> dict[str, bytes]:
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if p.is_file() and p.parent.name != "__pycache__"]  # an installer's
        return {str(p.relative_to(path)): p.read_bytes() for p in found}
    if path.suffix in (".patch", ".diff"):
        return dict(_applied(path.read_text(), files))
    (target,) = [path.name] if path.name in editable else editable if len(editable) == 1 else [""]
    if not target:
        raise ValueError(f"it has the name of no editable file; those are {', '.join(editable)}")
    return {target: path.read_bytes()}


def _applied(patch: str, files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The files that a unified difference changes, as it leaves them. Raises ValueError where it does not fit."""
    for part in re.split(r"^(?=--- )", patch, flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        name = re.sub(r"^\+\+\+ (?:[ab]/)?", "", rest.partition("\n")[0]).split("\t")[0].strip()
        if name not in files:
            raise ValueError(f"it changes {name!r}, which is no file of the artifact ({head})")
        lines, shift, place = files[name].decode().splitlines(), 0, 0
        for line in rest.splitlines()[1:]:
            if hunk := _HUNK.match(line):
                place = int(hunk[1]) - (0 if hunk[2] else 1) + shift  # -N,0 inserts after line N
            elif line[:1] == "+":
                lines.insert(place, line[1:])
                place, shift = place + 1, shift + 1
            elif line[:1] in ("-", " "):
                if lines[place : place + 1] != [line[1:]]:
                    raise ValueError(f"it does not fit {name} at line {place + 1}")
                if line[0] == "-":
                    del lines[place]
                    shift -= 1
                else:
                    place += 1
        yield name, ("\n".join(lines) + "\n").encode()
