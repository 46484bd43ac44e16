"""The device that kernels run on: a GPU where a driver shows one, else one core of the processor by PoCL."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pyopencl as cl

ENVIRONMENT = {
    "PYOPENCL_HOME": str(Path(cl.__file__).parent),  # set at the import, and needed by the loader of drivers
    "POCL_MAX_PTHREAD_COUNT": "1",  # so that runs beside each other share no cores
}
PROCESSOR = Path("/proc/cpuinfo")


def queue() -> cl.CommandQueue:
    """A queue on the device. What is compiled for it goes to a folder of this process's own.

    Raises OSError where PoCL would end with a fault of memory instead.
    """
    if PROCESSOR.exists():
        try:
            PROCESSOR.open().close()
        except PermissionError:
            raise OSError(
                f"PoCL needs {PROCESSOR}, which isolation S2 hides: run where S3 is (nightlab doctor)"
            ) from None
    os.environ.update(ENVIRONMENT, POCL_CACHE_DIR=tempfile.mkdtemp(prefix="pocl-"))
    found = [device for platform in cl.get_platforms() for device in platform.get_devices()]
    best = next((device for device in found if device.type & cl.device_type.GPU), found[0])
    return cl.CommandQueue(cl.Context([best]))
