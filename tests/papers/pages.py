"""What a page of a PDF looks like, measured by poppler and PDFium."""

from __future__ import annotations

import re
import subprocess
import zlib
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pypdfium2
from pypdfium2.raw import FPDF_PAGEOBJ_TEXT

MM = 72 / 25.4
TOP, BOTTOM = 25 * MM, 27 * MM  # the paper's margins


class Word(NamedTuple):
    page: int
    left: float
    top: float
    right: float
    text: str


def words(pdf: Path) -> list[Word]:
    """The words with their places, in points from the page's upper left corner."""
    done = subprocess.run(["pdftotext", "-bbox", str(pdf), "-"], capture_output=True, text=True, check=True)
    text = re.sub(r"[^\x09\x0a\x20-\ud7ff\ue000-\ufffd]", "", done.stdout)
    space = "{http://www.w3.org/1999/xhtml}"
    found = []
    for number, page in enumerate(ElementTree.fromstring(text).iter(f"{space}page"), 1):
        for w in page.iter(f"{space}word"):
            found.append(Word(number, *(float(w.get(k, "0")) for k in ("xMin", "yMin", "xMax")), w.text or ""))
    return found


def white(pdf: Path) -> list[float]:
    """Of each page, the highest blank strip as a share of the room for text."""
    done = subprocess.run(["pdftoppm", "-r", "24", "-gray", str(pdf)], capture_output=True, check=True)
    shares, data = [], done.stdout
    while data:
        head = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", data)
        assert head
        width, height = int(head[1]), int(head[2])
        pixels = np.frombuffer(data, np.uint8, width * height, head.end()).reshape(height, width)
        data = data[head.end() + width * height :]
        scale = 24 / 72
        room = pixels[int(TOP * scale) : height - int(BOTTOM * scale)]
        inked = np.flatnonzero((room < 250).any(axis=1))
        gaps = np.diff([0, *inked, len(room)])
        shares.append(float(gaps.max()) / len(room))
    return shares


def drawings(pdf: Path) -> list[tuple[float, float]]:
    """Top and bottom of each picture and rule, in points from its page's lower edge."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        objects = [o for page in document for o in page.get_objects(max_depth=1) if o.type != FPDF_PAGEOBJ_TEXT]
        bounds = [o.get_bounds() for o in objects]
    return [(top, bottom) for _, bottom, _, top in bounds]


def unpacked(pdf: Path) -> bytes:
    """The file with its streams as they are before they are packed."""
    data = pdf.read_bytes()
    parts = [data]
    for m in re.finditer(rb"stream\r?\n", data):
        try:
            parts.append(zlib.decompressobj().decompress(data[m.end() :]))
        except zlib.error:
            continue
    return b"\n".join(parts)
