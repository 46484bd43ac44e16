"""A venue's folder: its class or styles, preamble, references' style, page limit, and whether its papers have names.

Its files are used as they are. What a `venue.toml` beside them does not say is read off the folder: off a paper in it,
as most venues give one as an example, and off the names of its files.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.reading import Unreadable, read_toml
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.template.diagnostics import explained
from nightlab.experiments.template.template import Template

FILE = "venue.toml"
ENDINGS = (".toml", ".sty", ".cls", ".bst", ".tex", ".def", ".clo", ".cfg", ".fd", ".pdf")
MOST_MB = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_CLASS = re.compile(r"^[^%\n]*\\documentclass\s*(?:\[([^\]]*)\])?\s*\{([^}]*)\}", re.M)
_USES = re.compile(r"^[^%\n]*\\usepackage\s*(?:\[([^\]]*)\])?\s*\{([^}]*)\}", re.M)
_BST = re.compile(r"^[^%\n]*\\bibliographystyle\s*\{([^}]*)\}", re.M)
_LOADS = re.compile(r"\\(?:usepackage|RequirePackage(?:WithOptions)?)\s*(?:\[[^\]]*\])?\s*\{([^}]*)\}")


class VenueError(NightlabError):
    """A venue's folder that cannot be used; each line names a file, a key, what is wrong and what would be right."""

    exit_code = 2


def _name(text: str) -> str:
    if text and not _NAME.fullmatch(text):
        raise ValueError("must be a name of letters, digits and _.+-, without its ending and no path")
    return text


Name = Annotated[str, AfterValidator(_name)]


class VenueTable(BaseModel):
    """venue.toml, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    cls: Annotated[Name, Field(alias="class")] = ""
    options: tuple[str, ...] = ()  # of the class
    style: tuple[Name, ...] = ()
    style_options: tuple[str, ...] = ()
    preamble: str = ""  # a file of LaTeX that is read before the document begins
    bst: str = ""
    pages: Annotated[int, Field(ge=0, le=1000)] = 0  # of the main text, references and appendix apart; 0: no limit
    anonymous: StrictBool = False


@dataclass(frozen=True, kw_only=True)
class Venue:
    """How a venue's papers are set. Names without their endings; empty for what it does not have."""

    folder: Path
    cls: str = "article"
    options: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    style_options: tuple[str, ...] = ()
    preamble: str = ""
    bst: str = ""
    pages: int = 0
    anonymous: bool = False
    styled: bool = True  # false: the default look, where an engine lacks what its files need

    @property
    def name(self) -> str:
        """Of its class or style."""
        return self.styles[0] if self.styles else self.cls

    def lay_out(self, folder: Path) -> None:
        """Copy its files to where the paper is compiled; nothing where the look is the default one."""
        shutil.rmtree(folder / "venue", ignore_errors=True)
        if not self.styled:
            return
        copied(self.folder, folder / "venue")


@document("study", "venue")
@dataclass(frozen=True, kw_only=True)
class VenueHashes:
    """The files of a venue that a study's user named, of which the study has a copy of its own: name -> SHA-256."""

    of: Mapping[str, str]


def hashed(folder: Path) -> VenueHashes:
    """The record of a venue's files."""
    return VenueHashes(of={f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in _files(folder)})


