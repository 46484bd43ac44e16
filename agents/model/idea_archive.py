"""The archive of ideas: what earlier studies of the same template asked, and what came of it."""

from __future__ import annotations

import logging
from pathlib import Path

from nightlab.agents.chat.settings import model_settings
from nightlab.agents.documents import EarlierIdea, EarlierIdeas
from nightlab.agents.team import Idea
from nightlab.experiments.claim.statistics.inference import untested
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.documents.study import Origin
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.ledger.storage import opened, storage
from nightlab.experiments.study.study import Study

MOST = 8  # studies that are looked at, the latest first


def earlier(study: Study) -> tuple[EarlierIdea, ...]:
    """The ideas of the other studies beside this one that began with the same template, latest first.

    They are opened read-only; one that is broken or unfinished is passed over. What was found once is kept, and a
    replay sees what the recorded study saw.
    """
    kept = study.ledger.get(EarlierIdeas)
    if kept is None:
        replayed = model_settings(study.ledger).replay
        kept = study.ledger.put(_recorded(Path(replayed)) if replayed else EarlierIdeas(_found(study)))
    return kept.root


def _recorded(folder: Path) -> EarlierIdeas:
    with opened(folder, read_only=True) as ledger:
        return ledger.get(EarlierIdeas) or EarlierIdeas(())


def _found(study: Study) -> tuple[EarlierIdea, ...]:
    origin = study.ledger.get(Origin)
    found = []
    beside = storage(study.settings.storage).studies(study.folder.parent)
    others = [folder for folder in beside if folder != study.folder]
    for folder in others[: 4 * MOST]:
        try:
            told = _read(folder, origin.template if origin else None)
        except (LedgerError, ValueError, KeyError, TypeError, OSError) as error:
            logging.getLogger(__name__).info("%s is passed over: %s", folder, error)
            continue
        if told:
            found.append(told)
    return tuple(found[:MOST])


def _read(folder: Path, template: str | None) -> EarlierIdea | None:
    with opened(folder, read_only=True) as ledger:
        origin, claim = ledger.get(Origin), ledger.get(Claim, "claim")
        idea = next(iter(ledger.all(Idea).values()), None)
    if not (origin and idea and claim) or origin.template != template:
        return None
    negative = "not confirmed" if claim.tested else untested(claim)
    outcome = "an improvement, confirmed" if claim.significant else negative
    return EarlierIdea(
        study=folder.name,
        title=idea.title,
        hypothesis=idea.hypothesis,
        strategies=idea.strategies,
        outcome=outcome,
    )
