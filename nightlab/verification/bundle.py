"""The bundle: all that a stranger needs to check a paper without trusting its maker, as one zip file."""

from __future__ import annotations

import hashlib
import json
import posixpath
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.chain import KEYS, Link, key_of
from nightlab.experiments.ledger.documents.claim import ItemHashes
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.ledger.sqlite.chain import restore
from nightlab.experiments.study.environment import Environment, environment
from nightlab.experiments.study.study import Study
from nightlab.papers.latex.seal import sums
from nightlab.verification import crate, readme, timestamp
from nightlab.verification.files import FOLDERS, LEFT_OUT

MANIFEST, SUMS, STAMP, METADATA = "bundle.json", "SHA256SUMS", "timestamp.tsr", "ro-crate-metadata.json"
DATABASE = "study.db"  # of the study that a bundle is unpacked to
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same study makes the same file


class BundleError(NightlabError):
    """A file that is no bundle; the message says why."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle is of. private: whether private data came along. link, head: the ledger's last link. stamper: the
    address of the server that stamped that. code: the version of nightlab's sources that wrote it."""

    study: str
    private: bool
    link: int
    head: str
    stamper: str = ""
    code: str = ""  # an early version did not say
    format: int = 1


def write(study: Study, to: Path, *, private: bool = True, stamper: str = "") -> Manifest:
    """Write a study's bundle. stamper: the address of an RFC 3161 server that shall stamp the ledger's head."""
    head = study.ledger.head()
    if head is None:
        raise BundleError(f"{study.folder}: its ledger has no hash chain yet; `nightlab resume` on it begins one")
    manifest = Manifest(
        study=study.name,
        private=private,
        link=head.number,
        head=head.hash,
        stamper=stamper,
        code=environment().of["code"],
    )
    contents = {name: path.read_bytes() for name, path in _files(study, private).items()}
    contents |= {f"ledger/{name}.jsonl": lines(rows) for name, rows in ledger_rows(study.ledger, head).items()}
    contents[MANIFEST] = _text(asdict(manifest))
    if stamper:
        contents[STAMP] = timestamp.stamped(stamper, bytes.fromhex(head.hash))
    contents |= about(study, manifest, contents)
    contents[SUMS] = sums({name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)})
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), contents[name], zipfile.ZIP_DEFLATED)
    return manifest


def about(study: Study, manifest: Manifest, others: Iterable[str]) -> dict[str, bytes]:
    """What a bundle says of itself and its study, out of the ledger. others: the names of all its other files."""
    private = manifest.private
    told = {
        "environment.json": _text({key: dict(e.of) for key, e in study.ledger.all(Environment).items()}),
        "README.md": readme.text(
            study, manifest.link, manifest.head, private=private, stamped=manifest.stamper
        ).encode(),
        "provenance.json": _text(crate.provenance(study)),
    }
    return told | {METADATA: _text(crate.metadata(study, sorted({*others, *told}), private=private))}


def _files(study: Study, private: bool) -> dict[str, Path]:
    """The study's files that go along, by their names in the bundle."""
    arrays = [(split, set(t.values())) for r in study.ledger.all(ItemHashes).values() for split, t in r.of.items()]
    shown, sealed = (set[str]().union(*(a for s, a in arrays if (s == "holdout") == of)) for of in (False, True))
    found = {}
    for top in FOLDERS:
        for path in sorted((study.folder / top).rglob("*")):
            name = path.relative_to(study.folder)
            hidden = (top == "items" and path.stem in sealed - shown) or (top == "data" and "private" in name.parts)
            if path.is_file() and path.suffix not in LEFT_OUT and (private or not hidden):
                found[name.as_posix()] = path
    return found


def ledger_rows(ledger: Ledger, head: Link) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table, and the links, up to the head; a study at work writes on while they are read."""
    tables: dict[str, list[Mapping[str, Any]]] = {table: list(ledger.rows(table)) for table in KEYS}
    links = list(ledger.links())
    later = {(link.table, link.key) for link in links if link.number > head.number}
    cut = {table: [row for row in rows if (table, key_of(table, row)) not in later] for table, rows in tables.items()}
    return cut | {"chain": [asdict(link) for link in links if link.number <= head.number]}


def lines(rows: list[Mapping[str, Any]]) -> bytes:
    """A table as it stands in a bundle."""
    return "".join(json.dumps(dict(row), sort_keys=True, separators=(",", ":")) + "\n" for row in rows).encode()


def _text(body: Any) -> bytes:
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


# what reading a zip file that somebody else made may end in; an encrypted or too deep one in a RuntimeError
UNUSABLE = (KeyError, TypeError, ValueError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, SQLAlchemyError)


def is_bundle(path: Path) -> bool:
    return path.is_file() and zipfile.is_zipfile(path)


@contextmanager
def unpacked(bundle: Path) -> Iterator[tuple[Path, Manifest, list[str]]]:
    """A bundle as a study's folder, with its manifest and the names of files that are not what its list says."""
    if not is_bundle(bundle):
        raise BundleError(f"{bundle}: no bundle that `nightlab export` wrote; give a study's folder or such a zip file")
    with tempfile.TemporaryDirectory(prefix="nightlab-bundle-") as name, zipfile.ZipFile(bundle) as archive:
        try:
            manifest = Manifest(**json.loads(archive.read(MANIFEST)))
            if manifest.study in ("", ".", "..") or "/" in manifest.study:
                raise ValueError(f"{MANIFEST} names the study {manifest.study!r}, which is no name of a folder")
            for entry, count in Counter(archive.namelist()).items():
                if count > 1 or posixpath.normpath(entry) != entry or entry.startswith(("/", "..", DATABASE)):
                    raise ValueError(f"it has {entry!r} twice, or not as the name of one file within it")
            folder = Path(name) / manifest.study
            archive.extractall(folder)
            tables = {table: _read(folder / f"ledger/{table}.jsonl") for table in (*KEYS, "chain")}
            links = [Link(**row) for row in tables.pop("chain")]
            numbers = {(link.table, link.key): link.number for link in links}
            for table, rows in tables.items():  # as they were written: the latest of a kind is the last
                rows.sort(key=lambda row: numbers.get((table, key_of(table, row)), 0))
            restore(folder / DATABASE, tables, links)
        except UNUSABLE as error:
            raise BundleError(f"{bundle}: no bundle that `nightlab export` wrote ({error})") from error
        for empty in ("data/inputs", *(("data/private",) if manifest.private else ())):
            (folder / empty).mkdir(parents=True, exist_ok=True)
        yield folder, manifest, _unlisted(folder, set(archive.namelist()))


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _unlisted(folder: Path, names: set[str]) -> list[str]:
    """Files that the list of hashes does not have, or has otherwise."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines() if SUMS in names else []
    listed = {name: hash for hash, _, name in (line.partition("  ") for line in lines)}
    now = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names - {SUMS}}
    return sorted(name for name in {*listed, *now} if listed.get(name) != now.get(name))