def copied(folder: Path, to: Path) -> None:
    """Copy a venue's files to a place that is not there yet: all of them or none."""
    part = to.with_name(f"{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file in _files(folder):
        shutil.copyfile(file, part / file.name)
    part.rename(to)


def venue_of(template: Template, settings: Settings) -> Venue | None:
    """That of a study: as its user asked for it, else its template's; None for the default look."""
    if settings.venue:
        return load(Path(settings.venue))
    return load(template.folder / template.spec.paper.venue) if template.spec.paper else None


def load(folder: Path) -> Venue:
    """Read a venue's folder. Raises VenueError."""
    if not folder.is_dir():
        raise VenueError(f"{folder}: no folder; give the folder with a venue's .sty or .cls files")
    files = _files(folder)
    if (size := sum(f.stat().st_size for f in files)) > MOST_MB * 1e6:
        raise VenueError(f"{folder}: its files have {size / 1e6:.0f} MB; a venue's may have {MOST_MB} MB together")
    asked = _asked(folder / FILE)
    shown = _example(files, asked.preamble)
    names = {end: [f.stem for f in files if f.suffix == end] for end in (".sty", ".cls", ".bst")}
    faults = [
        f"{folder / FILE}: {key}: there is no {name}{end} in the folder; {_there(names[end], end)}"
        for key, end, wanted in (("style", ".sty", asked.style), ("bst", ".bst", [asked.bst] if asked.bst else []))
        for name in (w.removesuffix(end) for w in wanted)
        if name not in names[end]
    ]
    if asked.preamble and not (folder / asked.preamble).resolve().is_relative_to(folder.resolve()):
        faults.append(f"{folder / FILE}: preamble: {asked.preamble!r} lies outside of the folder; name a file in it")
    elif asked.preamble and not (folder / asked.preamble).is_file():
        faults.append(f"{folder / FILE}: preamble: there is no file {asked.preamble}; leave the key out, or add it")
    if faults:
        raise VenueError("\n".join(faults))
    own = not asked.cls and shown.cls
    return Venue(
        folder=folder,
        cls=asked.cls or shown.cls or _one(folder, names[".cls"], "class", ".cls") or "article",
        options=asked.options or (shown.options if own else ()),
        styles=asked.style or shown.styles or (() if asked.cls or names[".cls"] else _styles(folder, names, files)),
        style_options=asked.style_options or (() if asked.style else shown.style_options),
        preamble=(folder / asked.preamble).read_text(encoding="utf-8", errors="replace") if asked.preamble else "",
        bst=asked.bst.removesuffix(".bst") or shown.bst or (names[".bst"][0] if len(names[".bst"]) == 1 else ""),
        pages=asked.pages,
        anonymous=asked.anonymous,
    )


@dataclass(frozen=True, kw_only=True)
class _Example:
    """What a paper in the folder says of the look; empty where there is none."""

    cls: str = ""
    options: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    style_options: tuple[str, ...] = ()
    bst: str = ""


def _example(files: list[Path], preamble: str) -> _Example:
    """Off the only paper among the files: its class, the styles of the folder that it uses, with what it loads beside
    them, and the style of its references, where the folder has it."""
    texts = [
        f.read_text(encoding="utf-8", errors="replace") for f in files if f.suffix == ".tex" and f.name != preamble
    ]
    found = [(text, m) for text in texts if (m := _CLASS.search(text))]
    if len(found) != 1:
        return _Example()
    text, head = found[0]
    there = {f.name for f in files}
    uses = [(_listed(m[1]), _listed(m[2])) for m in _USES.finditer(text)]
    uses = [(options, names) for options, names in uses if any(f"{name}.sty" in there for name in names)]
    bst = _BST.search(text)
    return _Example(
        cls=head[2].strip(),
        options=_listed(head[1]),
        styles=tuple(dict.fromkeys(name for _, names in uses for name in names)),
        style_options=uses[0][0] if uses else (),
        bst=bst[1].strip() if bst and f"{bst[1].strip()}.bst" in there else "",
    )


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in (text or "").split(","))))


def _files(folder: Path) -> list[Path]:
    """Its plain files of LaTeX, through no link."""
    return sorted(f for f in folder.iterdir() if f.suffix in ENDINGS and f.is_file() and not f.is_symlink())


def _asked(file: Path) -> VenueTable:
    if not file.is_file():
        return VenueTable()
    try:
        return VenueTable.model_validate(read_toml(file))
    except Unreadable as error:
        raise VenueError(f"{file}: {error}") from None
    except ValidationError as error:
        raise VenueError("\n".join(f"{file}: {told}" for told in explained(error, VenueTable))) from None


def _styles(folder: Path, names: dict[str, list[str]], files: list[Path]) -> tuple[str, ...]:
    """The style of a folder without a class: the only one, else the one that no other file loads, or that has the name
    of the references' style."""
    found = names[".sty"]
    if not found:
        raise VenueError(
            f"{folder}: has neither a .sty nor a .cls file, nor a {FILE} that names a class; add one of them"
        )
    if same := [name for name in found if name in names[".bst"]]:
        return (same[0],)
    texts = [f.read_text(encoding="utf-8", errors="replace") for f in files if f.suffix in (".sty", ".cls")]
    loaded = {name.strip() for text in texts for names_ in _LOADS.findall(text) for name in names_.split(",")}
    first = _one(folder, [name for name in found if name not in loaded] or found, "style", ".sty")
    return (first,)


def _one(folder: Path, names: list[str], key: str, end: str) -> str:
    if len(names) > 1:
        value = f'["{names[0]}"]' if key == "style" else f'"{names[0]}"'
        raise VenueError(f"{folder}: {_there(names, end)}; say which one is meant in {FILE}, as {key} = {value}")
    return names[0] if names else ""


def _there(names: list[str], end: str) -> str:
    return f"there are {', '.join(f'{name}{end}' for name in names)}" if names else f"it has no {end} file"
