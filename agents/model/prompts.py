"""Prompts are Jinja files below `prompts/` with blocks system, details and request. An unknown variable is an error.

What many calls share comes first and what changes comes last, so that a provider's prompt cache hits.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightlab.agents.telling.rendering import environment

FOLDER = Path(__file__).parent / "prompts"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\n\x20-\x7e\xa0-\u2027\u202f-\u205f\u2070-\ufefe\uff00-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One rendered prompt. details: oldest first; they are dropped from the front when the context window is short."""

    name: str
    system: str
    details: tuple[str, ...]
    request: str
    version: str  # of the template file: SHA-256, first 12 hex digits
    images: tuple[bytes, ...] = ()  # PNG files


def render(name: str, folder: Path = FOLDER, **values: Any) -> Prompt:
    """Fill `<name>.jinja`. Items of the block `details` are parted by a line that is only `---`."""
    template = environment(folder).get_template(f"{name}.jinja")
    blocks = {block: "".join(make(template.new_context(values))).strip() for block, make in template.blocks.items()}
    details = re.split(r"^---[ \t]*$", blocks.get("details", ""), flags=re.MULTILINE)
    source = (folder / f"{name}.jinja").read_bytes()
    return Prompt(
        name=name,
        system=blocks["system"],
        details=tuple(item.strip() for item in details if item.strip()),
        request=blocks["request"],
        version=hashlib.sha256(source).hexdigest()[:12],
    )


def quoted(text: str, limit: int = 4000) -> str:
    """Text out of experiments as data: without control characters, at most `limit` characters, in a fence.

    The fence's mark is made of the text's own hash, so no text can contain the mark that closes it.
    """
    clean = CONTROL.sub("", text)
    if len(clean) > limit:
        head = limit // 3
        clean = f"{clean[:head]}\n[{len(clean) - limit} characters left out]\n{clean[head - limit :]}"
    mark = _mark(clean)
    while mark in clean:
        mark = _mark(clean + mark)
    return f"<data {mark}>\n{clean}\n</data {mark}>"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
