"""What two PDFs show: the text of each page, and its look, since a font can draw other signs than the text says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

SCALE = 1.5  # pixels a point: the smallest print is told apart


def differences(one: Path, other: Path) -> Iterator[int]:
    """The numbers, from 1, of the pages that differ. A file that cannot be read differs on its first page."""
    import pypdfium2

    try:
        with closing(pypdfium2.PdfDocument(one)) as first, closing(pypdfium2.PdfDocument(other)) as second:
            for number, pages in enumerate(zip_longest(first, second), 1):
                if None in pages or _shown(pages[0]) != _shown(pages[1]):
                    yield number
    except pypdfium2.PdfiumError:
        yield 1


def first_page(pdf: Path) -> str:
    """The text of the first page; empty where the file cannot be read."""
    import pypdfium2

    try:
        with closing(pypdfium2.PdfDocument(pdf)) as document:
            return str(document[0].get_textpage().get_text_bounded())
    except (pypdfium2.PdfiumError, IndexError):
        return ""


def _shown(page: Any) -> tuple[str, bytes]:
    text = page.get_textpage().get_text_bounded()
    return " ".join(text.split()), bytes(page.render(scale=SCALE, grayscale=True).buffer)
