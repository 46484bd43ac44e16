"""A bundle's metadata: RO-Crate by the profile Workflow Run Crate, and the same history in PROV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nightlab.experiments.ledger.documents.study import SessionOpened
from nightlab.experiments.records import BASELINE
from nightlab.experiments.study.study import Study

SPEC, PROFILES = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun"
CONTEXT = [f"{SPEC}/context", "https://w3id.org/ro/terms/workflow-run/context"]
RUN_CRATES = (
    ("Process Run Crate", f"{PROFILES}/process/0.5", "0.5"),
    ("Workflow Run Crate", f"{PROFILES}/workflow/0.5", "0.5"),
    ("Workflow RO-Crate", "https://w3id.org/workflowhub/workflow-ro-crate/1.0", "1.0"),
)
WORKFLOW, PAPER = "template/template.toml", "paper/paper.pdf"
UNLICENSED = "Not stated. Ask whoever made the study."
LICENCE = re.compile(r"template/(licen[cs]e|copying)[^/]*", re.IGNORECASE)  # the user's own terms, where there are any
TYPES = {".pdf": "application/pdf", ".json": "application/json", ".jsonl": "application/jsonl", ".csv": "text/csv"}
NAMESPACE = "nightlab"


def metadata(study: Study, files: Sequence[str], *, private: bool) -> dict[str, Any]:
    """The graph of ro-crate-metadata.json for the files of a bundle."""
    began, ended = _span(study)
    title = study.template.spec.template.title
    results = [name for name in files if name.startswith(("paper/", "reviews/", "ledger/"))]
    given = [name for name in files if name.startswith(("template/", "data/")) and name != WORKFLOW]
    about = "" if private else " Private data are left out."
    terms = [_at(name) for name in files if LICENCE.fullmatch(name)] or UNLICENSED
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Study {study.name}: {title}",
        "description": f"A study by Nightlab with its paper and all that checks it.{about}",
        "datePublished": ended,
        "license": terms,
        "conformsTo": [_at(at) for _, at, _ in RUN_CRATES],
        "hasPart": [_at(name) for name in files],
        "mainEntity": _at(WORKFLOW),
        "mentions": [_at("#study")],
    }
    workflow = {
        "@id": WORKFLOW,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": title,
        "programmingLanguage": _at("#template"),
        "license": terms,
    }
    action = {
        "@id": "#study",
        "@type": "CreateAction",
        "name": f"The study {study.name}",
        "description": "The search, the confirmation of its best, and the paper on it.",
        "instrument": _at(WORKFLOW),
        "agent": _at("#nightlab"),
        "object": [_at(name) for name in given],
        "result": [_at(name) for name in results],
        "startTime": began,
        "endTime": ended,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    return {"@context": CONTEXT, "@graph": [_descriptor(), root, workflow, action, *_known(), *_parts(files)]}


def _at(id: str) -> dict[str, str]:
    return {"@id": id}


def _descriptor() -> dict[str, Any]:
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": _at("./"),
        "conformsTo": [_at(SPEC), _at("https://w3id.org/workflowhub/workflow-ro-crate/1.0")],
    }


def _known() -> list[dict[str, Any]]:
    """What the graph names beside the files."""
    address = "https://w3id.org/nightlab"
    profiles = [{"@id": at, "@type": "CreativeWork", "name": name, "version": v} for name, at, v in RUN_CRATES]
    return [
        *profiles,
        {"@id": "#nightlab", "@type": "Organization", "name": "Nightlab"},
        {
            "@id": "#template",
            "@type": "ComputerLanguage",
            "name": "Nightlab template",
            "identifier": _at(address),
            "url": _at(address),
        },
    ]


def _parts(files: Sequence[str]) -> list[dict[str, Any]]:
    parts = []
    for name in files:
        if name != WORKFLOW:
            kind = TYPES.get("." + name.rpartition(".")[2])
            parts.append({"@id": name, "@type": "File", "name": name} | ({"encodingFormat": kind} if kind else {}))
    return parts


def provenance(study: Study) -> dict[str, Any]:
    """PROV-JSON: trials derived from trials, the runs of each, and the paper out of them."""
    trials, runs = study.ledger.trials(), list(study.ledger.each_run())
    began, ended = _span(study)
    derived = {
        f"_:d{t.number}": {
            "prov:generatedEntity": f"{NAMESPACE}:trial/{t.number}",
            "prov:usedEntity": f"{NAMESPACE}:trial/{t.change.parent or BASELINE}",
        }
        for t in trials
        if t.number != BASELINE
    }
    return {
        "prefix": {NAMESPACE: "urn:nightlab:"},
        "agent": {f"{NAMESPACE}:{name}": {} for name in dict.fromkeys(t.change.proposer for t in trials)},
        "entity": {
            f"{NAMESPACE}:paper": {"prov:location": PAPER},
            **{f"{NAMESPACE}:trial/{t.number}": {f"{NAMESPACE}:artifact": t.change.artifact} for t in trials},
        },
        "activity": {
            f"{NAMESPACE}:study": {"prov:startTime": began, "prov:endTime": ended},
            **{f"{NAMESPACE}:run/{r.id}": {f"{NAMESPACE}:phase": r.phase, f"{NAMESPACE}:seed": r.seed} for r in runs},
        },
        "used": {
            f"_:u{r.id}": {"prov:activity": f"{NAMESPACE}:run/{r.id}", "prov:entity": f"{NAMESPACE}:trial/{r.subject}"}
            for r in runs
            if r.subject.isdecimal()
        },
        "wasDerivedFrom": derived,
        "wasAttributedTo": {
            f"_:a{t.number}": {
                "prov:entity": f"{NAMESPACE}:trial/{t.number}",
                "prov:agent": f"{NAMESPACE}:{t.change.proposer}",
            }
            for t in trials
        },
        "wasGeneratedBy": {"_:g": {"prov:entity": f"{NAMESPACE}:paper", "prov:activity": f"{NAMESPACE}:study"}},
    }


def _span(study: Study) -> tuple[str, str]:
    """When the study was begun and last written to, as ISO 8601."""
    starts = [opened.at for opened in study.ledger.all(SessionOpened).values() if opened.at]
    last = study.ledger.stamps(0.0, float("inf"))[-1]
    return _iso(starts[0] if starts else last), _iso(last)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
