"""Two versions of an artifact: what differs in parameters and files, and a change taken out again under later ones."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nightlab.experiments.records import Change, Knob, Params

Files: TypeAlias = Mapping[str, bytes]  # path relative to the artifact -> content
_WORK = 200_000_000  # comparisons of lines at most, at the worst; a text may be made to need many
_Span: TypeAlias = tuple[int, int, list[str]]  # lines [from, to) of the old text -> what stands there instead


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """How much of a file an edit changed, in lines."""

    file: str
    added: int
    removed: int


def changed(child: Params, parent: Params) -> dict[str, tuple[object, object]]:
    """The knobs in which two assignments differ: name -> (the parent's value, the child's)."""
    return {name: (parent.get(name), value) for name, value in child.items() if parent.get(name) != value}


def concerned(change: Change, replaced: Change | None, knobs: Sequence[Knob]) -> list[str]:
    """The strategies of a change that was kept: those of the knobs in which it differs from the one that it replaced.

    That is more than its own where it stands on a change that was reverted. Edits of files count as its own.
    """
    if replaced is None:
        return [change.strategy]
    moved = changed(change.params, replaced.params)
    found = [k.strategy for k in knobs if k.name in moved]
    own = [change.strategy] if change.artifact != replaced.artifact or not found else []
    return list(dict.fromkeys([*found, *own]))


def diffs(before: Files, after: Files) -> list[FileDiff]:
    """The files that differ, by name."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = _lines(before.get(name, b"")), _lines(after.get(name, b""))
        if spans := _spans(old, new):
            added, removed = sum(len(text) for _, _, text in spans), sum(end - start for start, end, _ in spans)
            found.append(FileDiff(file=name, added=added, removed=removed))
    return found


def unified(before: Files, after: Files, context: int = 2) -> str:
    """The difference in the usual notation."""
    parts: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = _lines(before.get(name, b"")), _lines(after.get(name, b""))
        parts += _hunks(old, new, name, context)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in parts)


def without(edited: Files, original: Files, latest: Files) -> dict[str, bytes] | None:
    """`latest` without the change from `original` to `edited`, which it descends from; None where they touch."""
    found = {}
    for name in sorted(edited.keys() | original.keys() | latest.keys()):
        moved = (name in original) != (name in edited)  # the change has added or removed the file
        if name not in (original if moved else latest):
            continue
        merged = _merged(_lines(edited.get(name, b"")), _lines(original.get(name, b"")), _lines(latest.get(name, b"")))
        if merged is None:
            return None
        found[name] = "".join(merged).encode("utf-8", "surrogateescape")
    return found


def _merged(base: list[str], ours: list[str], theirs: list[str]) -> list[str] | None:
    """Both changes of a text; None where they concern the same or neighbouring lines."""
    mine, other = _spans(base, ours), _spans(base, theirs)
    if any(a[0] <= b[1] and b[0] <= a[1] for a in mine for b in other):
        return None
    merged = list(base)
    for start, end, text in sorted((*mine, *other), reverse=True):
        merged[start:end] = text
    return merged


def _hunks(old: Sequence[str], new: Sequence[str], name: str, context: int) -> Iterator[str]:
    for number, group in enumerate(_Matcher(old, new).get_grouped_opcodes(context)):
        if not number:
            yield from (f"--- a/{name}\n", f"+++ b/{name}\n")
        (_, i, _, k, _), (_, _, j, _, m) = group[0], group[-1]
        yield f"@@ -{_range(i, j)} +{_range(k, m)} @@\n"
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i:j])
            else:
                yield from (f"-{line}" for line in old[i:j])
                yield from (f"+{line}" for line in new[k:m])


def _range(start: int, end: int) -> str:
    """Lines from `start` to before `end` as the notation has them: the first line's number and how many they are."""
    return f"{start + 1}" if end - start == 1 else f"{start + (end > start)},{end - start}"


def _spans(old: Sequence[str], new: Sequence[str]) -> list[_Span]:
    return [(i, j, list(new[k:m])) for tag, i, j, k, m in _Matcher(old, new).get_opcodes() if tag != "equal"]


class _Matcher(difflib.SequenceMatcher[str]):
    """What two texts have in common: their beginning, their end, and what lies between unless that takes too long."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__()
        most = min(len(old), len(new))
        start = next((i for i in range(most) if old[i] != new[i]), most)
        end = next((i for i in range(most - start) if old[-1 - i] != new[-1 - i]), most - start)
        here, there = old[start : len(old) - end], new[start : len(new) - end]
        blocks = [(0, 0, start)]
        counts = Counter(there)
        if min(len(here), len(there)) * (len(here) + sum(counts[line] for line in here)) <= _WORK:
            between = difflib.SequenceMatcher(None, here, there, autojunk=False)
            blocks += [(start + i, start + k, size) for i, k, size in between.get_matching_blocks()]
        blocks.append((len(old) - end, len(new) - end, end))
        self._blocks = [difflib.Match(*block) for block in blocks if block[2]]
        self._blocks.append(difflib.Match(len(old), len(new), 0))

    def get_matching_blocks(self) -> list[difflib.Match]:
        return self._blocks


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
