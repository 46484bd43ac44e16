"""The paper made again out of the ledger: facts, figures, tables, text, reviews, and the PDF with what it shows."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nightlab.agents.model.model_figure import redrawn
from nightlab.agents.offline import offline_team
from nightlab.agents.team import Analysis, Review
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.records import Fact
from nightlab.experiments.study.environment import Environment, environment
from nightlab.graph import drafting, reviewing
from nightlab.graph.lab import Lab
from nightlab.papers.audit.finding import Finding, Severity
from nightlab.papers.facts.evidence import Evidence, TeamCounts
from nightlab.papers.facts.facts import facts_of
from nightlab.papers.facts.registry import computed
from nightlab.papers.latex.engine import compile, find_engine
from nightlab.papers.latex.seal import evidence_and_figures, hashes
from nightlab.papers.manuscript.manuscript import keys_cited
from nightlab.verification.pdf import differences, first_page

DRAWS = ("matplotlib", "numpy", "scipy", "code")  # what a figure's bytes depend on
SETS = ("code", "pylatex")  # what the LaTeX depends on
SEAL = re.compile(r"\\sealed\{(\d+)\}" + r"\{([0-9a-f]{64})\}" * 3)


def claims(lab: Lab) -> Iterator[Finding]:
    """The claim that the paper tells is the ledger's, and what its runs come to."""
    collected, _ = drafting.evidence(lab, drafting.best_round(lab))
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
    if drafting.published_version(lab).link is None:
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
    number, version = drafting.best_round(lab), drafting.published_version(lab)
    collected, analysis = drafting.evidence(lab, number)
    drafting.save_evidence(lab, collected, place)
    bare = replace(collected, facts=facts_of(collected))
    measured = offline_team(lab.study.settings).analyst.analyse(bare, place, f"round {number}")
    redrawn(lab.study.ledger, replace(bare, facts={**bare.facts, **measured.facts}), place)
    yield from _facts(lab, collected, version.facts, {**bare.facts, **measured.facts})
    yield from _citations(lab, version)
    if not _alike(lab, SETS):
        told = "set by another version of nightlab, so its text, tables and look were compared by their hashes alone"
        yield Finding("version", "paper", told, "warning")
        return
    yield from _tables(analysis, measured)
    if not _alike(lab, DRAWS):
        shutil.rmtree(place / "figures")
        shutil.copytree(lab.study.paper / "figures", place / "figures")
        told = "drawn with other versions than are here, so compared by their hashes alone"
        yield Finding("version", "paper/figures", told, "warning")
    drafting.lay_out(lab, version, place)
    there = hashes(lab.study.paper)
    for name, hash in hashes(place).items():
        if there.get(name) != hash:
            yield Finding("remade", f"paper/{name}", "not what the ledger gives when it is made again")


def _facts(lab: Lab, collected: Evidence, printed: Mapping[str, Fact], again: Mapping[str, Fact]) -> Iterator[Finding]:
    counts = lab.study.ledger.get(TeamCounts, lab.study.name_now("published"))
    e = replace(collected, team=counts or TeamCounts())
    alike = _alike(lab, SETS)
    for fact in printed.values():
        try:
            found = computed(e, fact.formula, fact.arguments)
        except (LookupError, ValueError, TypeError, LedgerError) as error:
            left_out: Severity = "error" if lab.study.private.is_dir() else "warning"
            told = f"{fact.formula} cannot be computed from what is here ({error})"
            yield Finding("fact", fact.id, told, left_out if isinstance(error, LedgerError) else "error")
            continue
        text = again.get(fact.id, fact).text
        if not _same(found.value, fact.value) or (alike and found.runs != fact.runs):
            yield Finding("fact", fact.id, f"the paper has {fact.value}, {fact.formula} gives {found.value}")
        elif text != fact.text:
            yield Finding("fact", fact.id, f"the paper prints {fact.text!r} of what is {text!r}")
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
    """Whether all sessions of the study had the versions that are here."""
    now, sessions = environment().of, lab.study.ledger.all(Environment).values()
    return bool(sessions) and all(each.of.get(name) == now[name] for each in sessions for name in names)


def reviews(lab: Lab) -> Iterator[Finding]:
    """The reviews in the study's folder, and the area chair's means, against the forms in the ledger."""
    forms = lab.study.ledger.all(Review)
    for meta in drafting.metas(lab):
        file = lab.study.folder / "reviews" / f"round-{meta.round}.json"
        if not file.is_file() or file.read_text(encoding="utf-8") != reviewing.text(lab, meta):
            yield Finding("review", f"reviews/{file.name}", "missing, or not what the reviewers' forms say")
        own = [form for key, form in forms.items() if key.startswith(f"{meta.round}.")]
        if not own or reviewing.chair(own, meta.round, []).scores != dict(meta.scores):
            yield Finding("review", f"round {meta.round}", "its scores are not the means of the reviewers' forms")


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
    elif done.pdf.read_bytes() != told.read_bytes():
        found = list(differences(told, done.pdf))
        for page in found:
            yield Finding("pdf", f"{where}, page {page}", "it shows something else than what is compiled again")
        if not found:
            told_of = "other bytes than what is compiled again, with the same text and look on every page"
            yield Finding("pdf", where, told_of, "warning")
