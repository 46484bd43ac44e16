"""Judges what came out of runs: by the evaluator in a sandbox of its own, or by what the experiment reported."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from nightlab.experiments.executors.candidates import Candidates
from nightlab.experiments.executors.executor import Performed
from nightlab.experiments.executors.local import conversation, outcome
from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.local.integrity import Seal
from nightlab.experiments.executors.local.isolation.launch import Limits, Settings, claims
from nightlab.experiments.executors.local.pool import Broken, Pool, Reply
from nightlab.experiments.executors.local.reported import metrics, series
from nightlab.experiments.executors.local.station import Station
from nightlab.experiments.executors.ticket import Ticket
from nightlab.experiments.records import RunOutcome, RunRequest, Split
from nightlab.experiments.template import doubts
from nightlab.experiments.template.template import TemplateError

BOTH: tuple[Split, ...] = ("dev", "holdout")
_Ask = Callable[[Mapping[str, Any]], Reply]  # the evaluator's report on a request, and the outputs that it is on
BESIDE = "judging"  # the folder of a template with what its evaluator needs besides
_EVALUATOR, _PRIVATE, _INPUTS = "the evaluator", "the private data", "the inputs"


class LocalJudge:
    """See `nightlab.experiments.executors.runs.Judge`; safe to use from several threads."""

    def __init__(self, station: Station) -> None:
        self._station = station
        template = station.template
        artifact = {template.folder / name for name in template.files()}
        near = [*template.folder.glob("*.py"), *template.folder.glob(f"{BESIDE}/**/*")]
        judge = [path for path in near if path not in artifact and path.is_file()]
        self._seal = Seal(
            {
                _EVALUATOR: [template.folder / "template.toml", *judge],
                _PRIVATE: [station.private],
                _INPUTS: [station.inputs],
            }
        )
        self.tampered = ""
        self._pool = Pool()
        if entry := template.spec.evaluate.judge:
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
        return self._sealed(result)

    @property
    def calls(self) -> bool:
        return bool(self._station.template.spec.evaluate.interactive)

    def converse(self, request: RunRequest, candidates: Candidates, ticket: Ticket) -> RunOutcome:
        """The outcome of a run whose candidates the judge calls; Cancelled where the ticket is.

        Raises TemplateError where the judge fails before it has called anything.
        """

        def ask(header: Mapping[str, Any]) -> Reply:
            def judging(desk: socket.socket) -> Reply:
                told = {"record": request.probe, "solver": candidates.solver}
                return self._pool.ask(self._evaluator, {**header, **told}, {}, ticket, desk)

            return candidates.during(judging)

        result = RunOutcome(status="ok", trust=self._station.template.trust, level=candidates.level)
        heard = conversation.Heard()
        try:
            (found, notes), against, items = self._evaluate(request, ask, ticket, heard, candidates.solver)
            result = replace(result, feedback=heard.feedback)
            outcome.within(self._station.template, found)
            result = replace(result, metrics=found, notes=notes, doubts=against, items=items, series=heard.arrays)
        except conversation.CallFailed as failed:
            result = conversation.call_failed(result, failed, candidates.performed)
        except metrics.InvalidMetrics as error:
            if not candidates.asked:
                file = self._station.template.folder / "template.toml"
                raise TemplateError(f"{file}: [evaluate.interactive]: {error}, before it had called anything") from None
            result = replace(result, status="invalid", error=str(error))
        except Broken as error:
            result = replace(result, status="crash", error=f"the sandbox ended during the run: {error}")
        return self._sealed(conversation.conversed(result, heard, candidates.performed))

    def _sealed(self, result: RunOutcome) -> RunOutcome:
        """The outcome, unless anything was altered that no run may alter."""
        self.tampered = self.tampered or self._seal.broken()
        if self.tampered:
            return replace(result, status="tampered", metrics={}, error=self.tampered)
        return result

    def close(self) -> None:
        self._pool.close()
        with suppress(OSError):  # gone already, or what the system does not let go
            remove(self._station.scratch)

    @property
    def _bounds(self) -> dict[str, Any]:
        """Of a judge's calls, as `inside/conversation/candidate.py` has them."""
        spec = self._station.template.spec
        return {
            "fresh": spec.evaluate.fresh,
            "limit_s": spec.run.timeout_s,
            "most": spec.run.outputs_mb << 20,
        }

    def _settings(self, entry: str) -> Settings:
        station, template = self._station, self._station.template
        run, evaluate = template.spec.run, template.spec.evaluate
        source = f"{entry.split(':')[0]}.py"
        return replace(
            station.settings({"private": station.private, "template": template.folder}, network=evaluate.network),
            kind="judge" if evaluate.interactive else "evaluate",
            entry=entry,
            limits=Limits(
                wall_s=evaluate.timeout_s + (len(BOTH) * run.timeout_s if evaluate.interactive else 0.0),
                memory_mb=evaluate.memory_mb or max(Limits.memory_mb, run.memory_mb),
                disk_mb=Limits.disk_mb + run.outputs_mb,  # the outputs lie there too
                inodes=Limits.inodes + run.outputs,
            ),
            preload=imported({source: (template.folder / source).read_bytes()}),
            metrics=template.counting,
            spelt=template.spelt,
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
        heard = conversation.Heard()
        try:
            if entry:
                (found, notes), against, items = self._evaluate(req, self._given(outputs, ticket), ticket, heard)
            else:
                heard.feedback = conversation.feedback_of(outputs)
                found, notes = outcome.reported(template, outputs, said, result.output, req.splits)
            outcome.within(template, found)
        except metrics.InvalidMetrics as error:
            nothing = "" if outputs or parse == "stdout" else "the experiment wrote no output files; "
            lacking = f"\n{'; '.join(result.notes[:5])}" if parse != "stdout" and result.notes else ""
            return replace(result, status="invalid", error=f"{nothing}{error}{lacking}", feedback=heard.feedback)
        reported, left = _reported(outputs) if req.items else ({}, ())
        notes = (*result.notes, *notes, *left)
        result = replace(result, feedback=heard.feedback)
        return replace(
            result, metrics=found, notes=notes, doubts=against, items=items, series={**reported, **heard.arrays}
        )

    def _given(self, outputs: Mapping[str, bytes], ticket: Ticket, solver: str = "") -> _Ask:
        """Ask the evaluator of these outputs, or the judge with the answers that are among them. solver: whose are."""

        def ask(header: Mapping[str, Any]) -> Reply:
            files = {f"out/{name}": data for name, data in outputs.items()}
            reply, _ = self._pool.ask(self._evaluator, {**header, "play": True, "solver": solver}, files, ticket)
            return reply, dict(outputs)

        return ask

    def _evaluate(
        self,
        req: RunRequest,
        ask: _Ask,
        ticket: Ticket,
        heard: conversation.Heard | None = None,
        solver: str = "",
    ) -> tuple[outcome.Tables, tuple[str, ...], outcome.ByItem]:
        """What the evaluator finds, what speaks against it in a run that is to probe it, and the values by item.

        A probe scores both splits; of what it finds on the other one, nothing else leaves this function. heard: is to
        have what a judge says of its calls. solver: who answers what the judge asks.
        """
        template = self._station.template
        splits = BOTH if req.probe and template.spec.evaluate.holdout else req.splits
        watched = template.spec.artifact.editable if req.probe else ()
        reply, outputs = ask(
            {
                "splits": splits,
                "seed": req.seed,
                "watched": watched,
                "items": req.items or req.probe,
                "bounds": self._bounds,
            }
        )
        if heard:
            heard.take(claims(reply))
            heard.arrays = outcome.arrays(reply, req.splits if req.items else ())
        found, notes = outcome.judged(template, reply, splits)
        items = outcome.by_item(template, reply, found)
        against = list[str]()
        if req.probe:
            against = [doubts.LOADED] if claims(reply).get("ran") else []
            against += doubts.of_scores(template.counting, found) if len(splits) > 1 else ()
            against += self._echo(req, outputs, [table[template.metric] for table in found.values()], ticket, solver)
        kept = {split: items[split] for split in req.splits if req.items and split in items}
        return ({split: found[split] for split in req.splits}, notes), tuple(against), kept

    def _echo(
        self, req: RunRequest, outputs: Mapping[str, bytes], values: list[float], ticket: Ticket, solver: str
    ) -> tuple[str, ...]:
        """Whether the evaluator gives other numbers when just these numbers are others in the outputs."""
        if not (forged := doubts.forged(outputs, values)):
            return ()
        with suppress(metrics.InvalidMetrics, conversation.CallFailed):  # what it cannot read it does not hand back
            ask = self._given(forged, ticket, solver)
            splits = BOTH if self._station.template.spec.evaluate.holdout else req.splits
            (again, _), _, _ = self._evaluate(replace(req, splits=splits, probe=False), ask, ticket)
            if [table[self._station.template.metric] for table in again.values()] == list(map(doubts.other, values)):
                return (doubts.ECHO,)
        return ()


def _reported(outputs: Mapping[str, bytes]) -> tuple[series.Series, tuple[str, ...]]:
    """The series of a run, and why those are left out that cannot be read: they decide nothing."""
    try:
        return series.read(outputs), ()
    except series.BadSeries as error:
        return {}, (f"{series.FILE} {error}, so it is left out",)
