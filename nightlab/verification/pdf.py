"""What two PDFs show: the text of each page, its look, since a font can draw other signs than the text says, and what
they hold besides: titles, outlines, files, programs, and where their links lead."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

SCALE = 1.5  # pixels a point: the smallest print is told apart


def differences(one: Path, other: Path) -> Iterator[str]:
    """Where they differ, a phrase each. A file that cannot be read differs on its first page."""
    import pypdfium2

    try:
        with closing(pypdfium2.PdfDocument(one)) as first, closing(pypdfium2.PdfDocument(other)) as second:
            if _held(first) != _held(second):
                yield "its titles, outline or attachments"
            for number, pages in enumerate(zip_longest(first, second), 1):
                if None in pages or _shown(pages[0]) != _shown(pages[1]):
                    yield f"page {number}"
                elif _linked(first, pages[0]) != _linked(second, pages[1]):
                    yield f"links and notes on page {number}"
    except pypdfium2.PdfiumError:
        yield "page 1"


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


def _held(document: Any) -> tuple[Any, ...]:
    """What a document holds beside its pages: metadata but for what names the program, outline, files, programs."""
    import pypdfium2.raw as pdfium

    about = {name: value for name, value in document.get_metadata_dict().items() if name not in ("Creator", "Producer")}
    outline = [(mark.level, mark.get_title(), _place(mark.get_dest())) for mark in document.get_toc()]
    files, programs = pdfium.FPDFDoc_GetAttachmentCount(document), pdfium.FPDFDoc_GetJavaScriptActionCount(document)
    return about, outline, files, programs, document.get_formtype()


def _place(destination: Any) -> Any:
    return destination.get_index() if destination else None


def _linked(document: Any, page: Any) -> list[tuple[Any, ...]]:
    """The annotations of a page: kind, place in whole points, and where a link leads."""
    import pypdfium2.raw as pdfium

    found = []
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        note, place = pdfium.FPDFPage_GetAnnot(page, number), pdfium.FS_RECTF()
        pdfium.FPDFAnnot_GetRect(note, place)
        link = pdfium.FPDFAnnot_GetLink(note)
        action, target = pdfium.FPDFLink_GetAction(link), pdfium.FPDFLink_GetDest(document, link)
        length = pdfium.FPDFAction_GetURIPath(document, action, None, 0)
        address = ctypes.create_string_buffer(length)
        pdfium.FPDFAction_GetURIPath(document, action, address, length)
        edges = [round(edge) for edge in (place.left, place.bottom, place.right, place.top)]
        leads = (pdfium.FPDFAction_GetType(action), pdfium.FPDFDest_GetDestPageIndex(document, target), address.value)
        found.append((pdfium.FPDFAnnot_GetSubtype(note), *edges, *leads))
        pdfium.FPDFPage_CloseAnnot(note)
    return found
