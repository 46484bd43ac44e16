"""Whether Python files that anybody may have written compile: asked of an interpreter in the sandbox."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import confined

_COMPILE = """
import pathlib, sys
for name in sys.argv[1:]:
    source = pathlib.Path(name).read_bytes()
    try:
        compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = source.decode(errors="replace").splitlines()[error.lineno - 1 : error.lineno] if error.lineno else []
        sys.exit(f"{error.msg}, line {error.lineno}: {line[0].rstrip()[:200]!r}" if line else error.msg)
    except (RecursionError, MemoryError):
        sys.exit("it is nested too deep")
    except ValueError as error:
        sys.exit(str(error))
"""
_LIMITS = Limits(wall_s=10, memory_mb=512, processes=4, disk_mb=16)


def fault(files: Mapping[str, bytes]) -> str:
    """What keeps the Python files among `files` from compiling, in a few words; empty where nothing does.

    A parser goes as deep as the text that it reads, and may take as long as it likes: not in this process.
    """
    sources = {f"{number}.py": data for number, (name, data) in enumerate(files.items()) if name.endswith(".py")}
    if not sources:
        return ""
    with tempfile.TemporaryDirectory(prefix="nightlab-syntax-") as place:
        for name, data in sources.items():
            Path(place, name).write_bytes(data)
        argv = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _COMPILE, *sources]
        ended = confined(argv, write=Path(place), limits=_LIMITS)
    return "" if ended.ok else ended.stderr.strip() or "the compiler does not come to an end with it"
