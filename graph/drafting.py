"""What the pipeline does with a draft: analyse, write, compile, audit, publish. Each version stays in its folder."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nightlab.agents.documents import StoodIn
from nightlab.agents.offline.writing import HEADINGS, OfflineWriter, text
from nightlab.agents.team import Analysis, Answer, Brief, Idea, MetaReview, Request
from nightlab.agents.telling import disclosure
from nightlab.experiments.ledger.chain import Link
from nightlab.experiments.records import Fact
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab
from nightlab.papers.audit.audit import MIN_PAGES, names_of
from nightlab.papers.audit.audit import audit as mechanical_audit
from nightlab.papers.audit.finding import Finding, Findings
from nightlab.papers.audit.ground import of_study
from nightlab.papers.audit.provenance import stood_in, taken_over, without_readings
from nightlab.papers.audit.reading import checks
from nightlab.papers.audit.reading.document import as_read
from nightlab.papers.facts.evidence import Evidence, Snapshot, TeamCounts, save_edits, save_trials
from nightlab.papers.facts.facts import read, save
from nightlab.papers.frames.frames import sayings
from nightlab.papers.frames.record import record
from nightlab.papers.latex import latex, versions
from nightlab.papers.latex.seal import Published, Seal, hashes, seal, sums
from nightlab.papers.literature.literature import Reference, Survey
from nightlab.papers.manuscript.manuscript import Manuscript, Section, to_json
from nightlab.papers.manuscript.markup import literal

VIEWS = {"view": "discussion", "threats_seen": "limitations"}  # where the readings of an analyst's model stand
NO_FAULT_OF_THE_WRITER = ("no-pdf",)
REPLIES = "replies"
REJECTED = "The panel that reviewed this version did not accept it; its reviews are in the study's folder."


@dataclass(frozen=True)
class Version:
    """A version of the paper. link: of the last row that it stands on; none in a ledger without a chain."""

    draft: Manuscript
    facts: Mapping[str, Fact]
    link: Link | None


def references(lab: Lab) -> tuple[Reference, ...]:
    """What the survey found."""
    found = lab.study.ledger.get(Survey)
    return found.references if found else ()


def folder(lab: Lab, number: int) -> Path:
    return lab.study.paper / "rounds" / str(number)


def evidence(lab: Lab, number: int) -> tuple[Evidence, Analysis]:
    """The evidence of a round as it was taken down, with the facts of analyst and disclosure among its own."""
    ledger = lab.study.ledger
    kinds = (Snapshot, Analysis)  # a study of an earlier version has the analysis alone
    again = any(ledger.get(kind, _more(number)) for kind in kinds)
    key = _more(number) if again else str(number)
    collected = lab.evidence(key)
    analysis = lab.once(Analysis, key, lambda: _analysed(lab, collected, number, f"round {key}"))
    told = [ledger.get(TeamCounts, version) for version in (str(number), _mended(number))]
    facts = {**collected.facts, **analysis.facts}
    for counts in told:
        facts |= disclosure.facts(replace(collected, team=counts)) if counts else {}
    return replace(collected, facts=facts), analysis


def _analysed(lab: Lab, collected: Evidence, number: int, stage: str) -> Analysis:
    (folder(lab, number) / "figures").mkdir(parents=True, exist_ok=True)
    return lab.team.analyst.analyse(collected, folder(lab, number), stage)


def _more(number: int) -> str:
    return f"{number}.more"


def analyse(lab: Lab, number: int) -> None:
    collected, _ = evidence(lab, number)
    save_evidence(lab, collected, folder(lab, number))


def save_evidence(lab: Lab, collected: Evidence, place: Path) -> None:
    """Write facts, trials and kept edits into a folder, which has place for figures, too."""
    (place / "figures").mkdir(parents=True, exist_ok=True)
    save(collected.facts, place / "evidence.json")
    save_trials(collected, place / "trials.csv")
    save_edits(collected, place / "changes")


def missed(lab: Lab, number: int) -> tuple[Request, ...]:
    """The experiments that the round's first analysis asks for."""
    return lab.needed(Analysis, str(number)).requests


def analyse_again(lab: Lab, number: int) -> None:
    """Once more, with the experiments that the analyst missed."""
    lab.evidence(_more(number))
    analyse(lab, number)


def _stage(number: int, *, mended: bool) -> str:
    return f"round {number} mended" if mended else f"round {number}"


def _mended(number: int) -> str:
    return f"{number}.mended"


def manuscript(lab: Lab, number: int) -> Manuscript:
    """The round's latest version: the mended one if there is one."""
    return lab.study.ledger.get(Manuscript, _mended(number)) or lab.needed(Manuscript, str(number))


