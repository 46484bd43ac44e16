"""Verify a study, without running anything of it: cheap checks first, what rests on them only where they hold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from nightlab.agents.offline import offline_team
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.records import Runner
from nightlab.experiments.study.environment import environment
from nightlab.experiments.study.study import Study, is_study, read
from nightlab.graph.lab import Lab
from nightlab.papers.audit.finding import Finding
from nightlab.verification import files, paper, rows
from nightlab.verification.bundle import (
    DATABASE,
    MANIFEST,
    METADATA,
    STAMP,
    SUMS,
    Manifest,
    about,
    ledger_rows,
    lines,
    unpacked,
)
from nightlab.verification.reproduce import reproduced
from nightlab.verification.timestamp import granted

UNREADABLE = (NightlabError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)


def verify(target: Path, reproduce: int = 0, head: str = "") -> Iterator[Finding]:
    """What is wrong with a study or a bundle, and warnings of what could not be checked, as they are found.

    reproduce: runs to repeat, drawn at random, where all else holds. head: the hash of a link of the ledger that is
    known from elsewhere. Raises NoStudy where the target is neither, BundleError for a file that is no bundle.
    """
    if not target.is_file():
        yield from _verified(target, private=True, reproduce=reproduce, head=head)
        return
    with unpacked(target) as (folder, manifest, altered):
        for name in altered:
            yield Finding("hash", name, "not what the bundle's SHA256SUMS says")
        yield from _stamp(folder, manifest)
        if not altered:
            yield from _readable(target.name, partial(_bundle, folder, manifest))
            yield from _verified(folder, private=manifest.private, reproduce=reproduce, head=head)


def _stamp(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """The ledger's head in the manifest, and in a time stamp where the bundle has one."""
    with opened(folder, read_only=True) as ledger:
        head = ledger.head()
    if head is None or (head.number, head.hash) != (manifest.link, manifest.head):
        yield Finding("head", MANIFEST, "it names another head than the ledger has")
    if (file := folder / STAMP).is_file() and not granted(file.read_bytes(), bytes.fromhex(manifest.head)):
        yield Finding("timestamp", STAMP, "it is not of the ledger's head")


def _bundle(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Nothing is in a bundle but what belongs there, and what it says of itself is what its ledger gives."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {DATABASE}
    with closing(read(folder)) as study:
        link = study.ledger.head()
        tables = ledger_rows(study.ledger, link) if link else {}
        again = {f"ledger/{name}.jsonl": lines(each) for name, each in tables.items()}
        told = about(study, manifest, names - {METADATA, SUMS})
        for name in files.added(folder, study.ledger, names - {MANIFEST, SUMS, STAMP} - again.keys() - told.keys()):
            yield Finding("added", name, "nothing in the ledger speaks of it")
    if manifest.code != environment().of["code"]:
        why = "another version of nightlab wrote it, so its readme, provenance and metadata were not compared"
        yield Finding("version", "bundle", why, "warning")
        told = {}
    for name, content in {**again, **told}.items():
        if not (folder / name).is_file() or (folder / name).read_bytes() != content:
            yield Finding("remade", name, "not what the ledger gives when it is made again")


def _verified(folder: Path, *, private: bool, reproduce: int, head: str) -> Iterator[Finding]:
    if not is_study(folder):
        read(folder)  # tells what is missing
    found = False
    ledger = partial(_ledger, known=head)
    for check in (ledger, _files, _study, partial(_again, count=reproduce)):
        for finding in _readable(folder.name, partial(check, folder, private)):
            found = found or finding.severity == "error"
            yield finding
        if found and check is ledger:
            told = "nothing else was compared with it, since its rows are not to be believed"
            yield Finding("chain", "ledger", told, "warning")
        if found:
            return


def _again(folder: Path, _private: bool, count: int) -> Iterator[Finding]:
    if count:
        yield from reproduced(folder, count)


def _readable(where: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; what was altered so that it cannot be read is one of them."""
    try:
        yield from check()
    except UNREADABLE as error:
        yield Finding("unreadable", where, f"it cannot be read as nightlab writes it: {error}")


def _ledger(folder: Path, _private: bool, known: str) -> Iterator[Finding]:
    with opened(folder, read_only=True) as ledger:
        yield from rows.chain(ledger)
        if known:
            yield from rows.anchored(ledger, known)


def _files(folder: Path, private: bool) -> Iterator[Finding]:
    with opened(folder, read_only=True) as ledger:
        yield from files.trees(folder, ledger, private=private)
        yield from files.artifacts(folder, ledger)
        yield from files.items(folder, ledger, private=private)
        yield from files.series(folder, ledger)
        yield from files.venue(folder, ledger)
        yield from files.published(folder, ledger)
        there = (path for top in files.FOLDERS for path in (folder / top).rglob("*") if path.is_file())
        names = (path.relative_to(folder).as_posix() for path in there if path.suffix not in files.LEFT_OUT)
        for name in files.added(folder, ledger, names):
            yield Finding("added", name, "nothing in the ledger speaks of it", "warning")


def _study(folder: Path, _private: bool) -> Iterator[Finding]:
    with closing(read(folder)) as study:
        yield from files.bound(study)
        yield from rows.order(study)
        yield from rows.completeness(study)
        if not study.finished and study.claim:
            told = "no row says that the study came to its end: it has not yet, or the row is gone"
            yield Finding("missing", "ledger", told, "warning")
        if study.mode != "pipeline":
            return
        if not (study.paper / "manuscript.json").is_file():
            yield Finding("paper", "paper", "nothing is published yet", "error" if study.finished else "warning")
            return
        yield from _paper(study)


def _paper(study: Study) -> Iterator[Finding]:
    lab = Lab(study, offline_team(study.settings), _no_runner)
    with tempfile.TemporaryDirectory(prefix="nightlab-verify-") as name:
        found = False
        for check in (paper.sealed, paper.claims, paper.reviews, partial(paper.made_again, place=Path(name))):
            for finding in _readable("paper", partial(check, lab)):
                found = found or finding.severity == "error"
                yield finding
        if not found:
            yield from paper.pdf(lab, Path(name))


def _no_runner() -> Runner:
    raise AssertionError("verifying runs nothing")
