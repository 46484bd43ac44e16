"""The judge of an imported program: its own evaluator, which gets a module whose functions are the candidate's."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import nightlab_evolve as evolve
import nightlab_proxy


def judge(candidate: Any, private: Path, split: str, seed: int) -> dict[str, Any]:
    """What the evaluator gives; what the candidate did wrong is raised as that, and not as a score."""
    config = evolve.configured()
    proxy = nightlab_proxy.CandidateProxy(candidate, "nightlab_candidate")
    nightlab_proxy.use(proxy)
    with tempfile.TemporaryDirectory() as name, evolve.laid_out(Path(name)) as theirs:
        program = Path(name) / "program" / config["program"]
        program.parent.mkdir()
        program.write_text(nightlab_proxy.PROGRAM, encoding="utf-8")
        read = _watch(program) if config["probe"] else []
        proxy.serve(Path(name))
        try:
            found: dict[str, Any] = evolve.evaluated(theirs, program, Path(name))
        except evolve.Refused:
            if proxy.failed:
                raise proxy.failed from None
            raise
        finally:
            proxy.close()
        if read:
            raise evolve.Refused("their evaluator reads the program's text")
        if not proxy.calls:
            raise evolve.Refused("their evaluator calls no function of the program")
        return found


def _watch(program: Path) -> list[str]:
    """A list that is to have the program's path where its text is read by others than the import system."""
    read = list[str]()

    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and str(args[0]) == str(program) and not read:
            caller = sys._getframe(1).f_code.co_filename
            if not caller.startswith("<frozen") and not caller.endswith(("runpy.py", "linecache.py", "tokenize.py")):
                read.append(str(args[0]))

    sys.addaudithook(heard)
    return read
