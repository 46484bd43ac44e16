"""The study's files against the hashes in its ledger; nothing of them is run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from nightlab.agents.team import MetaReview
from nightlab.experiments.ledger.documents.claim import AblatedPart, ItemHashes, SeriesHash
from nightlab.experiments.ledger.documents.study import BoundHashes, Done, Extension, FileHashes, TreeHashes
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.artifact.artifact import content_hash
from nightlab.experiments.template.mending import listing, manifest_hash, tree_hash
from nightlab.papers.audit.finding import Finding
from nightlab.papers.latex.look.venue import VenueHashes, hashed
from nightlab.papers.latex.seal import Published, hashes

PRIVATE = "private data"
# what a study's paper stands on
FOLDERS = ("paper", "reviews", "template", "artifacts", "data", "items", "series", "venue")
LEFT_OUT = (".log", ".pyc")


def tree(what: str) -> Path:
    """The folder in a study of what it wrote down a hash of: the template, data, or data of a draw of the search."""
    name, _, number = what.rpartition(" ")
    draw = f"search/{number}/" if number.isdecimal() else ""
    kind = (name if draw else what).removesuffix(" data")
    return Path(kind if kind == "template" else f"data/{draw}{kind}")


def trees(folder: Path, ledger: Ledger, *, private: bool) -> Iterator[Finding]:
    """Template with its evaluator, inputs, and private data where they are there."""
    recorded, files = ledger.get(TreeHashes), ledger.get(FileHashes)
    for what, hash in (recorded.of if recorded else {}).items():
        if what.startswith(PRIVATE) and not private and not (folder / tree(what)).exists():
            yield Finding("private", what, "left out of the bundle, so not compared with its hash", "warning")
            continue
        found = listing(folder / tree(what)) if (folder / tree(what)).is_dir() else {}
        if tree_hash(found) == hash:
            continue
        before = files.of.get(what, {}) if files else {}
        wrong = [n for n in sorted({*found, *before}) if found.get(n) != before.get(n) and not n.endswith("/")]
        for name in wrong or [""]:
            yield Finding("hash", str(tree(what) / name), _difference(name in found, name in before))


def bound(study: Study) -> Iterator[Finding]:
    """What runs read where it lies, where that is here."""
    recorded = study.ledger.get(BoundHashes)
    for name, hash in (recorded.of if recorded else {}).items():
        place = study.template.bound.get(name)
        if place is None or not place.exists():
            told = "it lies outside of the study and is not here, so it was not compared"
            yield Finding("bound", name, told, "warning")
        elif manifest_hash(place) != hash:
            yield Finding("bound", name, "not what it was when the study began")


def artifacts(folder: Path, ledger: Ledger) -> Iterator[Finding]:
    """Every version of the editable files that a trial or an ablation ran."""
    for key in sorted(_ran(ledger)):
        place = folder / "artifacts" / key
        files = {str(p.relative_to(place)): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}
        if content_hash(files) != key:
            yield Finding("hash", f"artifacts/{key}", "not the files that ran" if files else "missing")


def _ran(ledger: Ledger) -> set[str]:
    trials = {trial.change.artifact for trial in ledger.each_trial()}
    extensions = range(len(ledger.all(Extension)) + 1)
    parts = (part for n in extensions for part in ledger.all(AblatedPart, extension=n).values())
    return trials | {part.artifact for part in parts if part.artifact}


def items(folder: Path, ledger: Ledger, *, private: bool) -> Iterator[Finding]:
    """Values by item of the runs that a claim rests on."""
    named = {
        hash: run
        for run, record in ledger.all(ItemHashes).items()
        for split, table in record.of.items()
        for hash in table.values()
        if private or split != "holdout" or (folder / "items" / f"{hash}.npy").exists()
    }
    for hash, run in named.items():
        file = folder / "items" / f"{hash}.npy"
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != hash:
            yield Finding("hash", f"items/{file.name}", f"missing, or not the values by item of run {run}")


def series(folder: Path, ledger: Ledger) -> Iterator[Finding]:
    """What runs reported step by step."""
    for run, kept in ledger.all(SeriesHash).items():
        file = folder / "series" / f"{kept.hash}.json"
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != kept.hash:
            yield Finding("hash", f"series/{file.name}", f"missing, or not the series of run {run}")


def venue(folder: Path, ledger: Ledger) -> Iterator[Finding]:
    """The study's copy of its venue."""
    recorded, place = ledger.get(VenueHashes), folder / "venue"
    now = hashed(place).of if place.is_dir() else {}
    for name, hash in (recorded.of if recorded else {}).items():
        if now.get(name) != hash:
            yield Finding("hash", f"venue/{name}", _difference(name in now, before=True))


def published(folder: Path, ledger: Ledger) -> Iterator[Finding]:
    """The paper's files, as they were put in their place."""
    found = list(ledger.all(Published).values())
    if not found:
        if bool(ledger.all(Done)) and bool(ledger.all(MetaReview)):
            yield Finding("missing", "paper", "the ledger does not say which files were published")
        return
    now = hashes(folder / "paper")
    for name, hash in found[-1].of.items():
        if now.get(name) != hash:
            yield Finding("hash", f"paper/{name}", _difference(name in now, before=True))


def added(folder: Path, ledger: Ledger, names: Iterable[str]) -> Iterator[str]:
    """Those of the files' names below a study's folder, or in its bundle, that nothing in the ledger speaks of."""
    names = set(names)
    recorded, published = ledger.get(TreeHashes), list(ledger.all(Published).values())
    compared = [
        *(tree(what) for what in (recorded.of if recorded else {})),
        *(Path("artifacts", key) for key in _ran(ledger)),
    ]
    known = {f"paper/{name}" for name in (published[-1].of if published else hashes(folder / "paper"))}
    taken = ledger.get(VenueHashes)
    known |= {f"venue/{name}" for name in taken.of} if taken else {n for n in names if n.startswith("venue/")}
    known |= {f"reviews/round-{key}.json" for key in ledger.all(MetaReview)}
    known |= {f"series/{kept.hash}.json" for kept in ledger.all(SeriesHash).values()}
    tables = (table for record in ledger.all(ItemHashes).values() for table in record.of.values())
    known |= {f"items/{hash}.npy" for table in tables for hash in table.values()}
    for name in sorted(names - known):
        if not any(place in Path(name).parents for place in compared):
            yield name


def _difference(there: bool, before: bool) -> str:
    if not before:
        return "it was not there when the study wrote down what was"
    return "not what was written" if there else "missing"
