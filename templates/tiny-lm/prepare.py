"""Lays out English text that every Python brings: its language reference, as `help()` shows it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

BLOCK = 1000  # bytes of a block at least: consecutive paragraphs of one topic
STREAMS, LENGTH = 64, 128  # of the text of each private split: stretches, and bytes that are scored of each
LEAST = 250_000  # bytes of text without repeats, below which this Python's text is not what it was


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `train.npy` to `inputs`, `dev` and `holdout` to `private`; each block goes to one of them, by `seed`.

    train: bytes. {split}_text: (streams, 1 + length) bytes, each row the beginning of a block after a line break.
    {split}_block: which blocks these are, so that one is known again in another draw. source.json names the text by its
    SHA-256. Raises RuntimeError where there is too little of it.
    """
    found = blocks()
    whole = b"".join(found)
    if len(whole) < LEAST:
        raise RuntimeError(f"this Python's pydoc_data has {len(whole)} bytes of text, and {LEAST} are the least")
    order = np.random.default_rng(seed).permutation(len(found))
    for split, rows in (("dev", order[:STREAMS]), ("holdout", order[STREAMS : 2 * STREAMS])):
        text = np.stack([np.frombuffer(b"\n" + found[row][:LENGTH], dtype=np.uint8) for row in rows])
        np.save(private / f"{split}_text.npy", text)
        np.save(private / f"{split}_block.npy", rows)
    train = b"".join(found[row] for row in sorted(order[2 * STREAMS :]))
    np.save(inputs / "train.npy", np.frombuffer(train, dtype=np.uint8))
    source = {"python": sys.version.split()[0], "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    (inputs / "source.json").write_text(json.dumps(source), encoding="utf-8")


def blocks() -> list[bytes]:
    """The text in blocks. Topics repeat each other's paragraphs, of which only the first is taken."""
    seen, found = set[str](), list[bytes]()
    for name in sorted(topics):
        open_block = b""
        for paragraph in topics[name].split("\n\n"):
            if (words := " ".join(paragraph.split())) and words not in seen:
                seen.add(words)
                open_block += paragraph.strip("\n").encode() + b"\n\n"
            if len(open_block) >= BLOCK:
                found.append(open_block)
                open_block = b""
    return found
