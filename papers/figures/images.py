"""Pages of PDF files as images, for readers who take those."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

WIDTH = 900  # pixels
MOST = 8  # images


def images(files: Iterable[tuple[Path, int]]) -> tuple[bytes, ...]:
    """PNG files of the first MOST pages, each named by its file and its number from 0; what is no PDF is left out."""
    import pypdfium2

    found = []
    for file, number in files:
        try:
            opened = pypdfium2.PdfDocument(file)
        except (pypdfium2.PdfiumError, FileNotFoundError):
            continue
        try:
            page = opened[number]
            out = BytesIO()
            page.render(scale=WIDTH / page.get_width()).to_pil().save(out, "PNG")
            found.append(out.getvalue())
        finally:
            opened.close()
        if len(found) == MOST:
            break
    return tuple(found)
