"""The paper made again out of the ledger: facts, figures, tables, text, reviews, and the PDF with what it shows."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightlab.agents.model.model_figure import redrawn
from nightlab.agents.offline import offline_team
from nightlab.agents.offline.chairing import averaged
from nightlab.agents.team import Analysis, Review
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.records import Fact
from nightlab.experiments.study.environment import Environment, environment
from nightlab.graph import drafting, publishing, reviewing
from nightlab.graph.lab import Lab
from nightlab.papers.audit.finding import Finding
from nightlab.papers.facts.evidence import Evidence, TeamCounts
from nightlab.papers.facts.facts import facts_of
from nightlab.papers.facts.registry import computed
from nightlab.papers.figures.shown import same
from nightlab.papers.latex.engine import compile, find_engine
from nightlab.papers.latex.repair import KIND as MENDED
from nightlab.papers.latex.seal import Published, evidence_and_figures, hashes
from nightlab.papers.latex.versions import DIFF, MARKED
from nightlab.papers.manuscript.manuscript import keys_cited
from nightlab.verification.pdf import differences, first_page

DRAWS = ("matplotlib", "numpy", "scipy", "code")  # what a figure's bytes depend on
SETS = ("code", "pylatex")  # what the LaTeX depends on
# what is compared otherwise, or by its hash alone: PDFs but for figures, other versions, what LaTeX and latexdiff said
BESIDE = re.compile(rf"(rounds|first|failed)/|(paper\.pdf|compiled\.json|paper\.mended\.tex|{DIFF}|{MARKED}|.*\.log)$")
IN_ALL = {"round", "overall", "decision", "reviews", "reviewer"}  # of a review, in each version
SEAL = re.compile(r"\\sealed\{(\d+)\}" + r"\{([0-9a-f]{64})\}" * 3)


def claims(lab: Lab) -> Iterator[Finding]:
    """The claim that the paper tells is the ledger's, and what its runs come to."""
    collected, _ = drafting.evidence(lab, publishing.best_round(lab))
    claim, study = collected.claim, lab.study
    if claim not in (study.claim, *study.earlier_claims):
        yield Finding("claim", "ledger", "the evidence of the paper tells another claim than the ledger")
    if not claim.tested:
        return
    if claim.items and not lab.study.private.is_dir():
        yield Finding("private", "claim", "its values by item were left out, so it was not computed again", "warning")
        return
    for part, told in {"effect": claim.effect, "low": claim.low, "high": claim.high, "p": claim.p_value}.items():
        found = computed(collected, "claimed", {"part": part, "split": claim.split}).value
        if not _same(found, told):
            yield Finding("claim", f"claim.{part}", f"the ledger's claim says {told}, its runs come to {found}")
    if claim.significant and claim.p_value >= claim.level:
        yield Finding("claim", "claim", f"p = {claim.p_value} is not below the level {claim.level}")


def sealed(lab: Lab) -> Iterator[Finding]:
    """What the first page says of ledger, evidence and figures; a study without a chain has no such line."""
    ledger, paper = lab.study.ledger, lab.study.paper
    if publishing.published_version(lab).link is None:
        return
    told = SEAL.search((paper / "paper.tex").read_text(encoding="utf-8"))
    if told is None:
        yield Finding("seal", "paper/paper.tex", "its first page does not name the ledger's link")
        return
    number, head, evidence, figures = told.groups()
    if head not in [link.hash for link in ledger.links() if link.number == int(number)]:
        yield Finding("seal", f"link {number}", "the ledger has another hash there than the first page names")
    if {"evidence": evidence, "figures": figures} != evidence_and_figures(paper):
        yield Finding("seal", "paper", "evidence or figures have other hashes than the first page names")
    if (pdf := paper / "paper.pdf").is_file() and not {head, evidence, figures} <= set(first_page(pdf).split()):
        yield Finding("seal", "paper/paper.pdf", "its first page does not name the hashes that the LaTeX names")


