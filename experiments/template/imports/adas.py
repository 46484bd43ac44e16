"""ADAS: search.py with AgentSystem and evaluate_forward_fn, an archive of agents, a data set that a seed cuts."""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from nightlab.experiments.template.adoption.folder import Folder
from nightlab.experiments.template.adoption.places import places
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports.draft import Draft, Way, Wish, client_modules, head, runtime, size_mb
from nightlab.experiments.template.imports.foreign import Foreign, functions, look, named, neighbours

SYSTEM, AGENT, BLOCK = "search.py", "agent.py", "FORWARD"
TIMEOUT_S = 3600.0
_NEEDED = ("AgentSystem", "Info", "evaluate_forward_fn")


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a domain. Raises AdoptionError where its parts cannot be told."""
    system = named(found, wish.evaluator, "--evaluator") if wish.evaluator else SYSTEM
    if system not in found.files:
        raise AdoptionError(f"{found.root} has no search.py; give the folder of one domain:", found.top()[:20])
    tree = found.tree(system)
    if lost := [name for name in _NEEDED if name not in functions(tree)]:
        raise AdoptionError(f"{found.root / system} has no {lost[0]}, by which agents are evaluated")
    name, source = _agent(found, wish)
    found.notes.append(f"the search begins with the agent {name!r} of its archive")
    arguments = _arguments(found, system)
    model = _model(wish)
    beside = [n for n in neighbours(found, system) if n.endswith(".py")]
    theirs = {f"judging/theirs/{n}": data for n, data in found.all().items()}
    if wish.data:
        theirs |= {f"judging/theirs/{wish.data.name}/{n}": data for n, data in look(wish.data).all().items()}
    files = {
        AGENT: source.encode(),
        "agents.json": json.dumps({"system": system, "agent": AGENT}).encode(),
        **{n: found.data(n) for n in (system, *beside)},
        **theirs,
        **runtime("nightlab_agents", "nightlab_asking", "nightlab_plain", "nightlab_evolve", "nightlab_adas"),
        **client_modules(),
    }
    support = ["nightlab_agents.py", "nightlab_asking.py", "nightlab_plain.py", "agents.json", system, *beside]
    return Draft(
        tables={
            "template": head(found, "The agent answers questions with a language model, in forward(self, taskInfo)."),
            "artifact": {
                "editable": [AGENT],
                "blocks": BLOCK,
                "support": [*support, *client_modules()],
                **size_mb(files),
            },
            "run": {
                "entry": "nightlab_agents:start",
                "timeout_s": TIMEOUT_S,
                "memory_mb": 4096,
                **({"python": wish.python} if wish.python else {}),
            },
            "evaluate": {"timeout_s": TIMEOUT_S, **({"network": True} if wish.base_url else {})},
        },
        files=files,
        ways=(
            Way(
                trust="verified",
                tables={"evaluate": {"interactive": "nightlab_adas:judge"}},
                told="their evaluation runs as a judge that calls the agent in another sandbox and stands in for"
                " the model, so metrics count as verified; validation questions are the search's, test questions the"
                " sealed holdout",
            ),
        ),
        notes=found.notes,
        configuration={"kind": "adas", "system": system, "arguments": arguments, **model},
        metric=wish.metric or "accuracy",
        direction=wish.direction or "maximize",
        judged=True,
    )


def _agent(found: Foreign, wish: Wish) -> tuple[str, str]:
    """The agent to begin with: its name, and a file with its body in a block. Raises AdoptionError."""
    agents = dict(_archive(found))
    if not agents:
        raise AdoptionError(f"{found.root} has no archive of agents: no text with def forward(self, taskInfo)")
    name = wish.program or next(iter(agents))
    if name not in agents:
        raise AdoptionError(f"its archive has no agent {name!r}; there are:", [f"--program {n!r}" for n in agents])
    return name, _blocked(found, agents[name])


def _archive(found: Foreign) -> Iterator[tuple[str, str]]:
    """The agents that stand in its Python files, as dicts with a name and code."""
    for file in found.top(".py"):
        for node in ast.walk(found.tree(file)):
            if isinstance(node, ast.Dict):
                told = {
                    k.value: v.value
                    for k, v in zip(node.keys, node.values, strict=True)
                    if isinstance(k, ast.Constant) and isinstance(v, ast.Constant)
                }
                code = told.get("code")
                if isinstance(code, str) and "def forward(self, taskInfo)" in code:
                    yield str(told.get("name") or file), code


def _blocked(found: Foreign, code: str) -> str:
    """The function, with marks around its body."""
    source = textwrap.dedent(code).strip() + "\n"
    try:
        body = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "forward").body
    except (SyntaxError, StopIteration):
        raise AdoptionError(f"{found.root}: the code of the agent is no function forward") from None
    lines = source.splitlines()
    first, last = body[0].lineno - 1, body[-1].end_lineno or len(lines)
    while first and lines[first - 1].strip().startswith("#"):
        first -= 1
    marked = [*lines[:first], f"    # {BLOCK}-START", *lines[first:last], f"    # {BLOCK}-END", *lines[last:]]
    return "\n".join(marked) + "\n"


def _arguments(found: Foreign, system: str) -> dict[str, Any]:
    """The defaults of its options, with which it evaluates."""
    folder = Folder(root=found.root, files={system: found.files[system]})
    return {option.last: option.value for option in places(folder) if option.kind == "option" and option.flags}


def _model(wish: Wish) -> dict[str, Any]:
    """Who answers in place of the hosted model. Raises AdoptionError."""
    if not wish.answers and not wish.base_url:
        raise AdoptionError(
            "its agents ask a hosted model, for which a run has no key and no network; say who stands in for it:",
            [
                "--base-url http://localhost:8000/v1 --agent-model NAME   # a server that needs no key",
                "--answers FILE   # JSON lines with match (a pattern) and answer",
            ],
        )
    rules = list(_rules(wish)) if wish.answers else []
    return {"answers": rules, "base_url": wish.base_url, "model": wish.agent_model}


def _rules(wish: Wish) -> Iterator[dict[str, Any]]:
    assert wish.answers
    try:
        for line in filter(str.strip, wish.answers.read_text(encoding="utf-8").splitlines()):
            rule = json.loads(line)
            yield {"match": str(rule["match"]), "answer": rule["answer"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdoptionError(f"--answers {wish.answers}: no JSON lines with match and answer ({error})") from None
