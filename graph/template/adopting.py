"""From a foreign folder to a template: read it, run it once on a copy, and write down what it is about."""

from __future__ import annotations

import math
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anyascii import anyascii

from nightlab.experiments.claim.family import FIRST_LEVEL
from nightlab.experiments.claim.statistics.power import smallest_effect
from nightlab.experiments.executors.executor import Order, Performed, Place
from nightlab.experiments.executors.local.local import LocalExecutor
from nightlab.experiments.executors.local.reported.metrics import InvalidMetrics
from nightlab.experiments.template.adoption.chosen import knobs
from nightlab.experiments.template.adoption.folder import Folder, copied, look
from nightlab.experiments.template.adoption.places import places
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.adoption.starts import programs, proposals
from nightlab.experiments.template.artifact.artifact import ArtifactStore, executables, read_files
from nightlab.experiments.template.command import is_argument
from nightlab.experiments.template.globbing import expanded
from nightlab.experiments.template.imports.draft import toml
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError
from nightlab.graph.template.checking import Examination, examine
from nightlab.graph.template.offers import STDERR, STDOUT, Offer, named, offers

DIRECTIONS = ("minimize", "maximize")
FEW_SEEDS = 3  # of which the smallest effect is told
MEMORY_MB, DISK_MB = 16_384, 2048  # of the first run, of which nothing is known yet
_CONFIGURED = (".yaml", ".yml", ".toml", ".json", ".md", ".txt", ".csv")
_SHELL = {"&&", "||", "|", ";", ">", ">>", "<", "&"}