def write(lab: Lab, idea: str, number: int, *, mend: bool) -> None:
    """Have the round's manuscript written and compile it."""
    brief = _brief(lab, idea, number, mend=mend)
    key = _mended(number) if mend else str(number)
    draft = lab.once(Manuscript, key, lambda: _written(lab, brief, key))
    place = folder(lab, number)
    if mend and not lab.team.roles and draft == lab.study.ledger.get(Manuscript, str(number)):
        return  # the writer had nothing to mend
    if mend:
        versions.keep(place, "first")
    _set(lab, drafted(lab, number), place)
    _revise(lab, number)


def _brief(lab: Lab, idea: str, number: int, *, mend: bool) -> Brief:
    """What the writer of a round's version is given."""
    collected, analysis = evidence(lab, number)
    return Brief(
        evidence=collected,
        analysis=analysis,
        idea=the_idea(lab, idea),
        references=references(lab),
        team=lab.team.statement,
        modelled=bool(lab.team.roles),
        answers=[a for m in metas(lab) if lab.study.first_round <= m.round < number for a in m.answers],
        findings=findings(lab, number) if mend else (),
        stage=_stage(number, mended=mend),
    )


def _set(lab: Lab, version: Version, place: Path) -> None:
    """Compile a version, with its evidence beside it; one without a PDF takes no place that has one."""
    aside = place / "failed"
    shutil.copytree(place / "figures", aside / "figures", dirs_exist_ok=True)
    compiled = set_version(lab, version, aside)
    if compiled.pdf is None:
        lab.study.check_disk()
    _note_compiled(aside, compiled)
    if compiled.pdf or not (place / "paper.pdf").is_file():
        shutil.copytree(aside, place, dirs_exist_ok=True)
        shutil.rmtree(aside)


def lay_out(lab: Lab, version: Version, place: Path) -> None:
    """Write everything of a version but its PDF into a folder that has its figures."""
    latex.render(version.draft, version.facts, references(lab), place, _beside(version, place))


def set_version(lab: Lab, version: Version, place: Path) -> latex.Compiled:
    """The same with the PDF, for which sections that LaTeX does not take are mended."""
    own, sealed = without_readings(version.draft), _beside(version, place)
    return latex.build(version.draft, version.facts, references(lab), place, own=own, seal=sealed)


def _beside(version: Version, place: Path) -> Seal | None:
    """Write a version's evidence and manuscript; the seal that its first page gets."""
    save(version.facts, place / "evidence.json")
    (place / "manuscript.json").write_text(to_json(version.draft), encoding="utf-8")
    return seal(version.link, place) if version.link else None


def _revise(lab: Lab, number: int) -> None:
    """Say beside a draft what it changed of the version before it."""
    before = max((m.round for m in metas(lab) if m.kept and m.round < number), default=None)
    if before is None:
        return
    earlier, place = folder(lab, before), folder(lab, number)
    old, new = (read(where / "evidence.json") for where in (earlier, place))
    told = versions.compare(manuscript(lab, before), old, manuscript(lab, number), new)
    (place / versions.DIFF).write_text(told, encoding="utf-8")
    versions.mark(earlier / "paper.tex", place, latex.find_engine())


def restore(lab: Lab) -> None:
    """Make drafts of the study, or of its last extension, again where files of them are gone: the ledger has all."""
    for number in itertools.count(lab.study.first_round):
        if lab.study.ledger.get(Manuscript, str(number)) is None:
            return
        draft, place = manuscript(lab, number), folder(lab, number)
        if not _whole(place, draft):
            analyse(lab, number)
            collected, _ = evidence(lab, number)
            lab.team.analyst.draw(collected, place, _stage(number, mended=False))
            _set(lab, drafted(lab, number), place)
            _revise(lab, number)


def drafted(lab: Lab, number: int) -> Version:
    """A round's latest version."""
    collected, _ = evidence(lab, number)
    return Version(manuscript(lab, number), collected.facts, _link(lab, number))


def _link(lab: Lab, number: int) -> Link | None:
    """The link of the first version with the round's latest text; none in a ledger that is older than its chain."""
    ledger, first, mended = lab.study.ledger, str(number), _mended(number)
    same = ledger.get(Manuscript, first) == ledger.get(Manuscript, mended)
    return (None if same else ledger.linked(Manuscript, mended)) or ledger.linked(Manuscript, first)


def _whole(place: Path, draft: Manuscript) -> bool:
    """Whether a draft's folder has its files, and the PDF unless there was no engine to make it."""
    names = ("compiled.json", "paper.tex", "evidence.json", "manuscript.json", *(f.file for f in draft.figures))
    if not all((place / name).is_file() for name in names):
        return False
    pdf = compiled(place).pdf
    return pdf is None or pdf.is_file()


