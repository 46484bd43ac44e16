"""Jinja files as text: an unknown name is an error, and nothing is escaped, since nothing here is HTML."""

from __future__ import annotations

import functools
import re
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


def flowed(source: str) -> str:
    """One line a paragraph and a list's item, one blank line between blocks, however the file is broken."""
    blocks = ("\n".join(line.strip() for line in block.splitlines()) for block in re.split(r"\n\s*\n", source.strip()))
    return "\n\n".join(re.sub(r"\n(?!- )", " ", block) for block in blocks)
