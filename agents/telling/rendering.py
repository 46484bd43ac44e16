"""Jinja files as text: an unknown name is an error, and nothing is escaped, since nothing here is HTML."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any


@functools.cache
def environment(folder: Path) -> Any:
    """The templates of a folder."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
