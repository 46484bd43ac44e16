"""The GPUs of this machine, and which of them each slot gets."""

from __future__ import annotations

import os
from pathlib import Path

from nightlab.experiments.executors.local.isolation.launch import RunnerError


def gpus() -> tuple[str, ...]:
    """The GPUs that experiments may use, as CUDA names them; CUDA_VISIBLE_DEVICES narrows them down."""
    there = tuple(path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if visible is None or not there else tuple(filter(None, visible.split(",")))


def share(each: int, slots: int) -> tuple[tuple[str, ...], ...]:
    """The GPUs of each slot, nothing where `each` is 0; RunnerError where there are not enough."""
    if each == 0:
        return ()
    there = gpus()
    if len(there) < each * slots:
        raise RunnerError(
            f"the template asks for {each} GPU{'s' if each > 1 else ''} per run, {slots} at a time, and this machine"
            f" offers {len(there)} (looked for /dev/nvidia0 and on): use a machine with more, fewer --workers,"
            " or set gpus = 0 under [run]"
        )
    return tuple(there[slot * each : (slot + 1) * each] for slot in range(slots))
