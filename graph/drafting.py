"""What the pipeline does with a draft: analyse, write, compile, audit. Each version stays in its folder."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nightlab.agents.documents import StoodIn
from nightlab.agents.team import Analysis, Brief, MetaReview, Request
from nightlab.agents.telling import disclosure
from nightlab.experiments.ledger.chain import Link
from nightlab.experiments.records import Fact
from nightlab.experiments.study.errors import StudyError
from nightlab.graph import gate
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab
from nightlab.papers.audit.audit import MIN_PAGES, names_of
from nightlab.papers.audit.finding import Finding, Findings
from nightlab.papers.audit.provenance import without_readings
from nightlab.papers.facts.evidence import Evidence, Snapshot, TeamCounts, save_edits, save_trials
from nightlab.papers.facts.facts import read, save
from nightlab.papers.latex import latex, versions
from nightlab.papers.latex.look.document import STYLE
from nightlab.papers.latex.look.fitting import moved
from nightlab.papers.latex.look.venue import Venue, VenueHashes, copied, hashed, load, venue_of
from nightlab.papers.latex.seal import Seal, seal
from nightlab.papers.literature.literature import Reference, Survey
from nightlab.papers.manuscript.manuscript import Manuscript, to_json

NO_FAULT_OF_THE_WRITER = ("no-pdf", STYLE)


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
    told = [ledger.get(TeamCounts, version) for version in (str(number), mended_key(number))]
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


def stage_of(number: int, *, mended: bool) -> str:
    return f"round {number} mended" if mended else f"round {number}"


def mended_key(number: int) -> str:
    return f"{number}.mended"


def manuscript(lab: Lab, number: int) -> Manuscript:
    """The round's latest version: the mended one if there is one."""
    return lab.study.ledger.get(Manuscript, mended_key(number)) or lab.needed(Manuscript, str(number))


def write(lab: Lab, idea: str, number: int, *, mend: bool) -> None:
    """Have the round's manuscript written and compile it."""
    brief = brief_for(lab, idea, number, mend=mend)
    key = mended_key(number) if mend else str(number)
    draft = lab.once(Manuscript, key, lambda: _written(lab, brief, key))
    place = folder(lab, number)
    if mend and not lab.team.roles and draft == lab.study.ledger.get(Manuscript, str(number)):
        return  # the writer had nothing to mend
    if mend:
        versions.keep(place, "first")
    typeset(lab, drafted(lab, number), place)
    _revise(lab, number)


def brief_for(lab: Lab, idea: str, number: int, *, mend: bool) -> Brief:
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
        stage=stage_of(number, mended=mend),
    )


def typeset(lab: Lab, version: Version, place: Path) -> None:
    """Compile a version, with its evidence beside it; one without a PDF takes no place that has one."""
    aside = place / "failed"
    shutil.copytree(place / "figures", aside / "figures", dirs_exist_ok=True)
    compiled = set_version(lab, version, aside)
    if compiled.pdf is None:
        lab.study.check_disk()
    note_compiled(aside, compiled)
    if compiled.pdf or not (place / "paper.pdf").is_file():
        shutil.copytree(aside, place, dirs_exist_ok=True)
        shutil.rmtree(aside)


def lay_out(lab: Lab, version: Version, place: Path, like: latex.Compiled) -> None:
    """Write everything of a version but its PDF into a folder that has its figures, in the look and with the moves of a
    compilation."""
    sealed, draft, venue = _beside(version, place), moved(version.draft, like.moved), _venue(lab)
    look = replace(venue, styled=like.styled) if venue else None
    latex.render(draft, version.facts, references(lab), place, sealed, look)


def set_version(lab: Lab, version: Version, place: Path) -> latex.Compiled:
    """The same with the PDF, for which sections that LaTeX does not take are mended."""
    own, sealed = without_readings(version.draft), _beside(version, place)
    given = version.draft, version.facts, references(lab), place
    return latex.build(*given, own=own, seal=sealed, venue=_venue(lab))


def _beside(version: Version, place: Path) -> Seal | None:
    """Write a version's evidence and manuscript; the seal that its first page gets."""
    save(version.facts, place / "evidence.json")
    (place / "manuscript.json").write_text(to_json(version.draft), encoding="utf-8")
    return seal(version.link, place) if version.link else None


