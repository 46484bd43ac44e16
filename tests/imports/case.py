"""A folder of another system, and what importing it needs, gives or must be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Case:
    """files: by their paths. options: of nightlab import. trust, metric: that the template must have. refused: words of
    the message where it is to be refused. told: words among the notes. turned: a file, a text in it, and what a
    scripted model puts there trial by trial, where nothing varies without one. fast: the gate tries it. more: what else
    is done to the folder."""

    kind: str
    files: Mapping[str, str]
    options: tuple[str, ...] = ()
    trust: str = "verified"
    metric: str = "combined_score"
    refused: str = ""
    told: str = ""
    turned: tuple[str, str, tuple[str, ...]] = ("", "", ())
    fast: bool = False
    more: Callable[[Path], object] = field(default=lambda folder: None)


def laid_out(case: Case, place: Path) -> Path:
    folder = place / "Their task"
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    case.more(folder)
    return folder
