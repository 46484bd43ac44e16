"""The kept changes of a study, where its program came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from nightlab.commands.common.ending import WRONG_USE, fail, print_json
from nightlab.commands.common.options import Json, StudyArg

if TYPE_CHECKING:
    from nightlab.experiments.study.study import Study


def finalize(
    study: StudyArg,
    branch: Annotated[str, typer.Option(help="A new branch, from the repository's present commit on.")] = "",
    patch: Annotated[Optional[Path], typer.Option(help="A file of patches instead.", dir_okay=False)] = None,  # noqa: UP045
    folder: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="The program's folder.",
            show_default="the one that the template was made of, beside it",
            file_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the changes that a study kept as commits, one for each with its evidence in the message.

    Nothing but the new branch is written: no file of the folder changes, and no hook, filter or monitor of the
    repository is run.
    Example: nightlab finalize studies/mine-20260102-a1b2c3 --branch nightlab/lower-loss
    """
    if bool(branch) == (patch is not None):
        fail("give --branch NAME, or --patch FILE", WRONG_USE)
    from nightlab.experiments.finalize import commits
    from nightlab.experiments.finalize.steps import before, steps
    from nightlab.experiments.template.artifact.artifact import executables
    from nightlab.telling import report
    from nightlab.telling.terminal import say

    with report.opened(study) as opened:
        found, first = steps(opened), before(opened)
        home = folder or _program(opened)
        if branch:
            if not home.is_dir():
                fail(f"{home}: the folder of the program is not there; say with --folder where it is", WRONG_USE)
            names = commits.branch(home, branch, first, found)
        else:
            assert patch is not None
            programs = executables(opened.template.folder, opened.template.files())
            patch.write_bytes(commits.patch(first, found, programs))
            names = [""] * len(found)
    if as_json:
        told = [
            {"trials": s.trials, "title": s.title, "commit": name, "files": [*s.files]}
            for s, name in zip(found, names, strict=True)
        ]
        to = {"branch": branch, "folder": str(home)} if branch else {"patch": str(patch)}
        print_json({"study": str(study), **to, "commits": told})
        return
    for step, name in zip(found, names, strict=True):
        say(f"{name[:10]}  {step.title}".strip())
    say(f"branch {branch} of {home}" if branch else f"patch {patch}")


def _program(study: Study) -> Path:
    """The folder of the program that a study is about: beside the template, or the template itself."""
    template = study.template
    return template.home.parent / template.spec.template.adopted if template.spec.template.adopted else template.home
