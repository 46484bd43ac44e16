"""One run from request to outcome: the experiment in its sandbox, then the evaluator in its own."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightlab.experiments.records import Level, RunOutcome, RunRequest, Split
from nightlab.experiments.runner import metrics
from nightlab.experiments.runner.imports import imported
from nightlab.experiments.runner.integrity import Seal
from nightlab.experiments.runner.launch import Limits, RunnerError, Sandbox, Settings, exchange, request
from nightlab.experiments.runner.sandbox import contents, executables
from nightlab.experiments.runner.text import clean
from nightlab.experiments.runner.view import view
from nightlab.experiments.template import Template

Register = Callable[[socket.socket], None]
_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
_EVALUATION_S = 120.0
_KILLED: Mapping[str, tuple[str, str]] = {
    "timeout": ("timeout", "it ran longer than {wall_s:g} s (timeout_s)"),
    "cpu": ("timeout", "it used more than {cpu_s:g} s of CPU time"),
    "memory": ("memory", "its processes used more than {memory_mb} MB (memory_mb)"),
    "processes": ("crash", "it had more than {processes} processes"),
    "disk": ("crash", "it wrote more than {disk_mb} MB or {inodes} files"),
}


@dataclass(frozen=True, kw_only=True)
class Station:
    """Where runs happen: the template with its data, and what each slot gets of the machine."""

    template: Template
    inputs: Path
    private: Path
    scratch: Path
    level: Level
    threads: int
    gpus: tuple[tuple[str, ...], ...]  # by slot; empty where the template asks for none


class Execution:
    """Runs requests; safe to use from several threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        template = station.template
        self._limits = Limits(
            wall_s=template.spec.run.timeout_s,
            memory_mb=template.spec.run.memory_mb,
            address_space=not station.gpus,
        )
        files = {name: (template.folder / name).read_bytes() for name in template.files()}
        self._seal = Seal({"the evaluator": template.folder, "private data": station.private, "inputs": station.inputs})
        self._lock = threading.Lock()
        self._closed = False
        self._tampered = ""
        self._sandboxes: list[Sandbox] = []
        self._warm: dict[str, Sandbox] = {}
        warm = imported(files) if template.spec.run.entry else ()
        self._settings = {"experiment": self._experiment(warm)}
        if entry := template.spec.evaluate.entry:
            source = entry.split(":")[0] + ".py"
            self._settings["evaluate"] = self._evaluator(imported({source: (template.folder / source).read_bytes()}))
        for role in self._settings:
            if role == "evaluate" or not station.gpus:
                self._warm[role] = self._start(self._settings[role])

    def run(self, req: RunRequest, slot: int, register: Register) -> RunOutcome:
        """Execute and judge one request; `register` is told each connection that would have to be cut to stop it."""
        if not self._tampered:
            outcome, outputs, stdout = self._perform(req, slot, register)
            if outcome.status == "ok":
                outcome = self._judge(req, outcome, outputs, stdout, register)
            self._tampered = self._tampered or self._seal.broken()
        if self._tampered:
            return RunOutcome(
                status="tampered", trust=self._station.template.trust, level=self._station.level, error=self._tampered
            )
        return outcome

    def close(self) -> None:
        with self._lock:
            self._closed = True
            sandboxes, self._sandboxes = self._sandboxes, []
        for sandbox in sandboxes:
            sandbox.close()

    def _perform(
        self, req: RunRequest, slot: int, register: Register
    ) -> tuple[RunOutcome, dict[str, bytes], dict[str, str]]:
        template, run = self._station.template, self._station.template.spec.run
        files = contents(req.artifact)
        parameters = json.dumps(dict(req.params))
        env = {
            "NIGHTLAB_PARAMS": "{params}",
            "NIGHTLAB_INPUTS": "{inputs}",
            "NIGHTLAB_OUT": "{out}",
            "NIGHTLAB_SEED": "{seed}",
            **self._environment(slot),
        }
        header = request(
            "python" if run.entry else "exec",
            self._limits,
            env,
            entry=run.entry,
            argv=run.command,
            params=dict(req.params),
            seed=req.seed,
            executable=executables(req.artifact, files),
            preload=imported({name.partition("/")[2]: data for name, data in files.items()}) if run.entry else (),
            metrics=template.spec.evaluate.parse == "stdout",
        )
        settings = self._settings["experiment"]
        if req.cold or self._station.gpus:
            settings = replace(settings, preload=(), env={**settings.env, **self._environment(slot)})
            reply, outputs = self._cold(settings, header, {**files, "params.json": parameters.encode()}, register)
        else:
            reply, outputs = self._ask("experiment", header, {**files, "params.json": parameters.encode()}, register)
        return self._outcome(reply, outputs), outputs, reply["metrics"] or {}

    def _outcome(self, reply: Mapping[str, Any], outputs: Mapping[str, bytes]) -> RunOutcome:
        outcome = RunOutcome(
            status="ok",
            trust=self._station.template.trust,
            wall_s=reply["wall_s"],
            cpu_s=reply["cpu_s"],
            memory_mb=reply["memory"] / (1 << 20),
            level=self._station.level,
            output=clean("\n".join(filter(None, (reply["stdout"], reply["stderr"]))), 16000),
        )
        if not reply["started"]:
            raise RunnerError(f"the sandbox cannot start the experiment: {clean(reply['report'])}")
        if killed := _KILLED.get(reply["ended"]):
            bounds = {**vars(self._limits), "cpu_s": self._limits.wall_s * (os.cpu_count() or 1)}
            return replace(outcome, status=killed[0], error=killed[1].format(**bounds))
        if outcome.memory_mb > self._limits.memory_mb:
            return replace(outcome, status="memory", error=_KILLED["memory"][1].format(**vars(self._limits)))
        report = _report(reply["report"])
        if report.get("error") or reply["code"]:
            error = clean(str(report.get("error") or reply["stderr"]))
            status = "memory" if report.get("memory") else "crash"
            return replace(outcome, status=status, error=error or _ending(reply["code"]))
        if reply["problems"]:
            return replace(outcome, status="invalid", error=clean("outputs: " + "; ".join(reply["problems"][:5])))
        return outcome

    def _judge(
        self,
        req: RunRequest,
        outcome: RunOutcome,
        outputs: Mapping[str, bytes],
        printed: Mapping[str, str],
        register: Register,
    ) -> RunOutcome:
        evaluate = self._station.template.spec.evaluate
        try:
            if evaluate.entry:
                found = self._evaluate(req, outputs, register)
            elif evaluate.parse == "stdout":
                found = dict.fromkeys(req.splits, metrics.check_words(printed))
            else:
                if str(evaluate.parse) not in outputs:
                    raise metrics.InvalidMetrics(f"the experiment wrote no {evaluate.parse}")
                found = dict.fromkeys(req.splits, metrics.parse_json(outputs[str(evaluate.parse)]))
            needed = [self._station.template.metric, *(c.metric for c in self._station.template.spec.constraint)]
            source = evaluate.entry or ("what it printed" if evaluate.parse == "stdout" else str(evaluate.parse))
            for table in found.values():
                metrics.require(table, needed, source)
        except metrics.InvalidMetrics as error:
            nothing = "" if outputs or evaluate.parse == "stdout" else "the experiment wrote no output files; "
            return replace(outcome, status="invalid", error=clean(nothing + str(error)))
        return replace(outcome, metrics=found)

    def _evaluate(
        self, req: RunRequest, outputs: Mapping[str, bytes], register: Register
    ) -> dict[Split, dict[str, float]]:
        limits = Limits(wall_s=_EVALUATION_S, memory_mb=max(2048, self._limits.memory_mb))
        header = request(
            "evaluate",
            limits,
            self._environment(None),
            entry=self._station.template.spec.evaluate.entry,
            splits=req.splits,
            preload=self._settings["evaluate"].preload,
        )
        reply, _ = self._ask("evaluate", header, {f"out/{k}": v for k, v in outputs.items()}, register)
        report = _report(reply["report"])
        if reply["ended"] != "exit" or reply["code"] or "metrics" not in report:
            why = report.get("error") or reply["stderr"] or f"{reply['ended']} ({_ending(reply['code'])})"
            raise metrics.InvalidMetrics(f"the evaluator refused the outputs: {why}")
        tables = report["metrics"]
        if not isinstance(tables, dict) or set(tables) != set(req.splits):
            raise metrics.InvalidMetrics("the evaluator did not score every split")
        return {split: metrics.check(tables[split]) for split in req.splits}

    def _ask(
        self, role: str, header: Mapping[str, Any], files: Mapping[str, bytes], register: Register
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Ask a warm sandbox; one that has died is replaced once."""
        sandbox = self._warm[role]
        try:
            return _exchange(sandbox, header, files, register)
        except EOFError:
            with self._lock:
                if self._closed:
                    raise
                if self._warm[role] is sandbox:
                    self._warm[role] = self._replaced(role, sandbox)
            return self._last_try(role, header, files, register)

    def _last_try(
        self, role: str, header: Mapping[str, Any], files: Mapping[str, bytes], register: Register
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        try:
            return _exchange(self._warm[role], header, files, register)
        except EOFError:
            raise RunnerError(
                f"the sandbox for the {role} ended twice: {clean(self._warm[role].errors()) or 'without a word'}"
            ) from None

    def _replaced(self, role: str, sandbox: Sandbox) -> Sandbox:
        with suppress(ValueError):
            self._sandboxes.remove(sandbox)
        sandbox.close()
        new = Sandbox(self._settings[role])
        self._sandboxes.append(new)
        return new

    def _cold(
        self, settings: Settings, header: Mapping[str, Any], files: Mapping[str, bytes], register: Register
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        sandbox = self._start(settings)
        try:
            return _exchange(sandbox, header, files, register)
        except EOFError:
            raise RunnerError(f"the sandbox ended: {clean(sandbox.errors()) or 'without a word'}") from None
        finally:
            with self._lock, suppress(ValueError):
                self._sandboxes.remove(sandbox)
            sandbox.close()

    def _start(self, settings: Settings) -> Sandbox:
        with self._lock:
            if self._closed:
                raise RunnerError("the runner is closed")
            sandbox = Sandbox(settings)
            self._sandboxes.append(sandbox)
        return sandbox

    def _experiment(self, preload: tuple[str, ...]) -> Settings:
        s, run = self._station, self._station.template.spec.run
        secret = [s.private, s.template.folder, s.scratch]
        return Settings(
            level=s.level,
            view=view(hide=run.hide, secret=secret, network=run.network),
            scratch=s.scratch,
            named={"inputs": s.inputs},
            preload=preload,
            env=self._environment(None),
            network=run.network,
            gpus=bool(s.gpus),
        )

    def _evaluator(self, preload: tuple[str, ...]) -> Settings:
        s = self._station
        named = {"private": s.private, "template": s.template.folder}
        return Settings(
            level=s.level,
            view=view(network=False),
            scratch=s.scratch,
            named=named,
            preload=preload,
            env=self._environment(None),
        )

    def _environment(self, slot: int | None) -> dict[str, str]:
        env = {f"{name}_NUM_THREADS": str(self._station.threads) for name in _THREADS}
        if slot is not None and self._station.gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(self._station.gpus[slot])
        return env


def _exchange(
    sandbox: Sandbox, header: Mapping[str, Any], files: Mapping[str, bytes], register: Register
) -> tuple[dict[str, Any], dict[str, bytes]]:
    with sandbox.connect() as connection:
        register(connection)
        return exchange(connection, header, files)


def _report(text: str) -> dict[str, Any]:
    """What the process said of itself: a claim, which may be anything."""
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def _ending(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
