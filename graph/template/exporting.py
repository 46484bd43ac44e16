"""The best of a study as a folder of the system that its template is from, with its own plots where it draws some."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import confined
from nightlab.experiments.records import BASELINE
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports import returning
from nightlab.graph.template.importing import laid, performed_once

PLOT = Limits(wall_s=300, memory_mb=4096, files=64, output_mb=64)


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What was written. trial: of the study. again: the command that imports it. plots: files of pictures. notes: what
    could not be had."""

    folder: Path
    trial: int
    again: list[str]
    plots: list[str]
    notes: list[str]


def give_back(study: Study, kind: str, out: Path) -> Returned:
    """Write the best trial's version. Raises AdoptionError where the template is from elsewhere, or out is there."""
    trial = study.trial(_best(study))
    artifact = study.artifacts.read(trial.change.artifact)
    files = returning.files(study.template, kind, artifact, trial.change.params)
    if out.exists():
        raise AdoptionError(f"{out} is there already; give another one with --out, or remove it")
    for name, data in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    notes, plots = list[str](), list[str]()
    if kind == "ai-scientist":
        plots = _plotted(study, trial.number, out, notes)
    return Returned(
        folder=out, trial=trial.number, again=returning.again(study.template, kind), plots=plots, notes=notes
    )


def _best(study: Study) -> int:
    """The trial that the claim is on, or the last one that was kept."""
    if study.claim:
        return study.claim.best
    kept = [t.number for t in study.ledger.each_trial() if t.verdict and t.verdict.kind == "kept"]
    return kept[-1] if kept else BASELINE


def _plotted(study: Study, best: int, out: Path, notes: list[str]) -> list[str]:
    """Run the baseline and the best once more, for the results that no study keeps, and plot.py over both."""
    runs = dict(enumerate(dict.fromkeys((BASELINE, best))))
    for number, trial in runs.items():
        change = study.trial(trial).change
        with tempfile.TemporaryDirectory(prefix="nightlab-export-") as place, laid(study.template, Path(place)) as at:
            performed = performed_once(study.template, at, study.artifacts.path(change.artifact), change.params)
        if performed.outcome.status != "ok":
            notes.append(f"run_{number} is not there: trial {trial} ended in {performed.outcome.status}")
        for name, data in performed.outputs.items():
            if name.endswith(".json"):
                (out / f"run_{number}" / name).parent.mkdir(parents=True, exist_ok=True)
                (out / f"run_{number}" / name).write_bytes(data)
    if not (out / "plot.py").is_file() or not (out / "plot.py").read_bytes().strip():
        return []
    with tempfile.TemporaryDirectory(prefix="nightlab-plots-") as place:
        shutil.copytree(out, place, dirs_exist_ok=True)
        before = {path.relative_to(place) for path in Path(place).rglob("*")}
        done = confined([sys.executable, "plot.py"], write=Path(place), limits=PLOT)
        drawn = [p for p in sorted(Path(place).rglob("*")) if p.suffix in (".png", ".pdf", ".svg") and p.is_file()]
        new = [path for path in drawn if path.relative_to(place) not in before]
        for path in new:
            (out / "plots").mkdir(exist_ok=True)
            shutil.copyfile(path, out / "plots" / path.name)
    if not done.ok:
        notes.append(f"plot.py ended badly: {(done.limit or done.stderr.strip())[-300:]}")
    return [f"plots/{path.name}" for path in new]
