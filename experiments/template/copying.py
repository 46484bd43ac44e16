"""A study's own copy of a template: what belongs to it, and what of the source cannot be copied."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.template.environment import is_environment
from nightlab.experiments.template.template import TemplateError

STUDY = re.compile(r".+-\d{8}-[0-9a-f]{6}")  # the name of a study's folder
ATTACKS = "attacks"  # cheats that the evaluator must catch, which no run and no model is to see
SHOWN = 5  # faults, or names, that are told
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


_Place: TypeAlias = tuple[Path, str, tuple[Path, ...]]


class NoPlace(NightlabError):
    """A place where no study can be made."""

    exit_code = 2


@dataclass(kw_only=True)
class Source:
    """What is to be copied, by its path in the template: folders, files with where they are, links with their text."""

    folders: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    studies: list[str] = field(default_factory=list)  # nightlab's own, which are left out
    size: int = 0


def look(root: Path, named: Iterable[str], is_study: Callable[[Path], bool], bound: Iterable[Path] = ()) -> Source:
    """What a copy of the template `root` consists of.

    Hidden files, caches, environments, studies and the template's own `attacks/` are left out, but for files that are
    `named`. A link stays one where it leads to something that is copied as well; else what it leads to is copied.
    Raises TemplateError with every file that cannot be copied. bound: what stays where it is.
    """
    source, faults = Source(), list[str]()
    places: list[_Place] = [(root, "", (root,))]  # a folder, its path in the copy, and the folders that led there
    while places:
        place, prefix, through = places.pop()
        try:
            names = sorted(path.name for path in place.iterdir())
        except OSError as error:
            faults.append(f"{place}: cannot be read ({error.strerror})")
            continue
        for name in names:
            path, relative = place / name, f"{prefix}{name}"
            if is_study(path):
                source.studies.append(relative)
            elif path in bound or (is_environment(path) and not _leads_to(relative, named)):
                continue
            elif not _left_out(relative, named):
                try:
                    places += _entered(source, root, path, relative, named, through)
                except _Fault as fault:
                    faults.append(f"{path}: {fault}")
    if faults:
        more = [f"and {len(faults) - SHOWN} more files that cannot be copied"] if len(faults) > SHOWN else []
        raise TemplateError("\n".join(faults[:SHOWN] + more))
    return source


class _Fault(Exception):
    pass


def _entered(
    source: Source, root: Path, path: Path, relative: str, named: Iterable[str], through: tuple[Path, ...]
) -> Iterator[_Place]:
    """Note one file or link; a folder to go into is given back."""
    real, about = path, _about(path)
    if path.is_symlink():
        real = path.resolve()
        inside = real.relative_to(root).as_posix() if real.is_relative_to(root) else ""
        if real == root or (inside and not _left_out(inside, named)):
            source.links[relative] = os.path.relpath(inside or ".", os.path.dirname(relative) or ".")  # noqa: PTH120
            return
    if stat.S_ISDIR(about.st_mode):
        if any(above.is_relative_to(real) for above in through):
            raise _Fault(f"is a link to {real}, which holds it; remove the link")
        source.folders.append(relative)
        yield real, f"{relative}/", (*through, real)
    elif not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "no plain file")
        raise _Fault(f"is {kind}, which cannot be copied; take it out of the template")
    elif not os.access(real, os.R_OK):
        raise _Fault("cannot be read (Permission denied); allow it, or take the file out of the template")
    else:
        source.files[relative] = real
        source.size += about.st_size


def _about(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if not os.path.islink(path):  # noqa: PTH114 - fails for no name
            raise _Fault(f"cannot be read ({error.strerror})") from None
        wrong = "leads back to itself" if error.errno == errno.ELOOP else f"leads to {path.readlink()}"
        why = "" if error.errno == errno.ELOOP else f", which cannot be read ({error.strerror})"
        raise _Fault(f"is a link that {wrong}{why}; remove or mend it") from None


def _left_out(relative: str, named: Iterable[str]) -> bool:
    """Whether a path is hidden, a cache or one of the template's attacks, and nothing that is named lies there."""
    first, *_ = parts = relative.split("/")
    hidden = first == ATTACKS or any(part.startswith(".") or part == "__pycache__" for part in parts)
    return hidden and not _leads_to(relative, named)


def _leads_to(relative: str, named: Iterable[str]) -> bool:
    return any(f"{name}/".startswith(f"{relative}/") for name in named)


def copy(
    root: Path,
    target: Path,
    named: Sequence[str],
    out: Path,
    has_ledger: Callable[[Path], bool],
    bound: Iterable[Path] = (),
) -> None:
    """Copy a template to a folder that is not there yet. Raises TemplateError, and NoPlace where it cannot be written.

    out: where studies are kept. has_ledger: whether a folder is a study wherever it lies. bound: what is not copied.
    """
    place, bound = out.resolve(), frozenset(bound)

    def is_study(path: Path) -> bool:
        return has_ledger(path) or (path.parent == place and STUDY.fullmatch(path.name) is not None)

    source = look(root, named, is_study, bound)
    try:
        target.mkdir(parents=True)
        if (free := shutil.disk_usage(target).free) < source.size:
            raise NoPlace(
                f"{root} holds {source.size / 1e6:.0f} MB and {out} has {free / 1e6:.0f} MB left; take out of the"
                " template what no run reads, or choose another place with --out"
            )
        for folder in source.folders:
            (target / folder).mkdir()
        for link, text in source.links.items():
            (target / link).symlink_to(text)
        for name, path in source.files.items():
            shutil.copy2(path, target / name)
            (target / name).chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise TemplateError(f"{root}: its folders are too deep to be copied to {out}; make paths shorter") from None
        if str(error.filename).startswith(f"{root}{os.sep}"):
            raise TemplateError(f"{error.filename}: cannot be read ({error.strerror})") from None
        told = f"{out}: cannot make a study's folder there ({error.strerror}); choose another with --out"
        raise NoPlace(told) from None
    if source.studies:
        told = ", ".join(source.studies[:SHOWN]) + (", ..." if len(source.studies) > SHOWN else "")
        logging.getLogger(__name__).warning("%s: left out of the study's copy, being studies: %s", root, told)