def _written(lab: Lab, brief: Brief, key: str) -> Manuscript:
    """The writer's manuscript, with the disclosure where language models took part."""
    written, places = _gated(lab, brief, lab.team.writer.write(brief))
    if not lab.team.roles:
        return written
    lab.study.ledger.put(StoodIn(places=tuple(places)), brief.stage)
    counts = lab.study.ledger.put(disclosure.counted(lab.study.ledger, lab.team, brief.stage), key)
    return disclosure.disclosed(written, counts)


def _gated(lab: Lab, brief: Brief, draft: Manuscript) -> tuple[Manuscript, list[str]]:
    """What the gate lets through of a draft, and where the offline text stands in."""
    readers = _readers(lab)
    views = {where: brief.analysis.conclusions.get(key, "") for key, where in VIEWS.items()}
    if any(views.values()) and "analyst" in readers:
        sections = tuple(
            replace(s, body=f"{s.body}\n\n> {views[s.key]}") if views.get(s.key) else s for s in draft.sections
        )
        by = dict.fromkeys(filter(None, (draft.reader, readers["analyst"])))
        draft = replace(draft, sections=sections, reader=" or ".join(by))
    paper, found = _ruled(brief, draft, readers.values())
    return paper, stood_in(found, paper)


def _ruled(
    brief: Brief, draft: Manuscript, readers: Collection[str], counts: TeamCounts | None = None
) -> tuple[Manuscript, list[Finding]]:
    """The paper that the gate makes of a draft, and what it refused. counts: what a finished paper discloses."""
    own = OfflineWriter().write(replace(brief, model=draft.reader))
    e = brief.evidence
    leans = of_study(e, brief.references, own)
    shared = (f"{one} or {other}" for one, other in itertools.permutations(readers, 2))
    told = disclosure.disclosed(own, counts) if counts else own
    return taken_over(draft, told, leans, sayings(record(e)), {*readers, *shared})


def _gate(lab: Lab, idea: str, number: int, *, mended: bool) -> tuple[Manuscript, list[Finding]]:
    """The gate once more, over every place of a round's finished version."""
    counts = lab.study.ledger.get(TeamCounts, _mended(number) if mended else str(number))
    return _ruled(_brief(lab, idea, number, mend=mended), manuscript(lab, number), _readers(lab).values(), counts)


def _readers(lab: Lab) -> dict[str, str]:
    """The models that may have readings in a paper, by role, as a paper names them."""
    return {role: literal(disclosure.shown(name)) for role, name in lab.team.roles.items()}


def _note_compiled(place: Path, compiled: latex.Compiled) -> None:
    body = {**asdict(compiled), "pdf": compiled.pdf.name if compiled.pdf else None}
    (place / "compiled.json").write_text(json.dumps(body, indent=1), encoding="utf-8")


def compiled(place: Path) -> latex.Compiled:
    """What came of a folder's compilation."""
    body = json.loads((place / "compiled.json").read_text(encoding="utf-8"))
    found = tuple(Finding(**f) for f in body["findings"])
    pdf = place / body["pdf"] if body["pdf"] else None
    return latex.Compiled(pdf=pdf, pages=body["pages"], findings=found, error=body["error"])


def audit(lab: Lab, idea: str, number: int, *, mended: bool) -> list[Finding]:
    """Everything mechanical that is wrong with the round's draft, but for what no writer could mend."""
    collected, _ = evidence(lab, number)
    place = folder(lab, number)
    models = lab.team.roles.values()
    measured = collected.measured("baseline", "dev")
    names = [*names_of(lab.study.template, measured), *models, *(name.replace("_", " ") for name in models)]

    def look() -> Findings:
        draft = manuscript(lab, number)
        least = MIN_PAGES if collected.improved else 1  # a negative result may be told in few words
        found = mechanical_audit(
            draft, collected.facts, references(lab), place, compiled(place), names=names, min_pages=least
        )
        seen = checks.findings(as_read(draft, collected.facts, references(lab)))
        return Findings((*found, *seen, *_gate(lab, idea, number, mended=mended)[1]))

    found = lab.once(Findings, _mended(number) if mended else str(number), look)
    return [f for f in found.root if f.kind not in NO_FAULT_OF_THE_WRITER]


def findings(lab: Lab, number: int) -> tuple[Finding, ...]:
    """The audit of the round's latest version."""
    ledger = lab.study.ledger
    found = ledger.get(Findings, _mended(number)) or ledger.get(Findings, str(number))
    return found.root if found else ()


