"""A picture that foreign code made, taken over as bare pixels: nothing else of the file reaches the paper."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_FILE = 4 * 2**20  # bytes
SMALLEST, LARGEST = 160, 3000  # pixels of a side
PRINTED = 6.2, 5.0  # inches at most
DPI = 150  # at least
_BROKEN = (OSError, EOFError, LookupError, SyntaxError, ValueError, struct.error, zlib.error)  # what decoding raises


class PictureError(ValueError):
    """A picture that cannot be printed; the message says why."""


def taken_over(source: bytes) -> bytes:
    """The picture as a new PNG of plain RGB pixels on white, at the size at which it is printed.

    Raises PictureError. The size is read from the header before anything is unpacked.
    """
    if not source.startswith(SIGNATURE) or source[12:16] != b"IHDR" or len(source) > LARGEST_FILE:
        raise PictureError(f"it is no PNG of at most {LARGEST_FILE >> 20} MB")
    size = struct.unpack(">II", source[16:24].ljust(8, b"\0"))
    if not all(SMALLEST <= side <= LARGEST for side in size):
        raise PictureError(f"it has {size[0]} x {size[1]} pixels; each side needs {SMALLEST} to {LARGEST}")
    try:
        with Image.open(io.BytesIO(source), formats=["PNG"]) as image:
            pixels = image.convert("RGBA")
    except _BROKEN as error:
        raise PictureError(f"it is a broken PNG ({error})") from None
    page = Image.new("RGB", pixels.size, "white")
    page.paste(pixels, mask=pixels.getchannel("A"))
    if page.getcolors(1):
        raise PictureError("it is empty")
    made = io.BytesIO()
    dpi = max(DPI, page.width / PRINTED[0], page.height / PRINTED[1])
    page.save(made, format="PNG", dpi=(dpi, dpi))
    return made.getvalue()