def made_again(lab: Lab, place: Path) -> Iterator[Finding]:
    """Everything of the paper but its PDF, in an empty folder, against what the study has."""
    best, version = publishing.best_round(lab), publishing.published_version(lab)
    collected, analysis = drafting.evidence(lab, best)
    drafting.save_evidence(lab, collected, place)
    try:
        facts, measured = _measured(lab, collected, place, f"round {best}")
    except LedgerError:
        if lab.study.private.is_dir():
            raise
        told = "they rest on values by item that were left out, so they were compared by their hashes alone"
        yield Finding("private", "figures and tables", told, "warning")
        facts, measured = {}, analysis
        _taken(lab.study.paper, place)
    yield from _facts(lab, collected, version.facts, facts)
    yield from _citations(lab, version)
    if not _alike(lab, SETS):
        told = "set by another version of nightlab, so its text, tables and look were compared by their hashes alone"
        yield Finding("version", "paper", told, "warning")
        return
    yield from _tables(analysis, measured)
    yield from _data(lab.study.paper, place)
    if not _alike(lab, DRAWS):
        _taken(lab.study.paper, place)
        told = "drawn with other versions than are here, so their data were compared, and their looks by hashes alone"
        yield Finding("version", "paper/figures", told, "warning")
    yield from _set_again(lab, version, "", place)
    for number in (meta.round for meta in drafting.metas(lab)):
        yield from _round(lab, number, best=number == best, place=place)


def _measured(lab: Lab, collected: Evidence, place: Path, stage: str) -> tuple[Mapping[str, Fact], Analysis]:
    """All facts of a round and its analysis, with the figures in `place`, out of the rows."""
    bare = replace(collected, facts=facts_of(collected))
    measured = offline_team(lab.study.settings).analyst.analyse(bare, place, stage)
    facts = {**bare.facts, **measured.facts}
    redrawn(lab.study.ledger, replace(bare, facts=facts), place)
    return facts, measured


def _data(told: Path, again: Path) -> Iterator[Finding]:
    """The data that figures show, as numbers, whatever draws figures here."""
    for file in sorted((told / "figures").glob("*.json")):
        if not same(*(json.loads(f.read_bytes()) for f in (file, again / "figures" / file.name) if f.is_file())):
            yield Finding("figure", f"paper/figures/{file.name}", "it shows other data than the ledger's rows give")


def _taken(of: Path, place: Path) -> None:
    """Put a paper's own figures in the place of those that were drawn again."""
    shutil.rmtree(place / "figures")
    shutil.copytree(of / "figures", place / "figures")


def _set_again(lab: Lab, version: drafting.Version, name: str, place: Path) -> Iterator[Finding]:
    """A version's text and all that lies beside it; one whose LaTeX had to be mended is compiled for that."""
    told = lab.study.paper / name
    like = drafting.compiled(told)
    mended = any(finding.kind == MENDED for finding in like.findings)
    if mended and find_engine() is None:
        yield Finding("version", f"paper/{name}", "its LaTeX was mended, which cannot be repeated here", "warning")
        return
    if mended:
        drafting.set_version(lab, version, place)
    else:
        drafting.lay_out(lab, version, place, like)
    there, again = hashes(told), hashes(place)
    known = {file for published in lab.study.ledger.all(Published).values() for file in published.of}
    for file in sorted({*there, *again}):
        where = Path(name, file).as_posix()
        if there.get(file) != again.get(file) and not BESIDE.match(file) and (file in again or where in known):
            yield Finding("remade", f"paper/{where}", "not what the ledger gives when it is made again")


def _round(lab: Lab, number: int, *, best: bool, place: Path) -> Iterator[Finding]:
    """A round's version, but for its PDF, and for the figures of those that were not published."""
    name = f"rounds/{number}"
    told, again = lab.study.paper / name, place / name
    if (told / "failed").is_dir():  # its last version has no PDF, so that the one before it stands there
        return
    shutil.copytree((place if best else told) / "figures", again / "figures")
    drafting.save_evidence(lab, drafting.evidence(lab, number)[0], again)
    yield from _set_again(lab, drafting.drafted(lab, number), name, again)


def _facts(lab: Lab, collected: Evidence, printed: Mapping[str, Fact], again: Mapping[str, Fact]) -> Iterator[Finding]:
    counts = lab.study.ledger.get(TeamCounts, lab.study.name_now("published"))
    e = replace(collected, team=counts or TeamCounts())
    alike, left_out = _alike(lab, SETS), list[str]()
    for fact in printed.values():
        try:
            found = computed(e, fact.formula, fact.arguments)
        except (LookupError, ValueError, TypeError, LedgerError) as error:
            if isinstance(error, LedgerError) and not lab.study.private.is_dir():
                left_out.append(fact.id)
            else:
                yield Finding("fact", fact.id, f"{fact.formula} cannot be computed from what is here ({error})")
            continue
        text = again.get(fact.id, fact).text
        if not _same(found.value, fact.value) or (alike and found.runs != fact.runs):
            yield Finding("fact", fact.id, f"the paper has {fact.value}, {fact.formula} gives {found.value}")
        elif text != fact.text:
            yield Finding("fact", fact.id, f"the paper prints {fact.text!r} of what is {text!r}")
    if left_out:
        told = f"values by item were left out, so {len(left_out)} were not computed again, as {left_out[0]}"
        yield Finding("private", "facts", told, "warning")
    for id in again.keys() - printed.keys() if alike else ():
        yield Finding("fact", id, "the paper's evidence lacks it")


