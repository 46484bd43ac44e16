"""Where the runs of one template happen on this machine, and what all of its sandboxes have in common."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.executors.local.gpus import share
from nightlab.experiments.executors.local.isolation.launch import RunnerError, Settings
from nightlab.experiments.executors.local.isolation.visible import sandbox_view
from nightlab.experiments.records import Level
from nightlab.experiments.template.template import Template

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")


@dataclass(frozen=True, kw_only=True)
class Station:
    """The template with its data, and what each slot gets of the machine. scratch: a folder of its own."""

    template: Template
    inputs: Path
    private: Path
    scratch: Path
    level: Level
    threads: int
    gpus: tuple[tuple[str, ...], ...] = ()  # by slot; empty where the template asks for none

    @classmethod
    def made(
        cls,
        template: Template,
        *,
        inputs: Path,
        private: Path,
        scratch: Path,
        workers: int,
        level: Level,
        needs_gpus: bool = True,
    ) -> Station:
        """A station for so many slots. Raises RunnerError where the machine lacks the GPUs that they need."""
        try:
            gpus = share(template.spec.run.gpus, workers)
        except RunnerError:
            if needs_gpus:
                raise
            gpus = ()
        scratch.mkdir(parents=True, exist_ok=True)
        return cls(
            template=template,
            inputs=inputs,
            private=private,
            scratch=Path(tempfile.mkdtemp(prefix="runner-", dir=scratch)),
            level=level,
            threads=max(1, (os.cpu_count() or 1) // workers),
            gpus=gpus,
        )

    def settings(
        self,
        named: Mapping[str, Path],
        *,
        read: Sequence[Path] = (),
        hidden: tuple[str, ...] = (),
        network: bool = False,
    ) -> Settings:
        """A sandbox that sees the named folders, and those to read where they are."""
        environment = self.template.environment
        warm = environment.python if environment and environment.warm else None
        secret = {self.private, self.template.folder.parent, self.scratch.parent} - set(named.values())
        return Settings(
            level=self.level,
            view=sandbox_view(read=read, hide=hidden, secret=secret, network=network, environment=environment),
            scratch=self.scratch,
            named=named,
            network=network,
            gpus=bool(self.gpus),
            python=str(warm or ""),
            env=self.environment(None),
            preload_env=self.environment(None),
        )

    def environment(self, slot: int | None) -> dict[str, str]:
        """How many threads a run may have, in a slot which GPUs, and what its environment sets."""
        env = self.template.environment.variables() if self.template.environment else {}
        env |= {f"{name}_NUM_THREADS": str(self.threads) for name in _THREADS}
        if slot is not None and self.gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus[slot])
        return env
