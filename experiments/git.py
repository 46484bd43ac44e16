"""Git, asked for what a repository has and told what to write: nothing that a repository configures is run by it.

Its hooks, filters, file-system monitors and helpers stay out: they are turned off on the command line, and only
commands that read and write objects and references are called, none that touches a working tree.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from nightlab.experiments.errors import NightlabError

_OFF = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "protocol.allow=never", "gc.auto=0")
_SUBMODULE = "160000"
_PATIENCE = 120.0  # s for one command
_NAMED = {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"}


class GitError(NightlabError):
    """Git cannot do what was asked for; the message is its own."""

    exit_code = 2


def git(folder: Path, *words: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    """What a command of git prints, called in a folder. Raises GitError where it fails, or is not there."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _NAMED}
    own |= {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    command = ["git", *(part for setting in _OFF for part in ("-c", setting)), *words]
    try:
        done = subprocess.run(
            command, cwd=folder, env=own | dict(env or {}), input=data, capture_output=True, timeout=_PATIENCE
        )
    except FileNotFoundError:
        raise GitError("there is no program git on this machine; install it") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {words[0]} in {folder} gave no answer within {_PATIENCE:g} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"git {words[0]} ended with {done.returncode}"
        raise GitError(f"{folder}: {said}")
    return done.stdout


def line(folder: Path, *words: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """The same, of a command that prints one line."""
    return os.fsdecode(git(folder, *words, data=data, env=env)).rstrip("\n")


def tracked(folder: Path) -> frozenset[str] | None:
    """The files below a folder that git tracks, those of its submodules with them; None where it tracks none there."""
    try:
        return frozenset(_tracked(folder, "")) or None
    except GitError:
        return None


def _tracked(folder: Path, prefix: str) -> Iterator[str]:
    for entry in os.fsdecode(git(folder, "ls-files", "-z", "--stage")).split("\0")[:-1]:
        about, _, name = entry.partition("\t")
        if not about.startswith(_SUBMODULE):
            yield f"{prefix}{name}"
        elif (folder / name / ".git").exists():
            yield from _tracked(folder / name, f"{prefix}{name}/")
