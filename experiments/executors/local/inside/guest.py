"""The process that becomes the experiment: gives up every right, then runs code that nobody has read."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import resource
import site
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import words
from .conversation import answering
from .conversation.candidate import Failed
from .conversation.hearing import Hearing
from .kernel import namespaces, rights, syscalls
from .output import failures, scores
from .preload import preload
from .witness import Witness

REPORT = 3  # the descriptor on which it says that it is ready and why it failed
ORDER = 4  # the one on which it may be told what to run
CHANNEL = 4  # then the one between a candidate and its judge, or of a judge to where it gets candidates
STAMP = struct.Struct("d")  # when the run began, by the clock that the monitor reads at its end
_FEEDBACK = 16_000  # characters of what an evaluator tells whoever proposes changes
_LINGER = 1_000_000  # microseconds that it waits to be ended

_OUTSIDE = {
    "binds",
    "links",
    "hidden",
    "allowed",
    "listed",
    "parent",
    "scratch",
    "named",
    "code",
    "uid",
    "path",
    "group",
}

Request = Mapping[str, Any]  # what is a run's own: its seed and parameters, or the splits to evaluate


def locate(config: dict[str, Any], box: str) -> dict[str, str]:
    """The places that a run can name, by the level and the named folders; box: its own folder."""
    spaces = config["level"] == "S3"
    named = {name: f"{namespaces.LAB}/{name}" if spaces else source for name, source in config["named"].items()}
    own = {name: f"{box}/{name}" for name in ("artifact", "out", "tmp")}
    return {**named, **own, "params": f"{box}/params.json", "box": box}


def become(
    config: dict[str, Any],
    uid: int | None,
    pipes: Sequence[int],
    box: str,
    order: Callable[[], Request],
    spaces: Iterable[int] = (),
) -> None:
    """Run what is ordered in this process, which never returns.

    All that needs no order is done before it comes, so that no run waits for it; foreign code runs after it.
    box: the run's folder.
    pipes: where it writes output, errors and the report, and what `order` may read from. order: gives the request, or
    waits for it. spaces: namespaces to enter first.
    """
    code, places, me, word = 1, locate(config, box), 0, b""
    try:
        for target, source in enumerate(pipes, start=1):
            os.dup2(source, target)
        own = 1 + len(pipes)
        if sys.platform == "linux":
            os.dup2(os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY), own)  # the /proc of a run is only to be read
        for space in spaces:
            syscalls.setns(space, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.closerange(own + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        rights.give_up(config, places, uid, own)
        _forget(config)
        if spaces:
            _rehearse(config, places)
        os.write(REPORT, b"p")  # it is prepared: what goes wrong from here on is the run's own
        request = order()
        me, word = os.getpid(), request["word"].encode()
        _settle_in(config, places, request)
        os.chdir(places["artifact"])  # not before: an import must not find the run's own files
        os.write(REPORT, b"r" + STAMP.pack(time.monotonic()))  # the run's time counts from here on
        code = _RUN[config["kind"]](config, places, request)
    except BaseException as error:  # noqa: BLE001 - whatever it raises is the report
        judging = config["kind"] in ("evaluate", "judge")
        folder = places["template" if judging else "artifact"]
        code = failures.report(error, folder, places["box"], REPORT, judge=judging, after=config.get("after", ""))
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
            if code == 0 and os.getpid() == me:
                _have_done(word)
        os._exit(code)


def _have_done(word: bytes) -> None:
    """Say that the run is over and wait to be ended, unless the experiment has put something else in the pipe's place.

    A monitor that is told by the end itself would wait until the kernel has taken down all memory. No thread of the
    experiment goes on meanwhile: these calls keep the interpreter's lock.
    """
    if syscalls.held.fcntl(REPORT, syscalls.F_GETPIPE_SZ) > 0:
        syscalls.held.write(REPORT, word, len(word))
        syscalls.held.usleep(_LINGER)


def _settle_in(config: dict[str, Any], places: Mapping[str, str], request: Request) -> None:
    """Take on the environment of a run and its modules."""
    os.environ.clear()
    own = {**places, "seed": str(request.get("seed", 0))}
    os.environ.update({k: words.filled(value, own) for k, value in config["env"].items()})
    os.environ.update(request.get("env", {}))
    tempfile.tempdir = None
    preload(request.get("preload", ()))


def _reseed(seed: int, seeded: Iterable[str] = ()) -> list[str]:
    """Seed the common generators of random numbers that are loaded and not seeded yet; the names of those."""
    found: list[str] = [n for n in ("random", "numpy.random", "torch") if n in sys.modules and n not in seeded]
    for name in found:
        draws = getattr(sys.modules[name], "manual_seed" if name == "torch" else "seed", None)
        if draws:  # a file of the experiment may have the name
            draws(seed if name == "torch" else seed % 2**32)
    return found


def _forget(config: dict[str, Any]) -> None:
    """Take the sandbox's own modules out of the experiment's way; `_own` keeps them alive."""
    for name in _own:
        del sys.modules[name]
    sys.path.remove(config["code"])
    for name in _OUTSIDE & config.keys():
        del config[name]


_own: dict[str, Any] = {}


def warm_up(config: dict[str, Any], load: Callable[[], None]) -> None:
    """Import once what runs will need; every fork has it then."""
    sys.path += config["path"]
    if config["site"]:  # its packages, which may run code as they are found: not before the sandbox stands
        site.main()
    load()
    _own.update({name: module for name, module in sys.modules.items() if name.split(".")[0] == "inside"})
    if config["level"] == "S3":
        rights.filter_of(config, another_user=os.geteuid() == 0)  # each fork has it then
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        syscalls.collapse()
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _function(entry: str, folder: str) -> Any:
    module, function = entry.split(":")
    sys.path[:0] = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [f"{folder}/{module}.py"]
    _make_way(folder)
    return getattr(importlib.import_module(module), function)


def _make_way(folder: str) -> None:
    """Forget the modules whose names files in `folder` have, such as random.py: these come first on the path."""
    for stem in {name.removesuffix(".py") for name in os.listdir(folder)}:
        before = stem in sys.builtin_module_names or importlib.machinery.FrozenImporter.find_spec(stem)
        if not before and not stem.startswith("__"):
            for name in [n for n in sys.modules if n == stem or n.startswith(f"{stem}.")]:
                del sys.modules[name]


def _rehearse(config: dict[str, Any], places: Mapping[str, str]) -> None:
    """Do ahead what every run does first: the memory that this touches is copied while nobody waits for it."""
    _settle_in(config, places, {})
    _reseed(0)
    compile("def run(): pass", "rehearsal", "exec")
    importlib.util.find_spec("a module that is not there")


def _experiment(config: dict[str, Any], places: Mapping[str, str], request: Request) -> int:
    _reseed(request["seed"])
    run = _function(config["entry"], places["artifact"])
    run(request["params"], Path(places["inputs"]), Path(places["out"]), request["seed"])
    return 0


def _candidate(config: dict[str, Any], places: Mapping[str, str], request: Request) -> int:
    """Run the entry, which prepares it, then answer the calls of a judge."""
    os.set_inheritable(CHANNEL, False)
    with socket.socket(fileno=CHANNEL) as end:
        module = config["entry"].split(":")[0]
        candidate = answering.Answering(end, module, places["artifact"], places["box"])
        _experiment(config, places, request)
        candidate.serve()
    return 0


def _evaluation(config: dict[str, Any], places: Mapping[str, str], request: Request) -> int:
    watched = [f"{places['template']}/{name}" for name in request.get("watched", ())]
    witness = Witness(places["out"], watched) if watched else None
    seeded = _reseed(request["seed"])
    evaluate = _function(config["entry"], places["template"])
    used = getattr(getattr(evaluate, "__code__", None), "co_names", ())
    preload(name for name in ("numpy", "torch") if name in used)
    _reseed(request["seed"], seeded)  # what came with its imports; a seed that it has set itself stands
    asked = inspect.signature(evaluate).parameters.get("seed")
    own = {"seed": request["seed"]} if asked and asked.kind in (asked.POSITIONAL_OR_KEYWORD, asked.KEYWORD_ONLY) else {}
    metrics, left, items, arrays, feedback = {}, {}, {}, {}, {}
    hearing = _hearing(config, places, request)
    names = {said: name for name, said in config["spelt"].items()}
    for split in request["splits"]:
        try:
            with hearing.candidate() if hearing else contextlib.nullcontext(Path(places["out"])) as judged:
                found = evaluate(judged, Path(places["private"]), split, **own)
        except Failed as failed:
            assert hearing
            return _report({**hearing.report(), "failed": failed.report()}, 1)
        finally:
            config["after"] = hearing.after if hearing else ""
        if not isinstance(found, Mapping):
            function = config["entry"].split(":")[1]
            return _report({"wrong": f"{function}() must return a dict of numbers, not {type(found).__name__}"}, 1)
        found = {names.get(name, name): value for name, value in found.items()}
        by_item = found.pop("items", None)
        if isinstance(told := found.get("feedback"), str):
            feedback[split] = told[:_FEEDBACK]
            del found["feedback"]
        if isinstance(by_item, Mapping):
            theirs = {names.get(name, name): values for name, values in by_item.items()}
            items[split] = scores.items(theirs) if request.get("items") else {}
        elif by_item is not None:
            found["items"] = by_item
        drawn = found.pop("arrays") if isinstance(found.get("arrays"), Mapping) else {}
        arrays[split], undrawn = scores.arrays(drawn if request.get("items") else {})
        metrics[split], left[split] = scores.metrics(found, config["metrics"])
        left[split] |= undrawn
    ran = witness.seen[:1] if witness else []
    calls = hearing.report() if hearing else {}
    found = {"metrics": metrics, "left": left, "ran": ran, "items": items, "arrays": arrays, "feedback": feedback}
    return _report({**found, **calls}, 0)


def _hearing(config: dict[str, Any], places: Mapping[str, str], request: Request) -> Hearing | None:
    """Where a judge gets the candidates that it calls; None of an evaluator, which is given their outputs."""
    if config["kind"] != "judge":
        return None
    return Hearing(request, config["limits"]["wall_s"], CHANNEL, places["out"])


def _report(report: Mapping[str, Any], code: int) -> int:
    os.write(REPORT, json.dumps(report).encode())
    return code


def _program(config: dict[str, Any], places: Mapping[str, str], request: Request) -> int:
    os.set_inheritable(REPORT, False)
    params = request.get("words", {})
    own = {**{name: text or "" for name, text in params.items()}, **places, "seed": str(request.get("seed", 0))}
    left_out = {name for name, text in params.items() if text is None}
    argv = [words.filled(word, own) for word in config["argv"] if not words.is_only(word, left_out)]
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise OSError(error.errno, error.strerror, argv[0]) from None


_RUN = {
    "python": _experiment,
    "candidate": _candidate,
    "evaluate": _evaluation,
    "judge": _evaluation,
    "exec": _program,
}
