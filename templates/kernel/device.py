"""The device that kernels run on: a GPU where a driver shows one, else one core of the processor by PoCL."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pyopencl as cl

CACHE = ".pocl"  # below the folder that a process works in: PoCL notes the path once, ahead of all runs
ENVIRONMENT = {
    "PYOPENCL_HOME": str(Path(cl.__file__).parent),  # set at the import, and needed by the loader of drivers
    "POCL_DEVICES": "basic",  # one core, so that runs beside each other share none, and no thread, so that runs fork
}
PROCESSOR = Path("/proc/cpuinfo")


def queue(cache: str = CACHE) -> cl.CommandQueue:
    """A queue on the device. What is compiled for it goes to the folder `cache`.

    Raises OSError where PoCL would end with a fault of memory instead.
    """
    if PROCESSOR.exists():
        try:
            PROCESSOR.open().close()
        except PermissionError:
            raise OSError(
                f"PoCL needs {PROCESSOR}, which isolation S2 hides: run where S3 is (nightlab doctor)"
            ) from None
    os.environ.update(ENVIRONMENT, POCL_CACHE_DIR=cache)
    Path(cache).mkdir(exist_ok=True)
    found = [device for platform in cl.get_platforms() for device in platform.get_devices()]
    best = next((device for device in found if device.type & cl.device_type.GPU), found[0])
    return cl.CommandQueue(cl.Context([best]))


def ahead() -> cl.Program:
    """Make PoCL read its library, which takes longer than a kernel takes it to compile: the runs have it then."""
    os.chdir(tempfile.mkdtemp())  # the path of what it compiles counts from where a process works
    return cl.Program(queue().context, "kernel void none(global float *x) {}").build()
