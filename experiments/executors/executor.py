"""The seam between a study and the place where its runs happen.

An executor runs experiments; what came out of them is judged at home (`runs.py`), so that neither the evaluator nor
the private data leave it. To add one, implement `Executor` and `register` it (`registry.py`), or name its maker as an
entry point `nightlab.executors` of your package; a study with `executor = NAME` then uses it.
`tests/experiments/executors/contract.py` is what each must pass.
"""

from __future__ import annotations

import functools
import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from nightlab.experiments.records import Level, Params, RunOutcome
from nightlab.experiments.template.artifact.artifact import content_hash
from nightlab.experiments.template.template import Template

State = Literal["queued", "running", "ended", "lost"]


class Solver(Protocol):
    """Answers what a judge asks in the name of its candidate (`evaluate.asks`), such as a language model does. Safe to
    use from several threads."""

    name: str

    def answer(self, run: int, number: int, question: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to a question of a run, of which it is the number-th, as `Candidate.ask` sends it; None where what
        came cannot be used. A NightlabError ends the study, which can be resumed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """What an executor is made for. private: the judge's, which one on the same machine hides from its runs. scratch: a
    folder that it may use. minimum: refuse to isolate less. own_code: only the template's own code will run. solver:
    who answers the judge's questions, where it may ask any and somebody does."""

    template: Template
    inputs: Path
    private: Path
    scratch: Path
    workers: int = 1
    minimum: Level | None = None
    own_code: bool = True
    solver: Solver | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """One execution of an artifact, by all that its outcome depends on.

    setting: the hash of the template and the inputs; who has these under that name needs nothing else but the
    artifact. files: a folder with the artifact's files, for who has them not under their hash. talks: the run is a
    candidate that a judge calls, by the channel that `Talking.channel` gives.
    """

    setting: str
    files: Path
    params: Params
    seed: int
    cold: bool = False  # as in RunRequest
    talks: bool = False

    @functools.cached_property
    def artifact(self) -> str:
        """The hash of the artifact's files, as in a study's store."""
        found = (path for path in sorted(self.files.rglob("*")) if path.is_file())
        return content_hash({str(path.relative_to(self.files)): path.read_bytes() for path in found})

    @property
    def key(self) -> str:
        """Equal for orders of the same run."""
        text = json.dumps([self.setting, self.artifact, dict(sorted(self.params.items())), self.seed])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Performed:
    """What came out of a run, before it is judged.

    outcome: how it ended: ok, still without metrics, or its failure. outputs: the plain files that it wrote, by their
    paths. said: what it printed of its metrics, where the template reads them from there (`inside/output/readings.py`).
    printed: its standard output alone, head and tail, where that is known.
    """

    outcome: RunOutcome
    outputs: Mapping[str, bytes] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""


class Executor(Protocol):
    """Runs experiments somewhere. Safe to use from several threads.

    A failed experiment is a `Performed`; only what makes the executor itself useless is raised, as a NightlabError.
    """

    @property
    def durable(self) -> bool:
        """Whether a handle still means its run when the session that submitted it has ended."""
        ...

    @property
    def level(self) -> Level:
        """The isolation that runs get, probed where they run."""
        ...

    @property
    def workers(self) -> int:
        """How many runs go on at the same time."""
        ...

    def submit(self, order: Order) -> str:
        """Queue a run: its handle, a short text. Each call is a run of its own."""
        ...

    def poll(self, handle: str, patience: float = 0.0) -> State:
        """What has become of a run; waits for its end, up to `patience` seconds.

        `lost` is a run that nobody will ever end: cancelled, forgotten, or of a session before this one.
        """
        ...

    def collect(self, handle: str) -> Performed:
        """What came out of a run that has ended. A durable executor tells it again, also to a later session."""
        ...

    def cancel(self, handle: str) -> None:
        """End a run, queued or under way; it is lost then. What has ended or is lost already stays so."""
        ...

    def close(self) -> None:
        """Release what this session holds. Runs of a durable executor go on; all others end at once."""
        ...


@runtime_checkable
class Talking(Protocol):
    """What an executor has besides, whose runs can be called by a judge at home while they go on."""

    def channel(self, handle: str) -> socket.socket:
        """Once, of a run that `talks`: a stream to it, as `local/inside/conversation/talk.py` speaks; it may be used
        before the run has begun. Where its last copy is closed here, the run has ended well; where the run ends, the
        stream does."""
        ...