def _venue(lab: Lab) -> Venue | None:
    """The study's venue, by a copy of its own: the folder that its user named may go."""
    study, kept = lab.study, lab.study.folder / "venue"
    if not study.settings.venue:
        return venue_of(study.template, study.settings)
    recorded, named = study.ledger.get(VenueHashes), Path(study.settings.venue)

    def right(place: Path) -> bool:
        return place.is_dir() and recorded in (None, hashed(place))  # a study of an earlier version has no record

    if not kept.is_dir() and right(named):  # it was ended before it had its copy
        copied(named, kept)
    if not right(kept):
        raise StudyError(f"{kept}: these are not the files of the venue that the study began with; put those back")
    return load(kept)


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
        if not whole(place, draft):
            analyse(lab, number)
            collected, _ = evidence(lab, number)
            lab.team.analyst.draw(collected, place, stage_of(number, mended=False))
            typeset(lab, drafted(lab, number), place)
            _revise(lab, number)


def drafted(lab: Lab, number: int) -> Version:
    """A round's latest version."""
    collected, _ = evidence(lab, number)
    return Version(manuscript(lab, number), collected.facts, _link(lab, number))


def _link(lab: Lab, number: int) -> Link | None:
    """The link of the first version with the round's latest text; none in a ledger that is older than its chain."""
    ledger, first, mended = lab.study.ledger, str(number), mended_key(number)
    same = ledger.get(Manuscript, first) == ledger.get(Manuscript, mended)
    return (None if same else ledger.linked(Manuscript, mended)) or ledger.linked(Manuscript, first)


def whole(place: Path, draft: Manuscript) -> bool:
    """Whether a draft's folder has its files, and the PDF unless there was no engine to make it."""
    names = ("compiled.json", "paper.tex", "evidence.json", "manuscript.json", *(f.file for f in draft.figures))
    if not all((place / name).is_file() for name in names):
        return False
    pdf = compiled(place).pdf
    return pdf is None or pdf.is_file()


def _written(lab: Lab, brief: Brief, key: str) -> Manuscript:
    """The writer's manuscript, with the disclosure where language models took part."""
    written, places = gate.gated(brief, lab.team.writer.write(brief), lab.team.roles)
    if not lab.team.roles:
        return written
    lab.study.ledger.put(StoodIn(places=tuple(places)), brief.stage)
    counts = lab.study.ledger.put(disclosure.counted(lab.study.ledger, lab.team, brief.stage), key)
    return disclosure.disclosed(written, counts)


def note_compiled(place: Path, compiled: latex.Compiled) -> None:
    body = {**asdict(compiled), "pdf": compiled.pdf.name if compiled.pdf else None}
    (place / "compiled.json").write_text(json.dumps(body, indent=1), encoding="utf-8")


def compiled(place: Path) -> latex.Compiled:
    """What came of a folder's compilation."""
    body = json.loads((place / "compiled.json").read_text(encoding="utf-8"))
    found = tuple(Finding(**f) for f in body["findings"])
    pdf = place / body["pdf"] if body["pdf"] else None
    known = {
        key: body[key] for key in ("pages", "body_pages", "moved", "styled", "error") if key in body
    }  # some are younger
    return latex.Compiled(pdf=pdf, findings=found, **known)


def audit(lab: Lab, idea: str, number: int, *, mended: bool) -> list[Finding]:
    """Everything mechanical that is wrong with the round's draft, but for what no writer could mend."""
    collected, _ = evidence(lab, number)
    place, key = folder(lab, number), mended_key(number) if mended else str(number)

    def look() -> Findings:
        brief, counts = brief_for(lab, idea, number, mend=mended), lab.study.ledger.get(TeamCounts, key)
        found = gate.examined(
            manuscript(lab, number),
            collected.facts,
            references(lab),
            place,
            lambda draft: gate.ruled(brief, draft, lab.team.roles, counts)[1],  # once more, over every place of it
            names=names(lab, collected),
            compiled=compiled(place),
            min_pages=MIN_PAGES if collected.improved else 1,  # a negative result may be told in few words
        )
        return Findings(found)

    found = lab.once(Findings, key, look)
    return [f for f in found.root if f.kind not in NO_FAULT_OF_THE_WRITER]


def names(lab: Lab, e: Evidence) -> list[str]:
    """Phrases with digits that a text may hold."""
    before = [counts.roles.values() for counts in lab.study.ledger.all(TeamCounts).values()]
    models = {*lab.team.roles.values(), *(each.model for roles in before for each in roles)}
    named = names_of(lab.study.template, e.measured("baseline", "dev"))
    return [*named, *models, *(name.replace("_", " ") for name in models)]


def findings(lab: Lab, number: int) -> tuple[Finding, ...]:
    """The audit of the round's latest version."""
    ledger = lab.study.ledger
    found = ledger.get(Findings, mended_key(number)) or ledger.get(Findings, str(number))
    return found.root if found else ()


def metas(lab: Lab) -> list[MetaReview]:
    return list(lab.study.ledger.all(MetaReview).values())
