"""One run from request to outcome: the experiment in its sandbox, then the evaluator in its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightlab.experiments.executors.local import metrics, outcome
from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.integrity import Seal, read_through
from nightlab.experiments.executors.local.launch import Limits, Settings, claims
from nightlab.experiments.executors.local.pool import Broken, Pool, Reply, Ticket
from nightlab.experiments.executors.local.sandbox import contents, executables
from nightlab.experiments.executors.local.visible import view
from nightlab.experiments.records import Level, RunOutcome, RunRequest, Split
from nightlab.experiments.template import doubts
from nightlab.experiments.template.template import Template

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
BOTH: tuple[Split, ...] = ("dev", "holdout")
_PLACES = {f"NIGHTLAB_{place.upper()}": f"{{{place}}}" for place in ("params", "inputs", "out", "seed")}


@dataclass(frozen=True, kw_only=True)
class Station:
    """Where runs happen: the template with its data, and what each slot gets of the machine."""

    template: Template
    inputs: Path
    private: Path
    scratch: Path
    level: Level
    threads: int
    gpus: tuple[tuple[str, ...], ...] = ()  # by slot; empty where the template asks for none


class Execution:
    """Runs requests; safe to use from several threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        template = station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        self._limits = Limits(
            wall_s=run.timeout_s,
            memory_mb=run.memory_mb,
            disk_mb=run.disk_mb,
            inodes=run.disk_files,
            files=run.outputs,
            output_mb=run.outputs_mb,
            address_space=not station.gpus and bool(run.entry),
        )
        artifact = {template.folder / name for name in template.files()}
        judge = [path for path in template.folder.glob("*.py") if path not in artifact]
        self._seal = Seal(
            {
                "the evaluator": [template.folder / "template.toml", *judge],
                "the private data": [station.private],
                "the inputs": [station.inputs],
            }
        )
        self._tampered = ""
        self._pool = Pool()
        self._experiment = self._experiment_settings()
        if not station.gpus:
            self._pool.warm(self._experiment)
        if evaluate.entry:
            self._evaluator = self._evaluator_settings(evaluate.entry)
            self._pool.warm(self._evaluator)

    def _experiment_settings(self) -> Settings:
        station, template = self._station, self._station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        own = {name: (template.folder / name).read_bytes() for name in template.files()}
        return replace(
            self._settings({"inputs": station.inputs}, hidden=run.hide, network=run.network),
            kind="python" if run.entry else "exec",
            entry=run.entry,
            argv=run.command,
            limits=self._limits,
            env={**self._environment(None), **_PLACES},
            preload=imported(own) if run.entry else (),
            metrics=template.counting,
            reads=evaluate.parse == "stdout",
            pattern=evaluate.pattern,
        )

    def _evaluator_settings(self, entry: str) -> Settings:
        station, template = self._station, self._station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        source = f"{entry.split(':')[0]}.py"
        return replace(
            self._settings({"private": station.private, "template": template.folder}),
            kind="evaluate",
            entry=entry,
            limits=Limits(
                wall_s=evaluate.timeout_s,
                memory_mb=evaluate.memory_mb or max(Limits.memory_mb, run.memory_mb),
                disk_mb=Limits.disk_mb + run.outputs_mb,  # the outputs lie there too
                inodes=Limits.inodes + run.outputs,
            ),
            preload=imported({source: (template.folder / source).read_bytes()}),
            metrics=template.counting,
        )

    def run(self, req: RunRequest, slot: int, ticket: Ticket) -> RunOutcome:
        """Execute and judge one request; Cancelled where the ticket is."""
        station = self._station
        result = RunOutcome(status="tampered", trust=station.template.trust, level=station.level)
        if not self._tampered:
            try:
                reply, outputs = self._perform(req, slot, ticket)
                result = outcome.ended(reply, self._limits, station.level, station.template.trust)
                if result.status == "ok":
                    result = self._judge(req, result, outputs, reply["readings"], ticket)
            except Broken as error:
                result = replace(result, status="crash", error=f"the sandbox ended during the run: {error}")
            self._tampered = self._tampered or self._seal.broken()
        if self._tampered:
            return replace(result, status="tampered", metrics={}, error=self._tampered)
        return result

    def close(self) -> None:
        self._pool.close()

    def _perform(self, req: RunRequest, slot: int, ticket: Ticket) -> Reply:
        """Run the experiment."""
        if self._station.template.interleaved:  # a run that has put them out of memory does not slow its partner
            read_through(self._station.inputs)
        files = contents(req.artifact)
        sources = {name.partition("/")[2]: data for name, data in files.items()}
        params = dict(req.params)
        header = {
            "params": params,
            "seed": req.seed,
            "executable": executables(req.artifact, files),
            "preload": imported(sources) if self._experiment.entry else (),
        }
        files["params.json"] = json.dumps(params).encode()
        if not req.cold and not self._station.gpus:
            return self._pool.ask(self._experiment, header, files, ticket)
        preload = () if self._station.gpus else self._experiment.preload  # which GPUs it has, each run knows first
        cold = replace(self._experiment, preload=preload, env={**self._experiment.env, **self._environment(slot)})
        return self._pool.ask_cold(cold, header, files, ticket)

    def _judge(
        self,
        req: RunRequest,
        result: RunOutcome,
        outputs: Mapping[str, bytes],
        said: Mapping[str, Any],
        ticket: Ticket,
    ) -> RunOutcome:
        """Score a run that ended well."""
        template = self._station.template
        entry, parse = template.spec.evaluate.entry, template.spec.evaluate.parse
        against: tuple[str, ...] = ()
        try:
            if entry:
                (found, notes), against = self._evaluate(req, outputs, ticket)
            else:
                found, notes = outcome.reported(template, outputs, said, result.output, req.splits)
        except metrics.InvalidMetrics as error:
            nothing = "" if outputs or parse == "stdout" else "the experiment wrote no output files; "
            lacking = f"\n{'; '.join(result.notes[:5])}" if parse != "stdout" and result.notes else ""
            return replace(result, status="invalid", error=f"{nothing}{error}{lacking}")
        return replace(result, metrics=found, notes=result.notes + notes, doubts=against)

    def _evaluate(
        self, req: RunRequest, outputs: Mapping[str, bytes], ticket: Ticket
    ) -> tuple[outcome.Tables, tuple[str, ...]]:
        """What the evaluator finds and, of a run that is to probe it, what speaks against it.

        A probe scores both splits; of what it finds on the other one, nothing else leaves this function.
        """
        template, splits = self._station.template, BOTH if req.probe else req.splits
        files = {f"out/{name}": data for name, data in outputs.items()}
        watched = template.spec.artifact.editable if req.probe else ()
        reply, _ = self._pool.ask(
            self._evaluator, {"splits": splits, "seed": req.seed, "watched": watched}, files, ticket
        )
        found, notes = outcome.judged(template, reply, splits)
        against = list[str]()
        if req.probe:
            against = [doubts.LOADED] if claims(reply).get("ran") else []
            against += doubts.of_scores(template.counting, found)
            against += self._echo(req, outputs, [table[template.metric] for table in found.values()], ticket)
        return ({split: found[split] for split in req.splits}, notes), tuple(against)

    def _echo(
        self, req: RunRequest, outputs: Mapping[str, bytes], values: list[float], ticket: Ticket
    ) -> tuple[str, ...]:
        """Whether the evaluator gives other numbers when just these numbers are others in the outputs."""
        if not (forged := doubts.forged(outputs, values)):
            return ()
        with suppress(metrics.InvalidMetrics):  # what it cannot read it does not hand back
            (again, _), _ = self._evaluate(replace(req, splits=BOTH, probe=False), forged, ticket)
            if [table[self._station.template.metric] for table in again.values()] == list(map(doubts.other, values)):
                return (doubts.ECHO,)
        return ()

    def _settings(self, named: Mapping[str, Path], *, hidden: tuple[str, ...] = (), network: bool = False) -> Settings:
        station = self._station
        secret = {station.private, station.template.folder.parent, station.scratch} - set(named.values())
        return Settings(
            level=station.level,
            view=view(hide=hidden, secret=secret, network=network),
            scratch=station.scratch,
            named=named,
            network=network,
            gpus=bool(station.gpus),
            env=self._environment(None),
            preload_env=self._environment(None),
        )

    def _environment(self, slot: int | None) -> dict[str, str]:
        env = {f"{name}_NUM_THREADS": str(self._station.threads) for name in _THREADS}
        if slot is not None and self._station.gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(self._station.gpus[slot])
        return env
