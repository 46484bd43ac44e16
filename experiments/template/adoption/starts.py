"""How a foreign program is started, as far as its folder says: proposals to be shown, none of which is run unasked."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from nightlab.experiments.template.adoption.folder import Folder
from nightlab.experiments.template.adoption.places import ValuePlace
from nightlab.experiments.template.knobs.derived import ranged

SHOWN = 8  # knobs of a command that is proposed
_FENCED = re.compile(
    r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)^[ \t]*(?:```|~~~)|^(?:    |\t)([^\n]+)$", re.MULTILINE | re.DOTALL
)
_TARGET = re.compile(r"^([A-Za-z][\w.-]*)[ \t]*:(?!=)", re.MULTILINE)


def proposals(found: Folder, places: Sequence[ValuePlace]) -> list[str]:
    """Commands with where each is from: of scripts, the readme, a project, a Makefile."""
    told = [*_scripts(found, places), *_readme(found), *_project(found), *_makefile(found)]
    return list(dict.fromkeys(told))


def programs(words: Sequence[str], found: Folder) -> list[str]:
    """The files of the folder that a command names, be it as a module or within the text of a shell."""
    inner = [part for word in words for part in _split(word)]
    modules = [after.replace(".", "/") for word, after in pairwise(inner) if word == "-m"]
    named = [part.removeprefix("./") for part in inner]
    named += [f"{base}{m}{end}" for m in modules for base in ("", "src/") for end in (".py", "/__main__.py")]
    return [name for name in dict.fromkeys(named) if name in found.files]


def _split(word: str) -> list[str]:
    with suppress(ValueError):
        return list(dict.fromkeys([word, *shlex.split(word)]))
    return [word]


def _scripts(found: Folder, places: Sequence[ValuePlace]) -> Iterator[str]:
    by_file = dict[str, list[ValuePlace]]()
    for place in places:
        if place.kind == "option" and place.flags:
            by_file.setdefault(place.where.rpartition(":")[0], []).append(place)
    for file, options in by_file.items():
        words = ["python", shlex.quote(file)]
        for name, option in {option.last: option for option in options}.items():
            if "seed" in name:
                words += [max(option.flags, key=len), "{seed}"]
            elif len(words) < 2 * SHOWN and (ranged(option.value) or len(option.choices) > 1) and name.isidentifier():
                words += [f"{{{name}}}"] if option.texts else [max(option.flags, key=len), f"{{{name}}}"]
        yield " ".join(words)
    plain = [n for n in found.files if "/" not in n and n.endswith(".py") and n not in by_file]
    yield from (f"python {shlex.quote(name)}" for name in plain if b"__main__" in found.text(name))


def _readme(found: Folder) -> Iterator[str]:
    """Lines of code of the readme that name a file of the folder."""
    for name in (n for n in found.files if n.lower().startswith("readme")):
        for fenced, indented in _FENCED.findall(found.text(name).decode(errors="replace")):
            for line in (fenced or indented).splitlines():
                command = line.strip().removeprefix("$ ")
                if programs(_split(command), found) and command.isprintable():
                    yield f"{command}   (in {name})"


def _project(found: Folder) -> Iterator[str]:
    if "pyproject.toml" in found.files:
        with suppress(ValueError, AttributeError):
            project = tomllib.loads(found.text("pyproject.toml").decode()).get("project", {})
            yield from (f"{name}   (in pyproject.toml)" for name in project.get("scripts", {}))


def _makefile(found: Folder) -> Iterator[str]:
    for name in (n for n in found.files if n in ("Makefile", "makefile", "GNUmakefile")):
        for target in _TARGET.findall(found.text(name).decode(errors="replace")):
            yield f"make {target}   (in {name})"
