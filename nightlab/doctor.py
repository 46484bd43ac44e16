"""What this machine has, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from nightlab.telling.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at. needed: without it the main job does not work. advice: how to get it or what to do."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    needed: bool = True


def examine() -> list[Check]:
    return [_python(), _cores(), _isolation(), _latex(), _gpus(), _literature(), _models()]


def _python() -> Check:
    return Check(
        name="Python",
        ok=sys.version_info >= (3, 11),
        found=platform.python_version(),
        advice="use Python 3.11 or newer",
    )


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check(name="Cores", ok=True, found=f"{cores}: so many runs at the same time by default", needed=False)


def _isolation() -> Check:
    from nightlab.experiments.executors.local.isolation.sandbox import describe, probe

    level = probe()
    return Check(
        name="Isolation",
        ok=level in ("S3", "S2"),
        found=f"{level}: {describe(level)}{'; code of a model needs --isolation S2' if level == 'S2' else ''}",
        advice="allow user namespaces (sysctl kernel.unprivileged_userns_clone=1); until then run trusted code only",
        needed=False,
    )


def _latex() -> Check:
    from nightlab.papers.latex.engine import MISSING, find_engine

    engine = find_engine()
    found = f"{engine.name}, {engine.path}" if engine else "none"
    return Check(name="LaTeX", ok=engine is not None, found=found, advice=MISSING)


def _gpus() -> Check:
    from nightlab.experiments.executors.local.gpus import gpus

    found = gpus()
    told = str(len(found)) if found else "none; only a template that asks for one needs it"
    return Check(name="GPUs", ok=True, found=told, needed=False)


def _literature() -> Check:
    from nightlab.papers.literature.arxiv_search import search_arxiv
    from nightlab.papers.literature.literature import LiteratureError

    try:
        search_arxiv("machine learning", 1, timeout=4.0)
    except LiteratureError as error:
        advice = "nothing to do: without a network the survey uses the template's references"
        return Check(name="arXiv", ok=False, found=str(error), advice=advice, needed=False)
    return Check(name="arXiv", ok=True, found="answers", needed=False)


def _models() -> Check:
    from importlib.util import find_spec

    key = next((name for name in ("NIGHTLAB_API_KEY", "OPENAI_API_KEY") if os.environ.get(name)), "")
    if not find_spec("langchain_openai"):
        advice = "only --model openai:NAME needs it: pip install 'nightlab[openai]'"
        return Check(name="Models", ok=False, found="langchain-openai is not installed", advice=advice, needed=False)
    told = f"a key in {key}" if key else "no key in the environment; a server of one's own (--base-url) needs none"
    return Check(name="Models", ok=True, found=f"langchain-openai, {told}", needed=False)


def print_report(checks: list[Check]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("missing", "red") if check.needed else Text("note", "yellow")
        table.add_row(mark, check.name, check.found if check.ok else f"{check.found}\n→ {check.advice}")
    Terminal().print(table)
