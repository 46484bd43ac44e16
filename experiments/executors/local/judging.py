"""Judges what came out of runs: by the evaluator in a sandbox of its own, or by what the experiment reported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from nightlab.experiments.executors.executor import Performed
from nightlab.experiments.executors.local import metrics, outcome
from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.local.integrity import Seal
from nightlab.experiments.executors.local.isolation.launch import Limits, Settings, claims
from nightlab.experiments.executors.local.pool import Broken, Pool
from nightlab.experiments.executors.local.station import Station
from nightlab.experiments.executors.ticket import Ticket
from nightlab.experiments.records import RunOutcome, RunRequest, Split
from nightlab.experiments.template import doubts

BOTH: tuple[Split, ...] = ("dev", "holdout")
_EVALUATOR, _PRIVATE, _INPUTS = "the evaluator", "the private data", "the inputs"


class LocalJudge:
    """See `nightlab.experiments.executors.runs.Judge`; safe to use from several threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        template = station.template
        artifact = {template.folder / name for name in template.files()}
        judge = [path for path in template.folder.glob("*.py") if path not in artifact]
        self._seal = Seal(
            {
                _EVALUATOR: [template.folder / "template.toml", *judge],
                _PRIVATE: [station.private],
                _INPUTS: [station.inputs],
            }
        )
        self.tampered = ""
        self._pool = Pool()
        if entry := template.spec.evaluate.entry:
            self._evaluator = self._settings(entry)
            self._pool.warm(self._evaluator)

    @property
    def setting(self) -> str:
        """The hash of the template and the inputs."""
        return self._seal.hash_of(_EVALUATOR, _INPUTS)

    def judge(self, request: RunRequest, performed: Performed, ticket: Ticket) -> RunOutcome:
        """The outcome of a run; Cancelled where the ticket is."""
        result = replace(performed.outcome, trust=self._station.template.trust, metrics={}, doubts=())
        try:
            if result.status == "ok":
                result = self._judge(request, result, performed.outputs, performed.said, ticket)
        except Broken as error:
            result = replace(result, status="crash", error=f"the sandbox ended during the run: {error}")
        self.tampered = self.tampered or self._seal.broken()
        if self.tampered:
            return replace(result, status="tampered", metrics={}, error=self.tampered)
        return result

    def close(self) -> None:
        self._pool.close()
        with suppress(OSError):  # gone already, or what the system does not let go
            remove(self._station.scratch)

    def _settings(self, entry: str) -> Settings:
        station, template = self._station, self._station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        source = f"{entry.split(':')[0]}.py"
        return replace(
            station.settings({"private": station.private, "template": template.folder}),
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
        items: outcome.ByItem = {}
        try:
            if entry:
                (found, notes), against, items = self._evaluate(req, outputs, ticket)
            else:
                found, notes = outcome.reported(template, outputs, said, result.output, req.splits)
        except metrics.InvalidMetrics as error:
            nothing = "" if outputs or parse == "stdout" else "the experiment wrote no output files; "
            lacking = f"\n{'; '.join(result.notes[:5])}" if parse != "stdout" and result.notes else ""
            return replace(result, status="invalid", error=f"{nothing}{error}{lacking}")
        return replace(result, metrics=found, notes=result.notes + notes, doubts=against, items=items)

    def _evaluate(
        self, req: RunRequest, outputs: Mapping[str, bytes], ticket: Ticket
    ) -> tuple[outcome.Tables, tuple[str, ...], outcome.ByItem]:
        """What the evaluator finds, what speaks against it in a run that is to probe it, and the values by item.

        A probe scores both splits; of what it finds on the other one, nothing else leaves this function.
        """
        template, splits = self._station.template, BOTH if req.probe else req.splits
        files = {f"out/{name}": data for name, data in outputs.items()}
        watched = template.spec.artifact.editable if req.probe else ()
        reply, _ = self._pool.ask(
            self._evaluator,
            {"splits": splits, "seed": req.seed, "watched": watched, "items": req.items or req.probe},
            files,
            ticket,
        )
        found, notes = outcome.judged(template, reply, splits)
        items = outcome.by_item(template, reply, found)
        against = list[str]()
        if req.probe:
            against = [doubts.LOADED] if claims(reply).get("ran") else []
            against += doubts.of_scores(template.counting, found)
            against += self._echo(req, outputs, [table[template.metric] for table in found.values()], ticket)
        kept = {split: items[split] for split in req.splits if req.items and split in items}
        return ({split: found[split] for split in req.splits}, notes), tuple(against), kept

    def _echo(
        self, req: RunRequest, outputs: Mapping[str, bytes], values: list[float], ticket: Ticket
    ) -> tuple[str, ...]:
        """Whether the evaluator gives other numbers when just these numbers are others in the outputs."""
        if not (forged := doubts.forged(outputs, values)):
            return ()
        with suppress(metrics.InvalidMetrics):  # what it cannot read it does not hand back
            (again, _), _, _ = self._evaluate(replace(req, splits=BOTH, probe=False), forged, ticket)
            if [table[self._station.template.metric] for table in again.values()] == list(map(doubts.other, values)):
                return (doubts.ECHO,)
        return ()
