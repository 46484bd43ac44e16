"""The archive of ideas: what earlier studies of the same template asked, and what came of it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nightlab.experiments.claim.inference import untested
from nightlab.experiments.ledger.ledger import LedgerError, opened
from nightlab.experiments.study.study import Study

KEPT = ("archive", "earlier")  # kind and key of the ledger's document
MOST = 8  # studies that are looked at, the latest first


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An idea of another study and its outcome."""

    study: str
    title: str
    hypothesis: str
    strategies: tuple[str, ...]
    outcome: str


def earlier(study: Study) -> list[Earlier]:
    """The ideas of the other studies beside this one that began with the same template, latest first.

    They are opened read-only; one that is broken or unfinished is passed over. What was found once is kept, and a
    replay sees what the recorded study saw.
    """
    kept = study.ledger.document(*KEPT)
    if kept is None:
        kept = study.ledger.once(
            *KEPT, _recorded(Path(study.settings.replay)) if study.settings.replay else _found(study)
        )
    return [Earlier(**row | {"strategies": tuple(row["strategies"])}) for row in kept]


def _recorded(folder: Path) -> Any:
    with opened(folder / "study.db", read_only=True) as ledger:
        return ledger.document(*KEPT) or []


def _found(study: Study) -> list[dict[str, Any]]:
    origin = study.ledger.document("study", "origin") or {}
    found = []
    others = (f for f in study.folder.parent.glob("*/study.db") if f.parent != study.folder)
    for file in sorted(others, key=lambda f: (f.stat().st_mtime, f.parent.name), reverse=True)[: 4 * MOST]:
        try:
            told = _read(file, origin.get("template"))
        except (LedgerError, ValueError, KeyError, TypeError, OSError) as error:
            logging.getLogger(__name__).info("%s is passed over: %s", file, error)
            continue
        if told:
            found.append(asdict(told))
    return found[:MOST]


def _read(file: Path, template: str | None) -> Earlier | None:
    with opened(file, read_only=True) as ledger:
        origin, claim = ledger.document("study", "origin"), ledger.document("claim", "claim")
        idea = next(iter(ledger.documents("idea").values()), None)
    if not (origin and idea and claim) or origin["template"] != template:
        return None
    if claim["significant"]:
        outcome = "an improvement, confirmed"
    else:
        outcome = "not confirmed" if claim["tested"] else untested(claim)
    return Earlier(
        study=file.parent.name,
        title=str(idea["title"]),
        hypothesis=str(idea["hypothesis"]),
        strategies=tuple(map(str, idea["strategies"])),
        outcome=outcome,
    )
