"""A finished study verifies; of one that was altered anywhere verifying says so."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from typer.testing import CliRunner

from nightlab.agents.team import MetaReview
from nightlab.cli import app
from nightlab.experiments.ledger.storage import opened
from nightlab.verification import files, rows
from nightlab.verification.paper import SEAL, agree
from nightlab.verification.pdf import differences
from nightlab.verification.verify import verify
from tests.tamper import small
from tests.tamper.alterations import ALTERATIONS, relink, unguarded


def test_a_clean_study_verifies(study: Path) -> None:
    assert list(verify(study)) == []


def test_every_alteration_is_found(study: Path, tmp_path: Path) -> None:
    """Sixty, each kind at least once; `make tamper` has a thousand."""
    missed = []
    for seed, kind in zip(range(60), cycle(ALTERATIONS), strict=False):
        to, told = small.altered(study, tmp_path / "altered", kind, seed)
        if not small.first_wrong(to):
            missed.append(told)
    assert missed == []


def test_a_ledger_without_a_chain_has_a_warning_alone(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "early")
    with unguarded(to) as db:
        db.execute("DELETE FROM chain")
    with opened(to, read_only=True) as ledger:
        assert [f.severity for f in rows.chain(ledger)] == ["warning"]


def test_a_study_of_another_version_has_its_facts_and_its_seal_checked(study: Path, tmp_path: Path) -> None:
    """Nothing that only a change of nightlab made different counts as an error; what a forger made does."""
    shutil.copytree(study, to := tmp_path / "older")
    with unguarded(to) as db:
        db.execute("UPDATE documents SET body = replace(body, 'code', 'other') WHERE kind = 'environment'")
        relink(db)
    assert {f.kind for f in verify(to) if f.severity == "error"} == {"seal"}


def test_a_head_that_was_known_elsewhere_vouches_for_what_was_written_before_it(study: Path) -> None:
    with opened(study, read_only=True) as ledger:
        links = list(ledger.links())
        assert list(rows.anchored(ledger, links[-1].hash)) == []
        (told,) = rows.anchored(ledger, links[-4].hash)
    assert (told.where, told.severity) == (f"link {len(links) - 3}", "warning")
    assert "3 rows" in told.text
    assert [(f.kind, f.severity) for f in verify(study, head="0" * 64)] == [("head", "error"), ("chain", "warning")]


def test_page_one_vouches_for_the_reviews(study: Path) -> None:
    told = SEAL.search((study / "paper" / "paper.tex").read_text())
    assert told
    with opened(study, read_only=True) as ledger:
        last = [key for key in ledger.all(MetaReview)][-1]
        assert int(told[1]) >= ledger.linked(MetaReview, last).number


def test_a_study_without_a_row_that_says_it_is_done_has_a_warning(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "undone")
    with unguarded(to) as db:
        assert db.execute("DELETE FROM documents WHERE kind = 'done'").rowcount == 1
        relink(db)
    assert [(f.kind, f.severity) for f in verify(to)] == [("missing", "warning")]


def test_reviews_of_another_version_are_compared_by_what_both_speak_of() -> None:
    again = {"overall": 7, "reviews": [{"ratings": {"soundness": 3}, "since": "now"}]}
    assert agree({"overall": 7, "reviews": [{"ratings": {"soundness": 3, "formerly": 1}}]}, again)
    assert not agree({"overall": 8, "reviews": [{"ratings": {"soundness": 3}}]}, again)
    assert not agree({"overall": 7, "reviews": [{"ratings": {"soundness": 4}}]}, again)
    assert not agree({"overall": 7, "reviews": []}, again)
    assert not agree({"reviews": [{"ratings": {"soundness": 3}}]}, again)
    for nothing in ({}, None, []):
        assert not agree(nothing, again)
        assert not agree(nothing, {"overall": 7.0, "soundness": 3.0})


def test_a_file_that_was_added_is_told(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "added")
    for name in ("paper/figures/more.pdf", "reviews/round-7.json", "items/0.npy", "data/inputs.txt"):
        (to / name).parent.mkdir(exist_ok=True)
        (to / name).write_text("more")
    with opened(to, read_only=True) as ledger:
        names = (path.relative_to(to).as_posix() for top in files.FOLDERS for path in (to / top).rglob("*.[!l]*"))
        found = list(files.added(to, ledger, names))
    assert found == ["data/inputs.txt", "items/0.npy", "paper/figures/more.pdf", "reviews/round-7.json"]


def test_what_a_pdf_holds_beside_its_pages_is_compared(study: Path, tmp_path: Path) -> None:
    own, other = study / "paper" / "paper.pdf", tmp_path / "other.pdf"
    assert list(differences(own, own)) == []
    with closing(pypdfium2.PdfDocument(own)) as document:
        note = pdfium.FPDFPage_CreateAnnot(document[1], pdfium.FPDF_ANNOT_LINK)
        pdfium.FPDFAnnot_SetURI(note, b"https://elsewhere.test")
        document.new_attachment("more.txt")
        document.save(other)
    assert list(differences(own, other)) == ["its titles, outline or attachments", "links and notes on page 2"]


def test_a_problem_is_a_line_and_an_exit_code(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "altered")
    (to / "paper" / "trials.csv").write_text("trial\n")
    (to / "template" / "evaluate.py").unlink()
    for options in ((), ("--json",)):
        done = CliRunner().invoke(app, ["verify", str(to), *options])
        assert done.exit_code == 1, done.stderr
    body = json.loads(done.stdout.splitlines()[-1])
    assert not body["ok"]
    assert [(f["kind"], f["where"]) for f in body["findings"]] == [
        ("hash", "template/evaluate.py"),
        ("hash", "paper/trials.csv"),
    ]
