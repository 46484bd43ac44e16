"""`nightlab review`: a study's paper and what was done to it, a PDF from elsewhere, the same paper several times."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nightlab.papers.latex.engine import compile, find_engine
from nightlab.papers.manuscript.manuscript import read, to_json
from tests.command_line import nightlab
from tests.review import papers
from tests.review.damage import DAMAGES
from tests.review.test_revision import WORD, filled
from tests.tamper.alterations import relink, unguarded

FOREIGN = r"""
\documentclass{article}\usepackage[T1]{fontenc}\usepackage{lmodern}
\begin{document}
\title{Pruning by magnitude in small networks}\author{A. Nobody}\maketitle
\begin{abstract}
We prune small networks by magnitude. The error falls from 0.412 to 0.498, which is significant (p = 0.64).
\end{abstract}
\section{Introduction}
Large networks are slow, and many of their weights matter little. We ask whether weights of small magnitude can go.
\section{Method}
We train each network with five random seeds and tune the share of pruned weights on the test set. What is left is
trained again for as many steps as before. See Figure 7 for the procedure, which follows earlier work [9].
\section{Results}
The mean error is 0.412 (95\% confidence interval 0.431 to 0.455).
\begin{figure}[h]\rule{2cm}{1cm}\caption{The error of pruned networks over the share of weights.}\end{figure}
\section{Conclusion}
Weights of small magnitude can go in small networks, as the results show.
\begin{thebibliography}{9}
\bibitem{a} A. Somebody. On weights. 2019.
\bibitem{b} B. Somebody. On pruning. 2020.
\end{thebibliography}
\end{document}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return papers.make("positive", tmp_path_factory.mktemp("reviewed"), trials=3)


def reviewed(*arguments: object) -> dict[str, Any]:
    done = nightlab("review", *arguments, "--json", cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def kinds(told: dict[str, Any]) -> set[str]:
    return {f["kind"] for f in told["findings"]}


def test_a_clean_paper_is_accepted_and_what_is_altered_in_its_folder_is_named(study: Path) -> None:
    clean = reviewed(study)
    assert (clean["decision"], clean["findings"], len(clean["reviews"])) == ("accept", [], 3)
    file = study / "paper" / "manuscript.json"
    whole = file.read_text(encoding="utf-8")
    try:
        for damage in [d for d in DAMAGES if any(w in d.name for w in ("exchanged", "planted", "moved to"))][-4:]:
            file.write_text(to_json(damage.make(read(file))), encoding="utf-8")
            told = reviewed(study)
            assert told["decision"] == "reject", damage.name
            assert told["overall"] < clean["overall"]
            assert [f for f in told["findings"] if f["where"] != "paper/manuscript.json"]
            assert "paper/manuscript.json" in {f["where"] for f in told["findings"]}
            file.write_text(whole, encoding="utf-8")
        facts = study / "paper" / "evidence.json"
        body = facts.read_text(encoding="utf-8")
        rows = json.loads(body)
        row = next(r for r in rows if r["id"] == "claim.effect")
        row["value"], row["runs"] = 2 * row["value"], []
        facts.write_text(json.dumps([r for r in rows if r["id"] != "claim.p"]), encoding="utf-8")
        found = " ".join(f["text"] for f in reviewed(study)["findings"])
        assert "claim.effect is by its value" in found
        assert "by its runs" in found
        assert "missing beside the paper" in found
        facts.write_text(body, encoding="utf-8")
        file.unlink()
        lost = nightlab("review", study, cwd=Path.cwd())
        assert lost.returncode == 2
        assert "nightlab resume" in lost.stderr
    finally:
        file.write_text(whole, encoding="utf-8")


def test_other_words_of_code_stand_where_an_unbroken_ledger_has_them_published(study: Path, tmp_path: Path) -> None:
    """As another version of nightlab words them; the ledger of whoever only puts a hash there is broken."""
    shutil.copytree(study, to := tmp_path / "study")
    file = to / "paper" / "manuscript.json"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(to_json(replace(read(file), authors_note="Written by Nightlab's agents.")), encoding="utf-8")
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    with unguarded(to) as db:
        db.execute("UPDATE documents SET body = replace(body, ?, ?) WHERE kind = 'paper'", (before, after))
    assert reviewed(to)["decision"] == "reject"
    with unguarded(to) as db:
        relink(db)
    told = reviewed(to)
    assert (told["decision"], told["findings"]) == ("accept", [])


def test_our_own_pdf_is_accepted_by_its_text_alone(study: Path, tmp_path: Path) -> None:
    shutil.copy(study / "paper" / "paper.pdf", tmp_path / "paper.pdf")
    told = reviewed(tmp_path / "paper.pdf")
    assert (told["decision"], told["findings"]) == ("accept", [])
    assert "mechanical part alone" in told["note"]


def test_a_pdf_from_elsewhere_is_read_for_what_its_text_tells(tmp_path: Path) -> None:
    (tmp_path / "paper.tex").write_text(FOREIGN, encoding="utf-8")
    assert compile(tmp_path, find_engine()).pdf
    told = reviewed(tmp_path / "paper.pdf")
    assert {"arithmetic", "leak", "unknown-float", "unknown-reference", "few-citations"} <= kinds(told)
    assert {f["severity"] for f in told["findings"]} == {"warning"}  # of a text alone nothing is more than a hint
    said = " ".join(f["text"] for f in told["findings"])
    assert "goes the other way" in said
    assert "is called significant" in said
    assert "lies outside of its own interval" in said
    assert told["decision"] == "reject"


def test_the_same_paper_several_times_by_a_model(study: Path, tmp_path: Path) -> None:
    rows = [
        {"stage": "* chair", "answer": WORD},
        *({"stage": f"reading {n} *", "answer": filled(5 + n)} for n in range(3)),
    ]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(f"{json.dumps({'repeat': True, **row})}\n" for row in rows), encoding="utf-8")
    told = reviewed(study, "--model", f"fake:{script}", "--repeat", 3)
    assert told["repeated"] == {"overall": [5.0, 6.0, 7.0], "spread": 2.0, "stdev": 1.0}
    assert reviewed(study, "--repeat", 2)["repeated"]["spread"] == 0  # the rubric does not vary


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (None, "no such file"),
        (b"no PDF at all", "cannot be read as a PDF"),
    ],
)
def test_what_is_no_paper_is_refused(made: bytes | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "paper.pdf"
    if made is not None:
        file.write_bytes(made)
    done = nightlab("review", file, cwd=Path.cwd())
    assert done.returncode == 2
    assert told in done.stderr


def test_a_model_that_takes_images_gets_the_figures(study: Path) -> None:
    submission = papers.submitted(study)
    found = submission.pictures()
    assert len(found) == len(submission.manuscript.figures if submission.manuscript else ()) > 0
    assert all(image.startswith(b"\x89PNG") for image in found)
    assert replace(submission, pictures=lambda: ()).pictures() == ()
