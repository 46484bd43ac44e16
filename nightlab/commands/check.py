"""What is wrong with a template, before a night is spent on it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, print_json
from nightlab.commands.common.options import Json, TemplateArg

if TYPE_CHECKING:
    from nightlab.graph.template.checking import Examination


def check(template: TemplateArg, as_json: Json = False) -> None:
    """Try a template: its contract, its runs, seeds and knobs, its judge, its noise, and what a study would cost.

    Ends with 1 where something should be mended first. Example: nightlab check my-template
    """
    from nightlab.experiments.template.loading import find

    find(template)  # before all that a check needs is loaded
    from nightlab.graph.template.checking import examine
    from nightlab.telling.terminal import say

    quiet = as_json or not sys.stderr.isatty()
    found = examine(template, (lambda _: None) if quiet else (lambda told: say(f"... {told}", error=True)))
    if as_json:
        print_json(
            {"ok": found.ok, "template": found.template, "findings": [*map(asdict, found.findings)], **found.facts}
        )
    else:
        _show(found)
    if not found.ok:
        raise typer.Exit(DOES_NOT_HOLD)


def _show(found: Examination) -> None:
    from nightlab.telling.terminal import say

    for finding in sorted(found.findings, key=lambda f: f.severity == "note"):
        mend = f"\n    mend: {finding.mend}" if finding.mend else ""
        say(f"{finding.severity}: {finding.where}: {finding.text}{mend}")
    if "baseline" in found.facts:
        facts, (least, most) = found.facts, found.facts["study"]["time_s"]
        say(
            f"{facts['metric']} = {facts['baseline']['mean']:.4g}, noise {facts['noise']:.2g} by the seed,"
            f" {facts['baseline']['wall_s']:g} s a run; metrics count as {facts['trust']}\n"
            f"the confirmation sees an effect of {facts['smallest_effect']:.2g} in four of five studies\n"
            f"a study takes {facts['study']['runs'][0]} to {facts['study']['runs'][1]} runs,"
            f" {least / 60:.1f} to {most / 60:.1f} minutes"
        )
    say("nothing is wrong with it" if found.ok else "mend what is a problem before a study")
