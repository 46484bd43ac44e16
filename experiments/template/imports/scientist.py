"""AI-Scientist: experiment.py --out_dir, final_info.json, prompt.json, seed_ideas.json, latex/template.tex, plot.py."""

from __future__ import annotations

import json
import re
from typing import Any

from nightlab.experiments.template.adoption.chosen import knobs
from nightlab.experiments.template.adoption.folder import Folder
from nightlab.experiments.template.adoption.places import ValuePlace, places
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports.draft import Draft, Way, Wish, head, size_mb
from nightlab.experiments.template.imports.foreign import Foreign, named
from nightlab.experiments.template.imports.references import blocks, entries
from nightlab.experiments.template.knobs.derived import ranged

RESULTS = "final_info.json"
RUN = "run_0"
MOST_KNOBS = 12
TIMEOUT_S = 7200.0
_KEPT = ("plot.py", "prompt.json", "seed_ideas.json")  # for the way back
_OUT = ("out_dir", "outdir", "output_dir")
_NO_INPUT = re.compile(r"(run_\d+|latex)/.*|plot\.py|prompt\.json|seed_ideas\.json|ideas\.json|.*\.md")
_NO_BETTER = (
    "the format does not say which number of final_info.json counts, and which way; some tasks have no better at all,"
    " and these are no tasks for a search"
)


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a task. Raises AdoptionError where its parts cannot be told."""
    program = named(found, wish.program, "--program") if wish.program else "experiment.py"
    if program not in found.files:
        there = [f"--program {name}" for name in found.top(".py")]
        raise AdoptionError(f"{found.root} has no experiment.py; say which file runs with --out_dir:", there)
    folder = Folder(root=found.root, files={program: found.files[program]})
    options = [p for p in places(folder) if p.kind == "option" and p.flags]
    words = ["python", program, f"{_out(options)}={RUN}", *_words(options)]
    inputs = {n: found.data(n) for n in found.files if not _NO_INPUT.fullmatch(n)}
    ideas, bib = _ideas(found), _bibliography(found)
    kept = {n: found.data(n) for n in found.files if n.startswith("latex/") or n in _KEPT}
    files = {**inputs, **kept, **({"ideas.toml": ideas} if ideas else {}), **({"references.bib": bib} if bib else {})}
    if "plot.py" in files:
        found.notes.append(
            "plot.py draws for whoever reads the study, by nightlab export --ai-scientist; no paper has it"
        )
    return Draft(
        tables={
            "template": head(found, _description(found)),
            "artifact": {
                "editable": [program],
                "support": [name for name in inputs if name != program],
                **size_mb(inputs),
            },
            "run": {
                "command": words,
                "seeded": "{seed}" in words,
                "writes": RUN,
                "timeout_s": TIMEOUT_S,
                "memory_mb": 16_384,
                "disk_mb": 2048,
                **({"python": wish.python} if wish.python else {}),
                **({"gpus": wish.gpus} if wish.gpus else {}),
            },
            "search": {"space": knobs(words, (), options)},
        },
        files=files,
        ways=(
            Way(
                trust="reported",
                tables={"evaluate": {"parse": RESULTS}},
                told="the experiment says its own score, so metrics count as reported",
            ),
        ),
        notes=found.notes,
        configuration={"kind": "ai-scientist"},
        metric=wish.metric,
        direction=wish.direction,
        reads=RESULTS,
        venue="latex" if any(name.startswith("latex/") for name in kept) else "",
        unsaid=_NO_BETTER,
    )


def _out(options: list[ValuePlace]) -> str:
    """The option for the folder of results, which stays a relative one."""
    return next((max(p.flags, key=len) for p in options if p.last in _OUT), "--out_dir")


def _words(options: list[ValuePlace]) -> list[str]:
    """The options that may be varied, each with its name in braces; and the seed."""
    words = list[str]()
    for option in {option.last: option for option in options if option.last not in _OUT}.values():
        flag, name = max(option.flags, key=len), option.last
        if "seed" in name:
            words += [flag, "{seed}"] if not option.texts and isinstance(option.value, int) else []
        elif len(words) < 2 * MOST_KNOBS and name.isidentifier() and _varies(option):
            words += [f"{{{name}}}"] if option.texts else [flag, f"{{{name}}}"]
    return words


def _varies(option: ValuePlace) -> bool:
    return bool(ranged(option.value)) or (len(option.choices) > 1 and option.value in option.choices)


def _description(found: Foreign) -> str:
    table = found.json("prompt.json")
    return str(table.get("task_description") or "") if isinstance(table, dict) else ""


def _ideas(found: Foreign) -> bytes:
    """seed_ideas.json as ideas.toml; what is no idea is left out."""
    table = found.json("seed_ideas.json")
    lines, keys = list[str](), set[str]()
    for number, idea in enumerate(table if isinstance(table, list) else (), 1):
        told = _idea(idea) if isinstance(idea, dict) else {}
        if len(told) < 4 or told["key"] in keys:
            found.notes.append(
                f"idea {number} of seed_ideas.json is left out: it lacks a name, a title or an experiment"
            )
            continue
        keys.add(told["key"])
        lines += ["[[idea]]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in told.items()), ""]
    return "\n".join(lines).encode()


def _idea(idea: dict[str, Any]) -> dict[str, str]:
    title, does = (" ".join(str(idea.get(key) or "").split()) for key in ("Title", "Experiment"))
    key = re.sub(r"[^A-Za-z0-9_-]+", "-", str(idea.get("Name") or "")).strip("-_")[:64]
    if not (key[:1].isalpha() and len(title) > 2 and len(does) > 2):
        return {}
    return {"key": key, "title": title, "question": f"What does this change: {title.rstrip('.')}?", "hypothesis": does}


def _bibliography(found: Foreign) -> bytes:
    """The references of latex/template.tex and of files of BibTeX beside it, with the ids that are found in them."""
    parts = [blocks(found.text(n)) for n in found.files if n.startswith("latex/") and n.endswith(".tex")]
    parts += [found.text(n) for n in found.files if n.startswith("latex/") and n.endswith(".bib")]
    bib, bare, broken = entries("\n".join(parts))
    if bare:
        more = ", ..." if len(bare) > 10 else ""
        found.notes.append(f"{len(bare)} references have no DOI or arXiv id: {', '.join(bare[:10])}{more}")
    if broken:
        found.notes.append(f"references that cannot be read are left out: {', '.join(broken[:10])}")
    return bib.encode()
