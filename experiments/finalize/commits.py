"""Steps as commits: on a new branch of the program's repository, or as a file of patches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nightlab.experiments.finalize.steps import Step
from nightlab.experiments.git import GitError, git, line

_AUTHOR = ("-c", "user.name=nightlab", "-c", "user.email=nightlab@localhost")
_PLAIN, _PROGRAM = "100644", "100755"


def branch(folder: Path, name: str, before: Mapping[str, bytes], steps: Sequence[Step]) -> list[str]:
    """Write a new branch of a folder's repository, from its present commit on; the commits' names.

    Neither the working tree nor the index is touched. before: the files that the study began with. Raises GitError
    where the present commit has others of those that change, or there is a branch of that name.
    """
    try:
        head = line(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except GitError as error:
        told = f"{folder} is no repository with a commit; --patch FILE writes the same changes ({error})"
        raise GitError(told) from None
    line(folder, "check-ref-format", "--branch", name)
    if line(folder, "for-each-ref", "--count=1", f"refs/heads/{name}"):
        raise GitError(f"{folder}: there is a branch {name!r} already; give another name")
    prefix = line(folder, "rev-parse", "--show-prefix")
    _refuse_others(folder, head, prefix, before, steps)
    made = _committed(folder, head, prefix, steps)
    git(folder, "update-ref", "-m", "nightlab finalize", f"refs/heads/{name}", made[-1], "")
    return made


def patch(before: Mapping[str, bytes], steps: Sequence[Step], programs: Collection[str] = ()) -> bytes:
    """The same as patches that `git am` takes, and `git apply` and `patch -p1` as far as files change.

    programs: the files that can be executed. Needs the program git, and no repository.
    """
    with tempfile.TemporaryDirectory(prefix="nightlab-finalize-") as place:
        folder = Path(place)
        git(folder, "init", "--quiet", "--bare", "--template=")
        with _index(folder, "") as index:
            for name, data in before.items():
                _put(folder, index, name, data, _PROGRAM if name in programs else _PLAIN)
            tree = line(folder, "write-tree", env=index)
        first = line(folder, *_author(folder), "commit-tree", tree, data=b"before\n")
        made = _committed(folder, first, "", steps)
        shape = ("--stdout", "--binary", "--no-ext-diff", "--no-textconv", "--no-signature", "--full-index")
        return git(folder, *_author(folder), "format-patch", *shape, f"{first}..{made[-1]}")


def _committed(folder: Path, head: str, prefix: str, steps: Sequence[Step]) -> list[str]:
    made = [head]
    with _index(folder, head) as index:
        modes = _modes(folder, index)
        for step in steps:
            for name, data in step.files.items():
                path = f"{prefix}{name}"
                if data is None:
                    git(folder, "update-index", "-z", "--index-info", data=_removed(path), env=index)
                else:
                    _put(folder, index, path, data, modes.get(path, _PLAIN))
            tree = line(folder, "write-tree", env=index)
            words = ("commit-tree", tree, "-p", made[-1])
            made.append(line(folder, *_author(folder), *words, data=step.message.encode(errors="replace")))
    return made[1:]


def _put(folder: Path, index: Mapping[str, str], path: str, data: bytes, mode: str) -> None:
    blob = line(folder, "hash-object", "-w", "--no-filters", "--stdin", data=data)
    entry = f"{mode} {blob}\t".encode() + os.fsencode(path) + b"\0"
    git(folder, "update-index", "-z", "--index-info", data=entry, env=index)


def _removed(path: str) -> bytes:
    return f"0 {'0' * 40}\t".encode() + os.fsencode(path) + b"\0"


def _modes(folder: Path, index: Mapping[str, str]) -> dict[str, str]:
    listed = os.fsdecode(git(folder, "ls-files", "-z", "--stage", "--full-name", ":/", env=index)).split("\0")[:-1]
    return {entry.partition("\t")[2]: entry[:6] for entry in listed}


@contextmanager
def _index(folder: Path, tree: str) -> Iterator[dict[str, str]]:
    """An index of its own, so that the repository's stays as it is."""
    with tempfile.TemporaryDirectory(prefix="nightlab-index-") as place:
        index = {"GIT_INDEX_FILE": str(Path(place) / "index")}
        git(folder, "read-tree", *([tree] if tree else ["--empty"]), env=index)
        yield index


def _author(folder: Path) -> tuple[str, ...]:
    """Whom git knows as the author; nightlab where it knows nobody."""
    try:
        line(folder, "var", "GIT_COMMITTER_IDENT")
        line(folder, "var", "GIT_AUTHOR_IDENT")
    except GitError:
        return _AUTHOR
    return ()


def _refuse_others(folder: Path, head: str, prefix: str, before: Mapping[str, bytes], steps: Sequence[Step]) -> None:
    """Refuse to write over what the study has not seen."""
    touched = dict.fromkeys(name for step in steps for name in step.files)
    if others := [name for name in touched if _blob(folder, f"{head}:{prefix}{name}") != before.get(name)]:
        raise GitError(
            f"{folder}: the present commit has another {', '.join(others[:5])} than the study began with; commit or"
            " check out that version, or write the changes with --patch FILE"
        )


def _blob(folder: Path, name: str) -> bytes | None:
    try:
        return git(folder, "cat-file", "blob", name)
    except GitError:
        return None
