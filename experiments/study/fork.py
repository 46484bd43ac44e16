"""A study that starts from a trial of another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightlab.experiments.ledger.documents.claim import OPENING, HoldoutOpening
from nightlab.experiments.ledger.documents.study import ForkOrigin
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, laid_out, named, started


class ForkError(StudyError):
    """A trial that no study can start from."""

    exit_code = 2


def fork(
    parent: Study,
    trial: int,
    settings: Settings,
    out: Path,
    beside: Sequence[Any] = (),
    share: float | None = None,
    recorded: bool = True,
    *,
    draw_key: bool = True,
) -> Path:
    """A new study whose baseline is a trial of another: its files and parameters. Returns its folder.

    beside, draw_key: as in `create`. share: of the level of the claims, which it takes along. recorded: whether the
    parent could write that down.
    """
    found, settings = _that_ran(parent, trial), settings.filled(parent.template, draw_key=draw_key)
    name = named(parent.template)
    files = parent.artifacts.read(found.change.artifact)
    origin = ForkOrigin(
        study=parent.name,
        trial=trial,
        params=found.change.params,
        edited=edited(parent, trial),
        artifact=found.change.artifact,
        shut=_seen(parent, settings),
        share=share,
        recorded=recorded,
    )
    with laid_out(parent.template, out, name, settings.storage) as folder:
        for path in dict.fromkeys((*parent.template.spec.artifact.editable, *files)):
            if path in parent.template.spec.artifact.support:
                continue
            if (target := folder / "template" / path).is_symlink() or path not in files:
                target.unlink()  # what it leads to is another file
            if path in files:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files[path])
        started(folder, parent.template, settings, parent.mode, [origin, *beside])
    return out / name


def _seen(parent: Study, settings: Settings) -> bool:
    """Whether the holdout that a fork would have has been opened: another seed prepares other data."""
    same = (settings.seed, settings.key) == (parent.settings.seed, parent.settings.key)
    anew = parent.template.spec.data and not same
    return not anew and (parent.shut or parent.ledger.get(HoldoutOpening, OPENING) is not None)


def edited(parent: Study, trial: int) -> bool:
    """Whether others than the template's author wrote some of a trial's files. Raises ForkError or NoTrial."""
    before = parent.origin is not None and parent.origin.edited
    return before or _that_ran(parent, trial).change.artifact != parent.baseline_artifact


def _that_ran(study: Study, trial: int) -> Trial:
    if (found := study.trial(trial)).verdict is None or found.verdict.kind == "failed":
        state = "failed" if found.verdict else "is not settled yet"
        raise ForkError(f"{study.folder}: trial {trial} {state}; give one that is the baseline, kept or reverted")
    return found
