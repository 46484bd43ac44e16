"""A look at an experiment's inputs: names, sizes, shapes, first lines. Inputs are public; private data is elsewhere."""

from __future__ import annotations

import zipfile
from pathlib import Path

FILES = 12
LINES = 2
WIDTH = 100


def preview(inputs: Path) -> str:
    """A few lines on the files below a folder."""
    files = sorted(p for p in inputs.rglob("*") if p.is_file() and not p.is_symlink())
    told = [f"{p.relative_to(inputs)}, {p.stat().st_size} bytes{_inside(p)}" for p in files[:FILES]]
    if len(files) > FILES:
        told.append(f"and {len(files) - FILES} more files")
    return "\n".join(told)


def _inside(file: Path) -> str:
    if file.suffix in (".npy", ".npz"):
        return _arrays(file)
    with file.open("rb") as opened:
        head = opened.read(4 * WIDTH)
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not only a letter cut in two
            return ""
        text = head[: error.start].decode("utf-8")
    lines = [line[:WIDTH] for line in text.splitlines()[:LINES] if line.isprintable()]
    return f": {' | '.join(lines)}" if lines else ""


def _arrays(file: Path) -> str:
    """Shapes and types out of the headers."""
    import numpy as np

    try:
        if file.suffix == ".npy":
            array = np.load(file, mmap_mode="r", allow_pickle=False)
            return f": {array.dtype} {array.shape}"
        with np.load(file, allow_pickle=False) as found:
            return ": " + ", ".join(f"{name} {found[name].dtype} {found[name].shape}" for name in found.files[:8])
    except (ValueError, OSError, zipfile.BadZipFile):
        return ""
