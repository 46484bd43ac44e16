"""What a template needs, whether this machine has it, and the command that gets it."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.local.gpus import gpus
from nightlab.experiments.template.template import Template


class Lacking(NightlabError):
    """A template that needs what this machine does not have; the message says how to get it."""

    exit_code = 2


def needs(template: Template) -> list[str]:
    """All that a template needs beside nightlab itself: distributions of Python, programs, GPUs."""
    head, each = template.spec.template, template.spec.run.gpus
    return [*head.requires, *head.programs, *([f"{each} GPU{'s' if each > 1 else ''}"] if each else [])]


def lacks(template: Template) -> list[str]:
    """What of that is not here."""
    head, each = template.spec.template, template.spec.run.gpus
    path = [str(site) for site in template.environment.sites] if template.environment else sys.path
    missing = [text for text in head.requires if not _here(Requirement(text), path)]
    missing += [text for text in head.programs if not any(shutil.which(name.strip()) for name in text.split("|"))]
    return missing + ([needs(template)[-1]] if len(gpus()) < each else [])


def refuse_lacking(template: Template) -> None:
    """Raises Lacking where a study of the template could not run here."""
    if not (missing := lacks(template)):
        return
    told = f"{template.name} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not here"
    wanted = [text for text in missing if text in template.spec.template.requires]
    if wanted:
        told += f"; this gets {'it' if wanted == missing else ', '.join(wanted)}: {getting(template, wanted)}"
    raise Lacking(told)


def getting(template: Template, wanted: list[str]) -> str:
    """The one command that installs distributions where the template's runs look for them."""
    environment = template.environment
    python = str(environment.python) if environment and environment.python else sys.executable
    own = importlib.util.find_spec("pip") if environment is None else environment.prefix and _has_pip(environment.sites)
    pip = [python, "-m", "pip"] if own else ["python3", "-m", "pip", "--python", python]
    return shlex.join([*pip, "install", *wanted])


def _has_pip(sites: tuple[Path, ...]) -> bool:
    return any((site / "pip").is_dir() for site in sites)


def _here(wanted: Requirement, path: list[str]) -> bool:
    """Whether a distribution is installed in a version that fits, with all that the extras asked for bring."""
    if wanted.marker and not wanted.marker.evaluate():
        return True
    found = next(iter(metadata.distributions(name=wanted.name, path=path)), None)
    if found is None or not wanted.specifier.contains(found.version, prereleases=True):
        return False
    known = {extra.lower() for extra in found.metadata.get_all("Provides-Extra") or ()}
    return all(extra.lower() in known for extra in wanted.extras) and all(
        _here(each, path) for each in _brought(found, wanted.extras)
    )


def _brought(found: metadata.Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What extras of a distribution ask for in addition."""
    for text in found.requires or ():
        each = Requirement(text)
        if not (marker := each.marker) or marker.evaluate({"extra": ""}):
            continue
        if any(marker.evaluate({"extra": extra}) for extra in extras):
            each.marker = None
            yield each