def metas(lab: Lab) -> list[MetaReview]:
    return list(lab.study.ledger.all(MetaReview).values())


def published(lab: Lab) -> bool:
    """Whether paper/ has the best version, with its PDF."""
    best, paper = best_round(lab), lab.study.paper
    names = (path.relative_to(folder(lab, best)) for path in folder(lab, best).rglob("*"))
    return (
        _whole(paper, manuscript(lab, best)) and bool(compiled(paper).pdf) and all((paper / n).exists() for n in names)
    )


def best_round(lab: Lab) -> int:
    """The round whose version is published."""
    return max((m.round for m in metas(lab) if m.kept), default=0)


def publish(lab: Lab) -> dict[str, Any]:
    """Copy the best version into paper/ and set it once more: page one names the ledger's link as of its reviews."""
    best = best_round(lab)
    place = folder(lab, best)
    if compiled(place).pdf is None:
        _note_compiled(place, latex.compile(place, latex.find_engine()))
    for item in sorted(place.iterdir()):
        target = lab.study.paper / item.name
        if item.is_dir():
            shutil.copytree(item, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(item, target)
    if lab.team.roles:
        _disclose(lab, best)
    _set(lab, published_version(lab), lab.study.paper)
    files = {name: hash for name, hash in hashes(lab.study.paper).items() if not name.endswith(".log")}
    lab.study.ledger.put(Published(of=files), hashlib.sha256(sums(files)).hexdigest())
    return {"round": best}


def _disclose(lab: Lab, best: int) -> None:
    """Write down the counts of the whole study, its reviews too."""
    stage = _stage(best, mended=lab.study.ledger.get(Manuscript, _mended(best)) is not None)
    key = lab.study.name_now("published")
    lab.study.ledger.put(disclosure.counted(lab.study.ledger, lab.team, stage), key)


def published_version(lab: Lab) -> Version:
    """The best version as it is published, out of the ledger: with what the models did in all, what became of every
    request, and, where the panel did not accept it, a word on that."""
    best, ledger, key = best_round(lab), lab.study.ledger, lab.study.name_now("published")
    collected, _ = evidence(lab, best)
    draft, facts, link = manuscript(lab, best), collected.facts, _reviewed(lab)
    if counts := ledger.get(TeamCounts, key):
        facts = {**facts, **disclosure.facts(replace(collected, team=counts))}
        draft, link = disclosure.disclosed(draft, counts), ledger.linked(TeamCounts, key)
    return Version(_judged(lab, _responding(lab, draft, best), best), facts, link)


def _reviewed(lab: Lab) -> Link | None:
    """The link of the area chair's last summary, which stands for all reviews as well."""
    return lab.study.ledger.linked(MetaReview, str(max(meta.round for meta in metas(lab))))


def _judged(lab: Lab, draft: Manuscript, best: int) -> Manuscript:
    """The draft with a word on its first page where the panel did not accept it; early reviews tell no threshold."""
    meta = lab.study.ledger.get(MetaReview, str(best))
    if meta is None or meta.by_threshold is None or meta.decision == "accept":
        return draft
    return replace(draft, authors_note=f"{draft.authors_note} {REJECTED}")


def _responding(lab: Lab, draft: Manuscript, best: int) -> Manuscript:
    """The draft with what became of all that was asked for, also after it was written."""
    seen = [m for m in metas(lab) if m.round >= lab.study.first_round]
    last = max((m.round for m in seen), default=best)
    answers = [_closed(a, m.round, best, last) for m in seen for a in m.answers]
    if not answers or best < lab.study.first_round:
        return draft
    mended = lab.study.ledger.get(Manuscript, _mended(best)) is not None
    idea = next(iter(lab.study.ledger.all(Idea)), "")
    brief = replace(_brief(lab, idea, best, mend=mended), answers=answers)
    rest = tuple(s for s in draft.appendix if s.key != REPLIES)
    return replace(draft, appendix=(*rest, Section(REPLIES, HEADINGS[REPLIES], text(REPLIES, brief))))


def _closed(answer: Answer, number: int, best: int, last: int) -> Answer:
    """An answer of a round as it stands when the study ends."""
    if answer.kind == "decline" or number < best:
        return answer
    why = (
        "the panel did not find the revision that came of it better, and the attempt is on record in the study's folder"
        if number < last
        else "no further round of revision was to come"
    )
    return answer.model_copy(update={"kind": "open", "reason": why})


def asked(lab: Lab, number: int) -> tuple[Request, ...]:
    """What a revision of a round has to do."""
    meta = lab.needed(MetaReview, str(number))
    return tuple(a.request for a in meta.answers if a.kind != "decline")
