"""The command line, called in this process: what it says and ends with, without its imports each time."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from nightlab.cli import app


def nightlab(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words, log = [str(word) for word in args], logging.getLogger()
    assert logging.lastResort
    log.addHandler(logging.lastResort)  # which pytest's own handlers keep from being it
    try:
        with contextlib.chdir(cwd), mock.patch.object(sys, "argv", ["nightlab", *words]):
            done = CliRunner().invoke(app, words, prog_name="nightlab")
    finally:
        log.removeHandler(logging.lastResort)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