def _same(one: float, other: float) -> bool:
    """To what two processors may differ in."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _tables(told: Analysis, again: Analysis) -> Iterator[Finding]:
    found = {table.key: table for table in again.tables}
    for table in told.tables:
        if found.get(table.key) != table:
            yield Finding("table", table.key, "not what the ledger's rows give")


def _citations(lab: Lab, version: drafting.Version) -> Iterator[Finding]:
    known = {reference.key: reference for reference in drafting.references(lab)}
    for key in keys_cited(version.draft):
        if key not in known or not known[key].source:
            yield Finding("citation", key, "cited, but no record of the survey says where it was found")


def _alike(lab: Lab, names: Sequence[str]) -> bool:
    """Whether the sessions that made the paper had the versions that are here; for later ones page one vouches not."""
    now, ledger, last = environment().of, lab.study.ledger, publishing.published_version(lab).link
    sessions = ledger.all(Environment)
    places = {key: ledger.linked(Environment, key) for key in sessions}
    of = [each.of for key, each in sessions.items() if not (last and (at := places[key]) and at.number > last.number)]
    return bool(of) and all(each.get(name) == now[name] for each in of for name in names)


def reviews(lab: Lab) -> Iterator[Finding]:
    """The reviews in the study's folder, and the area chair's means, against the forms in the ledger."""
    forms, alike = lab.study.ledger.all(Review), _alike(lab, SETS)
    for meta in drafting.metas(lab):
        where = f"reviews/round-{meta.round}.json"
        file, again = lab.study.folder / where, reviewing.text(lab, meta)
        told = file.read_text(encoding="utf-8") if file.is_file() else "null"
        if told != again and (alike or not agree(json.loads(told), json.loads(again))):
            yield Finding("review", where, "missing, or not what the reviewers' forms say")
        elif told != again:
            told_of = "another version of nightlab wrote it, so it was compared in what both versions speak of"
            yield Finding("version", where, told_of, "warning")
        own = [form for key, form in forms.items() if key.startswith(f"{meta.round}.")]
        means = dict(averaged(own, meta.round).scores) if own else {}
        if not own or (means != dict(meta.scores) if alike else not agree(dict(meta.scores), means)):
            yield Finding("review", f"round {meta.round}", "its scores are not the means of the reviewers' forms")


def agree(told: Any, again: Any) -> bool:
    """Whether reviews as two versions write them say the same, in all that both speak of and in what none may lack."""
    if isinstance(told, dict) and isinstance(again, dict):
        common = told.keys() & again.keys()
        return not (told.keys() ^ again.keys()) & IN_ALL and all(agree(told[key], again[key]) for key in common)
    if isinstance(told, list) and isinstance(again, list):
        return len(told) == len(again) and all(map(agree, told, again))
    return bool(told == again)


def pdf(lab: Lab, place: Path) -> Iterator[Finding]:
    """The PDF against one that is compiled again from what was made again in `place`."""
    told, where = lab.study.paper / "paper.pdf", "paper/paper.pdf"
    if not (place / "paper.tex").is_file():
        return  # set by another version of nightlab
    if not told.is_file():
        if drafting.compiled(lab.study.paper).pdf:
            yield Finding("pdf", where, "missing")
        return
    engine = find_engine()
    done = compile(place, engine)
    if engine is None or done.pdf is None:
        yield Finding("pdf", where, f"it could not be compiled again here ({done.error})", "warning")
    elif done.pages != drafting.compiled(lab.study.paper).pages:
        yield Finding("pdf", "paper/compiled.json", f"the PDF has {done.pages} pages")
    elif done.pdf.read_bytes() != told.read_bytes():
        found = list(differences(told, done.pdf))
        for part in found:
            yield Finding("pdf", f"{where}, {part}", "it shows something else than what is compiled again")
        if not found:
            told_of = "other bytes than what is compiled again, with the same text and look on every page"
            yield Finding("pdf", where, told_of, "warning")
