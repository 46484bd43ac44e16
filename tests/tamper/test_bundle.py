"""The bundle of a study: what a stranger finds with verify.py alone, its metadata, its time stamp."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import subprocess
import threading
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.ledger.chain import KEYS
from nightlab.experiments.ledger.storage import opened as opened_ledger
from nightlab.experiments.study.study import read
from nightlab.verification import crate
from nightlab.verification.bundle import BundleError, unpacked, write
from nightlab.verification.timestamp import StampError, granted
from nightlab.verification.verify import verify
from tests.tamper import small
from tests.tamper.alterations import ALTERATIONS

NOT_A_STRANGERS = ("a forged PDF", "a forged text", "a forged round")  # which verify.py says that it does not read
TERMS = {  # of the contexts that a crate refers to, whose other terms are schema.org's
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
AUTHORITY = """
[tsa]
default_tsa = one
[one]
serial = serial
signer_digest = sha256
default_policy = 1.2.3
digests = sha256
"""


def bundle(study: Path, to: Path, **options: Any) -> Path:
    with closing(read(study)) as opened:
        write(opened, to, **options)
    return to


@pytest.fixture(scope="module")
def clean(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(study, tmp_path_factory.mktemp("bundles") / "study.zip")


def test_a_clean_bundle_verifies_for_both(clean: Path) -> None:
    assert list(verify(clean)) == []
    told = small.by_a_stranger(clean)
    assert told["problems"] == []
    assert told["checked"]["facts"] > 100
    assert "facts by the formula importance" not in told["not_checked"]  # there are too few trials for one
    assert any("PDF" in text for text in told["not_checked"])


def test_the_same_study_makes_the_same_bundle(study: Path, clean: Path, tmp_path: Path) -> None:
    assert bundle(study, tmp_path / "again.zip").read_bytes() == clean.read_bytes()


def test_without_private_data_the_rest_is_checked_and_what_is_not_is_told(study: Path, tmp_path: Path) -> None:
    to = bundle(study, tmp_path / "study.zip", private=False)
    with zipfile.ZipFile(to) as archive:
        assert not [name for name in archive.namelist() if "private" in name]
        readme = archive.read("README.md").decode()
        assert "were left out" in readme
        assert "draws the same data again" in readme  # since the key is among the rows
    found = list(verify(to))
    assert {(f.kind, f.severity) for f in found} == {("private", "warning")}
    assert {f.where.partition(" ")[0] for f in found} == {"private", "claim", "figures", "facts"}
    told = small.by_a_stranger(to)
    assert told["ok"]
    assert "facts by the formula claimed" in told["not_checked"]
    assert "private data: left out of the bundle" in told["not_checked"]


@pytest.mark.parametrize("name", ["paper/paper.tex", "ledger/outcomes.jsonl", "environment.json", "README.md"])
def test_a_file_of_a_bundle_that_is_altered_is_found(clean: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(clean) as old, zipfile.ZipFile(tmp_path / "new.zip", "w") as new:
        for each in old.namelist():
            content = old.read(each)
            new.writestr(each, content.replace(b"1", b"7", 1) if each == name else content)
    assert [f.where for f in verify(tmp_path / "new.zip") if f.kind == "hash"] == [name]
    assert f"{name}: not what SHA256SUMS says" in small.by_a_stranger(tmp_path / "new.zip")["problems"]


def test_a_stranger_finds_what_is_not_beyond_it(study: Path, tmp_path: Path) -> None:
    missed = []
    for kind in ALTERATIONS.keys() - set(NOT_A_STRANGERS):
        to, told = small.altered(study, tmp_path / "altered", kind, 0)
        if not small.wrong_by_a_stranger(to):
            missed.append(told)
    assert missed == []


def test_a_head_that_was_known_elsewhere_is_looked_for(clean: Path) -> None:
    with zipfile.ZipFile(clean) as archive:
        head = json.loads(archive.read("bundle.json"))["head"]
    assert small.by_a_stranger(clean, "--head", head)["ok"]
    assert not small.by_a_stranger(clean, "--head", "0" * 64)["ok"]


@pytest.mark.parametrize("name", ["..", ".", "", "/", "../away", "/tmp/away", "a/b"])
def test_a_bundle_is_unpacked_nowhere_but_in_a_folder_of_its_own(clean: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(clean) as old, zipfile.ZipFile(tmp_path / "new.zip", "w") as new:
        new.writestr("bundle.json", json.dumps(json.loads(old.read("bundle.json")) | {"study": name}))
    with pytest.raises(BundleError, match="no name of a folder"):
        list(verify(tmp_path / "new.zip"))


def test_rows_that_a_study_at_work_writes_later_are_not_in_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(read(study)) as opened:
        links = list(opened.ledger.links())
        monkeypatch.setattr(opened.ledger, "head", lambda: links[-9])  # as it stood when the bundle was begun
        write(opened, to := tmp_path / "study.zip")
    assert not [told for told in small.by_a_stranger(to)["problems"] if told.startswith("ledger")]
    with unpacked(to) as (folder, _, altered), opened_ledger(folder, read_only=True) as ledger:
        assert (altered, ledger.faults()) == ([], [])
        assert sum(len(list(ledger.rows(table))) for table in KEYS) == len(links) - 8


@pytest.mark.parametrize("content", [b"no zip at all", b""])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "study.zip").write_bytes(content)
    with pytest.raises(BundleError, match=r"study\.zip"):
        list(verify(tmp_path / "study.zip"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the validator builds on
def test_the_metadata_are_a_workflow_run_crate(clean: Path, tmp_path: Path) -> None:
    from rocrate_validator import models, services

    def passes(body: dict[str, Any], place: Path) -> bool:
        with zipfile.ZipFile(clean) as archive:
            archive.extractall(place)
        (place / "ro-crate-metadata.json").write_text(json.dumps(body))
        settings = services.ValidationSettings(
            rocrate_uri=str(place),
            profile_identifier="workflow-run-crate",
            requirement_severity=models.Severity.REQUIRED,
            no_cache=True,
        )
        return bool(services.validate(settings).passed())

    with zipfile.ZipFile(clean) as archive:
        body = json.loads(archive.read("ro-crate-metadata.json"))
        assert {part["@id"] for part in body["@graph"]} >= set(archive.namelist()) - {"SHA256SUMS"}
    body["@context"] = context(body["@graph"])  # without a network
    assert passes(body, tmp_path / "good")
    body["@graph"][1].pop("mainEntity")
    assert not passes(body, tmp_path / "bad")


def test_terms_are_those_of_the_template_or_none(study: Path) -> None:
    with closing(read(study)) as opened:
        for files, told in (
            (["template/LICENSE", "paper/LICENSE"], [{"@id": "template/LICENSE"}]),
            (["paper/LICENSE"], crate.UNLICENSED),
        ):
            body = crate.metadata(opened, files, private=True)
            assert [node["license"] for node in body["@graph"] if "license" in node] == [told, told]
            assert "Apache" not in json.dumps(body)


def context(graph: list[dict[str, Any]]) -> dict[str, str]:
    """The terms of a graph, in place of the contexts that it refers to."""
    kinds = [node["@type"] for node in graph]
    each = {kind for named in kinds for kind in ((named,) if isinstance(named, str) else named)}
    words = [*each, *(key for node in graph for key in node if not key.startswith("@"))]
    return {word: f"http://schema.org/{word}" for word in words} | TERMS


# Time stamps


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[str]:
    """A time-stamping authority on loopback, by openssl; `refuse` in its address makes it grant nothing."""
    place = tmp_path / "authority"
    place.mkdir()
    (place / "tsa.cnf").write_text(AUTHORITY)
    (place / "serial").write_text("01")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=tsa"
    make += " -addext extendedKeyUsage=critical,timeStamping"
    subprocess.run(make.split(), cwd=place, check=True, capture_output=True)
    reply = (
        "openssl ts -reply -config tsa.cnf -section one -queryfile query -out answer -signer cert.pem -inkey key.pem"
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (place / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(reply.split(), cwd=place, check=True, capture_output=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"0\x05\x30\x03\x02\x01\x02" if "refuse" in self.path else (place / "answer").read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_head_is_stamped_by_an_authority(study: Path, tmp_path: Path, authority: str) -> None:
    to = bundle(study, tmp_path / "study.zip", stamper=authority)
    with zipfile.ZipFile(to) as archive:
        head, stamp = json.loads(archive.read("bundle.json"))["head"], archive.read("timestamp.tsr")
        assert head in archive.read("README.md").decode()
    (tmp_path / "stamp").write_bytes(stamp)
    check = f"openssl ts -verify -digest {head} -in stamp -CAfile authority/cert.pem"
    done = subprocess.run(check.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "OK" in done.stdout + done.stderr
    assert granted(stamp, bytes.fromhex(head))
    assert not granted(stamp, bytes(32))
    assert list(verify(to)) == []


@pytest.mark.parametrize(
    ("address", "told"), [("{}/refuse", "granted no"), ("file:///x", "http"), ("http://127.0.0.1:9", "refused")]
)
def test_no_stamp_no_bundle(study: Path, tmp_path: Path, authority: str, address: str, told: str) -> None:
    with pytest.raises(StampError, match=told):
        bundle(study, tmp_path / "study.zip", stamper=address.format(authority))
    assert not (tmp_path / "study.zip").exists()


def altered(clean: Path, to: Path, **files: bytes) -> Path:
    """The bundle with other files, by somebody who makes its list of hashes again."""
    with zipfile.ZipFile(clean) as archive:
        held = {name: archive.read(name) for name in archive.namelist()} | files
    held["SHA256SUMS"] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(held.items()) if name != "SHA256SUMS"
    ).encode()
    with zipfile.ZipFile(to, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return to


def test_private_data_that_are_there_are_compared_whatever_the_bundle_says(clean: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(clean) as archive:
        says = json.loads(archive.read("bundle.json")) | {"private": False}
        name = next(n for n in archive.namelist() if n.startswith("data/private/") and not n.endswith("/"))
        forged = {name: archive.read(name) + b" ", "bundle.json": json.dumps(says).encode()}
    found = list(verify(altered(clean, tmp_path / "b.zip", **forged)))
    assert [f.where for f in found if f.kind == "hash"] == [name]


@pytest.mark.parametrize(
    ("name", "kind"), [("paper/more.pdf", "added"), ("ledger/x.jsonl", "added"), ("README.md", "remade")]
)
def test_what_nothing_in_the_ledger_speaks_of_is_found(clean: Path, tmp_path: Path, name: str, kind: str) -> None:
    found = next(verify(altered(clean, tmp_path / "b.zip", **{name: b"Believe it."})))
    assert (found.kind, found.where, found.severity) == (kind, name, "error")


@pytest.mark.parametrize("entry", ["./paper/paper.tex", "paper/paper.tex", "paper/../x", "/x"])
def test_a_file_that_is_there_twice_or_elsewhere_is_refused(clean: Path, tmp_path: Path, entry: str) -> None:
    odd = Path(shutil.copy(clean, tmp_path / "b.zip"))
    with warnings.catch_warnings(), zipfile.ZipFile(odd, "a") as archive:
        warnings.simplefilter("ignore")  # zipfile's own, of a name that is there twice
        archive.writestr(entry, "forged")
    with pytest.raises(BundleError, match="twice, or not as the name of one file"):
        list(verify(odd))
