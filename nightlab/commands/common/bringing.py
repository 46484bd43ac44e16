"""What `adopt` and `import` share: questions to a person, a refusal with its choices, the template that was made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, WRONG_USE, print_json

if TYPE_CHECKING:
    from nightlab.graph.template.adopting import Adopted, Ask
    from nightlab.graph.template.importing import Imported

Made = TypeVar("Made")


def brought(make: Callable[[Ask, Callable[[str], None]], Made], *, yes: bool, as_json: bool) -> Made:
    """What `make` makes of a way to ask and one to tell of steps; a refusal ends the command and lists the choices."""
    from nightlab.experiments.template.adoption.refusal import AdoptionError
    from nightlab.telling.terminal import say

    asks = not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty()
    quiet = as_json or not sys.stderr.isatty()
    try:
        return make(
            asked if asks else lambda *_: "",
            (lambda _: None) if quiet else (lambda t: say(f"... {t}", error=True)),
        )
    except AdoptionError as error:
        say(f"nightlab: {error}", error=True)
        if as_json:
            print_json({"error": str(error), "choices": list(error.choices)})
        raise typer.Exit(WRONG_USE) from None


def asked(question: str, proposed: Sequence[str]) -> str:
    """What a person says: one of the proposals by its number, or another text."""
    from nightlab.telling.terminal import say

    for number, text in enumerate(proposed, 1):
        say(f"  {number}  {text}", error=True)
    said = str(typer.prompt(f"{question} (a number, or another; empty ends)", default="", show_default=False, err=True))
    if said.isdigit() and 1 <= int(said) <= len(proposed):
        return proposed[int(said) - 1].partition("   (")[0]
    return said.strip()


def show(
    made: Adopted | Imported, facts: dict[str, Any], head: Sequence[str], end: Sequence[str], *, as_json: bool
) -> None:
    """Tell of a template that was made, and end with 1 where its examination found a problem. facts: for JSON.

    head, end: lines before and after what was noted and found.
    """
    from dataclasses import asdict

    from nightlab.telling.terminal import say

    found = made.examination
    ok, findings = found is None or found.ok, found.findings if found else []
    if as_json:
        body = {"template": str(made.template), "ok": ok, **facts, "notes": made.notes}
        print_json({**body, "findings": [asdict(finding) for finding in findings]})
    else:
        for line in head:
            say(line)
        for note in made.notes:
            say(f"note: {note}")
        for finding in findings:
            say(f"{finding.severity}: {finding.where}: {finding.text}{f'; mend: {finding.mend}' * bool(finding.mend)}")
        for line in (*end, f"next: nightlab experiment {made.template}"):
            say(line)
    if not ok:
        raise typer.Exit(DOES_NOT_HOLD)
