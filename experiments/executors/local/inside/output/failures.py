"""What a run that raised says of it, and what an evaluator's error may say: nothing that only private files hold."""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import re
import sys
import traceback
from typing import Any

_LIMIT, _SHORT = 8000, 1000


def report(error: BaseException, folder: str, box: str, where: int, *, judge: bool, after: str) -> int:
    """Tell on the descriptor `where` what was raised and in which own file, in `folder`; returns the exit code.

    judge: it is an evaluator's, whose words reach models and papers. after: what it had done before.
    """
    if isinstance(error, SystemExit) and not error.code:
        return 0
    if told := told_of(error, folder, box, judge=judge):
        os.write(where, json.dumps({**told, "after": after}).encode())
    return 1


def told_of(error: BaseException, folder: str, box: str, *, judge: bool) -> dict[str, Any]:
    """What is told of an error, as in `report`: its traceback, a short form, whether memory was short."""
    with contextlib.suppress(BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        own = [i for i, frame in enumerate(frames) if frame.filename.startswith(folder)]
        short = public(error) if judge else _said(error)
        error.__traceback__ = _after(error, own[0] if own else len(frames))
        text = "".join(traceback.format_exception(error, limit=-12))
        if own and not (judge and isinstance(error, ValueError)):
            short += f" ({frames[own[-1]].filename.rpartition('/')[2]}, line {frames[own[-1]].lineno})"
        text, short = (_shortened(t, folder, box) for t in (text, short))
        return {"error": text[-_LIMIT:], "short": short[:_SHORT], "memory": isinstance(error, MemoryError)}
    return {}


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def public(error: BaseException) -> str:
    """The kind of an error and its words, less those that stand neither in the code that it came through nor in what
    the system says of its number: they may be of private files."""
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    code = " ".join(line for file in files for line in linecache.getlines(file))
    known = {*re.findall(r"\w+", code), *re.findall(r"\w+", getattr(error, "strerror", None) or "")}
    kind, colon, words = _said(error)[:_LIMIT].partition(":")
    words = re.sub(r"\w+", lambda word: word[0] if word[0] in known else "…", words)
    return kind + colon + re.sub(r"…(?:[^\w\s]*\s*…)+", "…", words)


def _shortened(text: str, folder: str, box: str) -> str:
    """Paths as the reader of the experiment knows them."""
    for prefix in sorted({folder, *sys.path} - {""}, key=len, reverse=True):
        text = text.replace(f"{prefix}/", "")
    return text.replace(f"{box}/", "")


def _after(error: BaseException, count: int) -> Any:
    trace = error.__traceback__
    for _ in range(count):
        trace = trace.tb_next if trace else None
    return trace
