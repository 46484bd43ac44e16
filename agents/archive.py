"""The archive of ideas: what earlier studies of the same template asked, and what came of it."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nightlab.experiments.statistics import untested
from nightlab.experiments.study import Study

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
    with closing(sqlite3.connect(f"{(folder / 'study.db').as_uri()}?mode=ro", uri=True, timeout=2)) as db:
        kind, key = KEPT
        return _document(db, key, kind) or []


def _found(study: Study) -> list[dict[str, Any]]:
    origin = study.ledger.document("study", "origin") or {}
    found = []
    others = (f for f in study.folder.parent.glob("*/study.db") if f.parent != study.folder)
    for file in sorted(others, key=lambda f: (f.stat().st_mtime, f.parent.name), reverse=True)[: 4 * MOST]:
        try:
            told = _read(file, origin.get("template"))
        except (sqlite3.Error, ValueError, KeyError, TypeError, OSError) as error:
            logging.getLogger(__name__).info("%s is passed over: %s", file, error)
            continue
        if told:
            found.append(asdict(told))
    return found[:MOST]


def _read(file: Path, template: str | None) -> Earlier | None:
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as db:
        origin = _document(db, "origin", "study")
        idea, claim = _document(db, None, "idea"), _document(db, "claim", "claim")
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


def _document(db: sqlite3.Connection, key: str | None, kind: str) -> Any:
    query = "SELECT body FROM documents WHERE kind = ? AND (key = ? OR ? IS NULL) ORDER BY created_at LIMIT 1"
    row = db.execute(query, (kind, key, key)).fetchone()
    return json.loads(row[0]) if row else None
