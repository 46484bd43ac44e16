"""The seal over what judges the experiments."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from nightlab.experiments.executors.local.integrity import Seal


def test_a_seal_tells_what_changed(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("one")
    seal = Seal({"the private data": [tmp_path]})
    assert seal.broken() == ""
    (tmp_path / "labels").touch()
    assert seal.broken() == ""
    (tmp_path / "labels").write_text("two")
    assert seal.broken().startswith("the private data changed while experiments ran")


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "labels").write_text("one")
    seals: list[Seal] = []
    thread = threading.Thread(target=lambda: seals.append(Seal({"the inputs": [tmp_path]})), daemon=True)
    thread.start()
    thread.join(5)
    (seal,) = seals  # reading a FIFO would wait for a writer
    (tmp_path / "labels").unlink()
    os.mkfifo(tmp_path / "labels")
    assert "the inputs changed" in seal.broken()
