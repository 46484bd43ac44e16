"""One run of an experiment in its sandbox: from the order to what came out of it."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import decode_source
from pathlib import PurePosixPath

from nightlab.experiments.executors.executor import Order, Performed
from nightlab.experiments.executors.local import outcome
from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.integrity import read_through
from nightlab.experiments.executors.local.isolation.launch import Limits, RunnerError, Settings
from nightlab.experiments.executors.local.isolation.sandbox import contents, executables
from nightlab.experiments.executors.local.pool import Broken, Pool, Reply
from nightlab.experiments.executors.local.station import Station
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.executors.ticket import Ticket
from nightlab.experiments.records import RunOutcome
from nightlab.experiments.template.knobs.handover import NoPlace

_CALL = """
import importlib, json, pathlib, random, sys
module, function, params, inputs, out, seed = sys.argv[1:]
sys.path.insert(0, "")
sys.argv = [module + ".py"]
random.seed(int(seed))
run = getattr(importlib.import_module(module), function)
run(json.loads(pathlib.Path(params).read_text()), pathlib.Path(inputs), pathlib.Path(out), int(seed))
"""  # for an interpreter in which the sandbox itself cannot work
_GIVEN = tuple(f"{{{place}}}" for place in ("params", "inputs", "out", "seed"))
_PLACES = {f"NIGHTLAB_{place.upper()}": f"{{{place}}}" for place in ("params", "inputs", "out", "seed")}


class Execution:
    """Performs orders; safe to use from several threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        run = station.template.spec.run
        judging = station.template.judging_s  # in which the judge does what it does between its calls
        self._limits = Limits(
            wall_s=run.timeout_s + judging,
            cpu_s=run.timeout_s * (os.cpu_count() or 1) if judging else None,
            memory_mb=run.memory_mb,
            disk_mb=run.disk_mb,
            inodes=run.disk_files,
            files=run.outputs,
            output_mb=run.outputs_mb,
            address_space=not station.gpus and bool(run.entry),
        )
        self._pool = Pool()
        self._warned = False
        self._experiment = self._settings()
        if not station.gpus:
            self._pool.warm(self._experiment)

    def _settings(self) -> Settings:
        station, template = self._station, self._station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        own = {name: (template.folder / name).read_bytes() for name in template.files()}
        environment, called = template.environment, None
        if environment and run.command:
            called = environment.command(run.command)
        elif environment and run.entry and not environment.warm:
            called = (str(environment.python), "-B", "-c", _CALL, *run.entry.split(":"), *_GIVEN)
        return replace(
            station.settings(
                {"inputs": station.inputs}, read=[*template.bound.values()], hidden=run.hide, network=run.network
            ),
            kind="exec" if called or run.command else "candidate" if evaluate.interactive else "python",
            entry=None if called else run.entry,
            argv=called or run.command,
            limits=self._limits,
            env={**station.environment(None), **_PLACES},
            preload=imported(own) if run.entry and not called else (),
            ahead=_ahead(run.ahead, own) if not called else (),
            collect=str(PurePosixPath("artifact", run.writes)) if run.writes else "out",
            metrics=template.counting,
            spelt=template.spelt,
            takes=template.takes,
            reads="" if evaluate.read_by_key else evaluate.parse or "",
            pattern=evaluate.pattern,
        )

    def perform(self, order: Order, slot: int, ticket: Ticket, channel: socket.socket | None = None) -> Performed:
        """Run the experiment; Cancelled where the ticket is. channel: on which a judge calls it."""
        station = self._station
        try:
            reply, outputs = self._ask(order, slot, ticket, channel)
        except NoPlace as error:
            return Performed(outcome=RunOutcome(status="crash", level=station.level, error=str(error)))
        except Broken as error:
            why = f"the sandbox ended during the run: {error}"
            return Performed(outcome=RunOutcome(status="crash", level=station.level, error=why))
        ended = outcome.ended(reply, self._limits, station.level, station.template.trust)
        return Performed(outcome=ended, outputs=outputs, said=reply["readings"], printed=reply["stdout"])

    def close(self) -> None:
        self._pool.close()

    def _ask(self, order: Order, slot: int, ticket: Ticket, channel: socket.socket | None) -> Reply:
        if self._station.template.interleaved:  # a run that has put them out of memory does not slow its partner
            read_through(self._station.inputs)
        files = contents(order.files)
        sources = {name.partition("/")[2]: data for name, data in files.items()}
        given = self._station.template.handed(order.params, sources)
        params = dict(given.params)
        files |= {f"artifact/{name}": data for name, data in given.files.items()}
        header = {
            "params": params,
            "words": dict(given.words) if self._experiment.kind == "exec" else {},  # nobody else has a use for them
            "env": dict(given.env),
            "seed": order.seed,
            "executable": executables(order.files, files),
            "links": {name: str(path) for name, path in self._station.template.bound.items() if name[:1] not in "/~"},
            "preload": imported(sources) if self._experiment.entry else (),
        }
        files["params.json"] = json.dumps(params).encode()
        cold = bool(order.cold or self._station.gpus)
        settings = self._cold(slot) if cold else self._experiment
        try:
            reply, outputs = self._pool.ask(settings, header, files, ticket, channel, cold=cold)
        except RunnerError as error:
            if settings.ahead:
                raise RunnerError(f"{self._ahead_of_runs} is called as a sandbox starts, and {error}") from None
            raise
        if reply["unfit"] and not self._warned:
            self._warned = True
            told = "%s is left out, and each run takes the time that it would save: %s"
            logging.getLogger(__name__).warning(told, self._ahead_of_runs, clean(reply["unfit"]))
        folder = self._experiment.collect  # where files of its own may lie, too
        return reply, {name: data for name, data in outputs.items() if files.get(f"{folder}/{name}") != data}

    def _cold(self, slot: int) -> Settings:
        settings = replace(self._experiment, env={**self._experiment.env, **self._station.environment(slot)})
        if self._station.gpus:  # nothing may be loaded before a run knows which it has
            return replace(settings, preload=(), ahead=())
        return settings

    @property
    def _ahead_of_runs(self) -> str:
        template = self._station.template
        return f"{template.name}: template.toml: [run.ahead]: {template.spec.run.ahead}"


def _ahead(entry: str | None, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The function to call ahead of the runs, and the source of its module."""
    return (entry, decode_source(files[f"{entry.partition(':')[0]}.py"])) if entry else ()
