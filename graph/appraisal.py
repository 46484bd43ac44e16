"""A panel's review of a finished paper, ours or anybody's, outside of any pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import stdev
from typing import Any

from nightlab.agents.chat.configuration import completed
from nightlab.agents.chat.settings import ModelSettings
from nightlab.agents.offline.chairing import OfflineChair
from nightlab.agents.offline.reviewing import FIELDS, panel_of
from nightlab.agents.team import AreaChair, MetaReview, Review, Reviewer, StudySubmission, Submission
from nightlab.agents.telling import disclosure
from nightlab.experiments.ledger.memory import MemoryLedger
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import is_study, read
from nightlab.graph import drafting, gate, publishing, reviewing
from nightlab.graph.lab import Lab
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.pdf import FIGURE, PaperError, document_of, pages_of
from nightlab.papers.facts.facts import read as read_facts
from nightlab.papers.figures.images import images
from nightlab.papers.latex.seal import Published, hashes
from nightlab.papers.manuscript.manuscript import Manuscript
from nightlab.papers.manuscript.manuscript import read as read_manuscript

MECHANICAL = (
    "Only the text of this PDF was at hand, without its evidence; what is said is the mechanical part alone: structure,"
    " likeness of its parts, what it tells of its method, and its references. No language model read it."
)
READ = "Only the text of this PDF was at hand, without its evidence."


def appraise(path: Path, reviewers: int, models: ModelSettings, repeat: int = 1) -> dict[str, Any]:
    """Review a study's published paper or a PDF; the JSON of `nightlab review`. repeat: how often, to see by how much
    the overall score varies; the last time is the one that is told.

    Raises PaperError where there is no paper, SettingsError for a model that cannot be had.
    """
    _, models = completed(Settings(), models, Path.cwd())
    seen, note = _submitted(path)
    panel, chair, usage = _panel(reviewers, models)
    overall = list[float]()
    for number in range(repeat):
        again = replace(seen, stage=f"reading {number}") if repeat > 1 else seen
        forms = [reviewer.review(again) for reviewer in panel]
        meta = reviewing.chaired(chair, again, forms, 0)
        overall.append(meta.overall)
    if seen.foreign is not None:
        note = READ if any(r.by != "offline rubric, mechanical part alone" for r in forms) else MECHANICAL
    return _summary(path, seen, forms, meta, note) | (_repeated(overall) if repeat > 1 else {}) | usage()


def _repeated(overall: list[float]) -> dict[str, Any]:
    """The panel's mean overall score each time, and how far the times are apart."""
    spread = {"spread": round(max(overall) - min(overall), 2), "stdev": round(stdev(overall), 3)}
    return {"repeated": {"overall": overall, **spread}}


def _submitted(path: Path) -> tuple[Submission, str]:
    if not is_study(path):
        if path.is_dir():
            raise PaperError(f"{path}: no study; give a study's folder, as `nightlab run` prints it, or a PDF")
        pages = pages_of(path)
        shown = partial(images, [(path, n) for n, page in enumerate(pages) if FIGURE.search(page)])
        return Submission(foreign=document_of(pages), pages=len(pages), pictures=shown), MECHANICAL
    from nightlab.agents.offline import offline_team

    with closing(read(path)) as study:
        lab = Lab(study, offline_team(study.settings), _no_runner)
        if study.mode == "experiment":
            raise PaperError(f"{path}: this study has no paper: `nightlab experiment` writes none, `nightlab run` does")
        if not drafting.metas(lab):
            raise PaperError(f"{path}: this study has no reviewed paper yet; `nightlab resume {path}` goes on with it")
        return _published(lab), ""


def _published(lab: Lab) -> StudySubmission:
    """The paper as it lies in the study's folder, beside what the ledger says was published."""
    place = lab.study.paper
    if lab.study.extensions and not lab.study.finished:
        raise PaperError(f"{lab.study.folder}: its extension goes on; `nightlab resume {lab.study.folder}` ends it")
    try:
        seen, version = reviewing.submission(lab), publishing.published_version(lab)
        draft = read_manuscript(place / "manuscript.json")
        facts = read_facts(place / "evidence.json")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PaperError(
            f"{place}: the published paper cannot be read ({error}); `nightlab resume` makes it again"
        ) from None
    evidence = replace(seen.evidence, facts=version.facts)
    others = tuple(_other_files(lab))
    ledger = lab.study.ledger
    published = not others and bool(ledger.all(Published)) and not ledger.faults()
    own = _worded(version.draft, draft) if published else version.draft
    held = gate.standing(evidence, seen.references, own)
    return replace(
        seen,
        manuscript=draft,
        facts=facts,
        evidence=evidence,
        findings=(
            *gate.examined(draft, facts, seen.references, place, held, names=drafting.names(lab, evidence)),
            *others,
        ),
        gate=held,
        pictures=partial(reviewing.pictures, draft, place),
    )


def _worded(own: Manuscript, draft: Manuscript) -> Manuscript:
    """The ledger's version with the parts that code words of its documents as a paper has them whose files are those
    that were published: another version of nightlab may say them in other words."""
    told = {s.key: s for s in draft.appendix if s.key in (publishing.REPLIES, disclosure.KEY)}
    appendix = tuple(told.get(s.key, s) for s in own.appendix)
    return replace(own, authors_note=draft.authors_note, appendix=appendix)


def _other_files(lab: Lab) -> Iterator[Finding]:
    """Files of the paper that are not those that were published; none where the ledger is older than that record."""
    now, published = hashes(lab.study.paper), list(lab.study.ledger.all(Published).values())
    for name, hash in published[-1].of.items() if published else ():
        if now.get(name) != hash:
            text = f"it is {'not what was published' if name in now else 'missing'}; `nightlab verify` tells more"
            yield Finding("altered", f"paper/{name}", text)


def _no_runner() -> Any:
    raise AssertionError("a review runs nothing")


def _panel(count: int, models: ModelSettings) -> tuple[list[Reviewer], AreaChair, Callable[[], dict[str, Any]]]:
    """The reviewers, by a model where one is given, and what tells of its use."""
    offline = panel_of(count)
    if not models.of("reviewer"):
        if count > len(FIELDS):
            raise SettingsError(
                f"--reviewers {count}: the rubric has three fields, and a fourth reviewer without a model would repeat"
                " one of them; give --model or at most 3"
            )
        return [*offline], OfflineChair(), lambda: {}
    from nightlab.agents.chat.models import Models
    from nightlab.agents.chat.usage import usage
    from nightlab.agents.model.reviewing import ModelChair, model_panel

    ledger = MemoryLedger()
    chat = Models(replace(models, model="", models={"reviewer": models.of("reviewer")}), ledger).chat("reviewer")
    chat.greet()
    return [*model_panel(chat, offline)], ModelChair(chat, OfflineChair()), lambda: {"usage": usage(ledger)}


def _summary(path: Path, seen: Submission, forms: list[Review], meta: MetaReview, note: str) -> dict[str, Any]:
    return {
        "paper": str(path),
        "title": seen.document.title,
        "note": note,
        "overall": meta.overall,
        "spread": meta.spread,
        "by_threshold": meta.by_threshold,
        "decision": meta.decision,
        "summary": meta.summary,
        "agreement": list(meta.agreement),
        "disagreement": list(meta.disagreement),
        "scores": dict(meta.scores),
        "reviews": [form.model_dump(mode="json") for form in forms],
        "findings": [asdict(f) for f in seen.found],
    }
