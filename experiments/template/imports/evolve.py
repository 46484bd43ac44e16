"""What OpenEvolve and ShinkaEvolve share: a program with a block that may change, and an evaluator that calls it."""

from __future__ import annotations

from typing import Any

from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.artifact import blocks
from nightlab.experiments.template.imports.draft import Draft, Tables, Way, Wish, head, runtime, size_mb
from nightlab.experiments.template.imports.foreign import Foreign, named, neighbours

BLOCK = "EVOLVE-BLOCK"
USUAL = "combined_score"
MEMORY_MB = 4096
_VERIFIED = "their evaluator runs as a judge that calls the program in another sandbox, so metrics count as verified"
_REPORTED = (
    "their evaluator runs in the same process as the program, or runs it as a program of its own, so metrics count as"
    " reported"
)


def program_of(found: Foreign, wish: Wish, stem: str, evaluator: str) -> str:
    """The program that changes: the one that was named, the usual one, or the only one with a block. Raises
    AdoptionError."""
    if wish.program:
        return named(found, wish.program, "--program")
    usual = [name for name in found.top() if name.rpartition(".")[0] == stem]
    marked = [n for n in found.top() if n != evaluator and f"{BLOCK}-START" in found.text(n)]
    for several in (usual, marked):
        if len(several) == 1:
            return several[0]
        if several:
            raise AdoptionError(f"which file of {found.root} is to change:", [f"--program {n}" for n in several])
    there = [f"--program {name}" for name in found.top() if name != evaluator]
    raise AdoptionError(
        f"{found.root} has no {stem}.* and no file with {BLOCK}-START; say which file is to change:", there
    )


def draft(
    found: Foreign, wish: Wish, program: str, description: str, timeout_s: float, configuration: dict[str, Any]
) -> Draft:
    """The template: judged from outside where that can be, else by the evaluator in the run itself."""
    text = found.text(program)
    beside = [name for name in neighbours(found, program) if name != configuration["evaluator"]]
    files = {f"judging/theirs/{name}": data for name, data in found.all().items()}
    modules = ("candidate", "plain", "proxy", "evolve", "judge", "runner")
    files |= {program: found.data(program), **{name: found.data(name) for name in beside}}
    files |= runtime(*(f"nightlab_{name}" for name in modules), "shims")
    artifact: Tables = {"editable": [program], **size_mb(files)}
    artifact |= {"blocks": BLOCK} if _marked(found, program, text) else {}
    run: Tables = {"timeout_s": timeout_s, "memory_mb": MEMORY_MB, **({"python": wish.python} if wish.python else {})}
    tables = {
        "template": head(found, description),
        "artifact": artifact,
        "run": run,
        "evaluate": {"timeout_s": timeout_s, "memory_mb": MEMORY_MB},
    }
    judged = Way(
        trust="verified",
        told=_VERIFIED,
        tables={
            "artifact": {"support": ["nightlab_candidate.py", "nightlab_plain.py", *beside]},
            "run": {"entry": "nightlab_candidate:start"},
            "evaluate": {"interactive": "nightlab_judge:judge", "holdout": False},
        },
    )
    inside = Way(
        trust="reported",
        told=_REPORTED,
        tables={
            "artifact": {
                "support": ["nightlab_runner.py", "nightlab_evolve.py", "imported.json", "judging/**/*", *beside]
            },
            "run": {"entry": "nightlab_runner:run"},
            "evaluate": {"parse": "metrics.json"},
        },
    )
    return Draft(
        tables=tables,
        files=files,
        ways=(judged, inside) if program.endswith(".py") else (inside,),
        notes=found.notes,
        configuration={"program": program, **configuration},
        metric=wish.metric,
        direction=wish.direction,
        usual=USUAL,
    )


def _marked(found: Foreign, program: str, text: str) -> bool:
    """Whether only a block may change. Raises AdoptionError where its ends do not fit."""
    if f"{BLOCK}-START" not in text and f"{BLOCK}-END" not in text:
        found.notes.append(f"{program} has no {BLOCK}, so all of it may change")
        return False
    if wrong := blocks.fault(text, BLOCK):
        raise AdoptionError(f"{found.root / program} {wrong}")
    return True