Ask = Callable[[str, Sequence[str]], str]  # a question and what is proposed, to a person; empty where nobody answers


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was given of the template; empty where it is to be found or asked for."""

    folder: Path
    out: Path | None = None
    command: str = ""
    metric: str = ""
    direction: str = ""
    editable: Sequence[str] = ()
    knobs: Sequence[str] = ()
    python: str = ""
    bind: Sequence[str] = ()
    without: Sequence[str] = ()
    untracked: bool = False
    gpus: int = 0
    timeout_s: float = 600.0
    sole: bool = False  # whether the only metric that there is may be taken unasked
    check: bool = True


@dataclass(kw_only=True)
class Adopted:
    """What came of it. facts: the numbers that were measured. examination: of `nightlab check`, if it was made."""

    template: Path
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    examination: Examination | None = None


def adopt(wish: Wish, ask: Ask, heard: Callable[[str], None] = lambda _: None) -> Adopted:
    """Make a template of a folder. Raises AdoptionError where something is missing that must not be guessed."""
    out = _free(wish)
    heard("reading the folder")
    found = look(wish.folder, wish.without, untracked=wish.untracked)
    there = places(found)
    words = _words(wish, found, proposals(found, there), ask)
    draft = _draft(wish, found, words)
    draft["search"] = {"space": knobs(words, wish.knobs, there)}
    with tempfile.TemporaryDirectory(prefix="nightlab-adopt-") as place:
        staged = Path(place) / "template"
        copied(found, staged)
        template = _loaded(staged, {**draft, "evaluate": {"parse": STDOUT}, "objective": _UNKNOWN})
        heard(f"running it once: {_spelt(words)}")
        performed = _run(template, Path(place))
        _refuse_failed(performed, words, found.notes)
        offer = _metric(wish, performed, ask)
        direction = wish.direction or ask(f"Is {offer.name} to be made smaller or larger?", DIRECTIONS)
        if direction not in DIRECTIONS:
            told = [f"--direction {name}" for name in DIRECTIONS]
            raise AdoptionError(f"whether {offer.name} = {offer.value:g} is to be made smaller or larger:", told)
        _settle(draft, offer, direction, performed)
        made = Adopted(template=out, notes=[*found.notes, *_assumptions(found, draft, performed, offer, template)])
        _loaded(staged, draft)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staged, out)
    made.facts = _facts(draft, offer, performed)
    if wish.check:
        made.examination = examine(out, heard)
        made.facts |= _costs(made.examination)
    return made


def _free(wish: Wish) -> Path:
    """Where the template is to be, beside the folder. Raises AdoptionError where it may not."""
    out = (wish.out or wish.folder.parent / f"{wish.folder.name}-nightlab").absolute()
    if out.resolve().is_relative_to(wish.folder):
        raise AdoptionError(f"--out {out} lies in the folder itself, of which nothing is changed; give one beside it")
    if out.exists():
        raise AdoptionError(f"{out} is there already; give another one with --out, or remove it")
    return out


def _words(wish: Wish, found: Folder, proposed: list[str], ask: Ask) -> list[str]:
    command = wish.command or ask("Which command runs it once? It is run on a copy, without network", proposed)
    if not command:
        told = [f"--command {shlex.quote(text)}" if "   (" not in text else text for text in proposed]
        raise AdoptionError(f"nothing of {found.root} is run before it is named; give --command. There are:", told)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise AdoptionError(f"--command {command!r} cannot be split into words: {error}") from None
    if not words or _SHELL & set(words):
        raise AdoptionError(f"--command {command!r}: no shell reads it; for one, give sh -c '...'")
    return words


def _spelt(words: Sequence[str]) -> str:
    """A command as a person writes it."""
    return " ".join(word if word and is_argument(word) else shlex.quote(word) for word in words)


_UNKNOWN = {"metric": "objective", "direction": "minimize"}


def _draft(wish: Wish, found: Folder, words: list[str]) -> dict[str, Any]:
    """The tables of template.toml, as far as they are known before a run."""
    name = found.root.name
    short = re.sub(r"[^A-Za-z0-9_-]+", "-", anyascii(name)).strip("-_")[:48]
    bind = [*found.bound, *(str(Path(path).expanduser().absolute()) for path in wish.bind)]
    run: dict[str, Any] = {"command": words, "timeout_s": wish.timeout_s, "memory_mb": MEMORY_MB, "disk_mb": DISK_MB}
    run |= _interpreter(wish, found) | ({"bind": bind} if bind else {}) | ({"gpus": wish.gpus} if wish.gpus else {})
    if not any("{out}" in word for word in words):
        run["writes"] = "."
    files, megabytes = len(found.files), sum(found.files.values()) / 1e6
    artifact: dict[str, Any] = {"editable": _editable(wish, found, words), "support": ["**/*"]}
    artifact |= {"most_files": 2 * files} if files > 900 else {}
    artifact |= {"most_mb": math.ceil(1.5 * megabytes)} if megabytes > 28 else {}
    return {
        "template": {
            "name": short if short[:1].isalpha() else f"study-{short}".rstrip("-"),
            "title": name if len(name) > 2 else f"Program {name}",
            "description": f"The program in the folder {name}, as it is run by: {_spelt(words)}",
            "adopted": found.root.name,
        },
        "artifact": artifact,
        "run": run,
    }


def _editable(wish: Wish, found: Folder, words: list[str]) -> list[str]:
    given = list(wish.editable) or [n for n in programs(words, found) if not n.endswith(_CONFIGURED)]
    if not given:
        code = [f"--editable {name!r}" for name in found.files if not name.endswith(_CONFIGURED)]
        lost = [name for name in found.untracked if name in words]
        why = f" ({lost[0]} is not tracked by git; --untracked takes it along)" if lost else ""
        raise AdoptionError(f"the command names no file of the folder{why}; say which ones may change:", code[:20])
    if lost := [name for name in given if not set(expanded(found.root, [name])) & found.files.keys()]:
        raise AdoptionError(f"--editable {lost[0]!r}: no file of {found.root} fits it")
    return given


def _interpreter(wish: Wish, found: Folder) -> dict[str, str]:
    if wish.python:
        near = [path for path in (found.root / wish.python, Path(wish.python)) if path.exists()]
        return {"python": str(near[0].absolute() if near else wish.python)}
    return {"environment": str(found.environment)} if found.environment else {}


def _loaded(folder: Path, tables: dict[str, Any]) -> Template:
    (folder / "template.toml").write_text("\n".join(toml(tables)), encoding="utf-8")
    try:
        return load(folder)
    except TemplateError as error:
        raise AdoptionError(str(error).replace(f"{folder / 'template.toml'}: ", "")) from None


def _run(template: Template, place: Path) -> Performed:
    """The baseline, once, in a sandbox that has no network."""
    for name in ("inputs", "private"):
        (place / name).mkdir()
    files = template.files()
    store = ArtifactStore(place / "artifacts", executables(template.folder, files))
    artifact = store.path(store.add(read_files(template.folder, files)))
    with _executor(template, place) as executor:
        handle = executor.submit(Order(setting="", files=artifact, params=template.defaults, seed=1))
        while executor.poll(handle, 1.0) in ("queued", "running"):
            pass
        return executor.collect(handle)


@contextmanager
def _executor(template: Template, place: Path) -> Iterator[LocalExecutor]:
    executor = LocalExecutor.at(
        Place(
            template=template,
            inputs=place / "inputs",
            private=place / "private",
            scratch=place / "scratch",
            minimum="S2",
        )
    )
    try:
        yield executor
    finally:
        executor.close()


def _refuse_failed(performed: Performed, words: list[str], notes: list[str]) -> None:
    outcome = performed.outcome
    if outcome.status != "ok":
        told = "It ran on a copy, without network, keys and input, and without GPUs unless --gpus gives them"
        raise AdoptionError(f"{_spelt(words)} ends in {outcome.status}: {outcome.error.strip()[-1500:]}\n{told}", notes)


def _metric(wish: Wish, performed: Performed, ask: Ask) -> Offer:
    """The number that was named; the only one, where that may be taken; else what a person says."""
    among = offers(performed)
    if not among and not wish.metric:
        wrote = ", ".join(performed.outputs) or "no file"
        raise AdoptionError(
            f"the run said no number that has a name: it wrote {wrote}, and printed"
            f" {performed.outcome.output.strip()[-200:] or 'nothing'!r}; let it print a line such as loss: 0.3"
        )
    asked = wish.metric or (among[0].name if wish.sole and len(among) == 1 else "")
    asked = asked or ask("Which number is to be improved?", [str(offer) for offer in among]).partition(" = ")[0]
    choices = [f"--metric {shlex.quote(o.name)}   # {o.value:g}, {o.source}" for o in among]
    if not asked:
        raise AdoptionError("which number is to be improved:", choices)
    try:
        found = named(performed, asked, among)
    except InvalidMetrics as error:
        raise AdoptionError(f"--metric {asked}: {error}", choices) from None
    if not found:
        raise AdoptionError(f"the run said no number {asked!r}; there are:", choices or ["none"])
    if len({o.source for o in found}) > 1 and not all(
        math.isclose(o.value, found[0].value, rel_tol=5e-3) for o in found
    ):
        told = [f"--metric {shlex.quote(f'{o.source}:{o.name}')}   # {o.value:g}" for o in found]
        raise AdoptionError(f"{asked!r} is said with different values:", told)
    return found[0]


def _settle(draft: dict[str, Any], offer: Offer, direction: str, performed: Performed) -> None:
    """What the run has told of itself: limits, and where its metric is."""
    run, outcome = draft["run"], performed.outcome
    run["timeout_s"] = float(max(60, math.ceil(10 * outcome.wall_s)))
    run["memory_mb"] = max(2048, 512 * math.ceil(outcome.memory_mb / 256))
    if printed := offer.source in (STDOUT, STDERR):
        run.pop("writes", None)
    if offer.source == STDERR:
        program, *rest = run["command"]
        bare = run.get("python", program) if program in ("python", "python3") else program
        run["command"] = ["sh", "-c", 'exec "$@" 2>&1', "sh", bare, *rest]
    draft["evaluate"] = {"parse": STDOUT if printed else offer.source}
    draft["objective"] = {"metric": offer.name, "direction": direction}
    draft["template"]["description"] = (
        f"Make {offer.name} {'smaller' if direction == 'minimize' else 'larger'}. {draft['template']['description']}"
    )


def _assumptions(
    found: Folder, draft: dict[str, Any], performed: Performed, offer: Offer, template: Template
) -> Iterator[str]:
    """What was settled without being asked, and what would raise the trust."""
    run = draft["run"]
    yield f"runs use {run.get('python') or run.get('environment') or 'the Python of nightlab; --python gives another'}"
    yield f"what may change: {', '.join(draft['artifact']['editable'])}"
    if found.bound:
        yield f"read where it lies, not copied: {', '.join(found.bound[:5])}{', ...' if len(found.bound) > 5 else ''}"
    if not template.knobs and (tables := derived(template)):
        varied = ", ".join(str(table["constant"]) for table in tables.values())
        yield f"no knob is named: without a model a study varies {varied}"
    elif not template.knobs:
        yield "no knob is named, and the code has no constants to vary: a study needs --model, or --knob here"
    yield from performed.outcome.notes
    if offer.source == STDERR:
        yield f"{offer.name} is said on standard error, which the template hands to standard output"
    left = [name for name in performed.outputs if name != offer.source]
    judged = f"an evaluator over files that a run leaves ({', '.join(left[:3])})" if left else "an evaluator over files"
    yield f"the program says its own score, so it counts as reported; {judged} under [evaluate] makes it verified"


def _facts(draft: dict[str, Any], offer: Offer, performed: Performed) -> dict[str, Any]:
    return {
        "metric": asdict(offer),
        "direction": draft["objective"]["direction"],
        "knobs": {k: {"default": t["default"], **_range(t)} for k, t in draft["search"]["space"].items()},
        "editable": draft["artifact"]["editable"],
        "run_s": round(performed.outcome.wall_s, 3),
        "trust": "reported",
        "offers": [asdict(o) for o in offers(performed)],
    }


def _range(table: dict[str, Any]) -> dict[str, Any]:
    return {k: table[k] for k in ("low", "high", "choices") if k in table}


def _costs(found: Examination) -> dict[str, Any]:
    """What a study can see and takes, out of the check."""
    if "noise" not in found.facts:
        return {}
    return {
        "noise": found.facts["noise"],
        "smallest_effect": smallest_effect(found.facts["noise"], FEW_SEEDS, level=FIRST_LEVEL),
        "seeds": FEW_SEEDS,
        "confirmed_effect": found.facts["smallest_effect"],  # the same with the seeds of a confirmation
        "hours": [round(s / 3600, 3) for s in found.facts["study"]["time_s"]],
        "trials": load(found.template).spec.budget.trials,
    }
