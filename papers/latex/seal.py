"""The seal on the paper's first page: which ledger, evidence and figures it stands on, by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.ledger.chain import Link
from nightlab.experiments.ledger.kinds import document


@dataclass(frozen=True, kw_only=True)
class Seal:
    """SHA-256 hashes. link, ledger: the last row of the ledger that the paper stands on, and its link's hash, which
    stands for all rows up to it; what is written later is in no paper. evidence, figures: of the files beside it."""

    link: int
    ledger: str
    evidence: str
    figures: str

    @property
    def tex(self) -> str:
        return rf"\sealed{{{self.link}}}{{{self.ledger}}}{{{self.evidence}}}{{{self.figures}}}"


@document("paper")
@dataclass(frozen=True, kw_only=True)
class Published:
    """The hash of each file of a paper that was put in its place, by its path in paper/."""

    of: Mapping[str, str]


def seal(link: Link, folder: Path) -> Seal:
    """The seal of a paper whose evidence and figures are in `folder`."""
    return Seal(link=link.number, ledger=link.hash, **evidence_and_figures(folder))


def evidence_and_figures(folder: Path) -> dict[str, str]:
    """The hashes of evidence.json, and of the list of the figures' hashes."""
    return {
        "evidence": hashlib.sha256((folder / "evidence.json").read_bytes()).hexdigest(),
        "figures": hashlib.sha256(sums(hashes(folder, "figures/*"))).hexdigest(),
    }


def hashes(folder: Path, pattern: str = "**/*") -> dict[str, str]:
    """The hash of each file below a folder by its path, in the order of the paths."""
    files = (path for path in folder.glob(pattern) if path.is_file())
    found = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return dict(sorted(found.items()))


def sums(of: Mapping[str, str]) -> bytes:
    """Hashes of files as `sha256sum` prints them."""
    return "".join(f"{hash}  {name}\n" for name, hash in of.items()).encode()
