"""Badly behaved experiments, by what they try."""

from __future__ import annotations

from tests.hostile.programs import (
    endings,
    hideouts,
    machine,
    network,
    others,
    outputs,
    processes,
    reading,
    resources,
    runs,
    sources,
    walks,
    writing,
)
from tests.hostile.programs.program import Program

ALL: list[Program] = [
    *reading.READING,
    *writing.WRITING,
    *network.NETWORK,
    *processes.PROCESSES,
    *others.OTHERS,
    *machine.MACHINE,
    *resources.RESOURCES,
    *hideouts.HIDEOUTS,
    *walks.WALKS,
    *sources.SOURCES,
    *endings.ENDINGS,
    *outputs.OUTPUTS,
    *runs.LEFT_BEHIND,
]
