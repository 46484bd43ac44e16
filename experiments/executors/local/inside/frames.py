"""Frames between the runner and its sandboxes: a length, a JSON header, and the bytes of the files that it lists."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

HEADER_LIMIT = 16 << 20  # bytes; a sandbox must not be able to exhaust the memory of its reader
FILES_LIMIT = 2 << 30
_TOGETHER = 1 << 16  # bytes of small files that are sent at once, so that the reader is woken once


def send(sock: socket.socket, header: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write one frame."""
    listing = [[name, len(data)] for name, data in files.items()]
    body = json.dumps({**header, "files": listing}).encode()
    frame = struct.pack("!Q", len(body)) + body
    for data in files.values():
        if len(frame) + len(data) > _TOGETHER:
            sock.sendall(frame)
            frame = b""
        frame += data
    sock.sendall(frame)


def receive(sock: socket.socket) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read one frame; raises EOFError where the other side ends before it is complete."""
    (size,) = struct.unpack("!Q", exactly(sock, 8))
    if size > HEADER_LIMIT:
        raise EOFError(f"a header of {size} bytes")
    header: dict[str, Any] = json.loads(exactly(sock, size))
    listing = header.pop("files")
    if sum(length for _, length in listing) > FILES_LIMIT:
        raise EOFError("more than 2 GB of files")
    return header, {name: exactly(sock, length) for name, length in listing}


def exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes; raises EOFError where the other side ends before them."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        got = sock.recv_into(view[done:])
        if not got:
            raise EOFError("the other side closed the connection")
        done += got
    return bytes(data)
